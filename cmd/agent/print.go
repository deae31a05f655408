package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/franela/pocketci/run"
)

// The rules of what `agent run` prints:
//
//   - Standard output is for the answer, standard error for what went wrong on
//     the way to it. With --json the answer is one JSON object and nothing else.
//   - First what is decided, then what is printed as it comes, each line behind the
//     name of its function, then one line per result, then one sentence.
//   - No colours, no cursor movements: it reads the same in a pipe.
//   - What a module chose (names, output) is shown without control characters.

// narrator prints a run as it goes. It is safe for concurrent use.
type narrator struct {
	mu  sync.Mutex
	out io.Writer
}

// decisions prints the decision list.
func (n *narrator) decisions(list []run.Decision) {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := tabwriter.NewWriter(n.out, 0, 8, 2, ' ', 0)
	for _, d := range list {
		reason := d.Reason
		if d.Hint != "" {
			reason += " (" + d.Hint + ")"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", d.Verdict, plain(name(d.Module, d.Function)), place(d.Source), plain(reason))
	}
	_ = t.Flush()
	fmt.Fprintln(n.out)
}

// result prints how a call ended.
func (n *narrator) result(r run.Result) {
	n.mu.Lock()
	defer n.mu.Unlock()
	line := fmt.Sprintf("%s: %s in %s", name(r.Module, r.Function), outcomeWord(r.Outcome), r.Ended.Sub(r.Begun).Round(10*time.Millisecond))
	if r.Cached {
		line += " (answered from the engine's cache)"
	}
	first, rest, _ := strings.Cut(r.Error, "\n")
	if first != "" {
		line += ": " + first
	}
	fmt.Fprintln(n.out, plain(line))
	n.indented(rest)
	n.indented(r.Value)
}

// indented prints a text of several lines below what it belongs to.
func (n *narrator) indented(text string) {
	for l := range strings.Lines(text) {
		fmt.Fprintln(n.out, "  "+plain(strings.TrimRight(l, "\r\n")))
	}
}

// end prints what became of the run.
func (n *narrator) end(r run.Run) {
	n.mu.Lock()
	defer n.mu.Unlock()
	fmt.Fprintln(n.out)
	if r.Problem != nil {
		fmt.Fprintln(n.out, plain(r.Problem.Public))
		if r.Problem.Hint != "" {
			fmt.Fprintln(n.out, "hint: "+plain(r.Problem.Hint))
		}
	}
	counts := map[run.Verdict]int{}
	for _, d := range r.Decisions {
		counts[d.Verdict]++
	}
	failed := 0
	for _, c := range r.Calls {
		if c.Result != nil && c.Result.Outcome != run.Success {
			failed++
		}
	}
	fmt.Fprintf(n.out, "%d called, %d skipped, %d not chosen, %d not handled, %d in error: ",
		counts[run.VerdictCalled], counts[run.VerdictSkipped], counts[run.VerdictNotChosen], counts[run.VerdictNotHandled], counts[run.VerdictError])
	switch {
	case r.Note != "":
		fmt.Fprintln(n.out, plain(r.Note))
	case failed > 0:
		fmt.Fprintf(n.out, "%d failed\n", failed)
	case r.Outcome == run.Success:
		fmt.Fprintln(n.out, "nothing failed")
	default:
		fmt.Fprintln(n.out, "not everything could be called")
	}
}

// live is a writer for what a function prints: whole lines behind its name.
func (n *narrator) live(function string) io.Writer {
	return &lineWriter{narrator: n, prefix: plain(function) + " | "}
}

// lineWriter prints whole lines.
type lineWriter struct {
	*narrator
	prefix string
	rest   []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, p...)
	for {
		line, rest, ok := strings.Cut(string(w.rest), "\n")
		if !ok {
			return len(p), nil
		}
		w.rest = []byte(rest)
		fmt.Fprintln(w.out, w.prefix+plain(strings.TrimRight(line, "\r")))
	}
}

// name is a function's, behind its module's where there are several.
func name(module, function string) string {
	if module == "" {
		return function
	}
	return module + "/" + function
}

func place(l run.Location) string {
	if l.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", plain(l.File), l.Line)
}

func outcomeWord(o run.Outcome) string {
	switch o {
	case run.Success:
		return "ok"
	case run.Failure:
		return "failed"
	}
	return string(o)
}

// plain takes control characters out, tabs apart.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return -1
		}
		return r
	}, s)
}
