package store

import (
	"bufio"
	"strings"
	"testing"
)

func TestMountType(t *testing.T) {
	const mounts = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /mnt/share rw shared:2 - nfs4 server:/share rw
31 22 0:41 / /mnt/with\040space rw shared:2 - cifs //server/share rw
32 30 254:1 / /mnt/share/local rw - xfs /dev/vdb rw
33 22 0:50 / /over rw - nfs server:/a rw
34 33 254:2 / /over rw - btrfs /dev/vdc rw
35 22 0:60 / /home/me/remote rw master:3 - fuse.sshfs me@host: rw
garbage
`
	tests := map[string]string{
		"/":                           "ext4",
		"/var/lib/pocketci":           "ext4",
		"/mnt/share":                  "nfs4",
		"/mnt/share/a/b":              "nfs4",
		"/mnt/shared":                 "ext4",
		"/mnt/share/local/x":          "xfs",
		"/mnt/with space/x":           "cifs",
		"/over/x":                     "btrfs",
		"/home/me/remote":             "fuse.sshfs",
		"/home/me/remote/pocketci.db": "fuse.sshfs",
	}
	for path, want := range tests {
		if got := mountType(bufio.NewScanner(strings.NewReader(mounts)), path); got != want {
			t.Errorf("%s is on %q, want %q", path, got, want)
		}
	}
}

func TestNetworkFilesystemsAreRefused(t *testing.T) {
	for kind, refused := range map[string]bool{
		"nfs": true, "nfs4": true, "cifs": true, "smb3": true, "9p": true, "fuse.sshfs": true, "ceph": true,
		"ext4": false, "xfs": false, "btrfs": false, "zfs": false, "overlay": false, "tmpfs": false, "": false,
	} {
		if err := refuseNetwork(kind); (err != nil) != refused {
			t.Errorf("%q: %v", kind, err)
		}
	}
}
