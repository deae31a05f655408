package main

import (
	"context"
	"path/filepath"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/vcs/github"
)

// lanes is what commits of forks need, and comments that ask for something.
// trusted is the engine for everything else.
func (a *agent) lanes(ctx context.Context, w world, trusted dispatch.Engine) (dispatch.Lanes, error) {
	l := dispatch.Lanes{
		Rules: a.policy, Approvals: a.store, Writers: a.github, Pulls: a.github,
		Comments: remarks{a.github}, Answers: answers{a.github, a.budget, w.clock, a.log}, Replies: a.store, History: a.store, Events: a.store,
	}
	if c, ok := any(a.store).(dispatch.Cancels); ok {
		l.Cancels = c
	}
	switch u := a.settings.Untrusted; {
	case u.Beside():
		l.Engine = trusted
	case len(u.Engines) > 0:
		var err error
		if a.away, err = a.untrustedEngine(w, u); err != nil {
			return l, err
		}
		l.Engine = a.away
	}
	if l.Engine == nil {
		return l, nil
	}
	return l, a.store.WakeApproved(ctx)
}

// untrustedEngine is the engine, or the engines as one, that the operator named for
// commits of forks, with folders of its own. It gets nothing of the agent's that it
// can do without, and is not the one that the environment names for everything else.
func (a *agent) untrustedEngine(w world, u config.Untrusted) (runtime, error) {
	environ := w.process.Environ()
	if len(a.settings.Engines) == 0 {
		if err := u.Apart([]string{engine.RunnerHost(environ)}); err != nil {
			return nil, err
		}
	}
	key, err := sessionKey(a.settings.DataDir)
	if err != nil {
		return nil, err
	}
	return asOne(w, a.settings, a.log, u.Engines, func(host string) (runtime, error) {
		return w.engine(engine.Config{
			RunnerHost: host, Dir: filepath.Join(a.settings.DataDir, "engine-untrusted"), Key: key,
			Environ: environ, AllowUnpinned: a.settings.AllowUnpinned,
			Submodule: submodules(a.settings.GitHubURL, a.settings.Repos), // of the base; a fork's are never followed
			Clock:     w.clock, Log: a.log,
		}, nil)
	})
}

// remarks reads comments at pull requests.
type remarks struct{ *github.Client }

// Said is what the event's payload says.
func (remarks) Said(e event.Event) (run.Comment, bool) { return github.Said(e) }

// Comment is what the code host says now.
func (r remarks) Comment(ctx context.Context, repo event.Repo, id int64) (run.Comment, error) {
	return r.Client.Comment(ctx, repo, id)
}

// AllowsUntrusted tells whether the operator listed the variable for the function.
func (p policy) AllowsUntrusted(repo event.Repo, function, variable string) bool {
	return p.untrusted.Secrets.Allows(repo.FullName(), function, variable)
}

// TrustsForks tells whether the operator listed the repository.
func (p policy) TrustsForks(repo event.Repo) bool { return p.untrusted.Forks.Trusts(repo.FullName()) }
