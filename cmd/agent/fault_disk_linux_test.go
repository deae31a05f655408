package main

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/franela/pocketci/vcs/github/githubtest"
)

// fill leaves so many bytes free on the file system of dir.
func fill(t *testing.T, dir string, leave int64) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "filler"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 64<<10)
	for {
		var s unix.Statfs_t
		if err := unix.Statfs(dir, &s); err != nil {
			t.Fatal(err)
		}
		free := int64(s.Bavail) * s.Bsize
		if free <= leave {
			return
		}
		if _, err := f.Write(block[:min(int64(len(block)), free-leave)]); err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}

// TestAFullDisk: below the floor deliveries are refused; when there is nothing
// left a call's result waits for room and is not called for again; with room all
// goes on, in the same process.
func TestAFullDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=192m"); err != nil {
		t.Skipf("a small disk can't be made (it takes root on Linux): %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	v := newVictim(t, dir)
	shas := v.commits(t, "OnGithubPush", 1)
	end := v.hang(t)
	v.start(t)
	v.up(t)
	_, first := v.deliver(t, "", githubtest.Zero, shas[0])
	v.until(t, "the call", func() bool { return v.calls(t) == 1 })

	fill(t, dir, 100<<20) // the floor is 128 MiB
	code, second := v.deliver(t, "", shas[0], shas[1])
	if ready, body, err := fetch(v.hook+"/readyz", ""); code != http.StatusServiceUnavailable || ready != http.StatusServiceUnavailable {
		t.Errorf("below the floor: delivery %d, readyz %d %s %v; want 503", code, ready, body, err)
	}
	if _, status := v.vitals(t); status.Deliveries.Refused[http.StatusServiceUnavailable] != 1 {
		t.Errorf("counted %+v; want one refused", status.Deliveries.Refused)
	}
	fill(t, dir, 0)
	end()
	v.until(t, "the result can't be written", func() bool { return strings.Contains(v.log.String(), "can't record a step of a run; trying again") })
	if err := os.Remove(filepath.Join(dir, "filler")); err != nil {
		t.Fatal(err)
	}
	v.until(t, "the run is done", func() bool { return v.state(t, first).State == "done" })
	if s := v.state(t, first); s.Outcome != "success" || s.Attempt != 1 || v.calls(t) != 1 {
		t.Errorf("%+v after %d calls; want success after one", s, v.calls(t))
	}
	if code, _ := v.deliver(t, strings.TrimPrefix(second, "github:"), shas[0], shas[1]); code != http.StatusAccepted {
		t.Errorf("delivered again: %d; want 202", code)
	}
	v.until(t, "the second is done", func() bool { return v.state(t, second).Outcome == "success" })
}
