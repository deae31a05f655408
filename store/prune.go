package store

import (
	"context"
	"fmt"
	"time"
)

// KeysFor is how long events are known again if the policy says nothing else.
const KeysFor = 400 * 24 * time.Hour

// Policy says how long things are kept. Payloads, Outputs and Runs are counted
// from a run's end, and are kept for ever if zero; runs that are not final keep
// theirs. Runs takes the event, its decisions, calls and sent reports along. Keys
// are counted from an event's acceptance; zero is [KeysFor]. They outlive their
// event in any case.
type Policy struct{ Payloads, Outputs, Runs, Keys time.Duration }

// Pruned counts the rows that were deleted.
type Pruned struct{ Payloads, Outputs, Runs, Keys int64 }

// pruneBatch is how many rows are deleted in one transaction, so that others
// don't wait long for theirs.
const pruneBatch = 200

// Prune deletes what the policy does not keep, in small steps, and gives the
// space back to the disk. Work goes on meanwhile. What was deleted before an
// error stays deleted and is counted.
func (s *Store) Prune(ctx context.Context, p Policy) (Pruned, error) {
	if p.Keys <= 0 {
		p.Keys = KeysFor
	}
	now := s.cfg.Clock()
	var done Pruned
	for _, part := range []struct {
		name  string
		keep  time.Duration
		count *int64
		prune func(ctx context.Context, until int64, count *int64) error
	}{
		{"payloads", p.Payloads, &done.Payloads, s.pruner("payloads")},
		{"outputs", p.Outputs, &done.Outputs, s.pruner("outputs")},
		{"runs", p.Runs, &done.Runs, s.pruneRuns},
		{"keys", p.Keys, &done.Keys, s.pruneKeys},
	} {
		if part.keep <= 0 {
			continue
		}
		if err := part.prune(ctx, nanos(now.Add(-part.keep)), part.count); err != nil {
			return done, fmt.Errorf("prune %s: %w", part.name, err)
		}
	}
	if done != (Pruned{}) {
		if err := s.vacuum(ctx); err != nil {
			return done, fmt.Errorf("give space back: %w", err)
		}
	}
	return done, nil
}

// pruner deletes from a table the rows of runs that ended long enough ago.
func (s *Store) pruner(table string) func(ctx context.Context, until int64, count *int64) error {
	return func(ctx context.Context, until int64, count *int64) error {
		query := "SELECT DISTINCT x.seq FROM " + table + " x JOIN runs r ON r.seq = x.seq WHERE x.seq > ? AND r.due IS NULL AND r.ended < ? ORDER BY x.seq LIMIT ?"
		return s.walk(ctx, query, until, func(in string, seqs []any) error {
			return s.delete(ctx, count, "DELETE FROM "+table+" WHERE seq IN "+in, seqs...)
		})
	}
}

// walk goes once through what a query finds that begins behind the last seq that it
// gave, and removes it, a batch at a time. It looks beside the writer.
func (s *Store) walk(ctx context.Context, query string, until int64, remove func(in string, seqs []any) error) error {
	for last := before; ; {
		var seqs []any
		err := s.reads().each(ctx, func(scan func(...any) error) error {
			err := scan(&last)
			seqs = append(seqs, last)
			return err
		}, query, last, until, pruneBatch)
		if err != nil || len(seqs) == 0 {
			return err
		}
		if err := remove(list(len(seqs)), seqs); err != nil {
			return err
		}
	}
}

// pruneKeys deletes keys that are old enough and whose event is gone. It looks for
// them beside the writer.
func (s *Store) pruneKeys(ctx context.Context, until int64, count *int64) error {
	for {
		var ids []any
		err := s.reads().each(ctx, func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			ids = append(ids, id)
			return err
		}, "SELECT id FROM seen WHERE at < ? AND NOT EXISTS (SELECT 1 FROM events WHERE events.id = seen.id) ORDER BY at LIMIT ?", until, pruneBatch)
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := s.delete(ctx, count, "DELETE FROM seen WHERE id IN "+list(len(ids)), ids...); err != nil {
			return err
		}
	}
}

// delete runs one statement and adds up what it deleted.
func (s *Store) delete(ctx context.Context, count *int64, query string, args ...any) error {
	var n int64
	err := s.do(ctx, false, func(ctx context.Context, t tx) (err error) {
		n, err = t.exec(ctx, query, args...)
		return err
	})
	if err == nil {
		*count += n
	}
	return err
}

// vacuum gives free pages back to the disk, step by step. PostgreSQL does so by
// itself.
func (s *Store) vacuum(ctx context.Context) error {
	for had := int64(-1); s.file != ""; {
		var left int64
		err := s.do(ctx, false, func(ctx context.Context, t tx) error {
			if _, err := t.exec(ctx, "PRAGMA incremental_vacuum(1000)"); err != nil {
				return err
			}
			_, err := t.one(ctx, []any{&left}, "PRAGMA freelist_count")
			return err
		})
		if err != nil || left == 0 || left == had {
			return err
		}
		had = left
	}
	return nil
}
