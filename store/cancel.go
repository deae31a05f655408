package store

import (
	"context"
	"fmt"

	"github.com/franela/pocketci/run"
)

// Cancelling a run, its being superseded and its end meet in its row: whichever
// is written first counts. Once a run is cancelled, [Store.Advance] takes no other
// end of it.

// Cancel asks the runs of a pull request to end that have not ended, and gives
// their number. Those that nobody works on end at once, with the outcome
// cancelled and why as the note; who works on one hears of it by [Store.Heed].
func (s *Store) Cancel(ctx context.Context, repoID int64, pull int, why string) (int, error) {
	g := run.Group{Kind: run.GroupPull, Name: fmt.Sprint(pull)}
	n, err := s.cancel(ctx, why, "repo_id = ? AND grp = ? AND grp <> ''", repoID, g.Key())
	if err != nil {
		return n, fmt.Errorf("cancel runs of pull request %d in repository %d: %w", pull, repoID, err)
	}
	return n, nil
}

// CancelRun is Cancel for one run; false means that it had ended, or was
// cancelled before.
func (s *Store) CancelRun(ctx context.Context, eventID, why string) (bool, error) {
	n, err := s.cancel(ctx, why, "seq = (SELECT seq FROM events WHERE id = ?)", eventID)
	if err != nil {
		return n > 0, fmt.Errorf("cancel %s: %w", eventID, err)
	}
	return n > 0, nil
}

// Supersede ends the runs of the leased run's group that are for other commits,
// came before, and wait for a person: nobody can say yes to them any more. It
// gives their number.
func (s *Store) Supersede(ctx context.Context, l run.Lease) (int, error) {
	var m member
	err := s.do(ctx, false, func(ctx context.Context, t tx) (err error) {
		m, err = t.member(ctx, l)
		return err
	})
	n := 0
	if err == nil && m.grp != "" {
		n, err = s.cancel(ctx, "superseded by "+m.tip, "repo_id = ? AND grp = ? AND grp <> '' AND seq < ? AND tip <> ? AND aside = 1",
			m.repo, m.grp, m.seq, m.tip)
	}
	if err != nil {
		return n, fmt.Errorf("supersede what %s replaces: %w", l.EventID, err)
	}
	return n, nil
}

// cancel marks the runs that the condition selects, all at once, and ends those
// that nobody works on, one by one. Should that be cut short, they are due, and
// whoever leases them ends them.
func (s *Store) cancel(ctx context.Context, why, where string, args ...any) (int, error) {
	if why = text(why); why == "" {
		why = "cancelled"
	}
	var all, idle []int64
	err := s.do(ctx, false, func(ctx context.Context, t tx) error {
		all, idle = nil, nil
		return t.each(ctx, func(scan func(...any) error) error {
			var seq int64
			var state string
			err := scan(&seq, &state)
			all = append(all, seq)
			if state != string(run.Running) {
				idle = append(idle, seq)
			}
			return err
		}, `UPDATE runs SET cancel = ?, version = version + 1, due = CASE WHEN state = 'running' THEN due ELSE 0 END
			WHERE due IS NOT NULL AND cancel = '' AND `+where+" RETURNING seq, state", append([]any{why}, args...)...)
	})
	if err != nil {
		return 0, err
	}
	for _, seq := range idle {
		if err := s.do(ctx, true, func(ctx context.Context, t tx) error { return t.stop(ctx, seq) }); err != nil {
			return len(all), err
		}
	}
	if len(all) > 0 {
		s.work.set()
	}
	return len(all), nil
}

// stop ends a cancelled run that nobody works on.
func (t tx) stop(ctx context.Context, seq int64) error {
	var m member
	found, err := t.one(ctx, m.dest(), "SELECT "+memberColumns+" FROM runs WHERE seq = ? AND due IS NOT NULL AND state <> 'running' AND cancel <> ''"+t.s.d.lock, seq)
	if err != nil || !found {
		return err
	}
	now := t.s.cfg.Clock()
	if err := t.stopCalls(ctx, m); err != nil {
		return err
	}
	if err := t.later(ctx, `UPDATE runs SET state = ?, outcome = ?, note = cancel, waits = '', ended = ?, due = NULL,
			place = 0, aside = 0, woken = 0, version = version + 1, look = 0 WHERE seq = ?`,
		string(run.Done), string(run.Cancelled), nanos(now), seq); err != nil {
		return err
	}
	return t.left(ctx, m)
}

// stopCalls gives the calls that were begun and have no result the same one.
func (t tx) stopCalls(ctx context.Context, m member) error {
	var open []run.CallState
	err := t.each(ctx, func(scan func(...any) error) error {
		var data string
		if err := scan(&data); err != nil {
			return err
		}
		c, err := callOf(data, "")
		open = append(open, c)
		return err
	}, "SELECT data FROM calls WHERE seq = ? AND result = '' ORDER BY n", m.seq)
	if err != nil {
		return err
	}
	for _, c := range open {
		r, err := t.s.result(run.Result{
			Module: c.Call.Module, Function: c.Call.Function, Attempt: c.Call.Attempt,
			Outcome: run.Cancelled, Error: m.cancel, Begun: c.Begun, Ended: t.s.cfg.Clock().UTC(),
		})
		if err != nil {
			return err
		}
		if err := t.end(ctx, m.seq, r); err != nil {
			return err
		}
	}
	return nil
}

// left wakes who waited for a run that ended or got out of the way.
func (t tx) left(ctx context.Context, m member) error {
	if err := t.freeSlots(ctx, m); err != nil {
		return err
	}
	if m.grp == "" {
		return nil
	}
	return t.wakeGroup(ctx, m.repo, m.grp)
}
