package gittest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// epoch is the time of a repository's first commit; each further one is a
// minute later.
const epoch = 1_700_000_000

// Repo is a git repository on disk.
type Repo struct {
	t testing.TB
	// Dir is the repository's folder: bare, or a working tree.
	Dir string
	// Default is the branch that HEAD points at.
	Default string
	count   int
}

// NewBare makes an empty bare repository in dir, whose default branch is main.
func NewBare(t testing.TB, dir string) *Repo {
	t.Helper()
	r := &Repo{t: t, Dir: dir, Default: "main"}
	run(t, filepath.Dir(dir), "", "init", "-q", "--bare", "-b", r.Default, dir)
	return r
}

// NewWorktree makes an empty repository with a working tree in dir, whose
// default branch is main.
func NewWorktree(t testing.TB, dir string) *Repo {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "", "init", "-q", "-b", "main", dir)
	return &Repo{t: t, Dir: dir, Default: "main"}
}

// File is what a commit puts at a name.
type File struct {
	// Mode is git's: 100644, 100755, 120000 (symlink) or 160000 (submodule).
	Mode string
	// Data is the content, a symlink's target or a submodule's sha.
	Data string
}

// Exec is an executable file.
func Exec(data string) File { return File{Mode: "100755", Data: data} }

// Link is a symlink.
func Link(target string) File { return File{Mode: "120000", Data: target} }

// Submodule is a submodule at a commit.
func Submodule(sha string) File { return File{Mode: "160000", Data: sha} }

// Commit describes a commit.
type Commit struct {
	// Ref is the full name of the ref that is set to the commit; empty: the
	// default branch. It is moved by force.
	Ref string
	// Parents are shas. Nil: what Ref points at, if it exists; empty: none.
	Parents []string
	// Clear starts from an empty tree instead of the first parent's.
	Clear bool
	// Write puts regular files, Special others; Delete takes names away.
	Write   map[string]string
	Special map[string]File
	Delete  []string
	Message string
}

// Commit makes a commit and gives its sha.
func (r *Repo) Commit(c Commit) string {
	r.t.Helper()
	if c.Ref == "" {
		c.Ref = "refs/heads/" + r.Default
	}
	if c.Parents == nil {
		if tip := r.Lookup(c.Ref); tip != "" {
			c.Parents = []string{tip}
		}
	}
	r.count++
	out := run(r.t, r.Dir, string(stream(c, r.count)), "-c", "core.compression=1", "fast-import", "--quiet", "--force", "--done")
	return strings.TrimSpace(out)
}

// stream writes what git fast-import reads.
func stream(c Commit, n int) []byte {
	var b bytes.Buffer
	message := c.Message
	if message == "" {
		message = fmt.Sprintf("commit %d", n)
	}
	fmt.Fprintf(&b, "commit %s\nmark :1\ncommitter Octo Cat <octo@example.com> %d +0000\n", c.Ref, epoch+60*n)
	data(&b, message)
	for i, parent := range c.Parents {
		verb := "merge"
		if i == 0 {
			verb = "from"
		}
		fmt.Fprintf(&b, "%s %s\n", verb, parent)
	}
	if c.Clear {
		b.WriteString("deleteall\n")
	}
	for _, name := range c.Delete {
		fmt.Fprintf(&b, "D %s\n", quote(name))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Write)) {
		fmt.Fprintf(&b, "M 100644 inline %s\n", quote(name))
		data(&b, c.Write[name])
	}
	for _, name := range slices.Sorted(maps.Keys(c.Special)) {
		f := c.Special[name]
		if f.Mode == "160000" {
			fmt.Fprintf(&b, "M %s %s %s\n", f.Mode, f.Data, quote(name))
			continue
		}
		fmt.Fprintf(&b, "M %s inline %s\n", f.Mode, quote(name))
		data(&b, f.Data)
	}
	b.WriteString("\nget-mark :1\ndone\n")
	return b.Bytes()
}

func data(b *bytes.Buffer, s string) { fmt.Fprintf(b, "data %d\n%s\n", len(s), s) }

// quote writes a name as a C string, byte for byte.
func quote(name string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(name) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20 || c >= 0x7f:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Lookup gives the object that a ref points at, or "".
func (r *Repo) Lookup(ref string) string {
	r.t.Helper()
	out := run(r.t, r.Dir, "", "for-each-ref", "--format=%(refname) %(objectname)", ref)
	for line := range strings.Lines(out) {
		if sha, ok := strings.CutPrefix(strings.TrimSpace(line), ref+" "); ok {
			return sha
		}
	}
	return ""
}

// Set moves a ref to an object, by force; an empty sha deletes it.
func (r *Repo) Set(ref, sha string) {
	r.t.Helper()
	if sha == "" {
		run(r.t, r.Dir, "", "update-ref", "-d", ref)
		return
	}
	run(r.t, r.Dir, "", "update-ref", ref, sha)
}

// Tag makes an annotated tag and gives the tag object's sha.
func (r *Repo) Tag(name, target string) string {
	r.t.Helper()
	run(r.t, r.Dir, "", "tag", "-f", "-a", "-m", "tag "+name, "--", name, target)
	return r.Lookup("refs/tags/" + name)
}

// Forget removes every object that no ref holds.
func (r *Repo) Forget() {
	r.t.Helper()
	run(r.t, r.Dir, "", "reflog", "expire", "--expire=now", "--all")
	run(r.t, r.Dir, "", "gc", "-q", "--prune=now")
}

// Git runs git in the repository and gives its output.
func (r *Repo) Git(args ...string) string {
	r.t.Helper()
	return run(r.t, r.Dir, "", args...)
}

// Write writes a file of the working tree.
func (r *Repo) Write(name, content string) {
	r.t.Helper()
	path := filepath.Join(r.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// Save commits the whole working tree and gives the sha.
func (r *Repo) Save(message string) string {
	r.t.Helper()
	run(r.t, r.Dir, "", "add", "-A")
	run(r.t, r.Dir, "", "commit", "-q", "--allow-empty", "-m", message)
	return strings.TrimSpace(run(r.t, r.Dir, "", "rev-parse", "HEAD"))
}

// Env is an environment in which git reads no settings of this machine's.
func Env() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.DevNull, "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_AUTHOR_NAME=Octo Cat", "GIT_AUTHOR_EMAIL=octo@example.com",
		"GIT_COMMITTER_NAME=Octo Cat", "GIT_COMMITTER_EMAIL=octo@example.com",
		fmt.Sprintf("GIT_AUTHOR_DATE=%d +0000", epoch), fmt.Sprintf("GIT_COMMITTER_DATE=%d +0000", epoch),
	}
}

func run(t testing.TB, dir, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, Env(), strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String()
}
