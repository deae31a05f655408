package main

import (
	"context"
	"errors"

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
	r.Engine = engineState(a.engine.Ping(ctx))
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

// lookForEngine says once, at start, whether an engine is at hand: events are
// taken without one, and somebody should know why nothing is called.
func (a *agent) lookForEngine(ctx context.Context) {
	err := a.engine.Ping(ctx)
	if err == nil {
		a.log.Info().Msg("an engine is at hand")
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
	a.log.Warn().Err(err).Str("hint", hint).Msg("no engine can be reached; events are kept until there is one")
}
