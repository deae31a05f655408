package main

import (
	"context"
	"errors"

	"github.com/franela/pocketci/event"
	recovery "github.com/franela/pocketci/source/recover"
	"github.com/franela/pocketci/source/refs"
	"github.com/franela/pocketci/vcs/git"
	"github.com/franela/pocketci/vcs/github"
)

// recoverer brings in what the code host never got through: deliveries that it
// keeps a record of, and refs that moved without any.
type recoverer struct {
	sweeper    *recovery.Sweeper
	reconciler *refs.Reconciler
	// order says which late events are out of date.
	order *refs.Order
}

// makeRecoverer makes the sources of what was missed. Order is kept even if the
// operator wants nothing recovered: deliveries overtake one another by themselves.
func (a *agent) makeRecoverer(w world, receiver *github.Receiver) error {
	record, err := github.NewRecord(a.recordConfig())
	if err != nil {
		return err
	}
	a.recoverer.order = refs.NewOrder(a.store, record, ancestry{a.mirrors})
	if a.settings.Recover == 0 {
		return nil
	}
	named, err := recovery.ParseNamed(a.settings.RecoverHooks)
	if err != nil {
		return &event.Problem{Public: "--recover-hook: " + err.Error()}
	}
	if a.app != nil {
		// Its own webhook may never have got through.
		named = append(named, recovery.Named{Of: "app"})
	}
	if a.recoverer.sweeper, err = recovery.New(recovery.Config{
		Vendor: "github", Host: record, Finder: record, Parser: receiver,
		Hooks: a.store, Gaps: a.store, Events: a.store, Summary: a.store, Turns: a.store,
		Named: named, Admit: admit(a.settings.Repos), MaxAge: a.settings.Recover, Clock: w.clock, Log: a.log,
	}); err != nil {
		return err
	}
	found, err := github.NewFound(github.FoundConfig{Record: record, Login: a.creds.Username, AppID: a.creds.AppID, Clock: w.clock})
	if err != nil {
		return err
	}
	a.recoverer.reconciler, err = refs.New(refs.Config{
		Vendor: "github", Host: record, Maker: found, Repositories: a.store, Heads: a.store, Moves: a.store, Events: a.store, Turns: a.store,
		Allowed: func(r event.Repo) bool { return a.settings.Repos.Match(r.FullName()) },
		Admit:   admit(a.settings.Repos), MaxAge: a.settings.Recover, Clock: w.clock, Log: a.log,
	})
	return err
}

// start begins to look for what was missed.
func (r recoverer) start(ctx context.Context) error {
	if r.sweeper == nil {
		return nil
	}
	return errors.Join(r.sweeper.Start(ctx), r.reconciler.Start(ctx))
}

// stop ends the looking and waits for it.
func (r recoverer) stop(ctx context.Context) error {
	if r.sweeper == nil {
		return nil
	}
	return errors.Join(r.sweeper.Stop(ctx), r.reconciler.Stop(ctx))
}

// ancestry asks git whose ancestor is whose.
type ancestry struct{ mirrors *git.Mirrors }

// IsAncestor tells whether newer holds older; of a commit that is gone nobody can
// say so.
func (a ancestry) IsAncestor(ctx context.Context, repo event.Repo, older, newer string) (bool, error) {
	is, err := a.mirrors.IsAncestor(ctx, repo, older, newer)
	if errors.Is(err, git.ErrGone) {
		return false, nil
	}
	return is, err
}
