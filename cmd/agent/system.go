package main

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/engine"
)

// world is what the program takes from outside: everything that a test may want
// to be another.
type world struct {
	out, err io.Writer
	process  config.Process
	machine  config.Machine
	clock    func() time.Time
	engine   engineMaker
	trial    trial
}

// runtime is an engine as this program uses it.
type runtime interface {
	dispatch.Engine
	pinger
}

// pinger tells whether an engine is at hand.
type pinger interface {
	Ping(ctx context.Context) error
}

// engineMaker makes an engine; live, if not nil, gives the writers for what
// functions print.
type engineMaker func(c engine.Config, live func(function string) io.Writer) (runtime, error)

// system is the machine that the program runs on.
func system(e engineMaker) world {
	return world{
		out: os.Stdout, err: os.Stderr,
		process: config.OS{}, machine: config.ThisMachine(os.Stderr),
		clock: time.Now, engine: e,
	}
}

// daggerEngine makes the real engine.
func daggerEngine(c engine.Config, live func(string) io.Writer) (runtime, error) {
	e, err := engine.New(c)
	if err != nil {
		return nil, err
	}
	return dagger{e, live}, nil
}

// dagger is the real engine in dispatch's words.
type dagger struct {
	*engine.Engine
	live func(string) io.Writer
}

// Open opens a session.
func (d dagger) Open(ctx context.Context, s dispatch.Spec) (dispatch.Session, error) {
	session, err := d.Engine.Open(ctx, engineSpec(s, d.live))
	if err != nil {
		return nil, err
	}
	return session, nil
}

// engineSpec is a session's spec in the engine's words.
func engineSpec(s dispatch.Spec, live func(string) io.Writer) engine.Spec {
	return engine.Spec{
		EventID: s.EventID, Module: s.Module, Source: s.Source,
		Secrets: s.Secrets, Trigger: s.Trigger, Live: live,
	}
}
