package main

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/store"
	"github.com/franela/pocketci/vcs/git"
)

const (
	// tidyEvery is how often it is looked for what has been kept long enough, and
	// tidyFirst how soon after the start: the work that waits comes first.
	tidyEvery = time.Hour
	tidyFirst = time.Minute
)

// janitor removes what has been kept long enough: from the store at one agent at a
// time, from this agent's mirrors at each.
type janitor struct {
	store   *store.Store
	mirrors *git.Mirrors
	keep    config.Retention
	holder  string
	first   time.Duration
	every   time.Duration
	clock   func() time.Time
	log     zerolog.Logger

	cancel context.CancelCauseFunc
	done   sync.WaitGroup
}

// makeJanitor makes the one for the agent's store and mirrors.
func (a *agent) makeJanitor(w world) {
	a.janitor = &janitor{
		store: a.store, mirrors: a.mirrors, keep: a.settings.Retention, holder: owner(),
		first: tidyFirst, every: tidyEvery, clock: w.clock, log: a.log,
	}
	if d := w.trial.tidy; d > 0 {
		a.janitor.first, a.janitor.every = d, d
	}
}

// Start begins to look. It does not block; what it starts is ended by Stop.
func (j *janitor) Start(ctx context.Context) {
	ctx, j.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	j.done.Go(func() {
		for wait := j.first; ; wait = j.every {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
				j.tidy(ctx)
			case <-ctx.Done():
				timer.Stop()
				return
			}
		}
	})
}

// Stop ends what is under way, between two steps of it, and waits for that. It is
// harmless without Start, and without a janitor.
func (j *janitor) Stop(context.Context) error {
	if j != nil && j.cancel != nil {
		j.cancel(errStopping)
		j.done.Wait()
	}
	return nil
}

// tidy looks once.
func (j *janitor) tidy(ctx context.Context) {
	mine, err := j.store.Turn(ctx, "retention", j.holder, 2*j.every)
	if err == nil && mine {
		err = j.prune(ctx)
	}
	if err != nil && ctx.Err() == nil {
		j.log.Warn().Err(err).Msg("can't remove what was kept long enough; trying again later")
	}
	if err := j.trim(ctx); err != nil && ctx.Err() == nil {
		j.log.Warn().Err(err).Msg("can't remove mirrors; trying again later")
	}
}

// prune removes from the store.
func (j *janitor) prune(ctx context.Context) error {
	begun := j.clock()
	n, err := j.store.Prune(ctx, store.Policy{
		Payloads: time.Duration(j.keep.Payloads), Outputs: time.Duration(j.keep.Outputs), Runs: time.Duration(j.keep.Runs),
	})
	if n != (store.Pruned{}) {
		j.log.Info().Int64("payloads", n.Payloads).Int64("outputs", n.Outputs).Int64("runs", n.Runs).Int64("keys", n.Keys).
			Dur("took", j.clock().Sub(begun)).Msg("removed what was kept long enough")
	}
	return err
}

// trim removes mirrors.
func (j *janitor) trim(ctx context.Context) error {
	limit := int64(j.keep.Mirrors)
	if limit == 0 {
		return nil
	}
	t, err := j.mirrors.Trim(ctx, limit)
	if err == nil && t.Left > limit && ctx.Err() == nil {
		j.log.Warn().Int64("bytes", t.Left).Int64("limit", limit).Msg("the mirrors weigh more than --mirror-limit allows, and all of them are in use")
	}
	return err
}
