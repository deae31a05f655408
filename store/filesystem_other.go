//go:build darwin || freebsd

package store

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/franela/pocketci/event"
)

// localFilesystem refuses a folder on a network file system, as far as the
// system tells.
func localFilesystem(dir string) error {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return fmt.Errorf("ask for the file system: %w", err)
	}
	if stat.Flags&unix.MNT_LOCAL != 0 {
		return nil
	}
	return &event.Problem{
		Public: "the data folder is on a network file system, where SQLite loses data",
		Hint:   "use a local disk for the data folder, or PostgreSQL for the store",
	}
}

// freeSpace is the number of bytes that this user may still write there.
func freeSpace(dir string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, fmt.Errorf("ask for free space: %w", err)
	}
	return int64(stat.Bavail) * int64(stat.Bsize), nil
}
