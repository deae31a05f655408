package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/franela/pocketci/run"
)

// errCallTimeout is the cause of a call that ran for too long.
var errCallTimeout = errors.New("the call's time is up")

// batch is the calls of one module that have no result yet, and their session.
type batch struct {
	plan    plan
	calls   []run.Call
	session Session
}

// call makes every call that has no result yet, in parallel. It returns an
// error only if some of them have to be made again.
func (t *task) call(ctx context.Context, plans []plan) error {
	if err := t.takeOver(ctx, plans); err != nil {
		return err
	}
	batches := t.pending(plans)
	if len(batches) == 0 || t.DryRun {
		return nil
	}
	free, line, err := t.take(ctx, t.seats(batches))
	if err != nil {
		return err
	}
	if len(free) == 0 {
		return inLine(line)
	}
	t.begun()
	places, leave, err := t.places(ctx)
	if err != nil {
		return err
	}
	defer leave()
	attempt := t.run.Attempt + 1
	t.batches = batches
	if err := t.begin(ctx, free, attempt); err != nil {
		return err
	}
	return t.callAll(ctx, places, attempt, free, line)
}

// pending collects the calls to make.
func (t *task) pending(plans []plan) []*batch {
	var batches []*batch
	for _, p := range plans {
		b := &batch{plan: p}
		for _, c := range p.match.Calls {
			if !t.run.Finished(c.Module, c.Function) {
				b.calls = append(b.calls, c)
			}
		}
		if len(b.calls) > 0 {
			batches = append(batches, t.apart(b)...)
		}
	}
	return batches
}

// open opens a session for each batch, at once.
func (t *task) open(ctx context.Context, batches []*batch, attempt int) error {
	g, gctx := errgroup.WithContext(ctx)
	for _, b := range batches {
		g.Go(func() error { return guarded(func() error { return t.openOne(gctx, b, attempt) }) })
	}
	return g.Wait()
}

// openOne opens a batch's session.
func (t *task) openOne(ctx context.Context, b *batch, attempt int) error {
	tree := b.plan.source.Subject()
	trigger, err := Trigger(t.run.Event, TriggerFacts{
		SHA: tree.SHA, Trust: t.run.Trust, Attempt: attempt,
		HasDiff: tree.HasDiff, Changes: tree.Changes, Deleted: tree.Deleted,
	})
	if err != nil {
		return fmt.Errorf("write the eventTrigger of %s: %w", t.run.Event.ID, err)
	}
	b.session, err = t.engine().Open(ctx, Spec{
		EventID: t.run.Event.ID,
		Module:  b.plan.module.Name,
		Source:  b.plan.source,
		Secrets: needed(b.plan.secrets, b.calls),
		Trigger: trigger,
	})
	if err != nil {
		return fmt.Errorf("open a session for module %s: %w", b.plan.module.Path, err)
	}
	return nil
}

// needed are the secrets that the calls declare, and no others.
func needed(all run.SecretValues, calls []run.Call) run.SecretValues {
	values := run.SecretValues{}
	for _, c := range calls {
		for _, args := range [][]run.Arg{c.Constructor, c.Args} {
			for _, a := range args {
				if v, ok := all[a.Secret]; ok && a.Kind == run.ArgSecret {
					values[a.Secret] = v
				}
			}
		}
	}
	return values
}

// callOne makes one call within its time. Waiting for a place does not count.
func (t *task) callOne(ctx context.Context, places *semaphore.Weighted, s Session, c run.Call) (run.Result, error) {
	if err := places.Acquire(ctx, 1); err != nil {
		return run.Result{}, fmt.Errorf("call %s: %w", c.Function, context.Cause(ctx))
	}
	defer places.Release(1)
	t.cancelStale()
	log := t.log.With().Str("function", c.Function).Str("module", c.Module).Int("attempt", c.Attempt).Logger()
	log.Debug().Msg("call begins")

	timed, cancel := context.WithTimeoutCause(ctx, t.CallTimeout, errCallTimeout)
	defer cancel()
	begun := t.Clock()
	result, err := t.make(timed, s, c)
	late := errors.Is(context.Cause(timed), errCallTimeout) && (err != nil || result.Outcome != run.Success)
	own := err == nil && !late && (result.Outcome == run.Success || result.Outcome == run.Failure)
	var stopped *run.Stopped
	switch {
	case own:
		// It has come: worth keeping, even if nobody waits for it any more.
	case errors.As(context.Cause(ctx), &stopped):
		result.Outcome, result.Error = run.Cancelled, stopped.Why // with what it printed so far
	case ctx.Err() != nil:
		return run.Result{}, fmt.Errorf("call %s: %w", c.Function, context.Cause(ctx))
	case late:
		result.Outcome, result.Error = run.TimedOut, "timed out after "+t.CallTimeout.String()
	case err != nil:
		return run.Result{}, fmt.Errorf("call %s: %w", c.Function, err)
	}
	result.Module, result.Function, result.Attempt = c.Module, c.Function, c.Attempt
	if result.Begun.IsZero() {
		result.Begun = begun
	}
	if result.Ended.IsZero() {
		result.Ended = t.Clock()
	}
	t.scrub(&result)
	log.Info().Str("outcome", string(result.Outcome)).Dur("duration", result.Ended.Sub(result.Begun)).
		Bool("cached", result.Cached).Str("error", t.loggable(result.Error)).Msg("call")
	return result, nil
}

// scrub takes what the agent itself must not tell out of a result; the session
// did so with the call's own secrets before.
func (t *task) scrub(r *run.Result) {
	r.Error, r.Value, r.Output = t.Scrub(r.Error), t.Scrub(r.Value), t.Scrub(r.Output)
}

// close ends a session; what it has to say concerns the log only.
func (t *task) close(b *batch) {
	if b.session == nil {
		return
	}
	if err := b.session.Close(); err != nil {
		t.log.Debug().Err(err).Msg("close the engine's session")
	}
}

// conclude is the end of a run whose calls all have their results.
func (t *task) conclude(plans []plan) run.Progress {
	p := run.Progress{State: run.Done, Outcome: run.Success}
	for _, d := range t.run.Decisions {
		if d.Verdict == run.VerdictError {
			p.Outcome = worse(p.Outcome, run.Errored)
		}
	}
	for _, c := range t.run.Calls {
		if c.Result != nil {
			p.Outcome = worse(p.Outcome, c.Result.Outcome)
		}
	}
	for _, pl := range plans {
		if pl.problem == nil {
			continue
		}
		p.Outcome = run.Errored
		if p.Problem == nil {
			p.Problem = &run.Problem{Module: pl.module.Name, Public: t.Scrub(pl.problem.Public), Hint: t.Scrub(pl.problem.Hint)}
		}
	}
	if t.DryRun {
		p.Note = "dry run: nothing was called"
	}
	return p
}

// worse is the one of two outcomes that people must hear of.
func worse(a, b run.Outcome) run.Outcome {
	rank := func(o run.Outcome) int {
		switch o {
		case run.Success:
			return 0
		case run.Cancelled:
			return 1
		case run.TimedOut, run.Failure:
			return 2
		}
		return 3
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// unfinished gives every call that was begun and has no result the same one.
func unfinished(r run.Run, o run.Outcome, why string, now time.Time) []run.Result {
	var results []run.Result
	for _, c := range r.Calls {
		if c.Result == nil {
			results = append(results, run.Result{
				Module: c.Call.Module, Function: c.Call.Function, Attempt: c.Call.Attempt,
				Outcome: o, Error: why, Begun: c.Begun, Ended: now,
			})
		}
	}
	return results
}
