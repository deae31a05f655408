package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/franela/pocketci/run"
)

// defaultAloneWait is how long a run waits for everybody else's calls to end
// before it is called beside them after all: nothing new is begun in the meantime.
const defaultAloneWait = 10 * time.Minute

// errAloneWait is the cause of a wait for being alone that took too long.
var errAloneWait = errors.New("the other calls did not end in time")

// places gives the run the places that its calls take, and what gives them back.
//
// A run whose engine went away is suspected to be the reason, most often by the
// memory that it takes: it is called while this agent calls nothing else. If the
// engine goes away once more its calls are made one at a time. All others share
// MaxCalls places.
func (t *task) places(ctx context.Context) (_ *semaphore.Weighted, leave func(), err error) {
	if t.run.Lost == 0 {
		return t.calls, func() {}, nil
	}
	all := int64(max(1, t.MaxCalls))
	timed, cancel := context.WithTimeoutCause(ctx, t.AloneWait, errAloneWait)
	defer cancel()
	if err := t.calls.Acquire(timed, all); err != nil {
		if ctx.Err() != nil {
			return nil, nil, fmt.Errorf("wait for the others: %w", context.Cause(ctx))
		}
		t.log.Warn().Err(errAloneWait).Msg("the run is called beside others, though its engine went away before")
		return t.calls, func() {}, nil
	}
	t.log.Info().Int("lost", t.run.Lost).Msg("the run is called alone: its engine went away before")
	own := all
	if t.run.Lost > 1 {
		own = 1
	}
	return semaphore.NewWeighted(own), func() { t.calls.Release(all) }, nil
}

// made is what came of a call.
type made struct {
	result run.Result
	err    error
}

// make has the session make a call, and does not wait for ever for one that does
// not end when ctx does.
func (t *task) make(ctx context.Context, s Session, c run.Call) (run.Result, error) {
	came := make(chan made, 1)
	go func() {
		var m made
		m.err = guarded(func() (err error) { m.result, err = s.Call(ctx, c); return err })
		came <- m
	}()
	select {
	case m := <-came:
		return m.result, m.err
	case <-ctx.Done():
	}
	timer := time.NewTimer(t.CallGrace)
	defer timer.Stop()
	select {
	case m := <-came:
		return m.result, m.err
	case <-timer.C:
		return run.Result{}, fmt.Errorf("the call did not end within %s of its end: %w", t.CallGrace, run.ErrEngineLost)
	}
}
