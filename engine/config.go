package engine

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/run"
)

// Config is what an [Engine] needs to know. Dir and Key are required.
type Config struct {
	// RunnerHost is the Dagger runner host ("tcp://…", "unix:///…",
	// "docker-container://…"). Empty: _EXPERIMENTAL_DAGGER_RUNNER_HOST from
	// Environ, else what the CLI picks (it starts a container).
	RunnerHost string
	// CLI is the dagger binary. Empty: _EXPERIMENTAL_DAGGER_CLI_BIN from Environ,
	// else a dagger of the SDK's version in PATH, else the SDK's download.
	CLI string
	// Dir holds the tables' cache and the sessions' empty homes; made with 0700.
	Dir string
	// Key is the HMAC key for secrets' names; at least 16 bytes, the same after a
	// restart, or the engine's cache is lost.
	Key []byte
	// CloudToken is handed to the session as DAGGER_CLOUD_TOKEN.
	CloudToken string
	// Environ is the agent's environment, as os.Environ gives it. Only what
	// passEnv lists reaches a session.
	Environ []string
	// AllowUnpinned lets a module depend on a remote module without a pin.
	AllowUnpinned bool

	// Submodule says whether the engine may follow a repository's submodule to a
	// URL, as .gitmodules spells it. It fetches submodules with the credentials of
	// the repository's host. nil: a repository with submodules is refused.
	Submodule func(repository, submodule string) bool

	// Connect bounds the start of a session: 30 s with a runner host, else 10
	// minutes, because the engine's image may have to be fetched.
	Connect time.Duration
	// Load bounds the loading of a module (10 minutes).
	Load time.Duration
	// Heartbeat is how often a session with work in flight is asked for a sign of
	// life (10 s); Silence is for how long it may stay away before the engine
	// counts as lost (60 s).
	Heartbeat, Silence time.Duration
	// Drain bounds how long a call that ended waits for the rest of its output (5 s).
	Drain time.Duration
	// CloseGrace is how long a session may take to end before it is killed (15 s).
	CloseGrace time.Duration
	// OutputHead and OutputTail bound in bytes what is kept of what a function
	// prints (64 KiB and 192 KiB).
	OutputHead, OutputTail int
	// Tables bounds how many tables the disk cache holds (2,000).
	Tables int

	// Clock is the time; nil: time.Now.
	Clock func() time.Time
	Log   zerolog.Logger
}

// Spec is what a session is for: the calls of one event and module in one lane.
type Spec struct {
	// EventID and Module are for the log.
	EventID string
	Module  string
	Source  run.Source
	Secrets run.SecretValues
	// Trigger is the eventTrigger file's content.
	Trigger []byte
	// Live, if not nil, is asked once per call for a writer that gets what the
	// function prints, scrubbed, in whole lines and as it comes. nil from it: none.
	Live func(function string) io.Writer
}

// RunnerHost is the runner host that an environment, as os.Environ gives it, names; or
// empty.
func RunnerHost(environ []string) string { return lookup(environ, runnerHostEnv) }

// withDefaults fills in what is not set.
func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, errors.New("engine: no cache folder")
	}
	if len(c.Key) < 16 {
		return c, errors.New("engine: the key for secrets' names is shorter than 16 bytes")
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return c, fmt.Errorf("engine: %w", err)
	}
	c.Dir = dir
	if c.RunnerHost == "" {
		c.RunnerHost = RunnerHost(c.Environ)
	}
	connect := 30 * time.Second
	if c.provisions() {
		connect = 10 * time.Minute
	}
	setDuration(&c.Connect, connect)
	setDuration(&c.Load, 10*time.Minute)
	setDuration(&c.Heartbeat, 10*time.Second)
	setDuration(&c.Silence, time.Minute)
	setDuration(&c.Drain, 5*time.Second)
	setDuration(&c.CloseGrace, 15*time.Second)
	setInt(&c.OutputHead, 64<<10)
	setInt(&c.OutputTail, 192<<10)
	setInt(&c.Tables, 2000)
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return c, nil
}

// provisions tells whether the CLI starts the engine itself, in a container.
func (c Config) provisions() bool {
	scheme, _, _ := strings.Cut(c.RunnerHost, "://")
	return scheme == "" || strings.HasPrefix(scheme, "image") || strings.HasPrefix(scheme, "docker") ||
		strings.HasPrefix(scheme, "container")
}

func setDuration(d *time.Duration, to time.Duration) {
	if *d <= 0 {
		*d = to
	}
}

func setInt(n *int, to int) {
	if *n <= 0 {
		*n = to
	}
}
