package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// allowed are the agent's variables that git gets to see: where programs are,
// where temporary files go, proxies and certificate authorities.
func allowed() []string {
	return []string{
		"PATH", "TMPDIR", "TMP", "TEMP", "SYSTEMROOT",
		"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH",
	}
}

// pick gives those variables of an environment that are listed, in any case.
func pick(environ []string, names []string) []string {
	var env []string
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if slices.Contains(names, strings.ToUpper(name)) {
			env = append(env, kv)
		}
	}
	return env
}

// lookup gives a variable's value, or "".
func lookup(env []string, name string) string {
	for _, kv := range env {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

// sealed is the environment of git processes that work on mirrors: nothing of
// this machine's settings, no prompts, no transport unless one is named later.
func sealed(environ []string, home string) []string {
	env := pick(environ, allowed())
	if ca := lookup(env, "SSL_CERT_FILE"); ca != "" && lookup(env, "GIT_SSL_CAINFO") == "" {
		env = append(env, "GIT_SSL_CAINFO="+ca) // what Go programs read, git does not
	}
	return append(env,
		"HOME="+home, "XDG_CONFIG_HOME="+home, "GIT_CEILING_DIRECTORIES="+home,
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_ATTR_NOSYSTEM=1",
		"LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_NO_REPLACE_OBJECTS=1", "GIT_DEFAULT_REF_FORMAT=files",
		noLazyFetch,
	)
}

// noLazyFetch keeps git from getting by itself what it finds missing. A code host (or
// a damaged mirror) could else make it start itself without end: git fetch looks for an
// object, does not find it, and starts git fetch.
const noLazyFetch = "GIT_NO_LAZY_FETCH=1"

// noTransport keeps git from talking to anybody.
const noTransport = "GIT_ALLOW_PROTOCOL=none"

// sealedSettings hold for every process that works on mirrors.
func sealedSettings() []setting {
	return []setting{
		{"core.hooksPath", os.DevNull},
		{"core.warnAmbiguousRefs", "false"},
		{"credential.helper", ""},
		{"http.followRedirects", "false"},
		// A code host that is still counting objects says a few bytes every five
		// seconds; one that says nothing for five minutes is gone.
		{"http.lowSpeedLimit", "1"}, // bytes a second
		{"http.lowSpeedTime", "300"},
		{"gc.auto", "0"},
		{"maintenance.auto", "false"},
		{"safe.directory", "*"}, // a mirror is ours, also when the agent's account changed
	}
}

// find gives the path of git: the one that is asked for, or the one on PATH.
func find(path string) (string, error) {
	if path == "" {
		path = "git"
	}
	found, err := exec.LookPath(path)
	if err != nil {
		return "", fmt.Errorf("look up git: %w", err)
	}
	return found, nil
}

// The oldest git that takes settings by environment and refspecs by stdin. One that
// also obeys noLazyFetch is found out by trying: distributions carry it back.
const minMajor, minMinor = 2, 31

// checkGit refuses a git that is too old.
func checkGit(ctx context.Context, p *program, home string) error {
	version, err := p.output(ctx, command{args: []string{"version"}, dir: home})
	if err != nil {
		return err
	}
	if err := atLeast(version, minMajor, minMinor); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "pocketci-git-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	env := []string{noTransport}
	if err := p.run(ctx, command{args: []string{"init", "--quiet", "--bare", "--template=", "--", scratch}, dir: home, env: env}); err != nil {
		return err
	}
	err = p.run(ctx, command{
		args: []string{"cat-file", "-e", strings.Repeat("1", 40)}, dir: scratch, env: append(env, "GIT_DIR="+scratch),
		config: []setting{{"remote.origin.url", "http://localhost/"}, {"remote.origin.promisor", "true"}},
	})
	if contains(said(err), "not allowed") { // it tried to fetch
		return fmt.Errorf("%s is too old: it does not obey GIT_NO_LAZY_FETCH; 2.39.4 and 2.45 do", version)
	}
	return nil
}

// atLeast refuses a git that is too old: what `git version` prints is compared
// with major.minor.
func atLeast(version string, major, minor int) error {
	var a, b int
	if _, err := fmt.Sscanf(version, "git version %d.%d", &a, &b); err != nil {
		return errors.New("can't tell git's version from " + tidy(version))
	}
	if a < major || a == major && b < minor {
		return fmt.Errorf("git %d.%d is too old: %d.%d is the oldest that works", a, b, major, minor)
	}
	return nil
}
