package web

import (
	"context"
	"time"

	"github.com/franela/pocketci/event"
)

// StatusSource tells how the agent is.
type StatusSource interface {
	Status(ctx context.Context) Status
}

// Status is how the agent is.
type Status struct {
	// Version is the agent's, StartedAt when it was started.
	Version   string    `json:"version"`
	StartedAt time.Time `json:"started_at"`

	Deliveries Deliveries `json:"deliveries"`
	Store      Store      `json:"store"`
	Engine     Engine     `json:"engine"`
	// Untrusted is the engine for commits of forks; absent if they have none of
	// their own.
	Untrusted *Engine `json:"untrusted_engine,omitempty"`
	Outbox    Outbox  `json:"outbox"`

	// Coverage says which of the events that code hosts emitted reached us; absent
	// if nothing is recovered.
	Coverage *event.Coverage `json:"coverage,omitempty"`
	// Covered is the same in one line.
	Covered string `json:"covered,omitempty"`
}

// Deliveries counts what became of the code hosts' requests since the start.
type Deliveries struct {
	// Accepted were stored to be dispatched, Recorded stored with a reason not to be.
	Accepted int64 `json:"accepted"`
	Recorded int64 `json:"recorded"`
	// Duplicate were known already.
	Duplicate int64 `json:"duplicate"`
	Ping      int64 `json:"ping"`
	// Refused counts by HTTP status code.
	Refused map[int]int64 `json:"refused"`
}

// Store is how the store is.
type Store struct {
	// Writable: something was just written and is on disk; else Problem says why not.
	Writable bool   `json:"writable"`
	Problem  string `json:"problem,omitempty"`
	// Queued, Waiting and Running count runs that are not final.
	Queued  int `json:"queued"`
	Waiting int `json:"waiting"`
	Running int `json:"running"`
	// WALBytes is the size of the write-ahead log, FreeBytes the free disk space
	// (-1: not known).
	WALBytes  int64 `json:"wal_bytes"`
	FreeBytes int64 `json:"free_bytes"`
}

// Engine is how the engine is.
type Engine struct {
	Reachable bool   `json:"reachable"`
	Problem   string `json:"problem,omitempty"`
}

// Outbox is how reporting goes.
type Outbox struct {
	// Waiting counts reports that are to be sent, Dead those that were given up.
	Waiting int `json:"waiting"`
	Dead    int `json:"dead"`
	// Failing counts repositories that can't be reported to now, LastError says
	// why the last report did not arrive.
	Failing   int    `json:"failing"`
	LastError string `json:"last_error,omitempty"`
	// LimitedUntil is until when the code host takes nothing.
	LimitedUntil time.Time `json:"limited_until,omitzero"`
}
