package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"strings"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// dialTimeout bounds one look at whether somebody listens.
const dialTimeout = 2 * time.Second

// Causes of contexts that end.
var (
	errDialTimeout = errors.New("no answer within 2s")
	errNotAnEngine = errors.New("not an address of an engine")
)

// Ping tells whether an engine can be reached, within 2 seconds and without
// starting one: a runner host with an address must take a connection, a
// container runtime that would run the engine must answer. Its error wraps
// [run.ErrNoEngine] and is an *event.Problem that says what to do.
func (e *Engine) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, dialTimeout, errDialTimeout)
	defer cancel()
	err := e.reach(ctx)
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errDialTimeout) {
		return fmt.Errorf("reach the engine: %w", cause)
	}
	return e.unreachable(err)
}

// reach looks whether the engine's address, or its container runtime, answers.
func (e *Engine) reach(ctx context.Context) error {
	if e.cfg.provisions() {
		return e.runtimeAnswers(ctx)
	}
	u, err := url.Parse(e.cfg.RunnerHost)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotAnEngine, err)
	}
	network, address := "tcp", u.Host
	switch u.Scheme {
	case "unix":
		network, address = "unix", u.Host+u.Path
	case "tcp", "tls":
	default:
		return nil // only a session can tell
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// runtimeAnswers asks the container runtimes that the CLI knows, in its order.
func (e *Engine) runtimeAnswers(ctx context.Context) error {
	runtimes := []string{"docker", "podman", "nerdctl", "finch", "container"}
	scheme, _, _ := strings.Cut(e.cfg.RunnerHost, "://")
	if _, one, ok := strings.Cut(scheme, "+"); ok {
		runtimes = []string{strings.Replace(one, "apple", "container", 1)}
	} else if strings.HasPrefix(scheme, "docker") {
		runtimes = runtimes[:1]
	}
	err := errors.New("none of " + strings.Join(runtimes, ", ") + " is installed")
	for _, name := range runtimes {
		path, lookErr := exec.LookPath(name)
		if lookErr != nil {
			continue
		}
		cmd := exec.CommandContext(ctx, path, "version")
		cmd.Env, cmd.Dir = e.cfg.sessionEnv(e.dirs, nil), e.dirs.work
		cmd.WaitDelay = time.Second
		out, runErr := cmd.CombinedOutput()
		if runErr == nil {
			return nil
		}
		err = fmt.Errorf("%s version: %w: %s", name, runErr, tail(strings.TrimSpace(string(out)), 500))
	}
	return err
}

// unreachable says for people that there is no engine, and how to get one.
func (e *Engine) unreachable(err error) error {
	if e.cfg.provisions() {
		return noEngine("no Dagger engine: none is named, and no container runtime answers that could run one",
			"start Docker (or Podman), or name an engine with --engine or "+runnerHostEnv+
				", for example tcp://127.0.0.1:1234 or unix:///run/dagger/engine.sock", err)
	}
	return noEngine("the Dagger engine does not answer",
		"start the engine that --engine (or "+runnerHostEnv+") names, or name another", err)
}

// noEngine is an error that wraps run.ErrNoEngine and can be shown to people.
func noEngine(public, hint string, err error) error {
	return &event.Problem{Public: public, Hint: hint, Err: fmt.Errorf("%w: %w", run.ErrNoEngine, err)}
}
