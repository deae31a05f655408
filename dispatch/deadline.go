package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/franela/pocketci/run"
)

// A run has three deadlines, because three things can hang:
//
//	waiting   giveUp, from its event's acceptance or approval: for an engine or a code host
//	          that can't be reached. It is over when the run would have to wait
//	          once more, so that what was queued while the agent was off gets its
//	          try. Waiting for a person, or for its turn, has no deadline.
//	starting  StartTime, from the lease until the calls begin: trust, checkout,
//	          loading, opening sessions. It is tried again, at no cost.
//	running   CallTimeout, each call from its own beginning; CallGrace for a
//	          call that does not come back when it is told to.
const (
	// giveUp is three days: code hosts keep deliveries that long, and who still
	// wants the result by then has pushed again or can redeliver.
	giveUp = 72 * time.Hour
	// defaultStart has room for the first clone of a large repository and for an
	// engine that fetches its image and compiles the module, 10 minutes each.
	defaultStart = 45 * time.Minute
	// defaultCallGrace is twice what an engine's session may take to be closed.
	defaultCallGrace = 30 * time.Second
)

// errStartTime is the cause of a start that took too long.
var errStartTime = errors.New("the run did not get to its calls in time")

// starting bounds the way to a run's calls. After begun the context has no
// deadline any more; it stays good for what reads by it.
func (d *Dispatcher) starting(ctx context.Context) (bounded context.Context, begun func(), end func()) {
	bounded, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(d.StartTime, func() { cancel(errStartTime) })
	return bounded, func() { timer.Stop() }, func() { timer.Stop(); cancel(errEnded) }
}

// overdue marks an error that came of a start that took too long.
func overdue(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errStartTime) {
		return fmt.Errorf("%w: %w", errStartTime, err)
	}
	return err
}

// wait sends a run back that can't go on, at no cost, unless it has waited for
// too long. had is the run as it was leased; missing says what lacks if that is
// the end.
func (d *Dispatcher) wait(had, r run.Run, now, again time.Time, waits, missing string) run.Progress {
	since := r.Event.ReceivedAt
	if r.Approval != nil && r.Approval.At.After(since) {
		since = r.Approval.At
	}
	if now.Sub(since) <= giveUp {
		return run.Progress{State: run.Waiting, Waits: waits, NotBefore: again, Attempt: &had.Attempt}
	}
	p := d.failed(fmt.Sprintf("given up after %s: %s", giveUp, missing), "the agent's log has the cause; redeliver the event to try again")
	p.Results = unfinished(r, run.Errored, p.Problem.Public, now)
	return p
}
