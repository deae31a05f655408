package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/event"
)

var machine = config.Machine{CPUs: 2, StateDir: "/home/octo/.local/state"}

// agent reads settings from a command line and an environment.
func agent(t testing.TB, m config.Machine, env map[string]string, args ...string) (*config.Agent, error) {
	t.Helper()
	var a config.Agent
	fs := pflag.NewFlagSet("agent", pflag.ContinueOnError)
	fs.SetOutput(os.Stderr)
	a.Bind(fs, m)
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	if err := config.FromEnvironment(fs, lookup); err != nil {
		return nil, err
	}
	return &a, a.Complete()
}

func TestDefaultSettings(t *testing.T) {
	a, err := agent(t, machine, nil)
	if err != nil {
		t.Fatal(err)
	}
	type values struct {
		Listen, APIListen, DataDir, URL, API, Engine, Format, Level string
		Events, Calls                                               int
		Timeout, Grace                                              time.Duration
		Repos                                                       string
		Unpinned                                                    bool
	}
	want := values{
		Listen: ":8080", APIListen: "127.0.0.1:8081", DataDir: "/home/octo/.local/state/pocketci",
		URL: "https://github.com", API: "https://api.github.com", Format: "json", Level: "info",
		Events: 4, Calls: 8, Timeout: time.Hour, Grace: 30 * time.Second,
	}
	got := values{
		a.Listen, a.APIListen, a.DataDir, a.GitHubURL, a.GitHubAPIURL, strings.Join(a.Engines, ","), a.LogFormat, a.LogLevel,
		a.MaxEvents, a.MaxCalls, a.CallTimeout, a.ShutdownGrace, a.Repos.String(), a.AllowUnpinned,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !a.Repos.Match("any/thing") {
		t.Error("not all repositories may trigger")
	}
}

func TestDefaultsOfTheMachine(t *testing.T) {
	for cpus, want := range map[int][2]int{1: {4, 8}, 8: {16, 32}, 256: {32, 128}} {
		a, err := agent(t, config.Machine{CPUs: cpus, StateDir: "/s", Terminal: true}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]int{a.MaxEvents, a.MaxCalls}; got != want {
			t.Errorf("%d: %v", cpus, got)
		}
		if a.LogFormat != config.LogConsole {
			t.Errorf("log format %s on a terminal", a.LogFormat)
		}
	}
	m := config.ThisMachine(os.Stderr)
	if m.CPUs < 1 || !filepath.IsAbs(m.StateDir) {
		t.Errorf("%+v", m)
	}
}

func TestSettings(t *testing.T) {
	env := map[string]string{
		"POCKETCI_LISTEN": ":1", "POCKETCI_REPOS": "octo/*, acme/{a,b}", "POCKETCI_MAX_CALLS": "3", "POCKETCI_ALLOW_UNPINNED": "true",
		"POCKETCI_DATA_DIR": " ", "POCKETCI_ALLOW_SECRET": "NPM,-GITHUB_TOKEN", "POCKETCI_GITHUB_URL": "https://GHE.example.com/",
		"POCKETCI_CALL_TIMEOUT": "90s",
	}
	a, err := agent(t, machine, env, "--listen", ":2", "--repos", "octo/hello", "--repos=octo/x,!octo/y",
		"--allow-stranger", "octo/hello=OnGithubStar", "--trust-bot", "dependabot[bot]", "--accept-repo", "octo/hello=7", "--log-format", "console")
	if err != nil {
		t.Fatal(err)
	}
	if a.Listen != ":2" || a.MaxCalls != 3 || !a.AllowUnpinned || a.CallTimeout != 90*time.Second || a.LogFormat != "console" {
		t.Errorf("%+v", a)
	}
	if a.DataDir != "/home/octo/.local/state/pocketci" {
		t.Errorf("an empty variable set the data folder to %s", a.DataDir)
	}
	if a.GitHubURL != "https://ghe.example.com" || a.GitHubAPIURL != "https://ghe.example.com/api/v3" {
		t.Errorf("%s, %s", a.GitHubURL, a.GitHubAPIURL)
	}
	if got := a.Repos.String(); got != "octo/hello,octo/x,!octo/y" {
		t.Errorf("the flag does not win over the variable: %s", got)
	}
	if !a.AllowStranger.Allows("octo/hello", "onGithubStar") || !a.TrustBot.Trusts("dependabot[bot]") {
		t.Error("the lists are not read")
	}
	if id, _ := a.AcceptRepo.ID("octo/hello"); id != 7 {
		t.Errorf("id %d", id)
	}
	g, err := a.Grants()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"NPM": true, "GITHUB_TOKEN": false, "GITHUB_USERNAME": true, "POCKETCI_SECRET_A": true} {
		if got := g.Allows("octo/hello", "refs/heads/main", name); got != want {
			t.Errorf("%s is granted: %v", name, got)
		}
	}
}

// TestDefaultGrantsNeedNames: without --repos, or with owners that anybody can
// be, nothing is granted by default.
func TestDefaultGrantsNeedNames(t *testing.T) {
	for _, args := range [][]string{nil, {"--repos", "*/*"}, {"--repos", "octo-*/*"}, {"--repos", "!evil/*"}} {
		a, err := agent(t, machine, nil, args...)
		if err != nil {
			t.Fatal(err)
		}
		g, err := a.Grants()
		if err != nil {
			t.Fatal(err)
		}
		if g.Allows("octo-x/hello", "refs/heads/main", "GITHUB_TOKEN") || g.Allows("octo-x/hello", "refs/heads/main", "POCKETCI_SECRET_A") {
			t.Errorf("%v: granted by default", args)
		}
	}
}

func TestGitHubAddresses(t *testing.T) {
	for _, tt := range []struct{ url, api, wantURL, wantAPI string }{
		{"https://github.com/", "", "https://github.com", "https://api.github.com"},
		{"https://ghe.example.com:8443", "", "https://ghe.example.com:8443", "https://ghe.example.com:8443/api/v3"},
		{"http://127.0.0.1:3000", "", "http://127.0.0.1:3000", "http://127.0.0.1:3000/api/v3"},
		{"http://[::1]:3000/git", "", "http://[::1]:3000/git", "http://[::1]:3000/git/api/v3"},
		{"https://github.com", "http://localhost:1/api/", "https://github.com", "http://localhost:1/api"},
	} {
		args := []string{"--github-url", tt.url}
		if tt.api != "" {
			args = append(args, "--github-api-url", tt.api)
		}
		a, err := agent(t, machine, nil, args...)
		if err != nil {
			t.Fatal(err)
		}
		if a.GitHubURL != tt.wantURL || a.GitHubAPIURL != tt.wantAPI {
			t.Errorf("%s, %s", a.GitHubURL, a.GitHubAPIURL)
		}
	}
}

func TestSettingsThatAreRefused(t *testing.T) {
	tests := map[string][]string{
		"listen":         {"8080", "host:port:x", ":http", ":70000", ""},
		"api-listen":     {"on", "127.0.0.1"},
		"data-dir":       {"", "~/x", "a\x00b"},
		"github-url":     {"", "github.com", "http://github.com", "https://user:pw@github.com", "ssh://github.com", "https://", "https://x/?a=b", "https://x/#y", "http://127.0.0.1.evil.com"},
		"github-api-url": {"http://10.0.0.1"},
		"repos":          {"octo", "", ",", "a/b/c"},
		"allow-secret":   {"X_HUB_SIGNATURE", "octo=NPM", "*"},
		"allow-stranger": {"a/b=", "!x"},
		"trust-bot":      {"a b"},

		"trust-collaborator-forks": {"octo", "a/b/c"},
		"untrusted-engine":         {"b", "SAME"},
		"untrusted-secret":         {"octo/hello=f", "octo/hello=f:X_HUB_SIGNATURE"},

		"accept-repo":    {"octo/hello", "octo/*=1"},
		"allow-unpinned": {"maybe"},
		"engine":         {"127.0.0.1:1234", "://x", "tcp://", "a b://x"},
		"max-events":     {"0", "-1", "many", "1.5", "100000"},
		"max-calls":      {"0", "many"},
		"call-timeout":   {"0s", "1h30", "-1h", "500ms"},
		"shutdown-grace": {"-1s", "30"},
		"log-format":     {"xml"},
		"log-level":      {"loud"},
	}
	for name, values := range tests {
		for _, value := range values {
			t.Run(name+" "+value, func(t *testing.T) {
				_, err := agent(t, machine, nil, "--"+name+"="+value)
				if err == nil || !strings.Contains(err.Error(), "--"+name) {
					t.Errorf("as a flag: %v", err)
				}
				if strings.TrimSpace(value) == "" {
					return // an empty variable is none
				}
				variable := config.Variable(name)
				_, err = agent(t, machine, map[string]string{variable: value})
				var p *event.Problem
				if !errors.As(err, &p) || !strings.HasPrefix(p.Public, variable+" (as --"+name+"): ") || p.Hint == "" {
					t.Errorf("as a variable: %v", err)
				}
			})
		}
	}
}

func TestSettingsThatDoNotGoTogether(t *testing.T) {
	for name, args := range map[string][]string{
		"one address for both": {"--listen", "127.0.0.1:8081"},
		"the root as data":     {"--data-dir", "/"},
	} {
		_, err := agent(t, machine, nil, args...)
		var p *event.Problem
		if !errors.As(err, &p) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEverySettingHasHelp: a sentence for each, and its default.
func TestEverySettingHasHelp(t *testing.T) {
	var a config.Agent
	fs := pflag.NewFlagSet("agent", pflag.ContinueOnError)
	a.Bind(fs, machine)
	documented := []string{
		"accept-repo", "allow-secret", "allow-stranger", "allow-unpinned", "api-listen", "call-timeout", "data-dir", "engine",
		"github-api-url", "github-url", "keep-output", "keep-payloads", "keep-runs", "listen", "log-format", "log-level", "max-calls", "max-events", "mirror-limit", "recover", "recover-hook", "repos", "shutdown-grace", "store", "trust-bot", "trust-collaborator-forks", "untrusted-engine", "untrusted-secret",
	}
	var got []string
	fs.VisitAll(func(f *pflag.Flag) {
		got = append(got, f.Name)
		if f.Usage == "" {
			t.Errorf("--%s has no help", f.Name)
		}
	})
	if diff := cmp.Diff(documented, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, want := range []string{"(default :8080)", "(default 127.0.0.1:8081)", "(default /home/octo/.local/state/pocketci)", "(default 4)", "(default 8)", "(default 1h0m0s)", "(default 30s)", "(default https://github.com)", "(default auto)", "(default info)"} {
		if !strings.Contains(fs.FlagUsages(), want) {
			t.Errorf("help does not show %s:\n%s", want, fs.FlagUsages())
		}
	}
}

// TestLocalRun: a local run knows fewer settings.
func TestLocalRun(t *testing.T) {
	var a config.Agent
	fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
	a.BindRun(fs, machine)
	if err := fs.Parse([]string{"--max-calls", "2", "--engine", "unix:///run/x.sock"}); err != nil {
		t.Fatal(err)
	}
	if err := a.Complete(); err != nil {
		t.Fatal(err)
	}
	if fs.Lookup("listen") != nil || a.MaxCalls != 2 || a.GitHubAPIURL != "https://api.github.com" {
		t.Errorf("%+v", a)
	}
}
