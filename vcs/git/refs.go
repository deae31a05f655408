package git

import (
	"context"
	"fmt"
	"strings"

	"github.com/franela/pocketci/event"
)

// Ref is one branch or tag of a repository, as the code host tells it now.
type Ref struct {
	// Name is full: refs/heads/main, refs/tags/v1.
	Name string
	// SHA is the object that it points at; an annotated tag's is the tag object's.
	SHA string
	// Peeled is what an annotated tag points at in the end; else empty.
	Peeled string
}

// Commit is the commit that the ref leads to.
func (r Ref) Commit() string {
	if r.Peeled != "" {
		return r.Peeled
	}
	return r.SHA
}

// Refs lists the branches and tags of a repository, sorted by name, in one talk with
// the code host and without its mirror.
func (m *Mirrors) Refs(ctx context.Context, repo event.Repo) ([]Ref, error) {
	remote, err := m.remote(repo)
	if err != nil {
		return nil, err
	}
	refs, err := m.refs(ctx, remote)
	if err != nil {
		return nil, fmt.Errorf("list refs of %s: %w", repo.FullName(), remoteError(repo, err))
	}
	return refs, nil
}

func (m *Mirrors) refs(ctx context.Context, remote Remote) ([]Ref, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, m.cfg.Timeout, fmt.Errorf("it took longer than %v: %w", m.cfg.Timeout, ErrUnreachable))
	defer cancel()
	var refs []Ref
	err := m.git.run(ctx, command{
		args: []string{"ls-remote", "--quiet", "--heads", "--tags", "--end-of-options", "origin"},
		dir:  m.home, env: []string{remote.transport()}, config: remote.settings(), secrets: remote.secrets(),
		sep: '\n', record: bounded(func(line []byte) { refs = addRef(refs, string(line)) }),
	})
	return refs, err
}

// addRef reads a line of git ls-remote: a sha, a tab, a name. A tag object's line
// is followed by one of what it points at.
func addRef(refs []Ref, line string) []Ref {
	sha, name, ok := strings.Cut(line, "\t")
	if !ok || !isSHA(sha) || !strings.HasPrefix(name, "refs/heads/") && !strings.HasPrefix(name, "refs/tags/") {
		return refs
	}
	if tag, peeled := strings.CutSuffix(name, "^{}"); peeled {
		if n := len(refs); n > 0 && refs[n-1].Name == tag {
			refs[n-1].Peeled = sha
		}
		return refs
	}
	return append(refs, Ref{Name: name, SHA: sha})
}

// Reachable tells whether one of the repository's own branches or tags holds a
// commit, as they are now. That the code host serves a commit proves nothing: it
// serves those of forks from the same address. Pull requests' refs don't count.
func (m *Mirrors) Reachable(ctx context.Context, repo event.Repo, sha string) (bool, error) {
	sha = strings.ToLower(sha)
	if err := checkSHA(sha); err != nil {
		return false, err
	}
	refs, err := m.Refs(ctx, repo)
	if err != nil {
		return false, err
	}
	trunk := ""
	var tips []want
	for _, r := range refs {
		if r.SHA == sha || r.Peeled == sha {
			return true, nil
		}
		if r.Name == "refs/heads/"+repo.DefaultBranch {
			trunk = r.SHA
		}
		tips = append(tips, want{src: r.Commit(), loose: true})
	}
	remote, err := m.remote(repo)
	if err != nil {
		return false, err
	}
	held := false
	err = m.inMirror(ctx, repo, remote, func(v *visit) error {
		held, err = v.holds(ctx, sha, trunk, tips)
		return err
	})
	return held, err
}

// holds tells whether a commit is among the histories of tips. Most often the
// default branch's tip answers it, so that is asked first.
func (v *visit) holds(ctx context.Context, sha, trunk string, tips []want) (bool, error) {
	if trunk != "" {
		if held, err := v.amongHistory(ctx, sha, []want{{src: trunk}}); held || err != nil {
			return held, err
		}
	}
	return v.amongHistory(ctx, sha, tips)
}

func (v *visit) amongHistory(ctx context.Context, sha string, tips []want) (bool, error) {
	for len(tips) > 0 {
		n := min(len(tips), maxTips)
		held, err := v.amongSome(ctx, sha, tips[:n])
		if held || err != nil {
			return held, err
		}
		tips = tips[n:]
	}
	return false, nil
}

// maxTips bounds how many tips are asked about at once.
const maxTips = 4096

func (v *visit) amongSome(ctx context.Context, sha string, tips []want) (bool, error) {
	if err := v.obtainTips(ctx, tips); err != nil {
		return false, err
	}
	if got, err := v.objects.info(sha + "^{commit}"); err != nil || got.oid != sha {
		return false, unlessMissing(err) // their histories are here, and it is not
	}
	var lines strings.Builder
	lines.WriteString(sha + "\n")
	for _, tip := range tips {
		got, err := v.objects.info(tip.src + "^{commit}")
		if err == nil {
			lines.WriteString("^" + got.oid + "\n")
		} else if unlessMissing(err) != nil {
			return false, err
		}
	}
	c := v.git("rev-list", "--max-count=1", "--stdin")
	c.stdin = lines.String()
	out, err := v.m.git.output(ctx, c)
	return err == nil && out == "", err
}

// obtainTips gets the tips that are not here; one that is gone in the meantime is
// passed over.
func (v *visit) obtainTips(ctx context.Context, tips []want) error {
	for len(tips) > 0 {
		n := min(len(tips), maxBatch)
		if _, err := v.obtain(ctx, tips[:n]...); err != nil {
			return err
		}
		tips = tips[n:]
	}
	return nil
}

// IsAncestor tells whether commit a is b or in its history. A commit that the code
// host does not have is a Problem that wraps [ErrGone].
func (m *Mirrors) IsAncestor(ctx context.Context, repo event.Repo, a, b string) (bool, error) {
	a, b = strings.ToLower(a), strings.ToLower(b)
	for _, sha := range []string{a, b} {
		if err := checkSHA(sha); err != nil {
			return false, err
		}
	}
	remote, err := m.remote(repo)
	if err != nil {
		return false, err
	}
	is := false
	err = m.inMirror(ctx, repo, remote, func(v *visit) error {
		if _, err := v.obtain(ctx, want{src: a}, want{src: b}); err != nil {
			return err
		}
		for _, sha := range []string{a, b} {
			if _, ok, err := v.commit(sha, nil); err != nil {
				return err
			} else if !ok {
				return gone(repo, sha)
			}
		}
		err := v.m.git.run(ctx, v.git("merge-base", "--is-ancestor", "--end-of-options", a, b))
		is = err == nil
		if exitCode(err) == 1 {
			return nil
		}
		return err
	})
	return is, err
}
