package main

import (
	"context"
	"errors"
	"sync"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/source/webhook"
)

// ready tells how the agent is, without anything that strangers must not know.
func (a *agent) ready(ctx context.Context) webhook.Readiness {
	var r webhook.Readiness
	h, err := a.store.Health(ctx)
	r.Store = webhook.StoreState{
		Writable: h.Writable && err == nil, Queued: h.Queued, Waiting: h.Waiting, Running: h.Running,
		WALBytes: h.WALBytes, FreeBytes: h.FreeBytes,
	}
	if !r.Store.Writable {
		r.Store.Problem = "the store can't be written; the agent's log has the cause"
		a.log.Error().Err(err).Str("problem", h.Problem).Msg("the store can't be written")
	}
	r.Outbox = webhook.OutboxState{Waiting: h.OutboxWaiting, Dead: h.OutboxDead}
	if !a.role.Works {
		r.Engine.Problem = "this agent only takes deliveries; those that work know their engines"
		return r
	}
	sending := a.sender.Health()
	r.Outbox.Failing, r.Outbox.LimitedUntil = sending.Failing, sending.LimitedUntil
	var looks sync.WaitGroup // one that does not answer takes all the time that there is
	looks.Go(func() { r.Engine = engineState(a.engine.Ping(ctx)) })
	if a.away != nil {
		looks.Go(func() { s := engineState(a.away.Ping(ctx)); r.Untrusted = &s })
	}
	looks.Wait()
	return r
}

func engineState(err error) webhook.EngineState {
	var p *event.Problem
	switch {
	case err == nil:
		return webhook.EngineState{Reachable: true}
	case errors.As(err, &p):
		return webhook.EngineState{Problem: p.Public}
	}
	return webhook.EngineState{Problem: "no engine can be reached"}
}

// lookForEngines says once, at start, whether engines are at hand: events are
// taken without one, and somebody should know why nothing is called.
func (a *agent) lookForEngines(ctx context.Context) {
	a.lookForEngine(ctx, a.engine, "an engine is at hand", "no engine can be reached; events are kept until there is one")
	switch u := a.settings.Untrusted; {
	case a.away != nil:
		a.lookForEngine(ctx, a.away, "an engine for commits of forks is at hand", "no engine for commits of forks can be reached; they wait until there is one")
	case u.Beside():
		a.log.Info().Msg("approved commits of forks run on the engine for everything else (--untrusted-engine " + config.Same + ")")
	default:
		a.log.Info().Msg("commits of forks don't run: no engine is named for them (--untrusted-engine)")
	}
}

func (a *agent) lookForEngine(ctx context.Context, e pinger, there, none string) {
	err := e.Ping(ctx)
	if err == nil {
		a.log.Info().Msg(there)
		return
	}
	if ctx.Err() != nil {
		return
	}
	var p *event.Problem
	hint := ""
	if errors.As(err, &p) {
		hint = p.Hint
	}
	a.log.Warn().Err(err).Str("hint", hint).Msg(none)
}
