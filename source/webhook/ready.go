package webhook

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// Prober tells how the agent is.
type Prober interface {
	// Ready looks, within ctx. What it says reaches everybody who reaches the
	// listener: no paths, no addresses, no names of repositories.
	Ready(ctx context.Context) Readiness
}

// ReadyFunc is a function that is a [Prober].
type ReadyFunc func(context.Context) Readiness

// Ready calls the function.
func (f ReadyFunc) Ready(ctx context.Context) Readiness { return f(ctx) }

// Readiness is how the agent is. Only a store that can't be written makes it
// unready: it could accept nothing. Without an engine, or with a code host that
// is down, it still takes events and keeps them.
type Readiness struct {
	Store  StoreState  `json:"store"`
	Engine EngineState `json:"engine"`
	// Untrusted is the engine for commits of forks; absent if they have none of
	// their own.
	Untrusted *EngineState `json:"untrusted_engine,omitempty"`
	Outbox    OutboxState  `json:"outbox"`
}

// StoreState is how the store is.
type StoreState struct {
	// Writable: something was just written and is on disk.
	Writable bool `json:"writable"`
	// Problem says why not, in one sentence.
	Problem string `json:"problem,omitempty"`
	// Queued, Waiting and Running count runs that are not final.
	Queued  int `json:"queued"`
	Waiting int `json:"waiting"`
	Running int `json:"running"`
	// WALBytes is the size of the write-ahead log, FreeBytes the free disk space
	// (-1: not known).
	WALBytes  int64 `json:"wal_bytes"`
	FreeBytes int64 `json:"free_bytes"`
}

// EngineState is how the engine is.
type EngineState struct {
	Reachable bool `json:"reachable"`
	// Problem says why not, in one sentence.
	Problem string `json:"problem,omitempty"`
}

// OutboxState is how reporting goes.
type OutboxState struct {
	// Waiting counts reports that are to be sent, Dead those that were given up.
	Waiting int `json:"waiting"`
	Dead    int `json:"dead"`
	// Failing counts repositories that can't be reported to now.
	Failing int `json:"failing"`
	// LimitedUntil is until when the code host takes nothing.
	LimitedUntil time.Time `json:"limited_until,omitzero"`
}

const (
	// readyTime is how long looking may take.
	readyTime = 2 * time.Second
	// readyFor is how long an answer holds: looking writes to the disk, and
	// strangers can ask.
	readyFor = time.Second
)

// errReadyTime is the cause of a look that took too long.
var errReadyTime = errors.New("readiness took too long")

// readyCache keeps one answer.
type readyCache struct {
	mu    sync.Mutex
	until time.Time
	last  Readiness
}

// serveReady answers 200 if and only if the store is writable.
func (h *Handler) serveReady(w http.ResponseWriter, r *http.Request) {
	state := h.readiness(r.Context())
	code := http.StatusOK
	if !state.Store.Writable {
		code = http.StatusServiceUnavailable
	}
	answer(w, code, struct {
		Ready bool `json:"ready"`
		Readiness
	}{state.Store.Writable, state})
}

// readiness looks, at most once a second; who asks meanwhile waits for that look.
func (h *Handler) readiness(ctx context.Context) Readiness {
	c := &h.ready
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := h.Clock(); !now.Before(c.until) {
		// Not the request's: another one may be waiting for the same look.
		ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), readyTime, errReadyTime)
		defer cancel()
		c.last = h.Ready.Ready(ctx)
		c.until = h.Clock().Add(readyFor)
	}
	return c.last
}
