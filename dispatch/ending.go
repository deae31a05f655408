package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// maxLost is how many attempts may lose their engine before that is the run's end.
const maxLost = 3

// enginePoll is how soon a run that waits for an engine is looked at again at
// the earliest, and engineRest at the latest: many may wait, and each look costs.
const (
	enginePoll = 2 * time.Second
	engineRest = 20 * time.Second
	// startRest and reachRest are the same for what hangs, and for anything else
	// that can't be reached.
	startRest = time.Minute
	reachRest = 5 * time.Minute
	// limitRest bounds the code host's word to come back later.
	limitRest = time.Hour
)

// hold keeps a run waiting: not an error, but not something to do now either.
type hold struct {
	waits string
	// again is the earliest time to look at it; zero: when it is woken.
	again time.Time
	// kind is what it waits for; zero: a person, who wakes it.
	kind run.WaitFor
}

func (h *hold) Error() string { return "waiting: " + h.waits }

// progress is what the store keeps of it. had is the run as it was leased: to
// stand in line costs no attempt.
func (h *hold) progress(had run.Run) run.Progress {
	p := run.Progress{State: run.Waiting, Waits: h.waits, For: h.kind, NotBefore: h.again}
	switch h.kind {
	case "":
		p.For = run.ForPerson
	case run.ForSlot:
		p.Attempt = &had.Attempt
	}
	return p
}

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
	var stopped *run.Stopped
	var limit *run.RetryAfter
	switch {
	case errors.Is(context.Cause(ctx), errLeaseLost), errors.Is(err, run.ErrLeaseLost):
		return run.Progress{}, false
	case errors.As(context.Cause(ctx), &stopped), errors.As(err, &stopped):
		return d.stopped(r, stopped.Why), true
	case errors.Is(context.Cause(ctx), errShutdown), errors.Is(context.Cause(ctx), errStoodStill):
		return run.Progress{State: run.Queued, Attempt: &had.Attempt}, true
	case errors.As(err, &h):
		return h.progress(had), true
	case errors.As(err, &n):
		return run.Progress{State: run.Recorded, Note: n.reason}, true
	case errors.Is(err, run.ErrNoEngine):
		return d.wait(had, r, now, later(r, now, enginePoll, engineRest), "an engine", "no engine could be reached"), true
	case errors.Is(err, errStartTime):
		const slow = "what the run needs takes too long"
		return d.wait(had, r, now, later(r, now, startRest, reachRest), "another try: it did not get to its calls within "+d.StartTime.String(), slow), true
	case errors.Is(err, run.ErrEngineLost):
		return d.lost(had, r, now), true
	case errors.As(err, &limit):
		again := now.Add(min(max(limit.Until.Sub(now), enginePoll), limitRest))
		return d.wait(had, r, now, again, "the code host, which takes nothing from us at the moment", "the code host limits us"), true
	case errors.As(err, &problem):
		return d.failed(problem.Public, problem.Hint), true
	}
	return d.wait(had, r, now, later(r, now, enginePoll, reachRest),
		"what can't be reached now ("+cause(err)+")", "what the run needs can't be reached"), true
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

// lost sends a run back whose engine went away, or ends it after the last
// attempt. One that went away before the calls, with what loads the module, costs
// an attempt too: else a module that no engine survives would be loaded for ever.
func (d *Dispatcher) lost(had, r run.Run, now time.Time) run.Progress {
	lost, attempt := r.Lost+1, max(r.Attempt, had.Attempt+1)
	p := run.Progress{State: run.Queued, NotBefore: now.Add(enginePoll << (lost - 1))}
	if lost >= maxLost {
		const why = "lost: the engine went away three times"
		p = d.failed(why, "look at the engine's log and memory; redeliver the event to try again")
		p.Results = unfinished(r, run.Errored, why, now)
	}
	p.Lost, p.Attempt = &lost, &attempt
	return p
}

// failed ends a run with a problem of ours.
func (d *Dispatcher) failed(public, hint string) run.Progress {
	return run.Progress{
		State:   run.Done,
		Outcome: run.Errored,
		Problem: &run.Problem{Public: d.Scrub(public), Hint: d.Scrub(hint)},
	}
}
