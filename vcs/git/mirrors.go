package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
)

// Config is what mirrors need.
type Config struct {
	// Dir is the mirrors' folder, made with mode 0700. It is one code host's: ids are
	// that host's own.
	Dir string
	// Remote gives a repository's address and the credentials for it. It is asked
	// before every talk with the code host, so that it may renew them.
	Remote func(event.Repo) (Remote, error)
	// Git is the path of git; empty: the one on PATH.
	Git string
	// Environ is the agent's environment, from which git gets a few listed
	// variables; nil: the process's own.
	Environ []string
	// Timeout is how long one fetch may take; 0: 30 minutes.
	Timeout time.Duration
	// Clock tells when a mirror was last used; nil: time.Now.
	Clock func() time.Time
	Log   zerolog.Logger
}

const defaultTimeout = 30 * time.Minute

// errClosed ends what is under way when the mirrors are closed.
var errClosed = errors.New("mirrors are closed")

// Mirrors are the local copies of the code host's repositories. They are safe for
// concurrent use.
type Mirrors struct {
	cfg  Config
	git  program
	home string

	life context.Context
	end  context.CancelCauseFunc
	work sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[int64]*mirror
}

// New opens the mirrors' folder, looks git up, and clears away what processes that
// were killed left behind.
func New(cfg Config) (*Mirrors, error) {
	path, err := find(cfg.Git)
	if err != nil {
		return nil, err
	}
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return nil, fmt.Errorf("open mirrors: %w", err)
	}
	if cfg.Environ == nil {
		cfg.Environ = os.Environ()
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	m := &Mirrors{cfg: cfg, open: map[int64]*mirror{}, home: filepath.Join(cfg.Dir, "home")}
	for _, dir := range []string{cfg.Dir, m.home} {
		if err := private(dir); err != nil {
			return nil, fmt.Errorf("open mirrors: %w", err)
		}
	}
	m.git = program{path: path, env: sealed(cfg.Environ, m.home), base: sealedSettings()}
	m.life, m.end = context.WithCancelCause(context.Background())
	if err := m.start(); err != nil {
		m.end(errClosed)
		return nil, err
	}
	return m, nil
}

func (m *Mirrors) start() error {
	if err := checkGit(m.life, &m.git, m.home); err != nil {
		return fmt.Errorf("check git: %w", err)
	}
	// Of an agent that was killed.
	if err := os.RemoveAll(filepath.Join(m.cfg.Dir, packsDir)); err != nil {
		return fmt.Errorf("open mirrors: %w", err)
	}
	return m.sweep()
}

// private makes a folder for this account only.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// Close ends what is under way and waits for it. Trees that were given out can
// still be read as far as their contents are here, until they are closed.
func (m *Mirrors) Close() error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.end(errClosed)
	m.work.Wait()
	return nil
}

// spawn runs fn so that Close waits for it.
func (m *Mirrors) spawn(fn func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		go fn() // ends at once: life is over
		return
	}
	m.work.Go(fn)
}

// remote gives a repository's checked address.
func (m *Mirrors) remote(repo event.Repo) (Remote, error) {
	r, err := m.cfg.Remote(repo)
	if err != nil {
		return Remote{}, fmt.Errorf("get credentials for %s: %w", repo.FullName(), err)
	}
	if err := r.check(); err != nil {
		return Remote{}, fmt.Errorf("get address of %s: %w", repo.FullName(), err)
	}
	return r, nil
}

// mirror gives a repository's mirror, made if there is none.
func (m *Mirrors) mirror(ctx context.Context, repo event.Repo, r Remote) (*mirror, error) {
	if repo.ID <= 0 {
		return nil, fmt.Errorf("open mirror of %s: the repository has no id", repo.FullName())
	}
	m.mu.Lock()
	at := m.open[repo.ID]
	if at == nil {
		at = newMirror(m, repo.ID)
		m.open[repo.ID] = at
	}
	m.mu.Unlock()
	if err := at.prepare(ctx, r); err != nil {
		return nil, fmt.Errorf("open mirror of %s: %w", repo.FullName(), err)
	}
	return at, nil
}

// sweep clears every mirror of what killed processes left behind.
func (m *Mirrors) sweep() error {
	entries, err := os.ReadDir(m.cfg.Dir)
	if err != nil {
		return fmt.Errorf("open mirrors: %w", err)
	}
	seen := map[int64]bool{}
	for _, e := range entries {
		name, _, _ := strings.Cut(e.Name(), ".")
		id, err := strconv.ParseInt(name, 10, 64)
		if err != nil || seen[id] {
			continue
		}
		seen[id] = true
		if _, err := newMirror(m, id).clean(); err != nil {
			return fmt.Errorf("clean mirror %d: %w", id, err)
		}
	}
	return nil
}
