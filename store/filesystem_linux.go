package store

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/franela/pocketci/event"
)

// networkFilesystems are those whose locks and memory maps SQLite can't rely on,
// by the type that /proc/self/mountinfo shows.
func networkFilesystems() []string {
	return []string{
		"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "coda", "gfs2", "glusterfs", "gpfs",
		"lustre", "ncpfs", "ocfs2", "pvfs2", "beegfs", "davfs",
		"fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.s3fs", "fuse.rclone",
		"fuse.gcsfuse", "fuse.goofys", "fuse.juicefs", "fuse.davfs2", "fuse.curlftpfs", "fuse.mount-s3", "fuse.seaweedfs",
	}
}

// localFilesystem refuses a folder on a network file system.
func localFilesystem(dir string) error {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil // No /proc: nothing is known, and the lock still holds.
	}
	defer func() { _ = f.Close() }()
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	kind := mountType(bufio.NewScanner(f), real)
	return refuseNetwork(kind)
}

func refuseNetwork(kind string) error {
	for _, network := range networkFilesystems() {
		if kind == network {
			return &event.Problem{
				Public: fmt.Sprintf("the data folder is on a network file system (%s), where SQLite loses data", kind),
				Hint:   "use a local disk for the data folder, or PostgreSQL for the store",
			}
		}
	}
	return nil
}

// mountType is the type of the file system that holds path: that of the longest
// mount point above it, and of several on one point the last.
func mountType(mounts *bufio.Scanner, path string) string {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	kind, longest := "", -1
	for mounts.Scan() {
		before, after, ok := strings.Cut(mounts.Text(), " - ")
		fields, types := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(types) < 1 {
			continue
		}
		point := unescape.Replace(fields[4])
		if !within(path, point) || len(point) < longest {
			continue
		}
		kind, longest = types[0], len(point)
	}
	return kind
}

func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// freeSpace is the number of bytes that this user may still write there.
func freeSpace(dir string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, fmt.Errorf("ask for free space: %w", err)
	}
	return int64(stat.Bavail) * stat.Bsize, nil
}
