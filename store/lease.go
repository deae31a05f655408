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
	for {
		got, err := s.wait(ctx)
		if err != nil {
			return run.Work{}, fmt.Errorf("lease: %w", err)
		}
		work, found, err := s.load(ctx, got)
		if err != nil {
			return run.Work{}, fmt.Errorf("lease: %w", err)
		}
		if found {
			return work, nil
		}
	}
}

// LeaseUrgent is Lease for runs of events that may hold a command
// ([run.MayCommand]): each is handed out by it once, if nobody had it before, and
// by Lease like all others.
func (s *Store) LeaseUrgent(ctx context.Context) (run.Work, error) {
	poll := time.NewTicker(s.cfg.Poll)
	defer poll.Stop()
	for {
		work, found, err := s.takeUrgent(ctx)
		if err != nil {
			return run.Work{}, fmt.Errorf("lease: %w", err)
		}
		if found {
			s.urgent.set()
			return work, nil
		}
		select {
		case <-s.urgent:
		case <-poll.C:
		case <-s.closing:
			return run.Work{}, fmt.Errorf("lease: %w", ErrClosed)
		case <-ctx.Done():
			return run.Work{}, fmt.Errorf("lease: %w", context.Cause(ctx))
		}
	}
}

func (s *Store) takeUrgent(ctx context.Context) (run.Work, bool, error) {
	got, _, err := s.take(ctx, 1, " AND urgent = 1")
	if err != nil || len(got) == 0 {
		return run.Work{}, false, err
	}
	return s.load(ctx, got[0])
}

// taken is a run that was leased.
type taken struct {
	member
	id                    string
	fence, tries, company int64
	until                 time.Time
}

func (g *taken) dest() []any {
	return append(g.member.dest(), &g.id, &g.fence, &g.tries, &g.company)
}

// take leases the next runs that are due, at most most. more tells that others may
// be due.
func (s *Store) take(ctx context.Context, most int, where string) (got []taken, more bool, err error) {
	until := s.cfg.Clock().Add(s.cfg.LeaseFor)
	err = s.do(ctx, false, func(ctx context.Context, t tx) (err error) {
		got, more, err = s.pick(ctx, t, most, where)
		return err
	})
	if err != nil || len(got) == 0 {
		return nil, more, err
	}
	for i := range got {
		got[i].until = until
	}
	if where == "" {
		s.turn.Store(got[len(got)-1].repo)
	}
	s.watch.tell()
	return got, more, nil
}

// load reads what was leased. A run that can't be read is ended, so that it stops
// nobody.
func (s *Store) load(ctx context.Context, got taken) (run.Work, bool, error) {
	lease := run.Lease{EventID: got.id, Owner: s.cfg.Owner, Fence: got.fence, Until: got.until}
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

// pick finds and marks the runs that are next. Those whose group says that another
// comes first are parked on the way. A run that has company in its group, or slots,
// is looked at before any other is marked: who locks a group holds no other's run.
func (s *Store) pick(ctx context.Context, t tx, most int, where string) (got []taken, more bool, err error) {
	turn := s.turn.Load()
	for parked := 0; len(got) < most && parked < parkMost; {
		c, found, err := s.candidate(ctx, t, turn, where)
		if err != nil || !found {
			return got, false, err
		}
		shared := c.company != 0 || c.slots != 0
		if shared && len(got) > 0 {
			return got, true, nil
		}
		if c.state != string(run.Waiting) { // Its holder is gone, and holds nothing.
			if err := t.freeSlots(ctx, c.member); err != nil {
				return nil, false, err
			}
		}
		if c.company != 0 {
			wait, err := t.parked(ctx, c.member)
			if err != nil {
				return nil, false, err
			}
			if wait {
				parked++
				continue
			}
		}
		if err := s.mark(ctx, t, &c); err != nil {
			return nil, false, err
		}
		got, turn = append(got, c), c.repo
		if shared {
			break
		}
	}
	return got, true, nil
}

// candidate gives the oldest run that is due of the next repository in turn.
func (s *Store) candidate(ctx context.Context, t tx, turn int64, where string) (c taken, found bool, err error) {
	now, plus := t.moment()
	for _, after := range []int64{turn, before} {
		found, err = t.one(ctx, c.dest(), "SELECT "+memberColumns+`, (SELECT id FROM events e WHERE e.seq = runs.seq), fence, tries, CASE WHEN EXISTS (
				SELECT 1 FROM runs o WHERE o.repo_id = runs.repo_id AND o.grp = runs.grp AND o.grp <> '' AND o.due IS NOT NULL AND o.seq <> runs.seq
			) THEN 1 ELSE 0 END FROM runs
			WHERE due IS NOT NULL AND due <= ? + `+now+` AND repo_id > ?`+where+` ORDER BY repo_id, seq LIMIT 1`+s.d.lockFree, plus, after)
		if err != nil || found {
			break
		}
	}
	return c, found, err
}

// mark leases the run.
func (s *Store) mark(ctx context.Context, t tx, c *taken) error {
	c.fence++
	c.tries++
	now, plus := t.moment()
	until := plus + int64(s.cfg.LeaseFor)
	return t.later(ctx, `UPDATE runs SET state = ?, waits = '', woken = 0, version = version + 1, look = 0,
			fence = ?, tries = ?, lease_owner = ?, lease_until = ? + `+now+`, due = ? + `+now+`,
			begun = CASE WHEN begun = 0 THEN ? ELSE begun END,
			aside = 0, urgent = 0, place = CASE WHEN place = 2 THEN 2 ELSE 0 END
		WHERE seq = ?`,
		string(run.Running), c.fence, c.tries, text(s.cfg.Owner), until, until+int64(s.cfg.Grace), nanos(s.cfg.Clock()), c.seq)
}

// isHeld is the condition that the lease is still the run's.
const isHeld = " seq = (SELECT seq FROM events WHERE id = ?) AND fence = ? AND state = 'running'"

// Renew extends a lease from now on. Its error wraps [ErrLeaseLost] if the run
// was given to somebody else, or ended.
func (s *Store) Renew(ctx context.Context, l run.Lease) (run.Lease, error) {
	until := s.cfg.Clock().Add(s.cfg.LeaseFor)
	var held int64
	err := s.do(ctx, false, func(ctx context.Context, t tx) error {
		now, plus := t.moment()
		end := plus + int64(s.cfg.LeaseFor)
		return t.laterCount(ctx, &held, "UPDATE runs SET lease_until = ? + "+now+", due = ? + "+now+" WHERE"+isHeld,
			end, end+int64(s.cfg.Grace), l.EventID, l.Fence)
	})
	if err == nil && held == 0 {
		err = ErrLeaseLost
	}
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
	found, err := s.reads().one(ctx, []any{&id}, query, vendor, name)
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
