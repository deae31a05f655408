package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/franela/pocketci/event"
)

const (
	// indexBatch is how many events are gone over in one transaction.
	indexBatch = 500
	// indexTail is how many events may be newer than the index before a reader
	// has it brought up to date; up to then it reads them itself.
	indexTail = 64
	// movesMost is how many moves of a ref are given: who asks wants to know what
	// is newer than one of them.
	movesMost = 128
)

// index goes over the events that were accepted since it was called last, until
// none is left: moves, hooks and repositories are kept apart, so that accepting
// an event costs nothing for them.
func (s *Store) index(ctx context.Context) error {
	for {
		var more bool
		err := s.do(ctx, false, func(ctx context.Context, t tx) (err error) {
			more, err = t.index(ctx)
			return err
		})
		if err != nil || !more {
			return err
		}
	}
}

// indexed is the sequence of the last event that was gone over.
func (t tx) indexed(ctx context.Context, lock string) (seq int64, err error) {
	found, err := t.one(ctx, []any{&seq}, "SELECT value FROM counters WHERE name = 'indexed'"+lock)
	if err == nil && !found {
		err = fmt.Errorf("no counter indexed")
	}
	return seq, err
}

// accepted is an event, by what the index needs.
type accepted struct {
	seq   int64
	event event.Event
}

// since gives events that were accepted after seq, in order, without payloads.
// One that can't be read is passed over: last is the sequence of the last one.
func (t tx) since(ctx context.Context, seq int64, where string, args ...any) (list []accepted, last int64, err error) {
	last = seq
	err = t.each(ctx, func(scan func(...any) error) error {
		var a accepted
		var data string
		if err := scan(&a.seq, &data); err != nil {
			return err
		}
		last = a.seq
		if decode([]byte(data), &a.event) == nil {
			list = append(list, a)
		}
		return nil
	}, "SELECT seq, data FROM events WHERE seq > ?"+where, append([]any{seq}, args...)...)
	return list, last, err
}

// index goes over the next events; more tells that there may be others.
func (t tx) index(ctx context.Context) (more bool, err error) {
	from, err := t.indexed(ctx, t.s.d.lock)
	if err != nil {
		return false, err
	}
	list, last, err := t.since(ctx, from, " ORDER BY seq LIMIT ?", indexBatch)
	if err != nil || last == from {
		return false, err
	}
	if err := t.indexMoves(ctx, list); err != nil {
		return false, err
	}
	if err := t.indexSources(ctx, list); err != nil {
		return false, err
	}
	_, err = t.exec(ctx, "UPDATE counters SET value = ? WHERE name = 'indexed'", last)
	return last-from >= indexBatch, err
}

func (t tx) indexMoves(ctx context.Context, list []accepted) error {
	var rows [][]any
	for _, a := range list {
		m, ok := event.MoveOf(a.event)
		if !ok {
			continue
		}
		rows = append(rows, []any{
			a.seq, text(a.event.Vendor), a.event.Repo.ID, text(m.Ref), m.EventID, text(m.Name), text(m.Action),
			text(m.Before), text(m.SHA), text(m.Provenance), number(m.Found), nanos(a.event.ReceivedAt),
		})
	}
	return t.insert(ctx, `INSERT INTO moves (seq, vendor, repo_id, ref, event_id, name, action,
		before_sha, sha, provenance, found, at)`, rows, " ON CONFLICT DO NOTHING", nil)
}

// indexSources keeps through which hooks and of which repositories events came.
func (t tx) indexSources(ctx context.Context, list []accepted) error {
	type key struct {
		vendor string
		id     int64
	}
	hooks, since, repos := map[key]event.Event{}, map[key]time.Time{}, map[key]event.Event{}
	for _, a := range list {
		e := a.event
		if h := (key{e.Vendor, e.Hook.ID}); e.Hook.ID != 0 {
			if _, ok := hooks[h]; !ok {
				since[h] = e.ReceivedAt
			}
			hooks[h] = e
		}
		if e.Repo.ID != 0 && e.Provenance != event.Local {
			repos[key{e.Vendor, e.Repo.ID}] = e
		}
	}
	for k, e := range hooks {
		repo, err := encode(e.Repo)
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, `INSERT INTO hooks (vendor, id, target_type, target_id, repo, since) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (vendor, id) DO UPDATE SET target_type = excluded.target_type, target_id = excluded.target_id, repo = excluded.repo`,
			text(k.vendor), k.id, text(e.Hook.TargetType), e.Hook.TargetID, repo, nanos(since[k])); err != nil {
			return err
		}
	}
	for k, e := range repos {
		repo, err := encode(e.Repo)
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, `INSERT INTO known_repositories (vendor, id, repo, seen) VALUES (?, ?, ?, ?)
			ON CONFLICT (vendor, id) DO UPDATE SET repo = excluded.repo, seen = excluded.seen`,
			text(k.vendor), k.id, repo, nanos(e.ReceivedAt)); err != nil {
			return err
		}
	}
	return nil
}

// Moves gives the moves of a ref that were accepted, at least the 128 newest, in
// that order, the newest at the end. It costs one look at an index and at the few
// events that are newer than that.
func (s *Store) Moves(ctx context.Context, vendor string, repoID int64, ref string) ([]event.Move, error) {
	moves, err := s.moves(ctx, vendor, repoID, ref)
	if err != nil {
		return nil, fmt.Errorf("list moves of %s in repository %d: %w", ref, repoID, err)
	}
	return moves, nil
}

func (s *Store) moves(ctx context.Context, vendor string, repoID int64, ref string) (moves []event.Move, err error) {
	if err := s.indexTail(ctx); err != nil {
		return nil, err
	}
	err = s.view(ctx, func(ctx context.Context, t tx) (err error) {
		moves, err = t.moves(ctx, vendor, repoID, ref)
		return err
	})
	return moves, err
}

// indexTail brings the index up to date if much is missing.
func (s *Store) indexTail(ctx context.Context) error {
	var behind int64
	err := s.view(ctx, func(ctx context.Context, t tx) error {
		from, err := t.indexed(ctx, "")
		if err != nil {
			return err
		}
		_, err = t.one(ctx, []any{&behind}, "SELECT value FROM counters WHERE name = 'seq'")
		behind -= from
		return err
	})
	if err != nil || behind <= indexTail {
		return err
	}
	return s.index(ctx)
}

// moves gives a ref's moves from the index and from the events that are newer.
func (t tx) moves(ctx context.Context, vendor string, repoID int64, ref string) ([]event.Move, error) {
	var moves []event.Move
	err := t.each(ctx, func(scan func(...any) error) error {
		var m event.Move
		var provenance string
		var found int64
		err := scan(&m.Seq, &m.EventID, &m.Name, &m.Action, &m.Ref, &m.Before, &m.SHA, &provenance, &found)
		m.Provenance, m.Found = event.Provenance(provenance), found != 0
		moves = append(moves, m)
		return err
	}, `SELECT seq, event_id, name, action, ref, before_sha, sha, provenance, found FROM moves
		WHERE repo_id = ? AND ref = ? AND vendor = ? ORDER BY seq DESC LIMIT ?`, repoID, text(ref), text(vendor), movesMost)
	if err != nil {
		return nil, err
	}
	slices.Reverse(moves)
	from, err := t.indexed(ctx, "")
	if err != nil {
		return nil, err
	}
	rest, _, err := t.since(ctx, from, " AND repo_id = ? ORDER BY seq", repoID)
	for _, a := range rest {
		if m, ok := event.MoveOf(a.event); ok && m.Ref == ref && a.event.Vendor == vendor {
			m.Seq = a.seq
			moves = append(moves, m)
		}
	}
	return moves, err
}
