package dispatch

import (
	"context"

	"github.com/franela/pocketci/run"
)

// Urgent hands out, apart from all others, runs of events that may hold a command.
type Urgent interface {
	// LeaseUrgent blocks until there is one or ctx ends. It gives each once.
	LeaseUrgent(ctx context.Context) (run.Work, error)
}

// listen carries out what a comment asks for, and nothing else of its run, which
// goes back then for its functions. It has a worker of its own: who cancels what
// keeps all others busy must not wait for it.
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
