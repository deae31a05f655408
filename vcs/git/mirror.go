package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// users bounds how many may work in a mirror at once; who replaces it takes all.
const users = 16

// mirror is the local copy of one repository.
//
//	<id>.git      the bare repository; its file "description" holds the address for
//	              people, and by its time tells when the mirror was last used
//	<id>.lock     held (shared) by whoever writes, git's processes included
//	<id>.git.*    on its way in or out
type mirror struct {
	m    *Mirrors
	dir  string
	lock string

	use *semaphore.Weighted
	// commits gets commits with their history and trees, blobs single contents.
	commits, blobs *batcher
	tending        atomic.Bool

	mu sync.Mutex
	// gen counts how often the mirror was replaced; broken is the one that was
	// found to be damaged, plus one.
	gen, broken int
	// dirty: a process of ours was ended by force.
	dirty bool
}

func newMirror(m *Mirrors, id int64) *mirror {
	base := filepath.Join(m.cfg.Dir, strconv.FormatInt(id, 10))
	r := &mirror{m: m, dir: base + ".git", lock: base + ".lock", use: semaphore.NewWeighted(users)}
	r.commits = newBatcher(m.life, m.spawn, r.fetchCommits)
	r.blobs = newBatcher(m.life, m.spawn, r.fetchBlobs)
	return r
}

// prepare makes the mirror if there is none, replaces it if it is known to be
// damaged, and notes its use.
func (r *mirror) prepare(ctx context.Context, remote Remote) error {
	r.mu.Lock()
	broken := r.broken > r.gen
	gen := r.gen
	r.mu.Unlock()
	if broken {
		if err := r.replace(ctx, gen); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.create(ctx); err != nil {
		return err
	}
	return r.note(remote)
}

// note writes the address for people, and when the mirror was used.
func (r *mirror) note(remote Remote) error {
	path := filepath.Join(r.dir, "description")
	if had, err := os.ReadFile(path); err != nil || string(had) != remote.URL+"\n" {
		if err := os.WriteFile(path, []byte(remote.URL+"\n"), 0o600); err != nil {
			return err
		}
	}
	now := r.m.cfg.Clock()
	return os.Chtimes(path, now, now)
}

// create makes an empty repository where there is none.
func (r *mirror) create(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(r.dir, "HEAD")); err == nil {
		return nil
	}
	owned, err := r.hold(ctx, true)
	if err != nil {
		return err
	}
	defer func() { _ = owned.Close() }()
	// Made aside and moved: a half-made one is never taken for a mirror.
	dir, err := os.MkdirTemp(r.m.cfg.Dir, filepath.Base(r.dir)+".new-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	err = r.m.git.run(ctx, command{
		args:  []string{"init", "--quiet", "--bare", "--template=", "--initial-branch=main", "--", dir},
		dir:   r.m.home,
		env:   []string{noTransport},
		owned: owned,
	})
	if err != nil {
		return err
	}
	if err := os.RemoveAll(r.dir); err != nil { // without HEAD it is none
		return err
	}
	return os.Rename(dir, r.dir)
}

// generation tells which clone of the repository is there.
func (r *mirror) generation() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gen
}

// suspect notes that a clone is damaged: the next one who needs it replaces it.
func (r *mirror) suspect(gen int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = max(r.broken, gen+1)
}

// replace throws a damaged clone away, once for all who found it damaged, and
// makes an empty one. It waits for those who write to it.
func (r *mirror) replace(ctx context.Context, gen int) error {
	if err := r.use.Acquire(ctx, users); err != nil {
		return context.Cause(ctx)
	}
	defer r.use.Release(users)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gen != gen {
		return nil
	}
	r.m.cfg.Log.Warn().Str("mirror", filepath.Base(r.dir)).Msg("mirror is damaged: cloning again")
	away := fmt.Sprintf("%s.old-%d-%d", r.dir, os.Getpid(), r.m.cfg.Clock().UnixNano())
	if err := os.Rename(r.dir, away); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.RemoveAll(away); err != nil {
		return err
	}
	if err := r.create(ctx); err != nil {
		return err
	}
	r.gen++
	return nil
}

// git is a command that works on the mirror, talking to nobody.
func (r *mirror) git(args ...string) command {
	return command{args: args, dir: r.dir, env: []string{"GIT_DIR=" + r.dir, noTransport}}
}

// poll is how often somebody looks whether another process gave a mirror back.
const poll = 20 * time.Millisecond

// hold locks the mirror against other processes of this machine; it waits.
func (r *mirror) hold(ctx context.Context, exclusive bool) (*os.File, error) {
	f, err := os.OpenFile(r.lock, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		got, err := tryLock(f, exclusive)
		if got {
			return f, nil
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), f.Close())
		}
	}
}
