//go:build linux || darwin || freebsd

package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/franela/pocketci/event"
)

// Lock makes the file at path, and its folder, and takes it for this process, so
// that no other one uses what it stands for. The system gives it back when the
// process ends, however it ends. A lock that is held is an [*event.Problem].
func Lock(path string) (unlock func() error, err error) {
	if err := private(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return lockFile(path)
}

// Bounds of the wait for a lock whose holder is gone: a program that it was about
// to start when it was killed holds the lock until it runs, which takes moments.
const (
	lockTries = 100
	lockPause = 50 * time.Millisecond
)

// lockFile takes a lock that the system gives back when the process ends,
// however it ends. The file stays, and holds the holder's process id.
func lockFile(path string) (unlock func() error, err error) {
	return lockAgain(path, func() { <-time.After(lockPause) })
}

// lockAgain is lockFile with what to do before a lock whose holder is gone is
// tried again.
func lockAgain(path string, pause func()) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	for try := 1; errors.Is(err, unix.EWOULDBLOCK) && try < lockTries && gone(holder(f)); try++ {
		pause()
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errors.Join(inUse(f, path), f.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	if err := errors.Join(f.Truncate(0), writePID(f)); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", path, err), f.Close())
	}
	return f.Close, nil
}

func writePID(f *os.File) error {
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// holder is the process that wrote its id into the lock; 0: not known.
func holder(f *os.File) int {
	text := make([]byte, 20)
	n, _ := f.ReadAt(text, 0) // its end comes early
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil {
		return 0
	}
	return pid
}

// gone tells whether the process is known to have ended.
func gone(pid int) bool { return pid > 0 && errors.Is(unix.Kill(pid, 0), unix.ESRCH) }

func inUse(f *os.File, path string) error {
	by := "another process"
	if pid := holder(f); pid > 0 {
		by = fmt.Sprintf("process %d", pid)
	}
	return &event.Problem{
		Public: "the data folder is in use by " + by,
		Hint:   "stop it first, or give this agent a data folder of its own; several agents can share one PostgreSQL database",
		Err:    fmt.Errorf("lock %s: held", path),
	}
}
