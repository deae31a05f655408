package main

import (
	"time"

	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/report/status"
	"github.com/franela/pocketci/source/webhook"
)

// joints are the places where the stages meet: what one gets of another. They
// are where a crash hurts most, so tests put themselves in between.
type joints struct {
	// keeper takes verified deliveries in.
	keeper webhook.Appender
	// queue hands out work, order says whose turn it is and recorder keeps its
	// steps, engine does it.
	queue    dispatch.Queue
	order    dispatch.Order
	recorder dispatch.Recorder
	engine   dispatch.Engine
	// runs and outbox are what is to be reported, statuses where it is reported to.
	runs     status.RunSource
	outbox   status.Outbox
	statuses status.StatusAPI
}

// joints joins the stages.
func (a *agent) joints(w world) joints {
	j := joints{
		keeper: a.store, queue: a.store, order: a.store, recorder: a.store, engine: a.engine,
		runs: a.store, outbox: a.store, statuses: a.github,
	}
	if w.trial.between != nil {
		j = w.trial.between(j)
	}
	return j
}

// trial is what only tests change.
type trial struct {
	// between, if not nil, may put something between the stages.
	between func(joints) joints
	// leaseFor is how long leases last, claimFor how long claims of reports, calm how
	// long the agent lives before it works on what agents died with, budget what may
	// be sent to the code host; zero: as always.
	leaseFor, claimFor, calm time.Duration
	// tidy is how often the agent looks for what has been kept long enough.
	tidy   time.Duration
	budget status.Budget
}
