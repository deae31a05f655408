package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/franela/pocketci/event"
)

// Packer is what the Files of a checked out tree offer beyond run.Files.
type Packer interface {
	// Pack gives a folder of this machine with a repository (.git) that holds the
	// tree's commit as HEAD, with its contents and as much history as depth says: 1 is
	// the commit alone, 0 everything, with tags. Its index is the commit's, and
	// its files are not there: who restores them gets the tree with submodules as
	// empty folders. Nothing of it leads to another repository, and it holds no
	// credentials. The folder goes when the Files are closed.
	Pack(ctx context.Context, depth int) (dir string, err error)
}

// packsDir is the folder of packed commits, beside the mirrors.
const packsDir = "packs"

var errNoPack = errors.New("a working tree can't be packed")

// packed are the folders that were made of one tree, by depth.
type packed struct {
	// make makes one; nil: none can be.
	make func(ctx context.Context, depth int) (string, error)

	making sync.Mutex // held by who makes one, or removes all
	mu     sync.Mutex // never held for long
	closed bool
	end    context.CancelCauseFunc // of the one that is made
	dirs   map[int]string
}

// get gives the folder for a depth, made once.
func (p *packed) get(ctx context.Context, depth int) (string, error) {
	if p.make == nil {
		return "", errNoPack
	}
	p.making.Lock()
	defer p.making.Unlock()
	ctx, dir, err := p.begin(ctx, depth)
	if dir != "" || err != nil {
		return dir, err
	}
	dir, err = p.make(ctx, depth)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end(nil)
	p.end = nil
	if err == nil {
		p.dirs[depth] = dir
	}
	return dir, err
}

// begin gives the folder for a depth if there is one, else the context to make it in.
func (p *packed) begin(ctx context.Context, depth int) (context.Context, string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ctx, "", os.ErrClosed
	}
	if dir := p.dirs[depth]; dir != "" {
		return ctx, dir, nil
	}
	if p.dirs == nil {
		p.dirs = map[int]string{}
	}
	ctx, p.end = context.WithCancelCause(ctx)
	return ctx, "", nil
}

// close ends the making of one, and removes the folders.
func (p *packed) close() error {
	p.mu.Lock()
	p.closed = true
	if p.end != nil {
		p.end(os.ErrClosed)
	}
	p.mu.Unlock()
	p.making.Lock()
	defer p.making.Unlock()
	var errs []error
	for _, dir := range p.dirs {
		errs = append(errs, os.RemoveAll(dir))
	}
	p.dirs = nil
	return errors.Join(errs...)
}

// Pack implements [Packer].
func (f *files) Pack(ctx context.Context, depth int) (string, error) {
	return f.packs.get(ctx, max(depth, 0))
}

// pack fetches a commit into a repository of its own: the mirror lacks contents,
// and what is packed shall hold nothing else. It is asked for by its sha, or by the
// ref that holds it where the code host wants that.
func (v *visit) pack(ctx context.Context, sha, ref string, depth int) (_ string, err error) {
	remote, err := v.m.remote(v.repo)
	if err != nil {
		return "", err
	}
	dir, err := v.m.packDir()
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("pack %s of %s: %w", sha, v.repo.FullName(), errors.Join(err, os.RemoveAll(dir)))
		}
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, v.m.cfg.Timeout, v.m.tooLong())
	defer cancel()
	r := packing{m: v.m, dir: dir, repo: v.repo, remote: remote}
	if err := r.git(ctx, "init", "--quiet", "--template=", "--initial-branch=main"); err != nil {
		return "", err
	}
	if err := r.fetch(ctx, sha, ref, depth); err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{"update-ref", "--no-deref", "HEAD", sha},
		{"read-tree", "HEAD"},
		{"remote", "add", "origin", remote.URL},
	} {
		if err := r.git(ctx, args...); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// tooLong is why a talk with the code host is ended.
func (m *Mirrors) tooLong() error {
	return fmt.Errorf("it took longer than %v: %w", m.cfg.Timeout, ErrUnreachable)
}

// packDir makes an empty folder for a packed commit.
func (m *Mirrors) packDir() (string, error) {
	all := filepath.Join(m.cfg.Dir, packsDir)
	if err := private(all); err != nil {
		return "", err
	}
	return os.MkdirTemp(all, "")
}

// packing is a repository that is made of one commit.
type packing struct {
	m      *Mirrors
	dir    string
	repo   event.Repo
	remote Remote
}

func (p *packing) command(args ...string) command {
	return command{args: args, dir: p.dir, env: []string{"GIT_DIR=" + filepath.Join(p.dir, ".git"), noTransport}, config: []setting{{"core.logAllRefUpdates", "false"}}}
}

// git works on the repository and talks to nobody.
func (p *packing) git(ctx context.Context, args ...string) error {
	return p.m.git.run(ctx, p.command(args...))
}

// fetch gets the commit.
func (p *packing) fetch(ctx context.Context, sha, ref string, depth int) error {
	err := p.fetchOne(ctx, sha, depth)
	if ref != "" && refused(err) == sha {
		err = p.fetchOne(ctx, ref, depth)
	}
	switch {
	case err == nil && p.git(ctx, "cat-file", "-e", sha+"^{commit}") == nil:
		return nil
	case err == nil, refused(err) != "":
		return gone(p.repo, sha)
	}
	return remoteError(p.repo, err)
}

func (p *packing) fetchOne(ctx context.Context, what string, depth int) error {
	args := []string{"fetch", "--quiet", "--no-progress", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules"}
	if depth > 0 {
		args = append(args, "--no-tags", "--depth="+strconv.Itoa(depth))
	} else {
		args = append(args, "--tags")
	}
	c := p.command(append(args, "--end-of-options", "origin", what)...)
	c.env = append(c.env[:1:1], p.remote.transport())
	c.config = append(c.config, append(p.remote.address(), setting{"fetch.unpackLimit", "1"})...)
	c.secrets = p.remote.secrets()
	return p.m.git.run(ctx, c)
}
