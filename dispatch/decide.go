package dispatch

import (
	"context"
	"errors"
	"fmt"

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
	p := plan{module: m, source: t.source(tree, m)}
	table, err := t.engine().Table(ctx, p.source)
	if errors.As(err, &p.problem) && !infrastructure(err) {
		t.log.Info().Err(err).Str("module", m.Path).Msg("the module can't be loaded")
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("load module %s: %w", m.Path, err)
	}
	values, reasons := t.Policy.Secrets(e, m)
	p.secrets = values
	about := p.source.Subject()
	p.match, err = t.match(Input{
		Event: e, SHA: about.SHA,
		HasDiff: about.HasDiff, Changes: about.Changes,
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
	if t.untrusted() {
		return t.matchUntrusted(in)
	}
	if t.run.Trust == event.Trusted || len(in.Module.Secrets) == 0 {
		return MatchEvent(in)
	}
	with, err := MatchEvent(in)
	if err != nil {
		return with, err
	}
	refused := fmt.Sprintf("%s has no write permission, so it is not given", orNobody(in.Event.Sender.Login))
	in.Secrets = map[string]string{}
	for _, secret := range in.Module.Secrets {
		in.Secrets[secret.Name] = refused
	}
	without, err := MatchEvent(in)
	listed := func(function string) bool { return t.Strangers.AllowsStranger(in.Event.Repo, function) }
	merged := Match{Decisions: without.Decisions}
	for i, d := range with.Decisions {
		if listed(d.Function) {
			merged.Decisions[i] = d
		}
	}
	for _, c := range with.Calls {
		if listed(c.Function) {
			merged.Calls = append(merged.Calls, c)
			err = nil // what the others lack is in their decisions
		}
	}
	for _, c := range without.Calls {
		if !listed(c.Function) {
			merged.Calls = append(merged.Calls, c)
		}
	}
	return merged, err
}

func orNobody(login string) string {
	if login == "" {
		return "the sender"
	}
	return login
}
