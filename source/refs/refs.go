package refs

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
)

// Host shows where a repository's refs stand. A repository is looked up by its
// id. An error that wraps run.ErrRefused is final until somebody changes
// something, a *run.RetryAfter says that no more may be asked for a while; any
// other may be gone the next time.
type Host interface {
	// Refs gives branches and tags, all of them, and the repository under the name
	// that it has now.
	Refs(ctx context.Context, repo event.Repo) (event.Repo, []event.Head, error)
	// Pulls gives the heads of the open pull requests, all of them.
	Pulls(ctx context.Context, repo event.Repo) ([]event.Head, error)
}

// Maker makes the event of a move. event.ErrMalformed means that there can be
// none.
type Maker interface {
	Event(ctx context.Context, repo event.Repo, m event.Move) (event.Event, error)
}

// Repositories keeps of which repositories events came.
type Repositories interface {
	// Repositories gives them, the one that was tried longest ago first.
	Repositories(ctx context.Context, vendor string) ([]event.KnownRepo, error)
}

// Heads keeps where refs stood.
type Heads interface {
	Heads(ctx context.Context, vendor string, repoID int64) ([]event.KnownHead, error)
	// NoteHeads keeps a repository as it now stands, the heads that changed, and
	// which are gone, in one transaction.
	NoteHeads(ctx context.Context, r event.KnownRepo, changed []event.KnownHead, gone []string) error
}

// Moves gives the accepted moves of a ref, in the order of acceptance.
type Moves interface {
	Moves(ctx context.Context, vendor string, repoID int64, ref string) ([]event.Move, error)
}

// Appender stores events that were found, unless an event has told of the move.
type Appender interface {
	AppendFound(ctx context.Context, e event.Event) (event.Receipt, error)
}

// Turns makes one agent of many do what is done once for all.
type Turns interface {
	Turn(ctx context.Context, name, holder string, span time.Duration) (bool, error)
}

// What holds where Config says nothing.
const (
	DefaultEvery  = 10 * time.Minute
	DefaultGrace  = 10 * time.Minute
	DefaultMaxAge = 72 * time.Hour
)

// Config is what a reconciler works with. Vendor, Host, Maker, Repositories, Heads,
// Moves and Events are required.
type Config struct {
	// Vendor is the code host's name in events: "github".
	Vendor       string
	Host         Host
	Maker        Maker
	Repositories Repositories
	Heads        Heads
	Moves        Moves
	Events       Appender

	// Allowed tells whether a repository may trigger; nil: all may.
	Allowed func(event.Repo) bool
	// Admit may give an event a Reason not to be dispatched; nil: none.
	Admit func(event.Event) event.Event
	// Turns keeps agents that share a store from doing the same; nil: there is one.
	Turns Turns
	// Holder names this process among them; empty: a random name.
	Holder string

	// Every is how often repositories are looked at.
	Every time.Duration
	// Grace is how long a delivery may still come. It should be longer than the
	// interval at which missed deliveries are recovered.
	Grace time.Duration
	// MaxAge is the longest time without a look after which moves are repaired.
	MaxAge time.Duration

	// Clock is time.Now if nil.
	Clock func() time.Time
	// Pause waits and tells whether it was not cut short; nil: with a timer.
	Pause func(ctx context.Context, d time.Duration) bool
	Log   zerolog.Logger
}

// Reconciler makes events of what moved without one. Start and Stop run it; a
// Round can also be made by itself. It is safe for concurrent use, one round at a
// time.
type Reconciler struct {
	Config
	busy sync.Mutex
	// looked: this process has made a round. The first one asks for what was refused
	// to the former process, too: the credential may be another one.
	looked bool

	mu    sync.Mutex
	end   context.CancelCauseFunc
	ended chan struct{}
}

// New makes a reconciler; it does nothing before Start.
func New(c Config) (*Reconciler, error) {
	if c.Vendor == "" || c.Host == nil || c.Maker == nil || c.Repositories == nil || c.Heads == nil || c.Moves == nil || c.Events == nil {
		return nil, errors.New("refs: vendor, host, maker, repositories, heads, moves and events are required")
	}
	if c.Holder == "" {
		c.Holder = rand.Text()
	}
	if c.Every <= 0 {
		c.Every = DefaultEvery
	}
	if c.Grace <= 0 {
		c.Grace = DefaultGrace
	}
	if c.MaxAge <= 0 {
		c.MaxAge = DefaultMaxAge
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Pause == nil {
		c.Pause = pause
	}
	return &Reconciler{Config: c}, nil
}

var (
	errStopped = errors.New("reconciliation was stopped")
	errTooLong = errors.New("the round took too long")
)

// Start begins to look, at once and then again and again. It does not block, and
// what it starts is ended by Stop, not by ctx. Starting twice is an error.
func (r *Reconciler) Start(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.end != nil {
		return errors.New("refs: started already")
	}
	ctx, r.end = context.WithCancelCause(context.WithoutCancel(ctx))
	r.ended = make(chan struct{})
	go r.run(ctx, r.ended)
	return nil
}

// Stop ends the round that is under way, and waits for that until ctx ends.
// Stopping twice, or before Start, is harmless.
func (r *Reconciler) Stop(ctx context.Context) error {
	r.mu.Lock()
	end, ended := r.end, r.ended
	r.mu.Unlock()
	if end == nil {
		return nil
	}
	end(errStopped)
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *Reconciler) run(ctx context.Context, ended chan<- struct{}) {
	defer close(ended)
	for {
		next := r.turn(ctx)
		if !r.Pause(ctx, next) {
			return
		}
	}
}

// pause waits, and tells whether it was not cut short.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
