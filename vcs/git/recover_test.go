package git

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/franela/pocketci/event"
)

// leftovers are what killed git processes leave in a mirror.
func leftovers(t *testing.T, mirror string) []string {
	t.Helper()
	files := []string{"config.lock", "packed-refs.lock", "shallow.lock", "refs/pocketci/3f.lock", "objects/pack/tmp_pack_abc", "objects/pack/tmp_idx_abc",
		"objects/pack/pack-x.keep", "objects/info/commit-graphs/commit-graph-chain.lock", "objects/tmp_objdir-incoming-x/pack/p"}
	for i, name := range files {
		files[i] = filepath.Join(mirror, name)
		if err := os.MkdirAll(filepath.Dir(files[i]), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(files[i], []byte("fetch-pack 1 on host"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, aside := range []string{mirror + ".new-123/HEAD", mirror + ".old-1-2/HEAD"} {
		if err := os.MkdirAll(filepath.Dir(aside), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(aside, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, aside)
	}
	return files
}

func there(files []string) (n int) {
	for _, path := range files {
		if _, err := os.Stat(path); err == nil {
			n++
		}
	}
	return n
}

func TestStaleFilesAreRemovedAtStart(t *testing.T) {
	h := newHost(t)
	before := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	h.mustCheckout(event.Event{Repo: h.as})
	h.m.Close()
	files := leftovers(t, filepath.Join(h.dir, "7.git"))
	kept := filepath.Join(h.dir, "7.git", "objects", "pack", "pack-mine.keep")
	if err := os.WriteFile(kept, []byte("by the operator"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.m = h.mirrors()
	if n := there(files); n > 0 {
		t.Errorf("%d files are still there", n)
	}
	if there([]string{kept}) == 0 {
		t.Error("a pack's keeper was taken away that nobody left behind")
	}
	wantChanges(t, h.mustCheckout(h.push("main", before, h.repo.Commit(commitOf(map[string]string{"b": "1"})))), []string{"b"}, nil)
}

// TestOwnedFilesStay: a git process that outlives its agent holds the mirror.
func TestOwnedFilesStay(t *testing.T) {
	h := newHost(t)
	h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	h.mustCheckout(event.Event{Repo: h.as})
	at := h.m.open[h.as.ID]
	owned, err := at.hold(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	c := at.git("cat-file", "--batch")
	c.owned = owned
	cmd := h.m.git.cmd(t.Context(), c)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	owned.Close() // the agent dies; git goes on
	h.m.Close()
	files := leftovers(t, at.dir)
	h.mirrors().Close()
	if n := there(files); n != len(files) {
		t.Errorf("%d of %d files were removed under a process that may need them", len(files)-n, len(files))
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	h.mirrors().Close()
	if n := there(files); n > 0 {
		t.Errorf("%d files are still there", n)
	}
}

// TestAfterAForcedEnd: a fetch that was ended by force leaves files that the next one
// clears away.
func TestAfterAForcedEnd(t *testing.T) {
	h := newHost(t)
	h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	h.mustCheckout(event.Event{Repo: h.as})
	at := h.m.open[h.as.ID]
	files := leftovers(t, at.dir)
	at.mu.Lock()
	at.dirty = true
	at.mu.Unlock()
	h.repo.Commit(commitOf(map[string]string{"b": "1"}))
	h.mustCheckout(event.Event{Repo: h.as})
	if n := there(files); n > 0 {
		t.Errorf("%d files are still there", n)
	}
}

// packs gives the files of a mirror's packs.
func packs(t *testing.T, h *host, suffix string) []string {
	t.Helper()
	got, err := filepath.Glob(filepath.Join(h.dir, "7.git", "objects", "pack", "*"+suffix))
	if err != nil || len(got) == 0 {
		t.Fatalf("packs: %q, %v", got, err)
	}
	return got
}

func TestBrokenMirrorIsClonedAgain(t *testing.T) {
	for _, tc := range []struct {
		name string
		// restart: the agent is started anew in between.
		restart bool
		spoil   func(t *testing.T, h *host)
	}{
		{"its folder is gone", false, func(t *testing.T, h *host) { must(t, os.RemoveAll(filepath.Join(h.dir, "7.git"))) }},
		{"its folder is empty", true, func(t *testing.T, h *host) {
			must(t, os.RemoveAll(filepath.Join(h.dir, "7.git")))
			must(t, os.Mkdir(filepath.Join(h.dir, "7.git"), 0o700))
		}},
		{"HEAD is empty", false, func(t *testing.T, h *host) { must(t, os.WriteFile(filepath.Join(h.dir, "7.git", "HEAD"), nil, 0o600)) }},
		{"config is garbled", true, func(t *testing.T, h *host) {
			must(t, os.WriteFile(filepath.Join(h.dir, "7.git", "config"), []byte("[core\n\x00"), 0o600))
		}},
		{"objects are gone", false, func(t *testing.T, h *host) {
			must(t, os.RemoveAll(filepath.Join(h.dir, "7.git", "objects")))
			must(t, os.MkdirAll(filepath.Join(h.dir, "7.git", "objects", "pack"), 0o700))
		}},
		{"packs are gone", true, func(t *testing.T, h *host) {
			for _, p := range packs(t, h, ".pack") {
				must(t, os.Remove(p))
			}
		}},
		{"packs are cut", false, func(t *testing.T, h *host) {
			for _, p := range packs(t, h, ".pack") {
				must(t, os.Chmod(p, 0o600))
				must(t, os.Truncate(p, 20))
			}
		}},
		{"packs are garbled", true, func(t *testing.T, h *host) {
			for _, p := range packs(t, h, ".pack") {
				data, err := os.ReadFile(p)
				must(t, err)
				for i := 12; i < len(data)-20; i++ {
					data[i] ^= 0x55
				}
				must(t, os.Chmod(p, 0o600))
				must(t, os.WriteFile(p, data, 0o600))
			}
		}},
		{"indexes are garbled", false, func(t *testing.T, h *host) {
			for _, p := range packs(t, h, ".idx") {
				must(t, os.Chmod(p, 0o600))
				must(t, os.WriteFile(p, []byte(strings.Repeat("x", 1100)), 0o600))
			}
		}},
		{"one of its packs is gone", true, func(t *testing.T, h *host) {
			for _, p := range packs(t, h, ".pack")[:1] {
				must(t, os.Remove(p))
				must(t, os.Remove(strings.TrimSuffix(p, ".pack")+".idx"))
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHost(t)
			before := h.repo.Commit(commitOf(map[string]string{"a": "1", "dir/b": "1"}))
			h.mustCheckout(event.Event{Repo: h.as}).Files.(io.Closer).Close()
			after := h.repo.Commit(commitOf(map[string]string{"dir/c": "1"}))
			h.mustCheckout(h.push("main", before, after)).Files.(io.Closer).Close()
			tc.spoil(t, h)
			if tc.restart {
				h.m.Close()
				h.m = h.mirrors()
			}
			for _, e := range []event.Event{h.push("main", before, after), h.push("main", before, h.repo.Commit(commitOf(map[string]string{"dir/c": "2"})))} {
				tree := h.mustCheckout(e)
				wantChanges(t, tree, []string{"dir/c"}, nil)
				if got, err := fs.ReadFile(tree.Files, "dir/b"); err != nil || string(got) != "1" {
					t.Errorf("read %q, %v", got, err)
				}
			}
			if got, _ := filepath.Glob(filepath.Join(h.dir, "7.git*")); len(got) != 1 {
				t.Errorf("left: %q", got)
			}
		})
	}
}

// TestDamageFoundByReading: what is missing or garbled when it is read makes the next
// event clone again.
func TestDamageFoundByReading(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(t *testing.T, path string)
	}{
		{"a folder is missing", func(t *testing.T, path string) { must(t, os.Remove(path)) }},
		{"contents are garbled", func(t *testing.T, path string) {
			if data, err := os.ReadFile(path); err == nil && strings.HasSuffix(path, ".pack") {
				for i := 12; i < len(data)-20; i++ {
					data[i] ^= 0x55
				}
				must(t, os.Chmod(path, 0o600))
				must(t, os.WriteFile(path, data, 0o600))
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHost(t)
			sha := h.repo.Commit(commitOf(map[string]string{"dir/a": "some content"}))
			tree := h.mustCheckout(h.push("main", zeroSHA, sha))
			if _, err := tree.Files.ReadFile("dir/a"); err != nil {
				t.Fatal(err)
			}
			for _, p := range packs(t, h, "") {
				tc.spoil(t, p)
			}
			at := h.m.open[h.as.ID]
			hurt := &files{ctx: t.Context(), objects: newObjects(t.Context(), &h.m.git, at.git()), root: tree.Hash, lost: func() { at.suspect(at.generation()) }}
			defer hurt.Close()
			if _, err := hurt.ReadFile("dir/a"); !errors.Is(err, errBroken) {
				t.Fatalf("err = %v", err)
			}
			again := h.mustCheckout(h.push("main", zeroSHA, sha))
			wantChanges(t, again, []string{"dir/a"}, nil)
			if got := at.generation(); got != 1 {
				t.Errorf("replaced %d times", got)
			}
			if got, err := again.Files.ReadFile("dir/a"); err != nil || string(got) != "some content" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// TestFullDiskIsNoReasonToCloneAgain: faults of the machine are not the mirror's.
func TestFullDiskIsNoReasonToCloneAgain(t *testing.T) {
	for text, broken := range map[string]bool{
		"fatal: sha1 file '/x' write error. Out of diskspace":              false,
		"error: unable to write file x: No space left on device; corrupt":  false,
		"error: cannot open x: Permission denied; fatal: bad object":       false,
		"fatal: packed object x (stored in y) is corrupt":                  true,
		"fatal: not a git repository: '/x'":                                true,
		"error: Could not read " + noSHA:                                   true,
		"fatal: Unable to create '/x/shallow.lock': File exists.; corrupt": false,
	} {
		err := localError(&failure{verb: "fetch", code: 128, stderr: text})
		if got := strings.Contains(err.Error(), errBroken.Error()); got != broken {
			t.Errorf("%q: damaged = %v", text, got)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
