package main

import (
	"context"
	"fmt"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// policy is what the operator decided, in dispatch's words.
type policy struct {
	env       *config.Environment
	grants    config.Grants
	strangers config.Strangers
	bots      config.Bots
	untrusted config.Untrusted
}

// Settings reads pocketci.yaml.
func (p policy) Settings(_ context.Context, e event.Event, t run.Tree) (run.Settings, error) {
	return config.Repository(t.Files, config.ScopeOf(e), p.grants)
}

// Secrets gives a module's secrets as far as they are granted and set.
func (p policy) Secrets(e event.Event, m run.Module) (run.SecretValues, map[string]string) {
	return p.env.Secrets(m, config.ScopeOf(e), p.grants)
}

// AllowsStranger tells whether the operator listed the function.
func (p policy) AllowsStranger(repo event.Repo, function string) bool {
	return p.strangers.Allows(repo.FullName(), function)
}

// TrustsBot tells whether the operator listed the bot.
func (p policy) TrustsBot(login string) bool { return p.bots.Trusts(login) }

// admit records events of repositories that the operator did not name.
func admit(repos config.Repos) func(event.Event) event.Event {
	return func(e event.Event) event.Event {
		if e.Reason == "" && !repos.Match(e.Repo.FullName()) {
			e.Reason = fmt.Sprintf("%s is not among the repositories that may trigger (--repos)", e.Repo.FullName())
		}
		return e
	}
}
