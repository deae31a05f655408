package engine_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"dagger.io/dagger/engineconn"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// startAgent starts this binary as a process that holds a session open, with
// the stand-in as the dagger CLI of the SDK's version at path.
func startAgent(t *testing.T, environ func(cli string) []string) (cmd *exec.Cmd, said string, dir string) {
	t.Helper()
	_, dir = newStandin(t, "", engine.Config{})
	cmd = exec.Command(os.Args[0])
	cmd.Env = append([]string{
		"POCKETCI_AGENT=" + dir, "HOME=" + dir, "_EXPERIMENTAL_DAGGER_RUNNER_HOST=" + listener(t),
	}, environ(filepath.Join(dir, "dagger"))...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return cmd, strings.TrimSpace(line), dir
}

func TestSessionDiesWithItsAgent(t *testing.T) {
	cmd, said, dir := startAgent(t, func(cli string) []string {
		return []string{"PATH=" + os.Getenv("PATH"), "_EXPERIMENTAL_DAGGER_CLI_BIN=" + cli}
	})
	if said != "open" {
		t.Fatal(said)
	}
	pid, err := strconv.Atoi(noted(t, dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("there is no session: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !gone(pid) {
		select {
		case <-deadline.C:
			t.Fatal("the session outlives its agent")
		case <-again.C:
		}
	}
}

// gone tells whether a process has ended; one that nobody has waited for yet has.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestCLIIsFound(t *testing.T) {
	version := "dagger v" + engineconn.CLIVersion + " (image://x) linux/amd64"
	script := func(t *testing.T, name, text string) string {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
		return filepath.Dir(name)
	}
	// asVersion is a dagger that tells a version and else is the stand-in.
	asVersion := func(version, cli string) string {
		return fmt.Sprintf("if [ \"$1\" = version ]; then echo '%s'; exit; fi\nexec '%s' \"$@\"\n", version, cli)
	}
	tests := map[string]struct {
		environ func(t *testing.T, cli string) []string
		want    string
	}{
		"in PATH, of the SDK's version": {func(t *testing.T, cli string) []string {
			dir := script(t, filepath.Join(t.TempDir(), "dagger"), asVersion(version, cli))
			return []string{"PATH=" + dir, "XDG_CACHE_HOME=/nowhere"}
		}, "open"},
		"in the SDK's cache, if the one in PATH is another": {func(t *testing.T, cli string) []string {
			dir := script(t, filepath.Join(t.TempDir(), "dagger"), asVersion("dagger v0.1.0", "/nowhere"))
			cache := t.TempDir()
			script(t, filepath.Join(cache, "dagger", "dagger-"+engineconn.CLIVersion), fmt.Sprintf("exec '%s' \"$@\"\n", cli))
			return []string{"PATH=" + dir, "XDG_CACHE_HOME=" + cache}
		}, "open"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, said, _ := startAgent(t, func(cli string) []string { return tt.environ(t, cli) })
			if said != tt.want {
				t.Errorf("got %s", said)
			}
		})
	}
}

func TestPing(t *testing.T) {
	runtime := func(t *testing.T, name, text string) {
		t.Helper()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", dir)
		t.Setenv("_EXPERIMENTAL_DAGGER_RUNNER_HOST", "")
	}
	t.Run("an address that takes connections", func(t *testing.T) {
		if err := newEngine(t, engine.Config{RunnerHost: listener(t)}).Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("a container runtime that answers", func(t *testing.T) {
		runtime(t, "podman", "[ \"$1\" = version ]\n")
		if err := newEngine(t, engine.Config{}).Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("one that does not", func(t *testing.T) {
		runtime(t, "docker", "echo no daemon >&2; exit 1\n")
		err := newEngine(t, engine.Config{}).Ping(t.Context())
		var problem *event.Problem
		if !errors.Is(err, run.ErrNoEngine) || !errors.As(err, &problem) || !strings.Contains(problem.Hint, "Docker") || !strings.Contains(err.Error(), "no daemon") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("only the runtime that is named", func(t *testing.T) {
		runtime(t, "podman", "")
		for host, ok := range map[string]bool{"image+podman://x": true, "image+docker://x": false, "docker-container://x": false, "container://x": true} {
			if err := newEngine(t, engine.Config{RunnerHost: host}).Ping(t.Context()); (err == nil) != ok {
				t.Errorf("%s: %v", host, err)
			}
		}
	})
	t.Run("none at all", func(t *testing.T) {
		runtime(t, "other", "")
		if err := newEngine(t, engine.Config{}).Ping(t.Context()); !errors.Is(err, run.ErrNoEngine) {
			t.Errorf("got %v", err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]engine.Config{
		"no folder":              {Key: make([]byte, 32)},
		"a short key":            {Dir: t.TempDir(), Key: make([]byte, 15)},
		"a folder that can't be": {Dir: "/dev/null/x", Key: make([]byte, 32)},
	} {
		if _, err := engine.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestFoldersAreOurs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "engine")
	if _, err := engine.New(engine.Config{Dir: dir, Key: make([]byte, 32)}); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
