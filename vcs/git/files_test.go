package git

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/vcs/git/gittest"
)

// treeOf checks out a commit with the given files.
func treeOf(t *testing.T, c gittest.Commit) (*host, run.Tree) {
	t.Helper()
	h := newHost(t)
	h.repo.Commit(c)
	return h, h.mustCheckout(event.Event{Repo: h.as})
}

func TestFilesAreAFileSystem(t *testing.T) {
	_, tree := treeOf(t, gittest.Commit{
		Write:   map[string]string{"README.md": "hello", "a/b/c.txt": "c", "a/b.txt": "", "a-b": "sorts before a/", "ü": "1"},
		Special: map[string]gittest.File{"run.sh": gittest.Exec("#!/bin/sh"), "link": gittest.Link("a/b"), "a/up": gittest.Link("../README.md")},
	})
	if err := fstest.TestFS(tree.Files, "README.md", "a/b/c.txt", "a/b.txt", "a-b", "run.sh", "link", "a/up", "ü"); err != nil {
		t.Error(err)
	}
}

func TestFilesKinds(t *testing.T) {
	sub := strings.Repeat("5", 40)
	h, tree := treeOf(t, gittest.Commit{
		Write: map[string]string{"file": "12345", "dir/x": "1"},
		Special: map[string]gittest.File{
			"run": gittest.Exec("1"), "link": gittest.Link("file"), "dirlink": gittest.Link("./dir/"), "sub": gittest.Submodule(sub),
			"out": gittest.Link("../secret"), "abs": gittest.Link("/etc/passwd"), "loop": gittest.Link("loop"), "dangling": gittest.Link("nothing"),
			"dir/deep": gittest.Link("../dir/../link"),
		},
	})
	oid := func(name string) string { return strings.TrimSpace(h.repo.Git("rev-parse", "main:"+name)) }
	for _, tc := range []struct {
		name        string
		lstat, stat string // the mode, or the error
		content     string // or the error
		hash        string
	}{
		{"file", "-r--r--r--", "-r--r--r--", "12345", oid("file")},
		{"run", "-r-xr-xr-x", "-r-xr-xr-x", "1", oid("run")},
		{"dir", "dr-xr-xr-x", "dr-xr-xr-x", "read dir: is a folder", oid("dir")},
		{".", "dr-xr-xr-x", "dr-xr-xr-x", "read .: is a folder", tree.Hash},
		{"link", "Lrwxrwxrwx", "-r--r--r--", "12345", oid("link")},
		{"dirlink", "Lrwxrwxrwx", "dr-xr-xr-x", "read dirlink: is a folder", oid("dirlink")},
		{"dirlink/x", "-r--r--r--", "-r--r--r--", "1", oid("dir/x")},
		{"dir/deep", "Lrwxrwxrwx", "-r--r--r--", "12345", oid("dir/deep")},
		{"sub", "?---------", "?---------", "read sub: is a submodule", sub},
		{"sub/x", "lstat sub/x: file does not exist", "stat sub/x: file does not exist", "read sub/x: file does not exist", ""},
		{"file/x", "lstat file/x: file does not exist", "stat file/x: file does not exist", "read file/x: file does not exist", ""},
		{"out", "Lrwxrwxrwx", "stat out: symlink leaves the repository", "read out: symlink leaves the repository", oid("out")},
		{"abs", "Lrwxrwxrwx", "stat abs: symlink leaves the repository", "read abs: symlink leaves the repository", oid("abs")},
		{"loop", "Lrwxrwxrwx", "stat loop: too many symlinks", "read loop: too many symlinks", oid("loop")},
		{"dangling", "Lrwxrwxrwx", "stat dangling: file does not exist", "read dangling: file does not exist", oid("dangling")},
		{"nothing", "lstat nothing: file does not exist", "stat nothing: file does not exist", "read nothing: file does not exist", ""},
		{"../x", "lstat ../x: invalid argument", "stat ../x: invalid argument", "read ../x: invalid argument", ""},
		{"/file", "lstat /file: invalid argument", "stat /file: invalid argument", "read /file: invalid argument", ""},
		{"dir/", "lstat dir/: invalid argument", "stat dir/: invalid argument", "read dir/: invalid argument", ""},
		{"", "lstat : invalid argument", "stat : invalid argument", "read : invalid argument", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			mode := func(in fs.FileInfo, err error) string {
				if err != nil {
					return err.Error()
				}
				return in.Mode().String()
			}
			if got := mode(tree.Files.Lstat(tc.name)); got != tc.lstat {
				t.Errorf("lstat: %s, want %s", got, tc.lstat)
			}
			if got := mode(fs.Stat(tree.Files, tc.name)); got != tc.stat {
				t.Errorf("stat: %s, want %s", got, tc.stat)
			}
			data, err := tree.Files.ReadFile(tc.name)
			got := string(data)
			if err != nil {
				got = err.Error()
			}
			if got != tc.content {
				t.Errorf("content: %s, want %s", got, tc.content)
			}
			hash, err := tree.Files.Hash(t.Context(), tc.name)
			if hash != tc.hash || (err == nil) != (tc.hash != "") {
				t.Errorf("hash: %s, %v, want %s", hash, err, tc.hash)
			}
			if strings.Contains(tc.content, "does not exist") && tc.lstat[0] == 'l' && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("hash: %v is not fs.ErrNotExist", err)
			}
		})
	}
	for name, want := range map[string]string{"link": "file", "out": "../secret", "abs": "/etc/passwd"} {
		if got, err := tree.Files.ReadLink(name); err != nil || got != want {
			t.Errorf("ReadLink(%s) = %q, %v", name, got, err)
		}
	}
	if _, err := tree.Files.ReadLink("file"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("ReadLink(file): %v", err)
	}
}

// TestFilesOfAnyName: names are bytes.
func TestFilesOfAnyName(t *testing.T) {
	names := []string{"\xff\xfe", "new\nline", `quo"te`, "-rf", "$(x)", " ", "dir \xff/x"}
	write := map[string]string{}
	for _, n := range names {
		write[n] = n
	}
	_, tree := treeOf(t, gittest.Commit{Write: write})
	for _, n := range names {
		if got, err := tree.Files.ReadFile(n); err != nil || string(got) != n {
			t.Errorf("ReadFile(%q) = %q, %v", n, got, err)
		}
	}
	var listed []string
	entries, err := tree.Files.ReadDir(".")
	for _, e := range entries {
		listed = append(listed, e.Name())
	}
	if diff := cmp.Diff([]string{" ", "$(x)", "-rf", "dir \xff", "new\nline", `quo"te`, "\xff\xfe"}, listed); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// posts counts the fetches that a server was asked for.
func posts(h *host) (n int) {
	for _, r := range h.srv.Requests() {
		if strings.HasPrefix(r, "GET ") {
			n++
		}
	}
	return n
}

// TestContentsAreFetchedWhenRead: and then kept.
func TestContentsAreFetchedWhenRead(t *testing.T) {
	h, tree := treeOf(t, gittest.Commit{Write: map[string]string{"a": "content of a", "dir/b": "content of b", "dir/c": "content of c", "dir/d": "content of d"}})
	asked := func(want int, what string) {
		t.Helper()
		if got := posts(h); got != want {
			t.Errorf("%s: %d fetches, want %d", what, got, want)
		}
	}
	asked(1, "checked out")
	if _, err := fs.Stat(tree.Files, "dir/b"); err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Files.Hash(t.Context(), "dir/b"); err != nil {
		t.Fatal(err)
	}
	asked(1, "looked at")
	for range 2 {
		if got, err := tree.Files.ReadFile("a"); err != nil || string(got) != "content of a" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	asked(2, "read one")
	if err := tree.Files.(Prefetcher).Prefetch(t.Context(), "a", "dir", "nothing"); err != nil {
		t.Fatal(err)
	}
	asked(3, "got the folder ahead")
	for _, name := range []string{"dir/b", "dir/c", "dir/d"} {
		if _, err := tree.Files.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := tree.Files.(Prefetcher).Prefetch(t.Context(), "."); err != nil {
		t.Fatal(err)
	}
	asked(3, "read the rest")
	tree.Files.(io.Closer).Close()
	again := h.mustCheckout(event.Event{Repo: h.as, SHA: tree.SHA})
	if _, err := again.Files.ReadFile("dir/c"); err != nil {
		t.Fatal(err)
	}
	asked(3, "read by the next event")
}

// TestContentCannotBeFetched: the error says why, and reading goes on afterwards.
func TestContentCannotBeFetched(t *testing.T) {
	h, tree := treeOf(t, gittest.Commit{Write: map[string]string{"a": "content"}})
	h.m.cfg.Remote = func(event.Repo) (Remote, error) { return Remote{URL: "http://127.0.0.1:1/octo/hello"}, nil }
	if _, err := tree.Files.ReadFile("a"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("err = %v", err)
	}
	in, err := tree.Files.Lstat("a")
	if err != nil || in.Size() != -1 {
		t.Errorf("size %d, %v", in.Size(), err)
	}
	h.m.cfg.Remote = h.remote
	if got, err := tree.Files.ReadFile("a"); err != nil || string(got) != "content" {
		t.Errorf("%q, %v", got, err)
	}
	if in.Size() != 7 {
		t.Errorf("size %d", in.Size())
	}
}

func TestFilesAfterClose(t *testing.T) {
	_, tree := treeOf(t, gittest.Commit{Write: map[string]string{"a": "content"}})
	for range 2 {
		if err := tree.Files.(io.Closer).Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tree.Files.ReadFile("a"); err == nil {
		t.Error("read after Close")
	}
}

// TestReaderIsStartedAgain: git dies, reading goes on.
func TestReaderIsStartedAgain(t *testing.T) {
	_, tree := treeOf(t, gittest.Commit{Write: map[string]string{"a": "content", "b": "more"}})
	if _, err := tree.Files.ReadFile("a"); err != nil {
		t.Fatal(err)
	}
	f := tree.Files.(*files)
	if err := f.objects.contents.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if got, err := tree.Files.ReadFile("b"); err != nil || string(got) != "more" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestTooBigToRead: and what comes after it is read all the same.
func TestTooBigToRead(t *testing.T) {
	_, tree := treeOf(t, gittest.Commit{Write: map[string]string{"a": "content", "big": strings.Repeat("x", 100_000)}})
	f := tree.Files.(*files)
	if _, err := tree.Files.ReadFile("big"); err != nil {
		t.Fatal(err)
	}
	big, err := tree.Files.Hash(t.Context(), "big")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.objects.get(big, 99_999); !errors.Is(err, errTooBig) {
		t.Errorf("err = %v", err)
	}
	if got, err := tree.Files.ReadFile("a"); err != nil || string(got) != "content" {
		t.Errorf("%q, %v", got, err)
	}
	if in, err := f.objects.info(big); err != nil || in.size != 100_000 {
		t.Errorf("%+v, %v", in, err)
	}
}

func TestFilesAreReadInParallel(t *testing.T) {
	write := map[string]string{}
	for i := range 40 {
		write[fmt.Sprintf("d%d/f%d", i%4, i)] = fmt.Sprint("content ", i)
	}
	_, tree := treeOf(t, gittest.Commit{Write: write})
	if err := tree.Files.(Prefetcher).Prefetch(t.Context(), "."); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for name, want := range write {
		wg.Go(func() {
			if got, err := tree.Files.ReadFile(name); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		})
	}
	wg.Wait()
}
