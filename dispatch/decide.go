package dispatch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// plan is what was decided for one module of the repository.
type plan struct {
	module  run.Module
	source  run.Source
	secrets run.SecretValues
	match   Match
	// problem kept this module from being decided or called; the others go on.
	problem *event.Problem
}

// decide loads what the modules offer and matches it against the event. What is
// wrong with one module is that module's; an engine that can't be had is everybody's.
func (t *task) decide(ctx context.Context, tree run.Tree, s run.Settings) ([]plan, error) {
	plans := make([]plan, len(s.Modules))
	g, gctx := errgroup.WithContext(ctx)
	for i, m := range s.Modules {
		g.Go(func() error {
			return guarded(func() (err error) {
				plans[i], err = t.plan(gctx, tree, m)
				return err
			})
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	decisions := []run.Decision{}
	for _, p := range plans {
		decisions = append(decisions, p.match.Decisions...)
	}
	return plans, t.advance(ctx, run.Progress{Decisions: decisions})
}

// plan decides one module.
func (t *task) plan(ctx context.Context, tree run.Tree, m run.Module) (plan, error) {
	e := t.run.Event
	p := plan{module: m, source: run.Source{
		Tree:       tree,
		RepoID:     e.Repo.ID,
		ModulePath: m.Path,
		Depth:      m.Depth,
		Lane:       run.LaneTrusted,
	}}
	table, err := t.Engine.Table(ctx, p.source)
	if errors.As(err, &p.problem) && !infrastructure(err) {
		t.log.Info().Err(err).Str("module", m.Path).Msg("the module can't be loaded")
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("load module %s: %w", m.Path, err)
	}
	values, reasons := t.Policy.Secrets(e, m)
	p.secrets = values
	p.match, err = t.match(Input{
		Event: e, SHA: tree.SHA,
		HasDiff: tree.HasDiff, Changes: tree.Changes,
		Module: m, Table: table, Secrets: reasons,
	})
	if err != nil && !errors.As(err, &p.problem) {
		return p, fmt.Errorf("match module %s: %w", m.Path, err)
	}
	return p, nil
}

// infrastructure tells what is retried from what is the user's to mend.
func infrastructure(err error) bool {
	return errors.Is(err, run.ErrNoEngine) || errors.Is(err, run.ErrEngineLost)
}

// match matches with the secrets that this event may have. The choice between
// functions does not depend on secrets, so an event from a stranger is matched
// with and without them, and each function takes the answer that it is entitled to.
func (t *task) match(in Input) (Match, error) {
	if t.run.Trust == event.Trusted || len(in.Secrets) == 0 {
		return MatchEvent(in)
	}
	with, err := MatchEvent(in)
	if err != nil {
		return with, err
	}
	in.Secrets = maps.Clone(in.Secrets)
	for name := range in.Secrets {
		in.Secrets[name] = fmt.Sprintf("%s has no write permission, so it is not given", orNobody(in.Event.Sender.Login))
	}
	without, err := MatchEvent(in)
	if err != nil {
		return without, err
	}
	listed := func(function string) bool { return t.Strangers.AllowsStranger(in.Event.Repo, function) }
	for i, d := range with.Decisions {
		if listed(d.Function) {
			without.Decisions[i] = d
		}
	}
	calls := slices.DeleteFunc(without.Calls, func(c run.Call) bool { return listed(c.Function) })
	for _, c := range with.Calls {
		if listed(c.Function) {
			calls = append(calls, c)
		}
	}
	without.Calls = calls
	return without, nil
}

func orNobody(login string) string {
	if login == "" {
		return "the sender"
	}
	return login
}
