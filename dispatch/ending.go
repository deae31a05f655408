package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// maxAttempts is how often calls are begun for one run before a lost engine is
// its end.
const maxAttempts = 3

// giveUp is how long a run waits for what can't be reached.
const giveUp = 72 * time.Hour

// enginePoll is how soon a run that waits for an engine is looked at again at
// the earliest, and engineRest at the latest: many may wait, and each look costs.
const (
	enginePoll = 2 * time.Second
	engineRest = 20 * time.Second
)

// hold keeps a run waiting: not an error, but not something to do now either.
type hold struct {
	waits string
	// again is the earliest time to look at it; zero: when it is woken.
	again time.Time
}

func (h *hold) Error() string { return "waiting: " + h.waits }

// nothing ends a run before anything is decided, with the reason why.
type nothing struct{ reason string }

func (n *nothing) Error() string { return n.reason }

// ending turns what stopped a run into what the store keeps of it. It is the
// only place that knows which error ends a run, which sends it back, and when
// it comes up again. had is the run as it was leased, r as it stands: what costs
// nobody an attempt goes back with had's. ok is false if nothing may be written
// any more.
func (d *Dispatcher) ending(ctx context.Context, had, r run.Run, err error) (p run.Progress, ok bool) {
	now := d.Clock()
	var h *hold
	var n *nothing
	var problem *event.Problem
	switch {
	case errors.Is(context.Cause(ctx), errLeaseLost), errors.Is(err, run.ErrLeaseLost):
		return run.Progress{}, false
	case errors.Is(context.Cause(ctx), errShutdown):
		return run.Progress{State: run.Queued, Attempt: &had.Attempt}, true
	case errors.As(err, &h):
		return run.Progress{State: run.Waiting, Waits: h.waits, NotBefore: h.again}, true
	case errors.As(err, &n):
		return run.Progress{State: run.Recorded, Note: n.reason}, true
	case errors.Is(err, run.ErrNoEngine):
		return run.Progress{State: run.Waiting, Waits: "an engine", NotBefore: later(r, now, enginePoll, engineRest), Attempt: &had.Attempt}, true
	case errors.Is(err, run.ErrEngineLost):
		return d.lost(r, now), true
	case errors.As(err, &problem):
		return d.failed(problem.Public, problem.Hint), true
	}
	if now.Sub(r.Event.ReceivedAt) > giveUp {
		return d.failed(fmt.Sprintf("given up after %s: what the run needs can't be reached", giveUp), "the agent's log has the cause"), true
	}
	return run.Progress{
		State: run.Waiting, Waits: "what can't be reached now (" + cause(err) + ")",
		NotBefore: later(r, now, 2*time.Second, 5*time.Minute), Attempt: &had.Attempt,
	}, true
}

// later is when a run is looked at again: the longer it has waited, the longer it
// waits, and there is nothing to keep count of.
func later(r run.Run, now time.Time, soonest, latest time.Duration) time.Time {
	return now.Add(min(max(now.Sub(r.Event.ReceivedAt)/4, soonest), latest))
}

// cause is the outermost part of an error, without details that are for the log.
func cause(err error) string {
	var p *event.Problem
	if errors.As(err, &p) {
		return p.Public
	}
	return "see the agent's log"
}

// lost sends a run back whose engine went away, or ends it after the last attempt.
func (d *Dispatcher) lost(r run.Run, now time.Time) run.Progress {
	if r.Attempt >= maxAttempts {
		const why = "lost: the engine went away three times"
		p := d.failed(why, "look at the engine's log and memory; redeliver the event to try again")
		p.Results = unfinished(r, run.Errored, why, now)
		return p
	}
	wait := enginePoll << max(r.Attempt-1, 0)
	return run.Progress{State: run.Queued, NotBefore: now.Add(wait)}
}

// failed ends a run with a problem of ours.
func (d *Dispatcher) failed(public, hint string) run.Progress {
	return run.Progress{
		State:   run.Done,
		Outcome: run.Errored,
		Problem: &run.Problem{Public: d.Scrub(public), Hint: d.Scrub(hint)},
	}
}
