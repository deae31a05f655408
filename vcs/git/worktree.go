package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Info is what a working tree's repository tells about itself. What it can't tell
// is empty.
type Info struct {
	// Top is the repository's top level on this machine, Prefix the folder in it that
	// was asked about ("." is the top level itself; slashes).
	Top, Prefix string
	// SHA is the commit that HEAD is at; empty: there is none yet.
	SHA string
	// Message, AuthorName, AuthorEmail and CommittedAt are that commit's.
	Message, AuthorName, AuthorEmail string
	CommittedAt                      time.Time
	// Branch is the branch that HEAD is on, without refs/heads/; empty: detached.
	Branch string
	// Host, Owner and Name are those of the remote (origin, or the only one).
	Host, Owner, Name string
	// DefaultBranch is the remote's, without refs/heads/.
	DefaultBranch string
	// Base is the commit against which files count as changed; empty: every file does.
	Base string
	// Warnings are git's words about what it could not take into the tree.
	Warnings []string
}

// WorktreeConfig is how a working tree is read.
type WorktreeConfig struct {
	// Git is the path of git; empty: the one on PATH.
	Git string
	// Environ is the user's environment, from which git gets a few listed variables;
	// nil: the process's own.
	Environ []string
}

// Worktree gives the working tree that holds dir as a git tree: as it would be if
// everything that is not ignored were committed. Its files changed since the merge base
// of HEAD with base (any revision) or, if that is empty, with the default branch; where
// there is no such thing, every file did.
//
// The user's repository is not written to: the index is copied, new objects go to a
// temporary folder, which Tree.Files ([io.Closer]) removes when it is closed. (git renews
// the time of files that hold already what it was about to write.) The user's own
// git settings hold (what is ignored, line ends), hooks and LFS apart; nothing talks
// to a code host.
//
// Errors: an [event.Problem] if dir is in no working tree, or base is no commit.
func Worktree(ctx context.Context, dir, base string, cfg WorktreeConfig) (run.Tree, Info, error) {
	w, err := openWorktree(ctx, dir, cfg)
	if err != nil {
		return run.Tree{}, Info{}, err
	}
	tree, err := w.tree(ctx, base)
	if err != nil {
		return run.Tree{}, Info{}, errors.Join(fmt.Errorf("read working tree: %w", err), w.close())
	}
	return tree, w.info, nil
}

// worktree is a working tree on its way to becoming a run.Tree.
type worktree struct {
	git     program
	info    Info
	scratch string
	objects *objects
	// index and store are the repository's own.
	index, store string
	// remote is the name of the remote that counts, or empty.
	remote string
}

// openWorktree finds the repository and makes the temporary folder.
func openWorktree(ctx context.Context, dir string, cfg WorktreeConfig) (*worktree, error) {
	path, err := find(cfg.Git)
	if err != nil {
		return nil, err
	}
	if cfg.Environ == nil {
		cfg.Environ = os.Environ()
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("read working tree: %w", err)
	}
	w := &worktree{git: program{path: path, env: userEnv(cfg.Environ), base: userSettings()}}
	if err := w.locate(ctx, dir); err != nil {
		return nil, err
	}
	if w.scratch, err = os.MkdirTemp("", "pocketci-tree-"); err != nil {
		return nil, fmt.Errorf("read working tree: %w", err)
	}
	w.objects = newObjects(ctx, &w.git, w.command())
	return w, nil
}

// userEnv is the environment of git processes that read the user's repository.
func userEnv(environ []string) []string {
	env := pick(environ, append(allowed(), "HOME", "USERPROFILE", "XDG_CONFIG_HOME", "APPDATA",
		"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"))
	return append(env, noTransport, noLazyFetch, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_NO_REPLACE_OBJECTS=1")
}

// userSettings keep git from running other programs and from writing to the
// repository; a filter of LFS would.
func userSettings() []setting {
	return []setting{
		{"core.hooksPath", os.DevNull},
		{"core.fsmonitor", "false"},
		{"core.splitIndex", "false"},
		{"core.warnAmbiguousRefs", "false"},
		{"core.safecrlf", "false"},
		{"advice.addEmbeddedRepo", "false"},
		{"filter.lfs.clean", ""},
		{"filter.lfs.process", ""},
		{"filter.lfs.required", "false"},
		{"gc.auto", "0"},
		{"maintenance.auto", "false"},
	}
}

// locate finds the repository's folders.
func (w *worktree) locate(ctx context.Context, dir string) error {
	for _, ask := range []struct {
		into *string
		args []string
	}{
		{&w.info.Top, []string{"--show-toplevel"}},
		{&w.info.Prefix, []string{"--show-prefix"}},
		{&w.index, []string{"--path-format=absolute", "--git-path", "index"}},
		{&w.store, []string{"--path-format=absolute", "--git-path", "objects"}},
	} {
		// One at a time: a folder's name may hold a newline.
		out, err := w.git.output(ctx, command{args: append([]string{"rev-parse"}, ask.args...), dir: dir})
		if err != nil {
			return notWorktree(err)
		}
		*ask.into = out
	}
	w.info.Prefix = strings.TrimSuffix(w.info.Prefix, "/")
	if w.info.Prefix == "" {
		w.info.Prefix = "."
	}
	w.info.Top = filepath.FromSlash(w.info.Top)
	return nil
}

func notWorktree(err error) error {
	problem := &event.Problem{Err: err}
	switch {
	case contains(said(err), "not a git repository"):
		problem.Public = "this folder is in no git repository"
		problem.Hint = "Run it inside a clone, or make a repository with: git init"
	case contains(said(err), "work tree"):
		problem.Public = "this repository has no working tree"
		problem.Hint = "Run it in a clone that is not bare, outside its .git folder."
	case contains(said(err), "dubious ownership"):
		problem.Public = "git does not trust this repository: it belongs to another user"
		problem.Hint = "If it is yours: git config --global --add safe.directory <its folder>"
	default:
		return fmt.Errorf("find working tree: %w", err)
	}
	return problem
}

// command is a git process that reads the user's repository and writes elsewhere.
func (w *worktree) command(args ...string) command {
	return command{args: args, dir: w.info.Top, env: []string{
		"GIT_INDEX_FILE=" + filepath.Join(w.scratch, "index"),
		"GIT_OBJECT_DIRECTORY=" + filepath.Join(w.scratch, "objects"),
		"GIT_ALTERNATE_OBJECT_DIRECTORIES=" + quotePath(w.store),
	}}
}

// quotePath writes a path so that separators and quotes in it are part of it.
func quotePath(path string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(path) + `"`
}

func (w *worktree) tree(ctx context.Context, base string) (run.Tree, error) {
	hash, err := w.snapshot(ctx)
	if err != nil {
		return run.Tree{}, err
	}
	if err := w.describe(ctx); err != nil {
		return run.Tree{}, err
	}
	tree := run.Tree{SHA: w.info.SHA, Hash: hash, HasDiff: true, Origin: run.Origin{Dir: w.info.Top, SHA: w.info.SHA}}
	if tree.Changes, tree.Deleted, err = w.changes(ctx, base, hash); err != nil {
		return run.Tree{}, err
	}
	tree.Files = &files{ctx: ctx, objects: w.objects, root: hash, done: w.close}
	return tree, nil
}

func (w *worktree) close() error { return errors.Join(w.objects.Close(), os.RemoveAll(w.scratch)) }

// snapshot writes the working tree as a git tree, outside the repository.
func (w *worktree) snapshot(ctx context.Context) (string, error) {
	if err := os.Mkdir(filepath.Join(w.scratch, "objects"), 0o700); err != nil {
		return "", err
	}
	if err := copyIndex(w.index, filepath.Join(w.scratch, "index")); err != nil {
		return "", err
	}
	err := w.git.run(ctx, w.command("add", "--all", "--ignore-errors"))
	if exitCode(err) == 1 {
		w.info.Warnings = strings.Split(said(err), "\n") // all but a few files are in
		err = nil
	}
	if err != nil {
		return "", err
	}
	return w.git.output(ctx, w.command("write-tree", "--missing-ok"))
}

// copyIndex copies an index with its time: by that, git knows which entries it must
// not trust, since their files may have changed in the same instant.
func copyIndex(from, to string) error {
	data, err := os.ReadFile(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil // nothing was ever added
	}
	if err != nil {
		return err
	}
	at, err := os.Stat(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		return err
	}
	return os.Chtimes(to, at.ModTime(), at.ModTime())
}
