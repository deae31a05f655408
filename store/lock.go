//go:build linux || darwin || freebsd

package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

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

// lockFile takes a lock that the system gives back when the process ends,
// however it ends. The file stays, and holds the holder's process id.
func lockFile(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
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

func inUse(f *os.File, path string) error {
	holder := "another process"
	if pid, err := io.ReadAll(io.LimitReader(f, 20)); err == nil && len(pid) > 0 {
		holder = "process " + strings.TrimSpace(string(pid))
	}
	return &event.Problem{
		Public: "the data folder is in use by " + holder,
		Hint:   "stop it first, or give this agent a data folder of its own; several agents can share one PostgreSQL database",
		Err:    fmt.Errorf("lock %s: held", path),
	}
}
