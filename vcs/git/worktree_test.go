package git

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/vcs/git/gittest"
)

// snapshot reads a working tree, and checks that its repository was not written to.
func snapshot(t *testing.T, dir, base string) (run.Tree, Info, error) {
	t.Helper()
	store := dir
	if out, err := exec.CommandContext(t.Context(), "git", "-C", dir, "rev-parse", "--path-format=absolute", "--git-common-dir").Output(); err == nil {
		store = strings.TrimSuffix(string(out), "\n")
	}
	before := listing(t, store)
	tree, info, err := Worktree(t.Context(), dir, base, WorktreeConfig{})
	if err == nil {
		t.Cleanup(func() { tree.Files.(io.Closer).Close() })
	}
	if diff := cmp.Diff(before, listing(t, store)); diff != "" {
		t.Errorf("the repository was written to:\n%s", diff)
	}
	return tree, info, err
}

// listing gives a folder's files with sizes and times. git renews the time of objects
// that it was about to write and found there, and of a shared index that it reads: that
// is left out.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		in, err := d.Info()
		if err != nil {
			return err
		}
		all[path] = fmt.Sprint(in.Mode(), " ", in.Size())
		if d.IsDir() || !strings.Contains(path, "/objects/") && !strings.Contains(path, "/sharedindex.") {
			all[path] += fmt.Sprint(" ", in.ModTime())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// newClone makes a remote with a commit on main, and a clone of it.
func newClone(t *testing.T) (repo *gittest.Repo, first string) {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	dir := t.TempDir()
	remote := gittest.NewBare(t, filepath.Join(dir, "remote.git"))
	first = remote.Commit(commitOf(map[string]string{"keep": "1", "edit": "1", "gone": "1", "dir/sub": "1", ".gitignore": "*.log\n"}))
	repo = gittest.NewWorktree(t, filepath.Join(dir, "clone"))
	repo.Git("remote", "add", "origin", remote.Dir)
	repo.Git("fetch", "-q", "origin")
	repo.Git("reset", "-q", "--hard", "origin/main")
	repo.Git("remote", "set-head", "origin", "main")
	repo.Git("remote", "set-url", "origin", "git@github.com:octo/hello.git")
	return repo, first
}

func TestWorktree(t *testing.T) {
	repo, first := newClone(t)
	repo.Git("checkout", "-q", "-b", "topic")
	repo.Write("committed", "1")
	head := repo.Save("one\n\nMore.")
	repo.Write("edit", "2")
	repo.Write("staged", "1")
	repo.Git("add", "staged")
	repo.Write("staged", "2")
	repo.Write("new\nline", "1")
	repo.Write("\xff", "1")
	repo.Write("debug.log", "ignored")
	must(t, os.Remove(filepath.Join(repo.Dir, "gone")))
	must(t, os.Symlink("keep", filepath.Join(repo.Dir, "link")))

	for _, dir := range []string{".", "dir"} {
		t.Run(dir, func(t *testing.T) {
			tree, info, err := snapshot(t, filepath.Join(repo.Dir, dir), "")
			if err != nil {
				t.Fatal(err)
			}
			wantChanges(t, tree, []string{"committed", "edit", "gone", "link", "new\nline", "staged", "\xff"}, []string{"gone"})
			want := Info{Top: repo.Dir, Prefix: dir, SHA: head, Branch: "topic", Host: "github.com", Owner: "octo", Name: "hello", DefaultBranch: "main", Base: first,
				Message: "one\n\nMore.", AuthorName: "Octo Cat", AuthorEmail: "octo@example.com", CommittedAt: info.CommittedAt}
			if info.CommittedAt.Unix() != 1_700_000_000 {
				t.Errorf("committed at %v", info.CommittedAt)
			}
			if diff := cmp.Diff(want, info); diff != "" {
				t.Error(diff)
			}
			if tree.SHA != head || tree.Origin.Dir != repo.Dir || tree.Origin.URL != "" {
				t.Errorf("sha %s, origin %+v", tree.SHA, tree.Origin)
			}
			for name, want := range map[string]string{"edit": "2", "staged": "2", "keep": "1", "committed": "1", "link": "1", "\xff": "1"} {
				if got, err := tree.Files.ReadFile(name); err != nil || string(got) != want {
					t.Errorf("%s = %q, %v", name, got, err)
				}
			}
			for _, name := range []string{"gone", "debug.log", ".git"} {
				if _, err := tree.Files.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	t.Run("equal content, equal hash", func(t *testing.T) {
		tree, _, err := snapshot(t, repo.Dir, "")
		if err != nil {
			t.Fatal(err)
		}
		repo.Git("add", "-A")
		if want := strings.TrimSpace(repo.Git("write-tree")); tree.Hash != want {
			t.Errorf("hash %s, want %s", tree.Hash, want)
		}
	})
}

func TestWorktreeBase(t *testing.T) {
	repo, first := newClone(t)
	repo.Write("one", "1")
	one := repo.Save("one")
	repo.Write("two", "1")
	repo.Save("two")
	repo.Write("three", "1")
	repo.Git("branch", "-f", "side", first)
	for _, tc := range []struct {
		base    string
		changed []string
		at      string
	}{
		{"", []string{"one", "three", "two"}, first}, // what the remote's main has not
		{"HEAD", []string{"three"}, strings.TrimSpace(repo.Git("rev-parse", "HEAD"))},
		{"HEAD~1", []string{"three", "two"}, one},
		{one, []string{"three", "two"}, one},
		{one[:8], []string{"three", "two"}, one},
		{"side", []string{"one", "three", "two"}, first},
		{"origin/main", []string{"one", "three", "two"}, first},
	} {
		t.Run("base "+tc.base, func(t *testing.T) {
			tree, info, err := snapshot(t, repo.Dir, tc.base)
			if err != nil {
				t.Fatal(err)
			}
			wantChanges(t, tree, tc.changed, nil)
			if info.Base != tc.at {
				t.Errorf("base = %s", info.Base)
			}
		})
	}
	for _, base := range []string{"nothing", "--all", "origin/nothing", "x\ny", "HEAD:one"} {
		_, _, err := snapshot(t, repo.Dir, base)
		var p *event.Problem
		if !errors.As(err, &p) || !strings.HasPrefix(p.Public, "there is no commit ") {
			t.Errorf("base %q: %v", base, err)
		}
	}
}

func TestWorktreeOfOddRepositories(t *testing.T) {
	for _, tc := range []struct {
		name    string
		make    func(t *testing.T) string
		changed []string
		info    func(Info) Info // what is wanted; Top is filled in
	}{
		{
			"without commits",
			func(t *testing.T) string {
				repo := gittest.NewWorktree(t, t.TempDir())
				repo.Write("a", "1")
				return repo.Dir
			},
			[]string{"a"},
			func(Info) Info { return Info{Prefix: ".", Branch: "main"} },
		},
		{
			"without commits and files",
			func(t *testing.T) string { return gittest.NewWorktree(t, t.TempDir()).Dir },
			nil,
			func(Info) Info { return Info{Prefix: ".", Branch: "main"} },
		},
		{
			"without a remote, on its default branch: what is not committed",
			func(t *testing.T) string {
				repo := gittest.NewWorktree(t, t.TempDir())
				repo.Write("a", "1")
				repo.Save("one")
				repo.Write("b", "1")
				return repo.Dir
			},
			[]string{"b"},
			func(got Info) Info {
				return Info{Prefix: ".", Branch: "main", DefaultBranch: "main", SHA: got.SHA, Base: got.SHA}
			},
		},
		{
			"without a remote and a default branch: every file",
			func(t *testing.T) string {
				repo := gittest.NewWorktree(t, t.TempDir())
				repo.Write("a", "1")
				repo.Save("one")
				repo.Git("branch", "-m", "trunk")
				return repo.Dir
			},
			[]string{"a"},
			func(got Info) Info { return Info{Prefix: ".", Branch: "trunk", SHA: got.SHA} },
		},
		{
			"an old one, whose default branch is master",
			func(t *testing.T) string {
				repo := gittest.NewWorktree(t, t.TempDir())
				repo.Write("a", "1")
				repo.Save("one")
				repo.Git("branch", "-m", "master")
				repo.Git("checkout", "-q", "-b", "topic")
				repo.Write("b", "1")
				repo.Save("two")
				return repo.Dir
			},
			[]string{"b"},
			func(got Info) Info {
				return Info{Prefix: ".", Branch: "topic", DefaultBranch: "master", SHA: got.SHA, Base: got.Base}
			},
		},
		{
			"nothing in common with the default branch: every file",
			func(t *testing.T) string {
				repo := gittest.NewWorktree(t, t.TempDir())
				repo.Write("a", "1")
				repo.Save("one")
				repo.Git("checkout", "-q", "--orphan", "pages")
				repo.Git("rm", "-qrf", ".")
				repo.Write("b", "1")
				repo.Save("two")
				return repo.Dir
			},
			[]string{"b"},
			func(got Info) Info { return Info{Prefix: ".", Branch: "pages", DefaultBranch: "main", SHA: got.SHA} },
		},
		{
			"a detached HEAD, a remote of another name, a password in its address",
			func(t *testing.T) string {
				repo, first := newClone(t)
				repo.Git("remote", "rename", "origin", "upstream")
				repo.Git("remote", "set-url", "upstream", "https://octo:s3cret@git.example.com:8443/group/sub/hello.git")
				repo.Git("checkout", "-q", "--detach", first)
				repo.Write("b", "1")
				return repo.Dir
			},
			[]string{"b"},
			func(got Info) Info {
				return Info{Prefix: ".", Host: "git.example.com", Owner: "group/sub", Name: "hello", DefaultBranch: "main", SHA: got.SHA, Base: got.SHA}
			},
		},
		{
			"a linked working tree",
			func(t *testing.T) string {
				repo, _ := newClone(t)
				dir := filepath.Join(t.TempDir(), "linked")
				repo.Git("worktree", "add", "-q", "-b", "linked", dir)
				must(t, os.WriteFile(filepath.Join(dir, "b"), []byte("1"), 0o600))
				return dir
			},
			[]string{"b"},
			func(got Info) Info {
				return Info{Prefix: ".", Branch: "linked", Host: "github.com", Owner: "octo", Name: "hello", DefaultBranch: "main", SHA: got.SHA, Base: got.SHA}
			},
		},
		{
			"a folder with every character in its name",
			func(t *testing.T) string {
				repo := gittest.NewWorktree(t, filepath.Join(t.TempDir(), "-a \"b\":c\nd\\e$(f)\xff"))
				repo.Write("a", "1")
				repo.Save("one")
				repo.Write("b", "1")
				return repo.Dir
			},
			[]string{"b"},
			func(got Info) Info {
				return Info{Prefix: ".", Branch: "main", DefaultBranch: "main", SHA: got.SHA, Base: got.SHA}
			},
		},
		{
			"an index in two files",
			func(t *testing.T) string {
				repo, _ := newClone(t)
				repo.Git("update-index", "--split-index")
				repo.Git("config", "core.splitIndex", "true")
				for _, name := range []string{"b", "c", "d", "e", "f"} { // so many that git would write a new one
					repo.Write(name, "1")
				}
				return repo.Dir
			},
			[]string{"b", "c", "d", "e", "f"},
			func(got Info) Info {
				return Info{Prefix: ".", Branch: "main", Host: "github.com", Owner: "octo", Name: "hello", DefaultBranch: "main", SHA: got.SHA, Base: got.SHA}
			},
		},
		{
			"a conflict that is not resolved",
			func(t *testing.T) string {
				repo, _ := newClone(t)
				repo.Git("checkout", "-q", "-b", "side")
				repo.Write("edit", "side")
				repo.Save("side")
				repo.Git("checkout", "-q", "main")
				repo.Write("edit", "main")
				repo.Save("main")
				cmd := exec.CommandContext(t.Context(), "git", "merge", "-q", "side")
				cmd.Dir, cmd.Env = repo.Dir, gittest.Env()
				if err := cmd.Run(); err == nil {
					t.Fatal("no conflict")
				}
				return repo.Dir
			},
			[]string{"edit"},
			func(got Info) Info {
				return Info{Prefix: ".", Branch: "main", Host: "github.com", Owner: "octo", Name: "hello", DefaultBranch: "main", SHA: got.SHA, Base: got.Base}
			},
		},
		{
			"a submodule and a repository inside",
			func(t *testing.T) string {
				repo, first := newClone(t)
				inside := gittest.NewWorktree(t, filepath.Join(repo.Dir, "inside"))
				inside.Write("x", "1")
				inside.Save("one")
				repo.Git("update-index", "--add", "--cacheinfo", "160000,"+first+",sub")
				must(t, os.Mkdir(filepath.Join(repo.Dir, "sub"), 0o755))
				return repo.Dir
			},
			[]string{"inside", "sub"},
			func(got Info) Info {
				return Info{Prefix: ".", Branch: "main", Host: "github.com", Owner: "octo", Name: "hello", DefaultBranch: "main", SHA: got.SHA, Base: got.SHA}
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("HOME", t.TempDir())
			dir := tc.make(t)
			tree, info, err := snapshot(t, dir, "")
			if err != nil {
				t.Fatal(err)
			}
			wantChanges(t, tree, tc.changed, nil)
			want := tc.info(info)
			want.Top = dir
			// Who made HEAD's commit is TestWorktree's.
			info.Message, info.AuthorName, info.AuthorEmail, info.CommittedAt = "", "", "", time.Time{}
			if diff := cmp.Diff(want, info); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestWorktreeInTheSameInstant: a file that changes right after it was added, without
// changing its size, is seen: the index's time says that it can't be trusted.
func TestWorktreeInTheSameInstant(t *testing.T) {
	repo, _ := newClone(t)
	at := time.Unix(1_700_000_000, 0)
	path, index := filepath.Join(repo.Dir, "edit"), filepath.Join(repo.Dir, ".git", "index")
	must(t, os.Chtimes(path, at, at))
	repo.Git("update-index", "--refresh")
	must(t, os.Chtimes(index, at, at))
	must(t, os.WriteFile(path, []byte("2"), 0o644)) // was 1
	must(t, os.Chtimes(path, at, at))
	repo.Git("config", "core.trustctime", "false")
	tree, _, err := snapshot(t, repo.Dir, "")
	if err != nil {
		t.Fatal(err)
	}
	wantChanges(t, tree, []string{"edit"}, nil)
}

// TestWorktreeRunsNothing: hooks, LFS and a monitor are settings that run programs.
func TestWorktreeRunsNothing(t *testing.T) {
	repo, _ := newClone(t)
	pwned := filepath.Join(t.TempDir(), "pwned")
	repo.Git("config", "filter.lfs.clean", "touch "+pwned)
	repo.Git("config", "filter.lfs.process", "touch "+pwned)
	repo.Git("config", "filter.lfs.required", "true")
	repo.Git("config", "core.fsmonitor", "touch "+pwned)
	must(t, os.MkdirAll(filepath.Join(repo.Dir, ".git", "hooks"), 0o755))
	for _, hook := range []string{"pre-commit", "post-index-change", "reference-transaction"} {
		must(t, os.WriteFile(filepath.Join(repo.Dir, ".git", "hooks", hook), []byte("#!/bin/sh\ntouch "+pwned+"\n"), 0o755))
	}
	repo.Write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
	repo.Write("x.bin", "data")
	tree, _, err := snapshot(t, repo.Dir, "")
	if err != nil {
		t.Fatal(err)
	}
	wantChanges(t, tree, []string{".gitattributes", "x.bin"}, nil)
	if got, err := tree.Files.ReadFile("x.bin"); err != nil || string(got) != "data" {
		t.Errorf("x.bin = %q, %v", got, err)
	}
	if _, err := os.Stat(pwned); err == nil {
		t.Error("a program ran")
	}
}

// TestWorktreeOfAUser: what the user's own settings ignore is ignored.
func TestWorktreeOfAUser(t *testing.T) {
	repo, _ := newClone(t)
	home := t.TempDir()
	t.Setenv("HOME", home)
	must(t, os.WriteFile(filepath.Join(home, "ignore"), []byte("*.swp\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(home, ".gitconfig"), []byte("[core]\n\texcludesFile = ~/ignore\n"), 0o600))
	t.Setenv("GIT_DIR", "/nowhere")
	t.Setenv("GIT_INDEX_FILE", "/nowhere/index")
	repo.Write("a.swp", "1")
	repo.Write("b", "1")
	tree, _, err := Worktree(t.Context(), repo.Dir, "", WorktreeConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Files.(io.Closer).Close()
	wantChanges(t, tree, []string{"b"}, nil)
}

// TestWorktreeOfAPartialClone: what was never fetched is missing, and nothing is
// fetched for it.
func TestWorktreeOfAPartialClone(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	srv := gittest.NewServer(t, gittest.Options{})
	remote := srv.Repo("octo/hello")
	remote.Commit(commitOf(map[string]string{"in/a": "1", "out/b": "never fetched"}))
	clone := gittest.NewWorktree(t, filepath.Join(t.TempDir(), "c"))
	clone.Git("remote", "add", "origin", srv.URL+"/octo/hello")
	clone.Git("config", "remote.origin.promisor", "true")
	clone.Git("config", "remote.origin.partialclonefilter", "blob:none")
	clone.Git("sparse-checkout", "set", "in")
	clone.Git("fetch", "-q", "origin")
	clone.Git("checkout", "-q", "-B", "main", "origin/main")
	clone.Write("in/c", "1")
	asked := len(srv.Requests())
	tree, _, err := snapshot(t, clone.Dir, "")
	if err != nil {
		t.Fatal(err)
	}
	wantChanges(t, tree, []string{"in/c"}, nil)
	if _, err := tree.Files.Lstat("out/b"); err != nil {
		t.Error(err)
	}
	if _, err := tree.Files.ReadFile("out/b"); !errors.Is(err, ErrGone) {
		t.Errorf("err = %v", err)
	}
	if got := srv.Requests()[asked:]; len(got) > 0 {
		t.Errorf("asked: %q", got)
	}
}

func TestWorktreeWarns(t *testing.T) {
	repo, _ := newClone(t)
	gittest.NewWorktree(t, filepath.Join(repo.Dir, "empty")) // git can't add one without commits
	repo.Write("b", "1")
	tree, info, err := snapshot(t, repo.Dir, "")
	if err != nil {
		t.Fatal(err)
	}
	wantChanges(t, tree, []string{"b"}, nil)
	if len(info.Warnings) == 0 || !strings.Contains(info.Warnings[0], "empty/") {
		t.Errorf("warnings = %q", info.Warnings)
	}
}

func TestWorktreeOutside(t *testing.T) {
	bare := gittest.NewBare(t, filepath.Join(t.TempDir(), "bare.git"))
	repo := gittest.NewWorktree(t, t.TempDir())
	for dir, public := range map[string]string{
		t.TempDir():                     "this folder is in no git repository",
		bare.Dir:                        "this repository has no working tree",
		filepath.Join(repo.Dir, ".git"): "this repository has no working tree",
	} {
		_, _, err := Worktree(t.Context(), dir, "", WorktreeConfig{})
		wantProblem(t, err, nil, public)
	}
	if _, _, err := Worktree(t.Context(), filepath.Join(t.TempDir(), "nothing"), "", WorktreeConfig{}); err == nil {
		t.Error("no error for a folder that does not exist")
	}
}

func TestWorktreeOfSomebodyElse(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a repository away")
	}
	t.Setenv("HOME", t.TempDir())
	repo := gittest.NewWorktree(t, t.TempDir())
	must(t, filepath.WalkDir(repo.Dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, 12345, 12345))
	}))
	_, _, err := Worktree(t.Context(), repo.Dir, "", WorktreeConfig{})
	wantProblem(t, err, nil, "git does not trust this repository: it belongs to another user")
}

// TestWorktreeLeavesNothingBehind: the temporary folder goes with Close, and at once
// if it fails.
func TestWorktreeLeavesNothingBehind(t *testing.T) {
	repo, _ := newClone(t)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	count := func() int {
		entries, err := os.ReadDir(tmp)
		must(t, err)
		return len(entries)
	}
	tree, _, err := Worktree(t.Context(), repo.Dir, "", WorktreeConfig{})
	must(t, err)
	if count() != 1 {
		t.Errorf("%d folders while it is used", count())
	}
	must(t, tree.Files.(io.Closer).Close())
	if _, _, err := Worktree(t.Context(), repo.Dir, "nothing", WorktreeConfig{}); err == nil {
		t.Error("no error")
	}
	if count() != 0 {
		t.Errorf("%d folders are left", count())
	}
}
