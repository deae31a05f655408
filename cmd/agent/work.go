package main

import (
	"context"
	"io"
	"path/filepath"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/engine/pool"
)

// makeEngine makes the engine with a key and caches of its own in the data
// folder: one runner host, or several as one.
func makeEngine(w world, settings *config.Agent, cloudToken string, log zerolog.Logger, live func(string) io.Writer) (runtime, error) {
	key, err := sessionKey(settings.DataDir)
	if err != nil {
		return nil, err
	}
	one := func(host string) (runtime, error) {
		return w.engine(engine.Config{
			RunnerHost: host, Dir: filepath.Join(settings.DataDir, "engine"), Key: key,
			CloudToken: cloudToken, Environ: w.process.Environ(), AllowUnpinned: settings.AllowUnpinned,
			Submodule: submodules(settings.GitHubURL, settings.Repos),
			Clock:     w.clock, Log: log,
		}, live)
	}
	return asOne(w, settings, log, settings.Engines, one)
}

// asOne makes an engine of each of the hosts and one of them all.
func asOne(w world, settings *config.Agent, log zerolog.Logger, named []string, one func(host string) (runtime, error)) (runtime, error) {
	switch len(named) {
	case 0:
		return one("")
	case 1:
		return one(named[0])
	}
	var hosts []pool.Named[runtime]
	for _, host := range named {
		e, err := one(host)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, pool.Named[runtime]{Name: host, Host: e})
	}
	// A host is busy with its share of what this agent does at once.
	share := func(all int) int { return (all + len(hosts) - 1) / len(hosts) }
	p, err := pool.New(hosts, pool.Config{
		Sessions: share(settings.MaxEvents), Calls: share(settings.MaxCalls), Clock: w.clock, Log: log,
	})
	return engines{p}, err
}

// engines are several engines in dispatch's words.
type engines struct{ *pool.Pool[runtime] }

// Open opens a session on one of them.
func (e engines) Open(ctx context.Context, s dispatch.Spec) (dispatch.Session, error) {
	session, err := e.Pool.Open(ctx, s.Source, func(ctx context.Context, r runtime) (pool.Session, error) { return r.Open(ctx, s) })
	if err != nil {
		return nil, err
	}
	return session, nil
}
