package enginetest

import (
	"context"
	"encoding/json"
	"fmt"
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
	case "fail":
		p.fail(st.rest)
	case "panic":
		p.fail(engine.ExecText([]string{"/runtime"}, 2, "", "panic: "+st.rest))
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
		a, ok := p.arg(st.rest)
		if !ok || a.Kind != run.ArgSecret {
			p.fail("no secret was passed as " + st.rest)
			return
		}
		p.print(p.s.spec.Secrets[a.Secret])
	case "arg":
		p.r.Value = p.text(st.rest)
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
	b, err := p.s.spec.Source.Tree.Files.ReadFile(p.place(a))
	return string(b), err
}

// entries are the names in the directory that an argument names, less what it
// ignores, in lines.
func (p *performance) entries(name string) (string, error) {
	a, ok := p.arg(name)
	if !ok {
		return "", fmt.Errorf("no directory was passed as %s", name)
	}
	place := p.place(a)
	list, err := p.s.spec.Source.Tree.Files.ReadDir(place)
	if err != nil {
		return "", err
	}
	var names []string
	for _, e := range list {
		if !ignored(a.Ignore, e) {
			names = append(names, e.Name()+slash(e))
		}
	}
	if place == "." && p.s.spec.Source.Tree.Origin.Dir == "" {
		names = append(names, ".git/")
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), "\n"), nil
}

// place is the path of an argument in the event's tree.
func (p *performance) place(a run.Arg) string {
	switch {
	case a.Kind == run.ArgSource:
		return "."
	case strings.HasPrefix(a.Path, "/"):
		return path.Clean("." + a.Path)
	}
	return path.Join(p.s.spec.Source.ModulePath, a.Path)
}

// ignored knows the patterns that tests use: the last one that matches decides.
func ignored(patterns []string, e fs.DirEntry) bool {
	hit := false
	for _, pattern := range patterns {
		rest, not := strings.CutPrefix(pattern, "!")
		if ok, err := doublestar.Match(strings.Trim(rest, "/"), e.Name()); err == nil && ok {
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
