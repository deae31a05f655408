package dispatch

import (
	"context"
	"time"

	"github.com/franela/pocketci/run"
)

// Urgent hands out, apart from all others, runs of events that may hold a command.
type Urgent interface {
	// LeaseUrgent blocks until there is one or ctx ends. It gives each once.
	LeaseUrgent(ctx context.Context) (run.Work, error)
}

// hurry obeys commands though all workers are busy: who cancels what keeps them
// busy must not wait for it. The runs go back then, for their functions.
func (d *Dispatcher) hurry(leasing, working context.Context) {
	for leasing.Err() == nil {
		w, err := d.Urgent.LeaseUrgent(leasing)
		if err != nil {
			if leasing.Err() == nil {
				d.Log.Error().Err(err).Msg("can't lease what may hold a command; trying again")
				pause(leasing, time.Second)
			}
			continue
		}
		d.keepFor(working, w, d.listen)
	}
}

// listen carries out what a comment asks for, and nothing else of its run.
func (d *Dispatcher) listen(ctx context.Context, w run.Work) (run.Progress, bool) {
	heard := false
	p, ok := d.workOn(ctx, w, func(t *task, ctx context.Context) error {
		ctx, _, end := t.starting(ctx)
		defer end()
		err := t.identify(ctx, t.run.Event)
		if err == nil {
			err = t.obey(ctx)
		}
		heard = err == nil
		return overdue(ctx, err)
	})
	if heard {
		return run.Progress{State: run.Queued}, true
	}
	return p, ok
}
