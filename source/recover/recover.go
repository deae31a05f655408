package recover

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
)

// Host is the code host's record of its webhooks' deliveries. An error that wraps
// run.ErrRefused is final until somebody changes something, a *run.RetryAfter
// says that no more may be asked for a while; any other may be gone the next time.
type Host interface {
	// Deliveries gives a page of a hook's deliveries, the newest first, and where
	// the next page begins; empty: nowhere.
	Deliveries(ctx context.Context, h event.KnownHook, cursor string) (page []event.Delivery, next string, err error)
	// Delivery gives what an attempt delivered and what was answered.
	Delivery(ctx context.Context, h event.KnownHook, attempt int64) (headers http.Header, payload, answer []byte, err error)
}

// Parser makes an event of a delivery that was read back. Errors wrap
// event.ErrMalformed or event.ErrUnsigned.
type Parser interface {
	Recovered(h event.KnownHook, headers http.Header, payload []byte) (event.Event, error)
}

// Finder finds webhooks that the operator named.
type Finder interface {
	FindHooks(ctx context.Context, of string, id int64, address string) ([]event.KnownHook, error)
}

// Hooks keeps which webhooks there are and how far they have been read.
type Hooks interface {
	// Hooks gives them, the one that was tried longest ago first.
	Hooks(ctx context.Context, vendor string) ([]event.KnownHook, error)
	// NoteDeliveries keeps a hook as it now stands and what was found of it, in
	// one transaction.
	NoteDeliveries(ctx context.Context, h event.KnownHook, receptions []event.Reception) error
}

// Gaps are the events that did not reach us.
type Gaps interface {
	// Missing gives those that were first attempted at since or later, in the
	// order of their first attempts.
	Missing(ctx context.Context, vendor string, since time.Time) ([]event.Reception, error)
	// SettleDelivery says what became of one, for all hooks.
	SettleDelivery(ctx context.Context, vendor, guid string, state event.ReceptionState, reason string) error
}

// Events are what is stored.
type Events interface {
	// Append returns once the event is on disk.
	Append(ctx context.Context, e event.Event) (event.Receipt, error)
	// Known says which of these ids are known, and how their events came.
	Known(ctx context.Context, ids []string) (map[string]event.Provenance, error)
}

// Summary sums the ledger up.
type Summary interface {
	Coverage(ctx context.Context, since time.Time) (event.Coverage, error)
}

// Turns makes one agent of many do what is done once for all.
type Turns interface {
	Turn(ctx context.Context, name, holder string, span time.Duration) (bool, error)
}

// What holds where Config says nothing.
const (
	// DefaultEvery is how often hooks are read.
	DefaultEvery = 5 * time.Minute
	// DefaultWindow is how long GitHub keeps deliveries.
	DefaultWindow = 72 * time.Hour
	// DefaultShare is a quarter of GitHub's 5,000 requests an hour.
	DefaultShare = 1250
)

// Config is what a sweeper works with. Vendor, Host, Parser, Hooks, Gaps, Events
// and Summary are required.
type Config struct {
	// Vendor is the code host's name in events: "github".
	Vendor  string
	Host    Host
	Parser  Parser
	Hooks   Hooks
	Gaps    Gaps
	Events  Events
	Summary Summary

	// Named are webhooks to read even if nothing came through them yet; Finder
	// finds them.
	Named  []Named
	Finder Finder
	// Admit may give an event a Reason not to be dispatched; nil: none.
	Admit func(event.Event) event.Event
	// Turns keeps agents that share a store from sweeping at the same time; nil:
	// there is one agent.
	Turns Turns
	// Holder names this process among them; empty: a random name.
	Holder string

	// Every is how often hooks are read at the most; more seldom when there are so
	// many that reading each once would cost more than Share requests an hour.
	Every time.Duration
	Share int
	// Window is how long the code host keeps deliveries.
	Window time.Duration
	// MaxAge is how old a missing event may be to be taken in; 0: Window.
	MaxAge time.Duration

	// Clock is time.Now if nil.
	Clock func() time.Time
	// Pause waits and tells whether it was not cut short; nil: with a timer.
	Pause func(ctx context.Context, d time.Duration) bool
	Log   zerolog.Logger
}

// Sweeper recovers missed deliveries. Start and Stop run it; a Sweep can also be
// made by itself. It is safe for concurrent use, one sweep at a time.
type Sweeper struct {
	Config
	busy sync.Mutex
	// swept: this process has made a sweep. The first one asks for what was refused
	// to the former process, too: the credential may be another one.
	swept bool

	mu sync.Mutex
	// named are those of Config.Named that were not found yet, with the reason.
	named []unfound
	// later is when what could not be fetched is asked for again, by GUID.
	later map[string]time.Time
	end   context.CancelCauseFunc
	ended chan struct{}
}

// New makes a sweeper; it does nothing before Start.
func New(c Config) (*Sweeper, error) {
	if c.Vendor == "" || c.Host == nil || c.Parser == nil || c.Hooks == nil || c.Gaps == nil || c.Events == nil || c.Summary == nil {
		return nil, errors.New("recover: vendor, host, parser, hooks, gaps, events and summary are required")
	}
	if len(c.Named) > 0 && c.Finder == nil {
		return nil, errors.New("recover: webhooks are named, and nobody can find them")
	}
	if c.Holder == "" {
		c.Holder = rand.Text()
	}
	if c.Every <= 0 {
		c.Every = DefaultEvery
	}
	if c.Share <= 0 {
		c.Share = DefaultShare
	}
	if c.Window <= 0 {
		c.Window = DefaultWindow
	}
	if c.MaxAge <= 0 || c.MaxAge > c.Window {
		c.MaxAge = c.Window
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Pause == nil {
		c.Pause = pause
	}
	s := &Sweeper{Config: c, later: map[string]time.Time{}}
	for _, n := range c.Named {
		s.named = append(s.named, unfound{Named: n})
	}
	return s, nil
}

var (
	errStopped = errors.New("recovery was stopped")
	errTooLong = errors.New("the sweep took too long")
)

// Start begins to sweep, at once and then again and again. It does not block, and
// what it starts is ended by Stop, not by ctx. Starting twice is an error.
func (s *Sweeper) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != nil {
		return errors.New("recover: started already")
	}
	ctx, s.end = context.WithCancelCause(context.WithoutCancel(ctx))
	s.ended = make(chan struct{})
	go s.run(ctx, s.ended)
	return nil
}

// Stop ends the sweep that is under way, and waits for that until ctx ends.
// Stopping twice, or before Start, is harmless.
func (s *Sweeper) Stop(ctx context.Context) error {
	s.mu.Lock()
	end, ended := s.end, s.ended
	s.mu.Unlock()
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

func (s *Sweeper) run(ctx context.Context, ended chan<- struct{}) {
	defer close(ended)
	for {
		next := s.turn(ctx)
		if !s.Pause(ctx, next) {
			return
		}
	}
}

// Coverage says which events of the window reached us.
func (s *Sweeper) Coverage(ctx context.Context) (event.Coverage, error) {
	now := s.Clock().UTC()
	c, err := s.Summary.Coverage(ctx, now.Add(-s.Window))
	if err != nil {
		return event.Coverage{}, err
	}
	missing, err := s.Gaps.Missing(ctx, s.Vendor, now.Add(-s.MaxAge))
	if err != nil {
		return event.Coverage{}, err
	}
	guids := map[string]bool{}
	for _, r := range missing {
		guids[r.GUID] = true
	}
	c.Pending = min(len(guids), c.Gaps) // what came meanwhile is no gap, and settled by the next sweep
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.named {
		if n.problem != "" {
			c.Hooks = append(c.Hooks, event.HookCoverage{
				Vendor: s.Vendor, Hook: event.Hook{ID: n.ID}, Of: n.Of, Problem: n.problem, Hint: n.hint,
			})
		}
	}
	return c, nil
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
