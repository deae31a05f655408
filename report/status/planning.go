package status

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/franela/pocketci/run"
)

const (
	// look is how often the store is looked at without being woken: time passing
	// makes reports due, and no change tells of that.
	look = time.Second
	// gather is how long after a change the store is looked at: under load many
	// changes are then one look.
	gather = 20 * time.Millisecond
	// recovery is how long a store that failed is left alone.
	recovery = 5 * time.Second
	// batch is how many runs are planned at a time.
	batch = 100
)

// planAll plans every run that changes until the sender stops, and then once
// more, so that what ended last is in the outbox.
func (s *Sender) planAll(ctx context.Context) {
	defer close(s.planned)
	w := s.newWaiter()
	for {
		next := s.planDue(ctx)
		if !w.wait(ctx, s.stopping, nil, next) {
			s.planDue(ctx)
			return
		}
	}
}

// planDue plans what is to be planned now and tells after how long to look again.
func (s *Sender) planDue(ctx context.Context) time.Duration {
	next := look
	for ctx.Err() == nil {
		runs, err := s.Runs.Unreported(ctx, s.Clock(), batch)
		if err != nil {
			if ctx.Err() == nil {
				s.Log.Error().Err(err).Msg("can't read which runs to report")
			}
			return recovery
		}
		failed := false
		for _, r := range runs {
			now := s.Clock()
			reports, again := s.plan(r, now)
			if err := s.Runs.PlanReports(ctx, r.Event.ID, r.Version, reports, again); err != nil {
				s.Log.Error().Err(err).Str("event_id", r.Event.ID).Int64("run_id", r.Seq).Msg("can't plan reports")
				failed = true
				continue
			}
			if !again.IsZero() {
				next = min(next, max(again.Sub(now), 0))
			}
		}
		if failed {
			return recovery
		}
		if len(runs) < batch {
			break
		}
	}
	return next
}

// plan plans one run. A bug that one run meets keeps no other from being reported,
// and does not bring the agent down again and again: the commit says so instead.
func (s *Sender) plan(r run.Run, now time.Time) (reports []run.Report, again time.Time) {
	defer func() {
		if v := recover(); v != nil {
			s.Log.Error().Str("event_id", r.Event.ID).Int64("run_id", r.Seq).
				Str("panic", s.planner.scrubbed(fmt.Sprint(v))).Bytes("stack", debug.Stack()).Msg("can't plan a run's reports")
			reports, again = []run.Report{{Repo: r.Event.Repo, SHA: commit(r), Seq: r.Seq, Status: run.Status{
				Context: summaryContext(r.Event.Name), State: run.StatusError,
				Description: "internal error of pocketci; the agent's log has the stack",
			}}}, time.Time{}
			if !r.Event.Status || commit(r) == "" {
				reports = nil
			}
		}
	}()
	return s.planner.plan(r, now)
}

// waiter waits for a change of the store, or for time to pass.
type waiter struct {
	watcher Watcher
	changed <-chan struct{}
}

func (s *Sender) newWaiter() *waiter {
	w := &waiter{watcher: s.Watch}
	if w.watcher != nil {
		w.changed = w.watcher.Watch()
	}
	return w
}

// wait returns after d, soon after a change, or at once when other is ready. It
// returns false if stop is closed or ctx ends.
func (w *waiter) wait(ctx context.Context, stop <-chan struct{}, other <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-stop:
		return false
	case <-ctx.Done():
		return false
	case <-other:
		return true
	case <-timer.C:
		return true
	case _, open := <-w.changed:
		if !open {
			w.changed = w.watcher.Watch()
		}
	}
	timer.Reset(gather)
	select {
	case <-stop:
		return false
	case <-ctx.Done():
		return false
	case <-other:
	case <-timer.C:
	}
	return true
}
