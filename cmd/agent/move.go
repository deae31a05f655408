package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/engine/scrub"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/store"
)

// moveCommand is `agent move`.
func moveCommand(w world, env *config.Environment) *cobra.Command {
	var settings config.Agent
	c := newCommand(env, &settings, func(ctx context.Context) error { return move(ctx, w, &settings, env) })
	c.Use, c.Short = "move", "Move the store from SQLite to PostgreSQL"
	c.Long = "Copies everything from the SQLite file in the data folder to an empty PostgreSQL database, in one\n" +
		"transaction, counts it on both sides, and renames the file. Stop the agent first. If it is interrupted,\n" +
		"run it again."
	c.Example = "  POCKETCI_STORE=postgres://pocketci:password@db/pocketci agent move"
	settings.BindMove(c.Flags(), w.machine)
	return c
}

// move moves the store and says what it did.
func move(ctx context.Context, w world, settings *config.Agent, env *config.Environment) error {
	to := settings.Store
	if to == "" {
		to, _ = env.Setting(config.Variable("store"))
	}
	settings.Store = env.Store(to)
	if !settings.Shared() {
		return &event.Problem{
			Public: "where to move the store is not said",
			Hint:   "give --to postgres://user@host/database, or with a password: POCKETCI_STORE=postgres://user:password@host/database",
		}
	}
	log, err := newLog(w, settings, scrub.New(env.Sensitive()...))
	if err != nil {
		return err
	}
	moved, err := store.Move(ctx,
		store.Config{Dir: settings.DataDir, Owner: owner(), Clock: w.clock, Log: log},
		store.Config{URL: settings.Store, Owner: owner(), Clock: w.clock, Log: log})
	if err != nil {
		return err
	}
	for _, t := range moved.Tables {
		if t.Rows > 0 {
			fmt.Fprintf(w.out, "%-20s %10d rows\n", t.Name, t.Rows)
		}
	}
	if moved.Already {
		fmt.Fprintln(w.out, "everything was copied before")
	}
	fmt.Fprintf(w.out, "The store is in PostgreSQL now; the old one is kept as %s.\nStart every agent with %s from now on.\n",
		moved.Kept, config.Variable("store"))
	return nil
}
