package enginetest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/run"
)

// perform carries out one step. Its error is the context's.
func (p *performance) perform(ctx context.Context, st step) error {
	switch st.verb {
	case "print":
		p.print(st.rest)
	case "return":
		p.r.Value = st.rest
	case "returns":
		p.r.Value = strings.ReplaceAll(st.rest, ";", "\n")
	case "fail":
		p.fail(st.rest)
	case "flood":
		p.flood(st.rest)
	case "panic":
		p.fail(engine.PanicText("panic: " + st.rest))
	case "exec":
		code, text, _ := strings.Cut(st.rest, " ")
		var exit int
		if _, err := fmt.Sscan(code, &exit); err != nil {
			p.fail("enginetest: exec wants a code: " + st.rest)
			return nil
		}
		p.fail(engine.ExecText([]string{"sh"}, exit, "", text))
	case "sleep":
		d, err := time.ParseDuration(st.rest)
		if err != nil {
			p.fail("enginetest: " + err.Error())
			return nil
		}
		return p.s.f.pause(ctx, d)
	case "wait":
		return p.s.f.until(ctx, func() bool { return p.s.f.signalled(st.rest) })
	case "lost":
		p.s.lose()
		return fmt.Errorf("the engine went away: %w", run.ErrEngineLost)
	default:
		p.read(st)
	}
	return nil
}

// read carries out the steps that look at an argument.
func (p *performance) read(st step) {
	var err error
	switch st.verb {
	case "trigger":
		p.r.Value = string(p.s.spec.Trigger)
	case "echo-secret":
		if text := p.secret(st.rest); p.r.Outcome == "" {
			p.print(text)
		}
	case "return-secret":
		p.r.Value = p.secret(st.rest)
	case "fail-with-secret":
		p.fail("can't log in as " + p.secret(st.rest))
	case "fail-if":
		name, text, _ := strings.Cut(st.rest, " ")
		if p.text(name) == "true" {
			p.fail(text)
		}
	case "arg":
		p.r.Value = p.text(st.rest)
	case "print-arg":
		p.print(p.text(st.rest))
	case "contents":
		p.r.Value, err = p.contents(st.rest)
	case "entries":
		p.r.Value, err = p.entries(st.rest)
	default:
		p.fail("enginetest: unknown step " + st.verb)
	}
	if err != nil {
		p.fail(err.Error())
	}
}

// secret is the value that was passed; without one the call fails.
func (p *performance) secret(name string) string {
	a, ok := p.arg(name)
	if !ok || a.Kind != run.ArgSecret {
		p.fail("no secret was passed as " + name)
		return ""
	}
	return p.s.spec.Secrets[a.Secret]
}

// flood prints so many numbered lines, of which the first and last 100 are kept.
func (p *performance) flood(count string) {
	var n int
	if _, err := fmt.Sscan(count, &n); err != nil || n < 200 {
		p.fail("enginetest: flood wants a count of 200 or more: " + count)
		return
	}
	for i := range n {
		line := fmt.Sprintf("line %d\n", i)
		if p.live != nil {
			_, _ = io.WriteString(p.live, line)
		}
		if i < 100 || i >= n-100 {
			p.output.WriteString(line)
			continue
		}
		p.r.Cut += int64(len(line))
		if i == n-101 {
			fmt.Fprintf(&p.output, "[%d bytes of output are not kept]\n", p.r.Cut)
		}
	}
}

// arg finds what the call or its constructor was given.
func (p *performance) arg(name string) (run.Arg, bool) {
	for _, args := range [][]run.Arg{p.c.Args, p.c.Constructor} {
		for _, a := range args {
			if fold(a.Name) == fold(name) {
				return a, true
			}
		}
	}
	return run.Arg{}, false
}

// text is a value as the function would see it printed.
func (p *performance) text(name string) string {
	a, ok := p.arg(name)
	var s string
	switch {
	case !ok:
		return ""
	case json.Unmarshal(a.Value, &s) == nil:
		return s
	}
	return string(a.Value)
}

// contents is the file that an argument names.
func (p *performance) contents(name string) (string, error) {
	a, ok := p.arg(name)
	switch {
	case !ok:
		return "", fmt.Errorf("no file was passed as %s", name)
	case a.Kind == run.ArgTrigger:
		return string(p.s.spec.Trigger), nil
	}
	b, err := filesOf(p.s.spec.Source, a).ReadFile(place(p.s.spec.Source, a))
	return string(b), err
}

// entries are the names in the directory that an argument names, less what it
// ignores, in lines.
func (p *performance) entries(name string) (string, error) {
	a, ok := p.arg(name)
	if !ok {
		return "", fmt.Errorf("no directory was passed as %s", name)
	}
	folder := place(p.s.spec.Source, a)
	list, err := filesOf(p.s.spec.Source, a).ReadDir(folder)
	if err != nil {
		return "", err
	}
	var names []string
	for _, e := range list {
		if !ignored(a.Ignore, e.Name()) {
			names = append(names, e.Name()+slash(e))
		}
	}
	if folder == "." && !ignored(a.Ignore, ".git") {
		names = append(names, ".git/")
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), "\n"), nil
}

// filesOf are those that an argument is taken from.
func filesOf(src run.Source, a run.Arg) run.Files {
	if a.Kind == run.ArgSource {
		return src.Subject().Files
	}
	return src.Tree.Files
}

// place is the path of an argument in the event's tree.
func place(src run.Source, a run.Arg) string {
	switch {
	case a.Kind == run.ArgSource:
		return "."
	case strings.HasPrefix(a.Path, "/"):
		return path.Clean("." + a.Path)
	}
	return path.Join(src.ModulePath, a.Path)
}

// ignored knows the patterns that tests use: the last one that matches decides.
func ignored(patterns []string, name string) bool {
	hit := false
	for _, pattern := range patterns {
		rest, not := strings.CutPrefix(pattern, "!")
		if ok, err := doublestar.Match(strings.Trim(rest, "/"), name); err == nil && ok {
			hit = !not
		}
	}
	return hit
}

func slash(e fs.DirEntry) string {
	if e.IsDir() {
		return "/"
	}
	return ""
}
