package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"dagger.io/dagger"
	"github.com/Khan/genqlient/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

const (
	// maxErrorTail bounds in bytes what an error text keeps of a command's output.
	maxErrorTail = 4 << 10
	// maxErrorText bounds in bytes an error text without output.
	maxErrorText = 16 << 10
	// maxCommand bounds in bytes how much of a command an error text shows.
	maxCommand = 200
)

// Interrupted says how a call ended whose context did, after it ran for d: a
// deadline is a time-out, anything else a cancellation with its cause.
func Interrupted(ctx context.Context, d time.Duration) (run.Outcome, string) {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		unit := time.Second
		if d < 10*time.Second {
			unit = 100 * time.Millisecond
		}
		return run.TimedOut, "timed out after " + d.Round(unit).String()
	}
	cause := context.Cause(ctx)
	if cause == nil || errors.Is(cause, context.Canceled) {
		return run.Cancelled, "cancelled"
	}
	return run.Cancelled, "cancelled: " + cause.Error()
}

// ExecText is the error of a function in which a command failed: what people
// need first stands in the first line, the end of what the command printed below.
func ExecText(command []string, code int, stdout, stderr string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "exit code %d: %s", code, clip(strings.Join(command, " "), maxCommand))
	for _, text := range []string{stderr, stdout} {
		if text = strings.TrimSpace(text); text != "" {
			b.WriteString("\n" + tail(text, maxErrorTail))
		}
	}
	return b.String()
}

// PanicText is the error of a function whose program said this before it ended,
// if it ended by a panic: the panic's message, then the whole. Else it is empty.
func PanicText(said string) string {
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			line = strings.TrimSpace(line)
			if rest := strings.TrimSpace(said); rest != line {
				return line + "\n" + tail(rest, maxErrorTail)
			}
			return line
		}
	}
	return ""
}

// clip keeps the beginning of a text.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// tail keeps the end of a text, from the beginning of a line on.
func tail(text string, most int) string {
	if len(text) <= most {
		return text
	}
	text = text[len(text)-most:]
	if i := strings.IndexByte(text, '\n'); i >= 0 && i < len(text)-1 {
		text = text[i+1:]
	}
	return "…\n" + strings.ToValidUTF8(text, "")
}

// cutTrace takes the engine's trace marks off an error text.
func cutTrace(text string) string {
	mark := regexp.MustCompile(`\s*\[traceparent:[0-9a-f-]+\]`)
	return strings.TrimSpace(mark.ReplaceAllString(text, ""))
}

// classify marks an error of a request that means that the engine is gone: what
// is not an answer in GraphQL, and an answer after which the engine is silent.
func (s *Session) classify(ctx context.Context, err error) error {
	var refused *graphql.HTTPError
	if errors.As(err, &refused) {
		if refused.StatusCode == http.StatusUnprocessableEntity || refused.StatusCode == http.StatusBadRequest {
			return err
		}
		return fmt.Errorf("%w: %w", run.ErrEngineLost, err)
	}
	var answer *gqlerror.Error
	if !errors.As(err, &answer) {
		return fmt.Errorf("%w: %w", run.ErrEngineLost, err)
	}
	// An engine that ends cancels what it does, and says so as if it were an answer.
	// One to which only our connection broke answers, but can't ask us for anything
	// any more: what needs that fails from then on.
	if strings.Contains(answer.Message, "only one connection allowed") || cancelledWithin(answer.Message) ||
		endsWithEngine(answer.Message) && s.alive(ctx, aliveAgain) != nil {
		return fmt.Errorf("%w: %w", run.ErrEngineLost, err)
	}
	return err
}

// cancelledWithin tells an error of work that the engine did for several sessions
// at once and gave up when the one that began it went away. A function that gives
// its own work up does not speak of the engine's.
func cancelledWithin(text string) bool {
	if !strings.Contains(text, "context canceled") {
		return false
	}
	for _, work := range []string{"error committing", "failed to commit", "failed to load runtime", "failed to initialize module"} {
		if strings.Contains(text, work) {
			return true
		}
	}
	return false
}

// endsWithEngine tells whether an error could come from an engine that ends.
func endsWithEngine(text string) bool {
	for _, sign := range []string{"context canceled", "code = Unavailable", "connection refused", "EOF", "server closed"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

// fetchError: the engine could not get the repository, which is nobody's doing.
type fetchError struct{ err error }

func (f *fetchError) Error() string { return "fetch the repository: " + f.err.Error() }

func (f *fetchError) Unwrap() error { return f.err }

// failure is the text of a function's error.
func failure(err error) string {
	var problem *event.Problem
	if errors.As(err, &problem) {
		return problem.Public
	}
	var failed *dagger.ExecError
	if errors.As(err, &failed) {
		return execText(failed)
	}
	var refused *graphql.HTTPError
	if errors.As(err, &refused) {
		var lines []string
		for _, e := range refused.Response.Errors {
			lines = append(lines, cutTrace(e.Message))
		}
		return clip(strings.Join(lines, "\n"), maxErrorText)
	}
	return clip(cutTrace(err.Error()), maxErrorText)
}

// execText is the error of a function in which a command failed. The function's
// own program is such a command, too: if it panicked, that is what people must
// read first.
func execText(e *dagger.ExecError) string {
	said := strings.TrimSpace(e.Stderr)
	if text := PanicText(said); text != "" {
		return text
	}
	text := ExecText(e.Cmd, e.ExitCode, e.Stdout, e.Stderr)
	own := cutTrace(e.Error())
	// A module is compiled when its constructor is called first.
	if line := placed(said); line != "" && strings.HasPrefix(own, "call constructor: exit code") {
		return "the module can't be built: " + line + "\n" + text
	}
	// What the function says itself comes first.
	if own == fmt.Sprintf("exit code: %d", e.ExitCode) || strings.HasPrefix(own, "call function ") {
		return text
	}
	return own + "\n" + text
}

// placed is the first line of a compiler's output that names a place, or "".
func placed(said string) string {
	place := regexp.MustCompile(`(?m)^\S+\.\w+:\d+(:\d+)?:? .+$`)
	return clip(place.FindString(said), 300)
}

// cleanError is an error whose text holds no secret.
type cleanError struct {
	text string
	err  error
}

func (c *cleanError) Error() string { return c.text }

func (c *cleanError) Unwrap() error { return c.err }

// clean takes secrets out of an error's text.
func (s *Session) clean(err error) error {
	text := err.Error()
	if scrubbed := s.scrub.String(text); scrubbed != text {
		return &cleanError{text: scrubbed, err: err}
	}
	return err
}
