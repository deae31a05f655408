package enginetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/engine/scrub"
	"github.com/franela/pocketci/run"
)

// Session makes the fake's calls. It is safe for concurrent use.
type Session struct {
	f      *Fake
	id     int
	spec   engine.Spec
	plan   engine.Plan
	script script
	scrub  *scrub.Scrubber

	mu     sync.Mutex
	lost   chan struct{}
	isLost bool
	closed bool
}

// errClosed: a call on a closed session is the caller's mistake.
var errClosed = errors.New("the session is closed")

func newSession(f *Fake, id int, spec engine.Spec, plan engine.Plan, s script) *Session {
	values := make([]string, 0, len(spec.Secrets))
	for _, v := range spec.Secrets {
		values = append(values, v)
	}
	return &Session{f: f, id: id, spec: spec, plan: plan, script: s, scrub: scrub.New(values...), lost: make(chan struct{})}
}

// lose ends the session's calls.
func (s *Session) lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isLost {
		s.isLost = true
		close(s.lost)
	}
}

// Close ends the session. Calls in flight are lost. Twice is harmless.
func (s *Session) Close() error {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	s.mu.Unlock()
	if was {
		return nil
	}
	s.lose()
	s.f.mu.Lock()
	delete(s.f.sessions, s.id)
	s.f.counts.Closes++
	s.f.mu.Unlock()
	s.f.record(Record{Op: "close", Session: s.id})
	return nil
}

// Call carries out what the function's comments say.
func (s *Session) Call(ctx context.Context, c run.Call) (run.Result, error) {
	s.mu.Lock()
	closed, lost := s.closed, s.isLost
	s.mu.Unlock()
	if closed {
		return run.Result{}, fmt.Errorf("call %s: %w", c.Function, errClosed)
	}
	s.f.mu.Lock()
	s.f.counts.Calls++
	s.f.mu.Unlock()
	s.f.record(Record{Op: "call", Session: s.id, SHA: s.spec.Source.Tree.SHA, Path: s.spec.Source.ModulePath, Function: c.Function, Call: &c})
	if lost {
		return s.failed(c, fmt.Errorf("the session is lost: %w", run.ErrEngineLost))
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := make(chan struct{})
	defer close(watched)
	go s.watch(ctx, cancel, watched)

	result := run.Result{Module: c.Module, Function: c.Function, Attempt: c.Attempt, Begun: s.f.cfg.Clock()}
	err := s.do(ctx, c, &result)
	result.Ended = s.f.cfg.Clock()
	if errors.Is(err, run.ErrEngineLost) {
		return s.failed(c, err)
	}
	result.Error, result.Value = s.scrub.String(result.Error), s.scrub.String(result.Value)
	s.f.record(Record{Op: "result", Session: s.id, Function: c.Function, Result: &result, Cached: result.Cached})
	return result, nil
}

// failed is the answer to a call without a result.
func (s *Session) failed(c run.Call, err error) (run.Result, error) {
	s.f.record(Record{Op: "lost", Session: s.id, Function: c.Function})
	return run.Result{}, fmt.Errorf("call %s: %w", c.Function, err)
}

// watch ends a call if the engine goes away or hangs for too long.
func (s *Session) watch(ctx context.Context, cancel context.CancelCauseFunc, done <-chan struct{}) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		gone := func() bool { return s.f.has("lost") || s.f.isDown() }
		if s.f.until(ctx, gone) == nil {
			cancel(fmt.Errorf("the engine went away: %w", run.ErrEngineLost))
		}
	}()
	go func() {
		for s.f.until(ctx, s.f.hangs) == nil {
			silent, end := context.WithTimeoutCause(ctx, s.f.cfg.Silence, errSilent)
			err := s.f.until(silent, func() bool { return !s.f.hangs() })
			end()
			if errors.Is(err, errSilent) {
				cancel(fmt.Errorf("no sign of life for %s: %w", s.f.cfg.Silence, run.ErrEngineLost))
				return
			}
		}
	}()
	select {
	case <-s.lost:
		cancel(fmt.Errorf("the engine went away: %w", run.ErrEngineLost))
	case <-ctx.Done():
	case <-done:
	}
}

var errSilent = errors.New("the engine is silent")

// do carries out one call and fills in its result. Its error is that of a lost
// engine, or nil.
func (s *Session) do(ctx context.Context, c run.Call, r *run.Result) error {
	steps, ok := s.script[fold(c.Function)]
	if !ok {
		r.Outcome, r.Error = run.Failure, fmt.Sprintf("the module has no function %s", c.Function)
		return nil
	}
	key := s.key(ctx, c)
	if had, ok := s.f.answer(key); ok {
		r.Outcome, r.Value, r.Cached = had.Outcome, had.Value, true
		return nil
	}
	var live io.Writer
	if s.spec.Live != nil {
		live = s.spec.Live(c.Function)
	}
	p := &performance{s: s, c: c, r: r, live: live}
	err := s.f.pause(ctx, s.f.delay())
	if err == nil {
		err = s.f.until(ctx, func() bool { return !s.f.hangs() })
	}
	for _, st := range append(append([]step(nil), s.script[constructorName]...), steps...) {
		if err != nil || r.Outcome != "" {
			break
		}
		err = p.perform(ctx, st)
	}
	r.Output = s.scrub.String(p.output.String())
	if errors.Is(err, run.ErrEngineLost) {
		return err
	}
	if err != nil {
		r.Outcome, r.Error = engine.Interrupted(ctx, s.f.cfg.Clock().Sub(r.Begun))
		return nil
	}
	if r.Outcome == "" {
		r.Outcome = run.Success
		s.f.remember(key, *r)
	}
	return nil
}

// key is equal for calls with equal inputs.
func (s *Session) key(ctx context.Context, c run.Call) string {
	inputs := []any{s.plan.Key, c.Function, c.Constructor, c.Args}
	for _, a := range append(append([]run.Arg(nil), c.Constructor...), c.Args...) {
		switch a.Kind {
		case run.ArgTrigger:
			inputs = append(inputs, string(s.spec.Trigger))
		case run.ArgSource:
			inputs = append(inputs, s.spec.Source.Subject().SHA)
		case run.ArgDirectory, run.ArgFile:
			hash, err := s.spec.Source.Tree.Files.Hash(ctx, place(s.spec.Source, a))
			inputs = append(inputs, hash, err)
		case run.ArgSecret:
			inputs = append(inputs, s.spec.Secrets[a.Secret])
		}
	}
	return digest(inputs...)
}

// performance is one call under way.
type performance struct {
	s      *Session
	c      run.Call
	r      *run.Result
	live   io.Writer
	output strings.Builder
}

// print is a line of the function's output.
func (p *performance) print(line string) {
	p.output.WriteString(line + "\n")
	if p.live != nil {
		_, _ = io.WriteString(p.live, p.s.scrub.String(line)+"\n")
	}
}

// fail ends the call with the function's error.
func (p *performance) fail(text string) { p.r.Outcome, p.r.Error = run.Failure, text }
