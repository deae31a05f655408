package main

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/report/status"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/source/webhook"
	"github.com/franela/pocketci/store"
	"github.com/franela/pocketci/web"
)

// makeAPI makes the API and its listener, unless the operator leaves it out.
func (a *agent) makeAPI(w world) error {
	if a.settings.APIListen == config.Off {
		return nil
	}
	token, err := web.Token(a.settings.DataDir)
	if err != nil {
		return err
	}
	handler, err := web.New(web.Config{
		Reader: reader{a.store}, Status: &teller{agent: a, since: w.clock()},
		Token: token, Listen: a.settings.APIListen, Log: a.log,
	})
	if err != nil {
		return err
	}
	a.api = web.NewServer(a.settings.APIListen, handler, a.log)
	return nil
}

// reader is the store in the API's words.
type reader struct{ *store.Store }

// Runs lists runs.
func (r reader) Runs(ctx context.Context, q web.Query) ([]run.Run, error) {
	return r.Store.Runs(ctx, store.Query(q))
}

// teller tells how the agent is, for the operator.
type teller struct {
	*agent
	since time.Time
}

// Status gathers what the stages say.
func (t *teller) Status(ctx context.Context) web.Status {
	r := t.ready(ctx)
	var counts webhook.Counts
	if t.hooks != nil {
		counts = t.hooks.Counts()
	}
	var sending status.Health
	if t.sender != nil {
		sending = t.sender.Health()
	}
	s := web.Status{
		Version: version(), StartedAt: t.since,
		Deliveries: web.Deliveries(counts),
		Store:      web.Store(r.Store),
		Engine:     web.Engine(r.Engine),
		Outbox: web.Outbox{
			Waiting: r.Outbox.Waiting, Dead: r.Outbox.Dead,
			Failing: sending.Failing, LastError: sending.LastError, LimitedUntil: sending.LimitedUntil,
		},
	}
	if u := r.Untrusted; u != nil {
		s.Untrusted = &web.Engine{Reachable: u.Reachable, Problem: u.Problem}
	}
	if t.recoverer.sweeper == nil {
		return s
	}
	c, err := t.recoverer.sweeper.Coverage(ctx)
	if err != nil {
		t.log.Error().Err(err).Msg("what was covered is not known")
		return s
	}
	s.Coverage, s.Covered = &c, c.String()
	return s
}

// version is the module's, as the toolchain knows it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}
