package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/franela/pocketci/engine/enginetest"
)

// path makes a PATH that holds nothing but these scripts.
func path(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	t.Setenv("_EXPERIMENTAL_DAGGER_CLI_BIN", "")
	t.Setenv("_EXPERIMENTAL_DAGGER_RUNNER_HOST", "")
	return dir
}

func find(t *testing.T) (enginetest.Real, error) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Second, errors.New("too long"))
	defer cancel()
	return enginetest.FindReal(ctx)
}

func TestFindReal(t *testing.T) {
	t.Run("in the environment", func(t *testing.T) {
		path(t, map[string]string{"dagger": ""})
		t.Setenv("_EXPERIMENTAL_DAGGER_RUNNER_HOST", "tcp://127.0.0.1:1234")
		real, err := find(t)
		if err != nil || real.Host != "tcp://127.0.0.1:1234" || filepath.Base(real.CLI) != "dagger" {
			t.Fatalf("got %+v %v", real, err)
		}
		real.Stop()
	})
	t.Run("in a container", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		dir := t.TempDir()
		path(t, map[string]string{"dagger": "", "podman": fmt.Sprintf(`echo "$@" >> %s/log
case $1 in run) echo the-id;; port) echo %s;; esac
`, dir, l.Addr())})
		real, err := find(t)
		if err != nil || real.Host != "tcp://"+l.Addr().String() {
			t.Fatalf("got %+v %v", real, err)
		}
		real.Stop()
		log, err := os.ReadFile(filepath.Join(dir, "log"))
		if err != nil || !strings.Contains(string(log), "--privileged") || !strings.HasSuffix(string(log), "port the-id 1234/tcp\nstop the-id\n") {
			t.Errorf("podman was asked: %s %v", log, err)
		}
	})
	t.Run("nowhere, and why", func(t *testing.T) {
		path(t, map[string]string{"dagger": "", "docker": "echo no daemon >&2; exit 1\n"})
		_, err := find(t)
		for _, want := range []string{"RUNNER_HOST is not set", "docker version: exit status 1: no daemon", "podman", "dagger-engine"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("the reason does not hold %q: %v", want, err)
			}
		}
	})
	t.Run("no CLI", func(t *testing.T) {
		path(t, nil)
		if _, err := find(t); err == nil || !strings.Contains(err.Error(), "no dagger CLI") {
			t.Errorf("got %v", err)
		}
	})
}

func TestFindRealStartsAnEngineThatIsInstalled(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	// It takes the place of unshare and of the engine: a process that ends when
	// it is interrupted, next to a socket that the test listens on.
	dir := t.TempDir()
	path(t, map[string]string{
		"dagger": "", "dagger-engine": "",
		"unshare": fmt.Sprintf("echo \"$6\" > %[1]s/host\ntrap 'echo ended > %[1]s/ended; exit 0' INT\nwhile :; do read line < %[1]s/never; done\n", dir),
	})
	if err := os.WriteFile(filepath.Join(dir, "never"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	listening := make(chan error, 1)
	go func() {
		for {
			host, err := os.ReadFile(filepath.Join(dir, "host"))
			if err == nil && len(host) > 0 {
				l, err := net.Listen("unix", strings.TrimPrefix(strings.TrimSpace(string(host)), "unix://"))
				if err == nil {
					defer l.Close()
					conn, acceptErr := l.Accept()
					if acceptErr == nil {
						conn.Close()
					}
					err = acceptErr
				}
				listening <- err
				return
			}
			select {
			case <-t.Context().Done():
				listening <- errors.New("unshare was not started")
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	real, err := find(t)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-listening; err != nil {
		t.Fatal(err)
	}
	real.Stop()
	if _, err := os.Stat(filepath.Join(dir, "ended")); err != nil {
		t.Errorf("the engine was not interrupted: %v", err)
	}
	if _, err := os.Stat(strings.TrimPrefix(real.Host, "unix://")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder is still there: %v", err)
	}
}
