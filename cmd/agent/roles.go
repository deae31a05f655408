package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/source/webhook"
)

// receiveCommand is `agent receive`.
func receiveCommand(w world, env *config.Environment) *cobra.Command {
	var settings config.Agent
	c := roleCommand(w, env, config.Role{Receives: true}, &settings)
	c.Use, c.Short = "receive", "Only take webhooks in; agents that work share the database"
	c.Long = "Verifies webhooks and keeps them in the database that --store names. Needs no git, no engine and no\n" +
		"token: GITHUB_USERNAME (or GITHUB_APP_ID) and X_HUB_SIGNATURE are required in the environment."
	settings.BindReceive(c.Flags(), w.machine)
	return c
}

// workCommand is `agent work`.
func workCommand(w world, env *config.Environment) *cobra.Command {
	var settings config.Agent
	c := roleCommand(w, env, config.Role{Works: true}, &settings)
	c.Use, c.Short = "work", "Only work events off that other agents keep in the same database"
	c.Long = "Works off what agents keep in the database that --store names, and reports it. Takes no webhooks:\n" +
		"GITHUB_USERNAME and GITHUB_TOKEN (or GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY_FILE) are required in the\n" +
		"environment. Each agent needs a data folder of its own, for mirrors and caches."
	settings.BindWork(c.Flags(), w.machine)
	return c
}

// roleCommand serves in a role.
func roleCommand(w world, env *config.Environment, role config.Role, settings *config.Agent) *cobra.Command {
	return newCommand(env, settings, func(ctx context.Context) error { return serve(ctx, w, role, settings, env) })
}

// sharing refuses half an agent on a store that the other half can't open.
func (a *agent) sharing() error {
	if a.role.Receives && a.role.Works || a.settings.Shared() {
		return nil
	}
	return &event.Problem{
		Public: "`agent receive` and `agent work` share a PostgreSQL database, and none is named: a SQLite file belongs to one process",
		Hint:   "name it with " + config.Variable("store") + "=postgres://user:password@host/database, or run plain `agent`, which does both",
	}
}

// makeFront makes the listener for deliveries and health. An agent that takes no
// deliveries has one for its health, if the operator wants it.
func (a *agent) makeFront(w world) {
	switch {
	case a.role.Receives:
		a.front = webhook.NewServer(webhook.ServerConfig{Addr: a.settings.Listen, Handler: a.hooks, Log: a.log})
	case a.settings.HealthListen != config.Off:
		probe := webhook.NewProbe(webhook.ReadyFunc(a.ready), w.clock)
		a.front = webhook.NewServer(webhook.ServerConfig{Addr: a.settings.HealthListen, Handler: probe, Log: a.log})
	}
}
