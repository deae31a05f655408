package engine

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/franela/pocketci/run"
)

const (
	// maxErrorTail bounds in bytes what an error text keeps of a command's output.
	maxErrorTail = 4 << 10
	// maxCommand bounds in bytes how much of a command an error text shows.
	maxCommand = 200
)

// Interrupted says how a call ended whose context did, after it ran for d: a
// deadline is a time-out, anything else a cancellation with its cause.
func Interrupted(ctx context.Context, d time.Duration) (run.Outcome, string) {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return run.TimedOut, "timed out after " + d.Round(time.Millisecond).String()
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
