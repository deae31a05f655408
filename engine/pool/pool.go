package pool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/run"
)

// Host is an engine on one runner host.
type Host interface {
	// Ping tells whether the engine can be reached.
	Ping(ctx context.Context) error
	// Table says what a module offers.
	Table(ctx context.Context, src run.Source) (run.Table, error)
}

// Session makes calls on one host.
type Session interface {
	Call(ctx context.Context, c run.Call) (run.Result, error)
	Close() error
}

// Config is how much a host gets, and how long one that failed is left alone.
type Config struct {
	// Sessions and Calls are how many make a host busy; 0: no number does.
	Sessions, Calls int
	// Rest is how long a host is left alone after its first failure; default 5 s.
	// RestMost is the longest; default 2 minutes.
	Rest, RestMost time.Duration
	// Clock is the time; nil: time.Now.
	Clock func() time.Time
	Log   zerolog.Logger
}

// Pool is several hosts. It is safe for concurrent use.
type Pool[H Host] struct {
	cfg   Config
	hosts []*host[H]
	// entering has those that open sessions choose one after the other.
	entering sync.Mutex
}

// Named is a host and the address that it is known by.
type Named[H Host] struct {
	Name string
	Host H
}

// New makes a pool. Names must differ: hosts are ranked by them.
func New[H Host](hosts []Named[H], c Config) (*Pool[H], error) {
	if len(hosts) == 0 {
		return nil, errors.New("engine pool: there is no host")
	}
	if c.Rest <= 0 {
		c.Rest = 5 * time.Second
	}
	if c.RestMost <= 0 {
		c.RestMost = 2 * time.Minute
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	p := &Pool[H]{cfg: c}
	for _, h := range hosts {
		if slices.ContainsFunc(p.hosts, func(had *host[H]) bool { return had.name == h.Name }) {
			return nil, fmt.Errorf("engine pool: %s is named twice", h.Name)
		}
		p.hosts = append(p.hosts, newHost(h, c))
	}
	return p, nil
}

// Table asks the hosts in the repository's order what the module offers.
func (p *Pool[H]) Table(ctx context.Context, src run.Source) (run.Table, error) {
	var table run.Table
	err := p.try(ctx, func(tried []*host[H]) *host[H] { return p.next(src.RepoID, false, tried) },
		func(h *host[H]) (err error) {
			table, err = h.engine.Table(ctx, src)
			return err
		})
	return table, err
}

// Open has open open a session on the repository's first host that is neither
// busy nor left alone.
func (p *Pool[H]) Open(ctx context.Context, src run.Source, open func(context.Context, H) (Session, error)) (Session, error) {
	var session Session
	err := p.try(ctx, func(tried []*host[H]) *host[H] { return p.enter(src.RepoID, tried) },
		func(h *host[H]) error {
			s, err := open(ctx, h.engine)
			if err != nil {
				h.leave()
				return err
			}
			h.works()
			session = &counted[H]{Session: s, host: h}
			return nil
		})
	return session, err
}

// try asks one host after the other until one can be reached. next gives one that
// was not tried yet, or nil.
func (p *Pool[H]) try(ctx context.Context, next func(tried []*host[H]) *host[H], ask func(*host[H]) error) error {
	var away []error
	var tried []*host[H]
	for h := next(nil); h != nil; h = next(tried) {
		tried = append(tried, h)
		err := ask(h)
		if ctx.Err() != nil || err == nil {
			return err // What is cut short says nothing about the host.
		}
		switch {
		case errors.Is(err, run.ErrEngineLost):
			h.fails(err)
			return err
		case !errors.Is(err, run.ErrNoEngine):
			return err
		}
		h.fails(err)
		away = append(away, err)
	}
	return joined(away)
}

// Ping tells whether any host can be reached. It asks all of them at once; its
// error is every host's.
func (p *Pool[H]) Ping(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(errAnswered)
	answers := make(chan error, len(p.hosts))
	for _, h := range p.hosts {
		go func() { answers <- h.engine.Ping(ctx) }()
	}
	var away []error
	for range p.hosts {
		err := <-answers
		if err == nil {
			return nil
		}
		away = append(away, err)
	}
	return joined(away)
}

// errAnswered ends the questions that nobody needs an answer to any more.
var errAnswered = errors.New("another host answered")

// joined is one error of all hosts. People are shown what the first one said.
func joined(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return fmt.Errorf("none of %d engines can be reached: %w", len(errs), errors.Join(errs...))
}
