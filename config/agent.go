package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"github.com/franela/pocketci/event"
)

// Off is the value of --api-listen that leaves the API out.
const Off = "off"

// Formats of the log.
const (
	LogAuto    = "auto"
	LogConsole = "console"
	LogJSON    = "json"
)

// Agent is the operator's settings. [Agent.Bind] gives them their defaults.
type Agent struct {
	// Listen is where webhooks and health are served, host:port.
	Listen string
	// HealthListen is where an agent that takes no webhooks serves its health,
	// host:port, or Off.
	HealthListen string
	// APIListen is where the API is served, host:port, or Off.
	APIListen string
	// DataDir holds the database, the mirrors and the caches. Absolute once complete.
	DataDir string
	// Store is a PostgreSQL address, which may hold a password, or a SQLite file;
	// empty: the one in DataDir.
	Store string
	// GitHubURL is where repositories are cloned from, without a slash at its end.
	GitHubURL string
	// GitHubAPIURL is its API, without a slash at its end; derived unless given.
	GitHubAPIURL string
	// Repos are the repositories that may trigger.
	Repos Repos
	// AllowSecret are grants as they were written, in order; see [Agent.Grants].
	AllowSecret []string
	// AllowStranger are the functions that get their secrets from anybody's event.
	AllowStranger Strangers
	// TrustBot are the bots whose events are trusted.
	TrustBot Bots
	// Untrusted is what was decided about commits of forks.
	Untrusted Untrusted
	// AcceptRepo are the ids that known names now belong to.
	AcceptRepo Accepted
	// AllowUnpinned lets modules depend on remote modules without a pin.
	AllowUnpinned bool
	// Recover is how old what the code host never delivered may be to be taken in;
	// 0: nothing is recovered. RecoverHooks are webhooks to look through, as they were
	// written, besides those that were seen.
	Recover      time.Duration
	RecoverHooks []string
	// Retention is how long, and how much, is kept.
	Retention Retention
	// Engines are Dagger runner hosts, each once; none: what the SDK picks.
	Engines []string
	// MaxEvents are worked on at once, MaxCalls made at once; at least 1.
	MaxEvents, MaxCalls int
	// CallTimeout ends one function call.
	CallTimeout time.Duration
	// ShutdownGrace is how long a shutdown waits before it hands work back.
	ShutdownGrace time.Duration
	// LogFormat is LogConsole or LogJSON once complete.
	LogFormat string
	// LogLevel is zerolog's name of a level.
	LogLevel string

	machine Machine
}

// Bind registers the flags of the agent and gives the settings their defaults.
func (a *Agent) Bind(fs *pflag.FlagSet, m Machine) {
	a.bindReceiving(fs)
	a.bindServing(fs)
	a.bindWorking(fs, m)
	a.BindRun(fs, m)
}

// BindReceive registers the flags of an agent that takes deliveries only.
func (a *Agent) BindReceive(fs *pflag.FlagSet, m Machine) {
	a.bindReceiving(fs)
	a.bindServing(fs)
	a.bindMachine(fs, m)
}

// BindWork registers the flags of an agent that takes none.
func (a *Agent) BindWork(fs *pflag.FlagSet, m Machine) {
	bind(fs, &a.HealthListen, "health-listen", Off, "host:port", "/healthz and /readyz, nothing else", parseAPIListen)
	a.bindServing(fs)
	a.bindWorking(fs, m)
	a.BindRun(fs, m)
}

// bindReceiving registers what only an agent that takes deliveries needs.
func (a *Agent) bindReceiving(fs *pflag.FlagSet) {
	bind(fs, &a.Listen, "listen", ":8080", "host:port", "webhooks and health, nothing else", parseListen)
}

// bindServing registers what every agent that serves needs.
func (a *Agent) bindServing(fs *pflag.FlagSet) {
	bind(fs, &a.Store, storeFlag, "", "url", "postgres://user@host/database, which any number of agents share; its password belongs into "+
		Variable(storeFlag)+" (default: a SQLite file in the data folder)", parseStore)
	bind(fs, &a.APIListen, "api-listen", "127.0.0.1:8081", "host:port", "the API; "+Off+" leaves it out", parseAPIListen)
	bindList(fs, "repos", "globs", "owner/name globs of the repositories that may trigger (default: all)",
		func(all []string) (err error) { a.Repos, err = ParseRepos(all); return err })
	bind(fs, &a.ShutdownGrace, "shutdown-grace", 30*time.Second, "duration", "how long SIGTERM waits before it hands work back", parseGrace)
}

// bindWorking registers what only an agent that works events off needs.
func (a *Agent) bindWorking(fs *pflag.FlagSet, m Machine) {
	bind(fs, &a.GitHubURL, "github-url", defaultGitHub, "url", "where repositories are cloned from", parseURL)
	bind(fs, &a.GitHubAPIURL, "github-api-url", "", "url", "its API (default: that of github.com; for any other host <github-url>/api/v3)", parseURL)
	bindList(fs, "allow-stranger", "[owner/name=]function", "functions that get their secrets even if the sender has no write permission",
		func(all []string) (err error) { a.AllowStranger, err = ParseStrangers(all); return err })
	bindList(fs, "trust-bot", "login", "bots whose events are trusted",
		func(all []string) (err error) { a.TrustBot, err = ParseBots(all); return err })
	a.Untrusted.bind(fs)
	bindList(fs, "accept-repo", "owner/name=id", "a known repository name that now belongs to another id",
		func(all []string) (err error) { a.AcceptRepo, err = ParseAccepted(all); return err })
	bind(fs, &a.Recover, "recover", 72*time.Hour, "duration", "how old what the code host never delivered may be to be taken in; 0s: nothing is", parseGrace)
	bindList(fs, "recover-hook", "owner/name:id", "webhooks to look through besides those that were seen; also owner:id, owner/name=URL, owner=URL and app",
		func(all []string) error { a.RecoverHooks = all; return nil })
	a.Retention.bind(fs)
	bind(fs, &a.MaxEvents, "max-events", m.maxEvents(), "number", "events worked on at once", parseCount)
}

// bindMachine registers where things are kept, and what is logged.
func (a *Agent) bindMachine(fs *pflag.FlagSet, m Machine) {
	a.machine = m
	bind(fs, &a.DataDir, "data-dir", filepath.Join(m.StateDir, "pocketci"), "folder", "the database, git mirrors and caches; a local disk", parseDir)
	bind(fs, &a.LogFormat, "log-format", LogAuto, "format", "console, json, or auto: console on a terminal, else json", parseLogFormat)
	bind(fs, &a.LogLevel, "log-level", "info", "level", "trace, debug, info, warn or error", parseLogLevel)
}

// BindRun registers the flags that a single local run knows too.
func (a *Agent) BindRun(fs *pflag.FlagSet, m Machine) {
	a.bindMachine(fs, m)
	bindList(fs, "allow-secret", "[owner/name[@ref]=]NAME",
		"variables of the agent that repositories may have as secrets; -NAME takes a grant away "+
			"(GITHUB_USERNAME, GITHUB_TOKEN and POCKETCI_SECRET_* are granted if --repos names the owners)",
		func(all []string) error { a.AllowSecret = all; _, err := ParseGrants(all, false); return err })
	bind(fs, &a.AllowUnpinned, "allow-unpinned", false, "", "let modules depend on remote modules without a pin", nil)
	bindList(fs, "engine", "host", "Dagger runner hosts, as in tcp://127.0.0.1:1234; of several, a repository's events go to the same one "+
		"(default: what the Dagger SDK picks)", func(all []string) (err error) { a.Engines, err = parseEngines(all); return err })
	bind(fs, &a.MaxCalls, "max-calls", m.maxCalls(), "number", "function calls at once, over all events", parseCount)
	bind(fs, &a.CallTimeout, "call-timeout", time.Hour, "duration", "one function call", parseTimeout)
}

// Complete derives what was not given and refuses settings that don't go
// together, with an [*event.Problem].
func (a *Agent) Complete() error {
	a.GitHubURL = cmp.Or(a.GitHubURL, defaultGitHub)
	if a.GitHubAPIURL == "" {
		a.GitHubAPIURL = apiURL(a.GitHubURL)
	}
	if a.LogFormat == LogAuto || a.LogFormat == "" {
		a.LogFormat = LogJSON
		if a.machine.Terminal {
			a.LogFormat = LogConsole
		}
	}
	dir, err := filepath.Abs(a.DataDir)
	if err != nil {
		return fmt.Errorf("find the data folder %s: %w", a.DataDir, err)
	}
	if dir == string(filepath.Separator) {
		return &event.Problem{Public: "--data-dir: the root of the file system can't be the data folder"}
	}
	a.DataDir = dir
	if err := a.Untrusted.Apart(a.Engines); err != nil {
		return err
	}
	return a.listeners()
}

// listeners refuses one address for two of them.
func (a *Agent) listeners() error {
	taken := ""
	switch a.APIListen {
	case "", Off:
		return nil
	case a.Listen:
		taken = "where webhooks are served (--listen)"
	case a.HealthListen:
		taken = "where health is served (--health-listen)"
	default:
		return nil
	}
	return &event.Problem{
		Public: "--api-listen: " + a.APIListen + " is " + taken,
		Hint:   "the API has a listener of its own; give it another port, or " + Off,
	}
}

// Grants reads what the operator grants, with the default grants if --repos
// names the repositories' owners.
func (a *Agent) Grants() (Grants, error) { return ParseGrants(a.AllowSecret, a.Repos.Named()) }
