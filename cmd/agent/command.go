package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"
	"unicode"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/engine/scrub"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// The exit codes of the program.
const (
	exitOK = iota
	// exitFailed: a function failed.
	exitFailed
	// exitUsage: the command line, the settings or the configuration are wrong.
	exitUsage
	// exitNoEngine: no engine is at hand.
	exitNoEngine
)

// errFailed ends a local run in which a call failed; everything is said by then.
var errFailed = errors.New("a call failed")

// execute runs the command line and gives the exit code.
func execute(ctx context.Context, args []string, w world) int {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	env, err := config.TakeEnvironment(w.process)
	if err != nil {
		return complain(w.err, err)
	}
	root := serveCommand(w, env)
	root.AddCommand(receiveCommand(w, env), workCommand(w, env), moveCommand(w, env), localCommand(w, env))
	root.SetArgs(args)
	root.SetOut(w.out)
	root.SetErr(w.err)
	return complain(w.err, root.ExecuteContext(ctx))
}

// complain says what went wrong, with what to do about it, and gives the exit code.
func complain(w io.Writer, err error) int {
	var p *event.Problem
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errFailed):
		return exitFailed
	case errors.As(err, &p):
		fmt.Fprintln(w, "agent: "+plain(p.Public))
		if p.Hint != "" {
			fmt.Fprintln(w, p.Hint)
		}
	default:
		fmt.Fprintln(w, "agent: "+plain(err.Error()))
	}
	if errors.Is(err, run.ErrNoEngine) {
		return exitNoEngine
	}
	return exitUsage
}

// serveCommand is `agent`.
func serveCommand(w world, env *config.Environment) *cobra.Command {
	var settings config.Agent
	c := roleCommand(w, env, config.Role{Receives: true, Works: true}, &settings)
	c.Use, c.Short = "agent", "Turn events into calls of typed functions in Dagger modules"
	c.Long = "Takes webhooks, verifies and keeps them, and calls the functions of the repository's\n" +
		"Dagger module whose names say that they handle the event.\n\n" +
		"Each flag is also a variable: --data-dir is POCKETCI_DATA_DIR. GITHUB_USERNAME, GITHUB_TOKEN\n" +
		"(or GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY_FILE) and X_HUB_SIGNATURE are required in the environment."
	settings.Bind(c.Flags(), w.machine)
	c.CompletionOptions.HiddenDefaultCmd = true
	return c
}

// newCommand is a command that takes no arguments, and does something once the
// settings are complete.
func newCommand(env *config.Environment, settings *config.Agent, do func(context.Context) error) *cobra.Command {
	return &cobra.Command{
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := complete(settings, c, env); err != nil {
				return err
			}
			return do(c.Context())
		},
	}
}

// complete takes what was not given on the command line from the environment.
func complete(settings *config.Agent, c *cobra.Command, env *config.Environment) error {
	if err := config.RefusePasswords(c.Flags()); err != nil {
		return err
	}
	if err := config.FromEnvironment(c.Flags(), env.Setting); err != nil {
		return err
	}
	return settings.Complete()
}

// newLog makes the logger. Nothing sensitive gets through it, whatever is logged.
func newLog(w world, settings *config.Agent, secrets *scrub.Scrubber) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(settings.LogLevel)
	if err != nil {
		return zerolog.Nop(), fmt.Errorf("read --log-level: %w", err)
	}
	var out io.Writer = scrubbed{w.err, secrets}
	if settings.LogFormat == config.LogConsole {
		out = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly}
	}
	return zerolog.New(out).Level(level).With().Timestamp().Logger(), nil
}

// scrubbed takes secrets out of each line, and writes those characters out that a
// terminal would obey. A logger writes whole lines.
type scrubbed struct {
	to      io.Writer
	secrets *scrub.Scrubber
}

func (s scrubbed) Write(p []byte) (int, error) {
	if _, err := s.to.Write(legible(s.secrets.Bytes(p))); err != nil {
		return 0, fmt.Errorf("write the log: %w", err)
	}
	return len(p), nil
}

// legible writes out, as JSON does (\u202e), what turns the direction of writing round
// and what some terminals take for the beginning of a command. The logger does so
// itself with all that is below a space. Names of branches may hold such characters.
func legible(line []byte) []byte {
	obeyed := func(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) || 0x7f <= r && r < 0xa0 }
	if !bytes.ContainsFunc(line, obeyed) {
		return line
	}
	var out bytes.Buffer
	for _, r := range string(line) {
		if obeyed(r) {
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.Bytes()
}
