package engine

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"dagger.io/dagger/engineconn"
)

// errVersionSilent: a dagger in PATH did not tell its version in time.
var errVersionSilent = errors.New("dagger version did not answer")

// cli finds the dagger binary: what the operator names, a dagger of the SDK's
// version in PATH, or the SDK's own download, which is checked against the
// release's checksums and kept in the user's cache folder.
func (e *Engine) cli(ctx context.Context) (string, error) {
	e.cliMu.Lock()
	defer e.cliMu.Unlock()
	if e.cliPath != "" {
		return e.cliPath, nil
	}
	path, err := e.findCLI(ctx)
	if err != nil {
		return "", err
	}
	e.cfg.Log.Debug().Str("cli", path).Msg("dagger CLI found")
	e.cliPath = path
	return path, nil
}

func (e *Engine) findCLI(ctx context.Context) (string, error) {
	for _, named := range []string{e.cfg.CLI, lookup(e.cfg.Environ, cliEnv)} {
		if named == "" {
			continue
		}
		path, err := exec.LookPath(named)
		if err != nil {
			return "", noCLI(fmt.Errorf("find the dagger CLI: %w", err))
		}
		return path, nil
	}
	if path, err := exec.LookPath("dagger"); err == nil && e.versionOf(ctx, path) == engineconn.CLIVersion {
		return path, nil
	}
	path, err := engineconn.CLIDownloader{Ref: engineconn.CLIVersion, Release: true}.Download(ctx)
	if err != nil {
		return "", noCLI(fmt.Errorf("download the dagger CLI: %w", err))
	}
	return path, nil
}

// versionOf asks a dagger binary for its version; "" if it does not tell.
func (e *Engine) versionOf(ctx context.Context, path string) string {
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Second, errVersionSilent)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "version")
	cmd.Env, cmd.Dir = e.cfg.sessionEnv(e.dirs, nil), e.dirs.work
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(out))
	if len(fields) < 2 || fields[0] != "dagger" {
		return ""
	}
	return strings.TrimPrefix(fields[1], "v")
}

// noCLI is told to people who have no dagger binary.
func noCLI(err error) error {
	return noEngine("the Dagger CLI v"+engineconn.CLIVersion+" is missing and can't be downloaded",
		"install it (https://docs.dagger.io/install) and put `dagger` v"+engineconn.CLIVersion+
			" into PATH, or name it with "+cliEnv, err)
}
