package store

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/franela/pocketci/run"
)

// Health tells how the store is.
type Health struct {
	// Writable: a row was just written and is on disk. Otherwise Problem says why
	// not, for the log: it may name files and hosts.
	Writable bool
	Problem  string
	// WALBytes is the size of SQLite's write-ahead log; 0 on PostgreSQL.
	WALBytes int64
	// FreeBytes is the free disk space where SQLite's file is; -1: not known.
	FreeBytes int64
	// Queued, Waiting and Running count runs that are not final.
	Queued, Waiting, Running int
	// OutboxWaiting counts reports that are to be sent, OutboxDead those given up.
	OutboxWaiting, OutboxDead int
}

// Health writes a row and counts what waits. An error means that the counts are
// not known; whether the store is writable is told in any case.
func (s *Store) Health(ctx context.Context) (Health, error) {
	h := Health{Writable: true, FreeBytes: -1}
	if err := s.probe(ctx); err != nil {
		h.Writable, h.Problem = false, err.Error()
	}
	if s.file != "" {
		if info, err := os.Stat(s.file + "-wal"); err == nil {
			h.WALBytes = info.Size()
		}
		if free, err := s.free(); err == nil {
			h.FreeBytes = free
		}
	}
	err := s.view(ctx, func(ctx context.Context, t tx) error {
		return errors.Join(t.countRuns(ctx, &h), t.countReports(ctx, &h))
	})
	if err != nil {
		return h, fmt.Errorf("count what waits: %w", err)
	}
	return h, nil
}

// probe does what an append does: it is refused, fails and blocks like one, and
// it gives up with ctx.
func (s *Store) probe(ctx context.Context) error {
	if err := s.room(); err != nil {
		return err
	}
	o := &op{fn: func(ctx context.Context, t tx) error {
		_, err := t.count(ctx, "health", 1)
		return err
	}}
	if err := s.writer.hand(ctx, o); err != nil {
		return err
	}
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t tx) countRuns(ctx context.Context, h *Health) error {
	return t.each(ctx, func(scan func(...any) error) error {
		var state string
		var n int
		if err := scan(&state, &n); err != nil {
			return err
		}
		switch run.State(state) {
		case run.Queued:
			h.Queued = n
		case run.Waiting:
			h.Waiting = n
		case run.Running:
			h.Running = n
		}
		return nil
	}, "SELECT state, COUNT(*) FROM runs WHERE due IS NOT NULL GROUP BY state")
}

func (t tx) countReports(ctx context.Context, h *Health) error {
	if _, err := t.one(ctx, []any{&h.OutboxWaiting}, "SELECT COUNT(*) FROM reports WHERE "+due); err != nil {
		return err
	}
	_, err := t.one(ctx, []any{&h.OutboxDead}, "SELECT COUNT(*) FROM reports WHERE dead <> ''")
	return err
}
