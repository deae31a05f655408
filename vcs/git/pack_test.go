package git

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/vcs/git/gittest"
)

// packTree packs a tree's commit and gives the folder.
func packTree(t *testing.T, tree run.Tree, depth int) string {
	t.Helper()
	dir, err := tree.Files.(Packer).Pack(t.Context(), depth)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// gitIn runs git as the engine does with a folder that was packed.
func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = dir, gittest.Env()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// entriesOf lists a folder, .git apart: kind, mode and content.
func entriesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	list := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		switch {
		case err != nil || name == ".":
			return err
		case name == ".git":
			return filepath.SkipDir
		case d.Type()&os.ModeSymlink != 0:
			to, err := os.Readlink(path)
			list[name] = "-> " + to
			return err
		case d.IsDir():
			list[name] = "folder"
			return nil
		}
		data, err := os.ReadFile(path)
		list[name] = string(data)
		if at, err := d.Info(); err == nil && at.Mode()&0o100 != 0 {
			list[name] += " (executable)"
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// hostWithSubmodules has a first commit, and a second one with submodules: one whose
// address .gitmodules gives, one that it does not know.
func hostWithSubmodules(t *testing.T, opts gittest.Options) (h *host, first, second string) {
	t.Helper()
	opts.Username, opts.Token = testUser, testToken
	h = newHostOn(t, gittest.NewServer(t, opts))
	first = h.repo.Commit(commitOf(map[string]string{"a": "1", ".gitignore": "ignored\n"}))
	h.repo.Tag("v1", first)
	private := h.srv.Repo("octo/private").Commit(commitOf(map[string]string{"secret": "1"}))
	second = h.repo.Commit(gittest.Commit{Ref: "refs/pull/5/head", Parents: []string{first}, Special: map[string]gittest.File{
		".gitmodules": {Mode: "100644", Data: "[submodule \"x\"]\n\tpath = sub/x\n\turl = " + h.srv.URL + "/octo/private\n"},
		"sub/x":       gittest.Submodule(private),
		"sub/unknown": gittest.Submodule(private),
		"ignored":     {Mode: "100644", Data: "not by git"},
		"run.sh":      gittest.Exec("#!/bin/sh\n"),
		"link":        gittest.Link("../../etc/passwd"),
	}})
	return h, first, second
}

// TestPackingLeavesSubmodulesEmpty: what git restores is the commit, .git and all.
func TestPackingLeavesSubmodulesEmpty(t *testing.T) {
	for _, old := range []bool{false, true} {
		t.Run(fmt.Sprintf("old server %v", old), func(t *testing.T) {
			h, first, second := hostWithSubmodules(t, gittest.Options{Old: old})
			tree := h.mustCheckout(h.pull(first, second))
			dir := packTree(t, tree, 1)
			if diff := cmp.Diff(map[string]string{}, entriesOf(t, dir)); diff != "" {
				t.Errorf("files are there (-want +got):\n%s", diff)
			}
			for _, s := range []string{testToken, (Remote{Username: testUser, Token: testToken}).basic()} {
				inFiles(t, h.dir, s)
			}
			gitIn(t, dir, "restore", ".")
			want := map[string]string{
				"a": "1", ".gitignore": "ignored\n", "ignored": "not by git", "run.sh": "#!/bin/sh\n (executable)", "link": "-> ../../etc/passwd",
				".gitmodules": "[submodule \"x\"]\n\tpath = sub/x\n\turl = " + h.srv.URL + "/octo/private\n",
				"sub":         "folder", "sub/x": "folder", "sub/unknown": "folder",
			}
			if diff := cmp.Diff(want, entriesOf(t, dir)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := gitIn(t, dir, "status", "--porcelain"); got != "" {
				t.Errorf("status: %s", got)
			}
			if got := gitIn(t, dir, "log", "--format=%H %D"); got != second+" grafted, HEAD" {
				t.Errorf("log: %s", got)
			}
			if got := gitIn(t, dir, "remote", "-v"); !strings.HasPrefix(got, "origin\t"+h.srv.URL+"/octo/hello (fetch)") {
				t.Errorf("remotes: %s", got)
			}
			for _, r := range h.srv.Requests() {
				if strings.Contains(r, "private") {
					t.Errorf("asked for %s", r)
				}
			}
		})
	}
}

func TestPackingAsDeepAsAsked(t *testing.T) {
	h, first, second := hostWithSubmodules(t, gittest.Options{})
	tree := h.mustCheckout(h.pull(first, second))
	for depth, want := range map[int]string{1: second, 2: second + "\n" + first, 0: second + "\n" + first} {
		dir := packTree(t, tree, depth)
		if got := gitIn(t, dir, "log", "--format=%H"); got != want {
			t.Errorf("depth %d: %s", depth, got)
		}
		if got := gitIn(t, dir, "tag"); (got == "v1") != (depth == 0) {
			t.Errorf("depth %d: tags %q", depth, got)
		}
		if again := packTree(t, tree, depth); again != dir {
			t.Errorf("depth %d: packed twice", depth)
		}
	}
}

// TestPacksGo: with the tree, or if the agent was killed at the next start.
func TestPacksGo(t *testing.T) {
	h, first, second := hostWithSubmodules(t, gittest.Options{})
	tree := h.mustCheckout(h.pull(first, second))
	dir := packTree(t, tree, 1)
	if at, err := os.Stat(filepath.Dir(dir)); err != nil || at.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", at.Mode(), err)
	}
	if err := tree.Files.(io.Closer).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := tree.Files.(Packer).Pack(t.Context(), 1); err == nil {
		t.Error("packed after Close")
	}
	left := packTree(t, h.mustCheckout(h.pull(first, second)), 1)
	h.mirrors()
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("after a restart: %v", err)
	}
}

// TestClosingEndsPacking: whoever packs must not keep a run that is over.
func TestClosingEndsPacking(t *testing.T) {
	h, first, second := hostWithSubmodules(t, gittest.Options{})
	tree := h.mustCheckout(h.pull(first, second))
	asked, over := make(chan struct{}, 10), make(chan struct{})
	h.srv.Before(func(http.ResponseWriter, *http.Request) bool {
		asked <- struct{}{}
		<-over
		return true
	})
	defer close(over)
	ended := make(chan error, 1)
	go func() {
		_, err := tree.Files.(Packer).Pack(t.Context(), 1)
		ended <- err
	}()
	<-asked
	if err := tree.Files.(io.Closer).Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("packing ended with %v", err)
	}
	if left, err := os.ReadDir(filepath.Join(h.dir, packsDir)); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestPackingWhatIsGone(t *testing.T) {
	h, first, second := hostWithSubmodules(t, gittest.Options{Old: true})
	tree := h.mustCheckout(h.pull(first, second))
	h.repo.Set("refs/pull/5/head", first)
	_, err := tree.Files.(Packer).Pack(t.Context(), 1)
	wantProblem(t, err, ErrGone, "commit "+second+" is gone from octo/hello")
	left, err := os.ReadDir(filepath.Join(h.dir, packsDir))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAWorkingTreeIsNotPacked(t *testing.T) {
	repo := gittest.NewWorktree(t, t.TempDir())
	repo.Write("a", "1")
	tree, _, err := snapshot(t, repo.Dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if dir, err := tree.Files.(Packer).Pack(t.Context(), 1); err == nil {
		t.Errorf("packed to %s", dir)
	}
}
