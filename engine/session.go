package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"dagger.io/dagger"
	"github.com/rs/zerolog"

	"github.com/franela/pocketci/engine/scrub"
	"github.com/franela/pocketci/run"
)

// aliveAgain is how long an engine may take for a sign of life that is asked for
// because something looks wrong.
const aliveAgain = 5 * time.Second

var (
	errClosed  = errors.New("the session is closed")
	errSilence = errors.New("no sign of life")
)

// Session makes calls of one module for one event. Its process, its telemetry
// and its secrets are its own. It is safe for concurrent use.
type Session struct {
	e        *Engine
	spec     Spec
	plan     Plan
	log      zerolog.Logger
	scrub    *scrub.Scrubber
	process  *process
	client   *dagger.Client
	receiver *receiver
	module   module
	memo     memo

	// ctx ends, with the cause, when the session is closed or lost.
	ctx    context.Context // the session's life, not a request's
	cancel context.CancelCauseFunc
	work   sync.WaitGroup

	closing  sync.Once
	closeErr error
}

// open starts a session and loads the module into it.
func (e *Engine) open(ctx context.Context, spec Spec, plan Plan) (*Session, error) {
	if err := checkSubmodules(spec.Source.Tree, e.cfg.Submodule); err != nil {
		return nil, err
	}
	s := &Session{
		e: e, spec: spec, plan: plan, scrub: scrubber(spec),
		log: e.cfg.Log.With().Str("event_id", spec.EventID).Str("module", plan.Path).Str("sha", spec.Source.Tree.SHA).Logger(),
	}
	begun := e.cfg.Clock()
	if err := s.start(ctx); err != nil {
		return nil, s.clean(err)
	}
	connected := e.cfg.Clock()
	if err := s.load(ctx); err != nil {
		_ = s.Close()
		return nil, s.clean(err)
	}
	s.log.Debug().Dur("connect", connected.Sub(begun)).Dur("load", e.cfg.Clock().Sub(connected)).Str("engine", s.module.engine).Msg("engine session is open")
	return s, nil
}

// start starts the session's process, its telemetry and its watchers.
func (s *Session) start(ctx context.Context) error {
	if err := s.e.Ping(ctx); err != nil {
		return err
	}
	cli, err := s.e.cli(ctx)
	if err != nil {
		return err
	}
	s.receiver, err = startReceiver(ctx)
	if err != nil {
		return err
	}
	env := s.e.cfg.sessionEnv(s.e.dirs, s.receiver.environ())
	timed, cancel := context.WithTimeoutCause(ctx, s.e.cfg.Connect, errConnectTimeout)
	defer cancel()
	s.process, err = startProcess(timed, cli, s.e.dirs.work, env)
	if err != nil {
		s.receiver.stop()
		if ctx.Err() != nil {
			return fmt.Errorf("connect to the engine: %w", context.Cause(ctx))
		}
		return s.e.unreachable(err)
	}
	s.client, err = connect(ctx, s.process)
	if err != nil {
		s.process.kill()
		s.receiver.stop()
		return err
	}
	s.ctx, s.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	s.work.Go(s.watch)
	s.work.Go(s.beat)
	return nil
}

// watch notices the end of the session's process.
func (s *Session) watch() {
	select {
	case <-s.process.ended:
		s.lose(errProcessEnded)
	case <-s.ctx.Done():
	}
}

// lose ends what the session does because the engine is gone.
func (s *Session) lose(why error) {
	if s.ctx.Err() == nil {
		s.log.Warn().Err(why).Str("stderr", s.scrub.String(s.process.stderr.String())).Msg("engine session is lost")
	}
	if !errors.Is(why, run.ErrEngineLost) {
		why = fmt.Errorf("%w: %w", run.ErrEngineLost, why)
	}
	s.cancel(why)
}

// beat asks for a sign of life as long as the session lives: the only way in
// which an engine that hangs is told from one that works for long.
func (s *Session) beat() {
	ticker := time.NewTicker(s.e.cfg.Heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
		}
		if err := s.alive(s.ctx, s.e.cfg.Silence); err != nil {
			// An agent that was stopped itself finds its time run out: ask once more.
			if err = s.alive(s.ctx, min(s.e.cfg.Silence, aliveAgain)); err != nil && s.ctx.Err() == nil {
				s.lose(err)
				return
			}
		}
	}
}

// alive asks the engine for its version, within d.
func (s *Session) alive(ctx context.Context, d time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, d, errSilence)
	defer cancel()
	var out struct{ Version string }
	err := s.client.Do(ctx, &dagger.Request{Query: `{version}`}, &dagger.Response{Data: &out})
	if errors.Is(context.Cause(ctx), errSilence) {
		return fmt.Errorf("%w for %s", errSilence, d)
	}
	return err
}

// Close ends the session and what it runs, and waits for its process, which is
// killed after the grace time. Twice is harmless.
func (s *Session) Close() error {
	s.closing.Do(func() {
		s.cancel(errClosed)
		if errors.Is(context.Cause(s.ctx), run.ErrEngineLost) {
			s.process.kill() // it would only wait for an engine that is gone
		} else {
			s.closeErr = s.process.stop(s.e.cfg.CloseGrace)
		}
		_ = s.client.Close()
		s.receiver.stop()
		s.work.Wait()
	})
	return s.closeErr
}

// query sends one GraphQL request. Its error is the context's cause, or wraps
// [run.ErrEngineLost], or is what the engine answered.
func (s *Session) query(ctx context.Context, query string, vars map[string]any, into any) error {
	req := &dagger.Request{Query: query}
	if vars != nil {
		req.Variables = vars
	}
	err := s.client.Do(ctx, req, &dagger.Response{Data: into})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	err = s.classify(ctx, err)
	if errors.Is(err, run.ErrEngineLost) {
		s.lose(err)
	}
	return err
}

// bound gives a context that ends with ctx and with the session.
func (s *Session) bound(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.ctx, func() { cancel(context.Cause(s.ctx)) })
	return ctx, func(cause error) { stop(); cancel(cause) }
}

// scrubber knows the values that must not leave a session.
func scrubber(spec Spec) *scrub.Scrubber {
	values := []string{spec.Source.Tree.Origin.Token, spec.Source.Subject().Origin.Token}
	for _, v := range spec.Secrets {
		values = append(values, v)
	}
	return scrub.New(values...)
}
