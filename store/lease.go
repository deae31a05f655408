package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Lease waits for work and takes it: the oldest run that is due of the next
// repository in turn, so that a busy repository delays no other. The run is
// then Running, has begun, and nobody else gets it before the lease and the
// grace after it are over. Its event carries the payload, its calls no output.
//
// Work.Tries is counted before the work: who gives the run back takes it off
// again, so that only holders that died with it, or stood still, stay counted. The
// count begins anew when the run gets further than ever: its decisions, or the
// result of a call.
//
// Until is by the clock of the configuration and never later than the
// database's own idea of it. Lease returns when ctx ends, with its cause.
func (s *Store) Lease(ctx context.Context) (run.Work, error) {
	select {
	case s.leasers <- struct{}{}:
		defer func() { <-s.leasers }()
	case <-ctx.Done():
		return run.Work{}, fmt.Errorf("lease: %w", context.Cause(ctx))
	}
	return s.await(ctx, s.work, "")
}

// LeaseUrgent is Lease for runs of events that may hold a command
// ([run.MayCommand]): each is handed out by it once, if nobody had it before, and
// by Lease like all others.
func (s *Store) LeaseUrgent(ctx context.Context) (run.Work, error) {
	return s.await(ctx, s.urgent, " AND urgent = 1")
}

// await waits for work that a condition selects. Whoever hears that there is some
// looks, and lets the next one look.
func (s *Store) await(ctx context.Context, heard signal, where string) (run.Work, error) {
	poll := time.NewTicker(s.cfg.Poll)
	defer poll.Stop()
	for {
		work, found, err := s.take(ctx, where)
		if err != nil {
			return run.Work{}, fmt.Errorf("lease: %w", err)
		}
		if found {
			heard.set()
			return work, nil
		}
		select {
		case <-heard:
		case <-poll.C:
		case <-s.closing:
			return run.Work{}, fmt.Errorf("lease: %w", ErrClosed)
		case <-ctx.Done():
			return run.Work{}, fmt.Errorf("lease: %w", context.Cause(ctx))
		}
	}
}

// taken is what became of a look for work.
type taken struct {
	seq, repo, fence, tries int64
	id, cancel              string
	found                   bool
	// more: runs were parked, and others may be due.
	more bool
}

// take leases the next run that is due, if there is one, and loads it. A run
// that can't be read is ended, so that it stops nobody.
func (s *Store) take(ctx context.Context, where string) (run.Work, bool, error) {
	until := s.cfg.Clock().Add(s.cfg.LeaseFor)
	var got taken
	err := s.do(ctx, false, func(ctx context.Context, t tx) (err error) {
		got, err = s.pick(ctx, t, where)
		return err
	})
	if err == nil && got.more {
		s.work.set()
	}
	if err != nil || !got.found {
		return run.Work{}, false, err
	}
	if where == "" {
		s.turn.Store(got.repo)
	}
	s.watch.tell()
	lease := run.Lease{EventID: got.id, Owner: s.cfg.Owner, Fence: got.fence, Until: until}
	r, err := s.loadWork(ctx, got.seq)
	switch {
	case ctx.Err() != nil:
		return run.Work{}, false, errors.Join(context.Cause(ctx), s.giveBack(ctx, lease))
	case errors.Is(err, errUnreadable):
		s.cfg.Log.Error().Err(err).Str("event_id", got.id).Msg("what is stored of an event can't be read; its run is ended")
		s.work.set()
		return run.Work{}, false, s.bury(ctx, lease)
	case err != nil:
		return run.Work{}, false, errors.Join(err, s.giveBack(ctx, lease))
	}
	return run.Work{Lease: lease, Run: r, Tries: int(got.tries), Cancel: got.cancel}, true, nil
}

// pick finds and marks the run that is next. Those whose group says that another
// comes first are parked on the way.
func (s *Store) pick(ctx context.Context, t tx, where string) (taken, error) {
	now, err := t.now(ctx)
	if err != nil {
		return taken{}, err
	}
	for range parkMost {
		m, found, err := s.candidate(ctx, t, now, where)
		if err != nil || !found {
			return taken{}, err
		}
		if m.state != string(run.Waiting) { // Its holder is gone, and holds nothing.
			if err := t.freeSlots(ctx, m); err != nil {
				return taken{}, err
			}
		}
		parked, err := t.parked(ctx, m)
		if err != nil {
			return taken{}, err
		}
		if !parked {
			return s.mark(ctx, t, m, now)
		}
	}
	return taken{more: true}, nil
}

// candidate gives the oldest run that is due of the next repository in turn.
func (s *Store) candidate(ctx context.Context, t tx, now int64, where string) (m member, found bool, err error) {
	for _, after := range []int64{s.turn.Load(), before} {
		found, err = t.one(ctx, m.dest(), "SELECT "+memberColumns+` FROM runs
			WHERE due IS NOT NULL AND due <= ? AND repo_id > ?`+where+` ORDER BY repo_id, seq LIMIT 1`+s.d.lockFree, now, after)
		if err != nil || found {
			break
		}
	}
	return m, found, err
}

// mark leases the run.
func (s *Store) mark(ctx context.Context, t tx, m member, now int64) (taken, error) {
	got := taken{seq: m.seq, repo: m.repo, cancel: m.cancel, found: true}
	until := now + int64(s.cfg.LeaseFor)
	_, err := t.one(ctx, []any{&got.fence, &got.tries}, `UPDATE runs SET state = ?, waits = '', woken = 0, version = version + 1, look = 0,
			fence = fence + 1, tries = tries + 1, lease_owner = ?, lease_until = ?, due = ?,
			begun = CASE WHEN begun = 0 THEN ? ELSE begun END,
			aside = 0, urgent = 0, place = CASE WHEN place = 2 THEN 2 ELSE 0 END
		WHERE seq = ? RETURNING fence, tries`,
		string(run.Running), text(s.cfg.Owner), until, until+int64(s.cfg.Grace), nanos(s.cfg.Clock()), got.seq)
	if err != nil {
		return taken{}, err
	}
	_, err = t.one(ctx, []any{&got.id}, "SELECT id FROM events WHERE seq = ?", got.seq)
	return got, err
}

// held is the condition that the lease is still the run's.
const held = " seq = (SELECT seq FROM events WHERE id = ?) AND fence = ? AND state = 'running'"

// Renew extends a lease from now on. Its error wraps [ErrLeaseLost] if the run
// was given to somebody else, or ended.
func (s *Store) Renew(ctx context.Context, l run.Lease) (run.Lease, error) {
	until := s.cfg.Clock().Add(s.cfg.LeaseFor)
	err := s.do(ctx, false, func(ctx context.Context, t tx) error {
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		end := now + int64(s.cfg.LeaseFor)
		n, err := t.exec(ctx, "UPDATE runs SET lease_until = ?, due = ? WHERE"+held, end, end+int64(s.cfg.Grace), l.EventID, l.Fence)
		if err == nil && n == 0 {
			err = ErrLeaseLost
		}
		return err
	})
	if err != nil {
		return l, fmt.Errorf("renew %s: %w", l.EventID, err)
	}
	l.Until = until
	return l, nil
}

// giveBack undoes a lease that nobody is there to use.
func (s *Store) giveBack(ctx context.Context, l run.Lease) error {
	return s.Advance(context.WithoutCancel(ctx), l, run.Progress{State: run.Queued})
}

// bury ends a run that can't be worked on.
func (s *Store) bury(ctx context.Context, l run.Lease) error {
	ctx = context.WithoutCancel(ctx)
	err := s.Advance(ctx, l, run.Progress{
		State:   run.Done,
		Outcome: run.Errored,
		Problem: &run.Problem{
			Public: "what is stored of this event can't be read",
			Hint:   "look at the agent's log; redeliver the event to try again",
		},
	})
	var stopped *run.Stopped
	if errors.As(err, &stopped) {
		return s.Advance(ctx, l, run.Progress{State: run.Done, Outcome: run.Cancelled, Note: stopped.Why})
	}
	return err
}

// Wake makes the waiting runs of a repository due now, but for those that wait
// for other runs only. One that is being worked on is due at once should it want
// to wait: what it waits for may have come while it looked.
func (s *Store) Wake(ctx context.Context, repoID int64) error {
	err := s.do(ctx, false, func(ctx context.Context, t tx) error {
		if _, err := t.exec(ctx, "UPDATE runs SET due = ? WHERE due IS NOT NULL AND repo_id = ? AND state = ? AND place <> 1 AND slots = 0",
			dueNow, repoID, string(run.Waiting)); err != nil {
			return err
		}
		if _, err := t.exec(ctx, "UPDATE runs SET woken = 1 WHERE due IS NOT NULL AND repo_id = ? AND state = ?",
			repoID, string(run.Running)); err != nil {
			return err
		}
		return s.d.announce(ctx, t)
	})
	if err != nil {
		return fmt.Errorf("wake repository %d: %w", repoID, err)
	}
	s.work.set()
	return nil
}

// Holder gives the numeric id that had the repository's owner and name first;
// at first sight that is the repository's own. Letters' case does not count.
func (s *Store) Holder(ctx context.Context, repo event.Repo, vendor string) (int64, error) {
	const query = "SELECT id FROM repositories WHERE vendor = ? AND name = ?"
	vendor, name := text(vendor), text(fold(repo.FullName()))
	var id int64
	found, err := tx{s.read, s}.one(ctx, []any{&id}, query, vendor, name)
	if err == nil && !found {
		err = s.do(ctx, false, func(ctx context.Context, t tx) error {
			if _, err := t.exec(ctx, "INSERT INTO repositories (vendor, name, id, since) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
				vendor, name, repo.ID, nanos(s.cfg.Clock())); err != nil {
				return err
			}
			_, err := t.one(ctx, []any{&id}, query, vendor, name)
			return err
		})
	}
	if err != nil {
		return 0, fmt.Errorf("holder of %s: %w", repo.FullName(), err)
	}
	return id, nil
}

// AcceptRepository is the operator's word that a name now belongs to this id.
// What waits for it is looked at again after [Store.Wake].
func (s *Store) AcceptRepository(ctx context.Context, vendor, fullName string, id int64) error {
	err := s.do(ctx, false, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `INSERT INTO repositories (vendor, name, id, since) VALUES (?, ?, ?, ?)
			ON CONFLICT (vendor, name) DO UPDATE SET id = excluded.id, since = excluded.since`,
			text(vendor), text(fold(fullName)), id, nanos(s.cfg.Clock()))
		return err
	})
	if err != nil {
		return fmt.Errorf("accept %s: %w", fullName, err)
	}
	return nil
}
