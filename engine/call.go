package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/franela/pocketci/run"
)

const (
	// maxValue bounds in bytes what is kept of what a function returned.
	maxValue = 64 << 10
	// drainEnded is how long the rest of the output is waited for of a call that
	// was cancelled or ran out of time.
	drainEnded = 300 * time.Millisecond
	// drainSettle is how long it is waited for what may have no end.
	drainSettle = 500 * time.Millisecond
)

// Call calls one function. What the function did, its failure too, is the
// result. The error is for what is nobody's doing: it wraps [run.ErrEngineLost]
// if the engine went away, or says what kept the engine from getting the
// repository; then the result is empty.
//
// A ctx that ends gives a result with [run.TimedOut] or [run.Cancelled] (see
// [Interrupted]), unless the engine was lost before.
func (s *Session) Call(ctx context.Context, c run.Call) (run.Result, error) {
	if s.ctx.Err() != nil {
		return run.Result{}, fmt.Errorf("call %s: %w", c.Function, context.Cause(s.ctx))
	}
	root := newTrace()
	var live io.Writer
	if s.spec.Live != nil {
		live = s.spec.Live(c.Function)
	}
	rec := newCapture(s.module.object+"."+c.Function, root, live, s.scrub, s.e.cfg.OutputHead, s.e.cfg.OutputTail)
	s.receiver.add(root, rec)
	defer s.receiver.remove(root)

	r := run.Result{Module: c.Module, Function: c.Function, Attempt: c.Attempt, Begun: s.e.cfg.Clock()}
	value, sent, err := s.invoke(withTrace(ctx, root), c)
	r.Ended = s.e.cfg.Clock()
	switch {
	case !sent, errors.Is(err, run.ErrEngineLost):
	case ctx.Err() != nil:
		s.drain(rec, min(drainEnded, s.e.cfg.Drain)) // an ended call's streams have no end
	default:
		s.drain(rec, s.e.cfg.Drain)
	}
	r.Output, r.Cut = rec.finish()
	var fetching *fetchError
	switch {
	case err == nil:
		r.Outcome, r.Value, r.Cached = run.Success, s.scrub.String(value), rec.cached()
	case errors.Is(err, run.ErrEngineLost), errors.Is(err, errClosed):
		return run.Result{}, fmt.Errorf("call %s: %w", c.Function, s.clean(err))
	case ctx.Err() != nil:
		r.Outcome, r.Error = Interrupted(ctx, r.Ended.Sub(r.Begun))
	case errors.As(err, &fetching):
		return run.Result{}, fmt.Errorf("call %s: %w", c.Function, s.clean(err))
	default:
		r.Outcome, r.Error = run.Failure, failure(err)
	}
	r.Error = s.scrub.String(r.Error)
	return r, nil
}

// invoke makes the request; sent tells whether it came to that. Its error is the
// function's, the context's or the engine's.
func (s *Session) invoke(ctx context.Context, c run.Call) (value string, sent bool, err error) {
	ctx, stop := s.bound(ctx)
	defer stop(nil)
	query, err := s.callQuery(ctx, c)
	if err != nil {
		return "", false, err
	}
	var out struct {
		Object struct{ Value json.RawMessage }
	}
	if err := s.query(ctx, query, nil, &out); err != nil {
		return "", true, err
	}
	return returned(c.Returns, out.Object.Value), true, nil
}

// callQuery writes the call: constructor, function and what of its value makes
// it really do its work.
func (s *Session) callQuery(ctx context.Context, c run.Call) (string, error) {
	if !isName(c.Function) {
		return "", fmt.Errorf("%q is not a function's name", c.Function)
	}
	constructor, err := s.args(ctx, c.Constructor)
	if err != nil {
		return "", fmt.Errorf("constructor: %w", err)
	}
	args, err := s.args(ctx, c.Args)
	if err != nil {
		return "", err
	}
	selection, err := s.selection(ctx, c.Returns)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("{object:%s%s{value:%s%s%s}}", s.module.field, constructor, c.Function, args, selection), nil
}

// drain waits, for up to d, until the rest of the output has come. Once all that
// is known to have ended is here, it waits only a little longer: what has no end
// then, such as a service that a function started, runs on.
func (s *Session) drain(rec *capture, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	settling := false
	for {
		p, changed := rec.progress()
		if p == complete {
			return
		}
		if p == settled && !settling {
			settling = true
			t.Reset(min(d, drainSettle))
		}
		select {
		case <-changed:
		case <-t.C:
			return
		case <-s.ctx.Done():
			return
		}
	}
}
