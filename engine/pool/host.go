package pool

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/franela/pocketci/run"
)

// host is one engine, with what goes on there and how it fares.
type host[H Host] struct {
	name   string
	engine H
	cfg    Config

	mu              sync.Mutex
	sessions, calls int
	// rests until alone; pauses gives how long after the next failure.
	alone  time.Time
	pauses *backoff.ExponentialBackOff
}

func newHost[H Host](n Named[H], c Config) *host[H] {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = c.Rest, c.RestMost
	pauses.Multiplier, pauses.RandomizationFactor = 2, 0.2
	return &host[H]{name: n.Name, engine: n.Host, cfg: c, pauses: pauses}
}

// fails leaves the host alone for a while. What was begun before and fails while
// it is left alone is the same failure.
func (h *host[H]) fails(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.cfg.Clock()
	if now.Before(h.alone) {
		return
	}
	pause := h.pauses.NextBackOff()
	h.alone = now.Add(pause)
	h.cfg.Log.Warn().Err(err).Str("engine", h.name).Dur("for", pause).Msg("the engine is left alone")
}

// works ends a host's time alone.
func (h *host[H]) works() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.alone.IsZero() {
		return
	}
	h.alone = time.Time{}
	h.pauses.Reset()
	h.cfg.Log.Info().Str("engine", h.name).Msg("the engine is used again")
}

// enter and leave count a session.
func (h *host[H]) enter() { h.count(1, 0) }

func (h *host[H]) leave() { h.count(-1, 0) }

func (h *host[H]) count(sessions, calls int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sessions += sessions
	h.calls += calls
}

// standing is how a host is at one moment.
type standing struct {
	sessions int
	busy     bool
	// alone is until when it is left alone; zero: it is not.
	alone time.Time
}

func (h *host[H]) standing(now time.Time) standing {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := standing{sessions: h.sessions}
	s.busy = h.cfg.Sessions > 0 && h.sessions >= h.cfg.Sessions || h.cfg.Calls > 0 && h.calls >= h.cfg.Calls
	if now.Before(h.alone) {
		s.alone = h.alone
	}
	return s
}

// counted is a session that counts for its host until it is closed.
type counted[H Host] struct {
	Session
	host   *host[H]
	closed sync.Once
}

// Call makes a call. An engine that goes away meanwhile is left alone.
func (c *counted[H]) Call(ctx context.Context, call run.Call) (run.Result, error) {
	c.host.count(0, 1)
	defer c.host.count(0, -1)
	r, err := c.Session.Call(ctx, call)
	if errors.Is(err, run.ErrEngineLost) && ctx.Err() == nil {
		c.host.fails(err)
	}
	return r, err
}

// Close ends the session.
func (c *counted[H]) Close() error {
	defer c.closed.Do(c.host.leave)
	return c.Session.Close()
}
