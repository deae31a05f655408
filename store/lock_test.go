//go:build linux || darwin || freebsd

package store

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/franela/pocketci/event"
)

// TestALockThatOutlivesItsHolder: a program that a killed agent was about to start
// keeps its lock for a moment, which must not keep the next agent from starting.
func TestALockThatOutlivesItsHolder(t *testing.T) {
	ended := exec.Command(os.Args[0], "-test.run=^$")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		holder int
		// after is how often it is tried again before the lock is given back; -1: it is not.
		after, tries int
		want         string
	}{
		"the holder is gone, the lock soon":     {holder: ended.Process.Pid, after: 3, tries: 3},
		"the holder is gone, the lock is taken": {holder: ended.Process.Pid, after: -1, tries: lockTries - 1, want: "in use by process " + strconv.Itoa(ended.Process.Pid)},
		"the holder lives":                      {holder: os.Getpid(), after: -1, want: "in use by process " + strconv.Itoa(os.Getpid())},
		"nobody says who it is":                 {after: -1, want: "in use by another process"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "lock")
			f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
				t.Fatal(err)
			}
			if tt.holder > 0 {
				if _, err := f.WriteString(strconv.Itoa(tt.holder) + "\n"); err != nil {
					t.Fatal(err)
				}
			}
			tries := 0
			unlock, err := lockAgain(path, func() {
				if tries++; tries == tt.after {
					_ = f.Close()
				}
			})
			if tries != tt.tries {
				t.Errorf("tried again %d times, want %d", tries, tt.tries)
			}
			var problem *event.Problem
			switch {
			case tt.want == "" && err == nil:
				if err := unlock(); err != nil {
					t.Error(err)
				}
			case tt.want == "" || !errors.As(err, &problem) || !strings.Contains(problem.Public, tt.want):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
