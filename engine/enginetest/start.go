package enginetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"dagger.io/dagger/engineconn"
)

// Variables of the Dagger CLI.
const (
	hostEnv = "_EXPERIMENTAL_DAGGER_RUNNER_HOST"
	cliEnv  = "_EXPERIMENTAL_DAGGER_CLI_BIN"
)

// Real is a real engine for tests.
type Real struct {
	// Host is its address, unix:// or tcp://, CLI the binary that goes with it.
	Host, CLI string
	// Stop ends it if it was started for the tests.
	Stop func()
}

// FindReal finds a real engine, or starts one: the one that the environment
// names; a container, where Docker or Podman works; a dagger-engine in PATH, in
// a mount namespace of its own, for root on Linux. Its error says why there is
// none, for a test that skips.
func FindReal(ctx context.Context) (Real, error) {
	cli := os.Getenv(cliEnv)
	if cli == "" {
		cli = "dagger"
	}
	cli, err := exec.LookPath(cli)
	if err != nil {
		return Real{}, fmt.Errorf("no dagger CLI (put dagger into PATH or set %s): %w", cliEnv, err)
	}
	if host := os.Getenv(hostEnv); host != "" {
		if !strings.HasPrefix(host, "unix://") && !strings.HasPrefix(host, "tcp://") {
			return Real{}, fmt.Errorf("the engine's address %s is neither unix:// nor tcp://", host)
		}
		return Real{Host: host, CLI: cli, Stop: func() {}}, nil
	}
	reasons := []error{fmt.Errorf("%s is not set", hostEnv)}
	for _, start := range []func(context.Context) (Real, error){startContainer, startEngine} {
		real, err := start(ctx)
		if err == nil {
			real.CLI = cli
			return real, nil
		}
		reasons = append(reasons, err)
	}
	return Real{}, errors.Join(reasons...)
}

// startContainer runs the engine's image. Its cache stays in a volume.
func startContainer(ctx context.Context) (Real, error) {
	var reasons []error
	for _, runtime := range []string{"docker", "podman"} {
		path, err := exec.LookPath(runtime)
		if err != nil {
			reasons = append(reasons, err)
			continue
		}
		if _, err := output(ctx, path, "version"); err != nil {
			reasons = append(reasons, err)
			continue
		}
		id, err := output(ctx, path, "run", "--detach", "--rm", "--privileged", "--publish", "127.0.0.1::1234",
			"--volume", "pocketci-test-engine:/var/lib/dagger",
			"registry.dagger.io/engine:v"+engineconn.CLIVersion, "--addr", "tcp://0.0.0.0:1234")
		if err != nil {
			return Real{}, err
		}
		real := Real{Stop: func() {
			_, _ = output(context.WithoutCancel(ctx), path, "stop", id)
		}}
		address, err := output(ctx, path, "port", id, "1234/tcp")
		if err == nil {
			address, _, _ = strings.Cut(address, "\n")
			real.Host = "tcp://" + address
			err = listening(ctx, real.Host)
		}
		if err != nil {
			real.Stop()
			return Real{}, err
		}
		return real, nil
	}
	return Real{}, errors.Join(reasons...)
}

// startEngine runs a dagger-engine that is installed.
func startEngine(ctx context.Context) (Real, error) {
	path, err := exec.LookPath("dagger-engine")
	if err != nil {
		return Real{}, err
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil || os.Getuid() != 0 {
		return Real{}, errors.New("a dagger-engine in PATH needs root and unshare")
	}
	dir, err := os.MkdirTemp("", "pocketci-engine-")
	if err != nil {
		return Real{}, fmt.Errorf("start dagger-engine: %w", err)
	}
	host := "unix://" + filepath.Join(dir, "engine.sock")
	cmd := exec.Command(unshare, "--mount", "--propagation", "private", path, "--addr", host, "--root", filepath.Join(dir, "state"))
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		return Real{}, fmt.Errorf("start dagger-engine: %w", err)
	}
	real := Real{Host: host, Stop: func() {
		_ = cmd.Process.Signal(os.Interrupt)
		kill := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		kill.Stop()
		_ = os.RemoveAll(dir)
	}}
	if err := listening(ctx, host); err != nil {
		real.Stop()
		return Real{}, err
	}
	return real, nil
}

// listening waits until somebody takes connections at host.
func listening(ctx context.Context, host string) error {
	u, err := url.Parse(host)
	if err != nil {
		return fmt.Errorf("wait for the engine: %w", err)
	}
	network, address := "tcp", u.Host
	if u.Scheme == "unix" {
		network, address = "unix", u.Path
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the engine at %s: %w: %w", host, context.Cause(ctx), err)
		case <-again.C:
		}
	}
}

// output is what a command prints, without the line's end.
func output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
		}
		return "", fmt.Errorf("%s %s: %w", filepath.Base(name), args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}
