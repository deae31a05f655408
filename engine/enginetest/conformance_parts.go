package enginetest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// patience bounds what a part may take on an engine that has to compile first.
const patience = 5 * time.Minute

func started(t *testing.T, s Subject, src run.Source, spec engine.Spec) Calls {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errors.New("the suite's patience"))
	defer cancel()
	spec.Source = src
	calls, err := s.Engine.Open(ctx, spec)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := calls.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return calls
}

func source(t *testing.T, s Subject) run.Source {
	t.Helper()
	return s.Commit(t, Module("conformance"))
}

// invoke makes a call that must have a result.
func invoke(t *testing.T, calls Calls, c run.Call) run.Result {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errors.New("the suite's patience"))
	defer cancel()
	c.Constructor = append([]run.Arg{docs()}, c.Constructor...)
	r, err := calls.Call(ctx, c)
	if err != nil {
		t.Fatalf("call %s: %v", c.Function, err)
	}
	if r.Function != c.Function || r.Attempt != c.Attempt || r.Ended.Before(r.Begun) || r.Begun.IsZero() {
		t.Errorf("call %s: result is not of this call: %+v", c.Function, r)
	}
	return r
}

// docs is the constructor's default path, which the caller fills.
func docs() run.Arg {
	return run.Arg{Name: "docs", Kind: run.ArgDirectory, Path: "/docs", Ignore: []string{"*.txt"}}
}

func value(name string, v any) run.Arg {
	text, err := json.Marshal(v)
	if err != nil {
		text = []byte("null")
	}
	return run.Arg{Name: name, Kind: run.ArgValue, Value: text}
}

func object(name string) run.Type { return run.Type{Kind: run.KindObject, Name: name} }

func list(of run.Type) run.Type { return run.Type{Kind: run.KindList, Elem: &of} }

func testTable(t *testing.T, s Subject) {
	table, err := s.Engine.Table(t.Context(), source(t, s))
	if err != nil {
		t.Fatal(err)
	}
	str := run.Type{Kind: run.KindString}
	level := run.Type{Kind: run.KindEnum, Name: "ConformanceLevel", Members: []string{"QUIET", "LOUD"}, Values: []string{"quiet", "loud"}}
	constructor := []run.Param{
		{Name: "greeting", Type: str, Default: json.RawMessage(`"hi"`)},
		{Name: "docs", Type: object("Directory"), Optional: true, DefaultPath: "/docs", Ignore: []string{"*.txt"}},
		{Name: "broken", Type: run.Type{Kind: run.KindBoolean}, Optional: true},
	}
	if table.Name != "conformance" {
		t.Errorf("name: %s", table.Name)
	}
	if diff := cmp.Diff(constructor, table.Constructor); diff != "" {
		t.Errorf("constructor: %s", diff)
	}
	functions := map[string]run.Function{}
	var order []string
	for _, f := range table.Functions {
		if f.Source.File != "main.go" || f.Source.Line == 0 {
			t.Errorf("%s: source %+v", f.Name, f.Source)
		}
		functions[f.Name] = f
		order = append(order, f.Name)
	}
	if want := []string{"onGithub", "onGithubPush", "greet", "fails", "panics"}; !slices.Equal(want, order[:5]) {
		t.Errorf("functions are not in the order of the source: %v", order)
	}
	wants := map[string]run.Function{
		"onGithub": {Name: "onGithub", Description: "Says that all is well.", Returns: run.Type{Kind: run.KindVoid}},
		"onGithubPush": {Name: "onGithubPush", Returns: run.Type{Kind: run.KindVoid}, Params: []run.Param{
			{Name: "filter", Type: str, Default: json.RawMessage(`"main,release/*"`)},
			{Name: "onChanges", Type: list(str), Default: json.RawMessage(`["**/*.go","!vendor/**"]`)},
			{Name: "level", Type: level, Default: json.RawMessage(`"QUIET"`)},
			{Name: "note", Type: str, Optional: true},
			{Name: "count", Type: run.Type{Kind: run.KindInteger}, Default: json.RawMessage(`3`)},
			{Name: "src", Type: object("Directory")},
		}},
		"rootEntries": {Name: "rootEntries", Returns: list(str), Params: []run.Param{
			{Name: "source", Type: object("Directory"), Optional: true, DefaultPath: "/", Ignore: []string{"*.md", ".git"}},
		}},
		"allBuilt": {Name: "allBuilt", Returns: list(object("Container"))},
		"leaks":    {Name: "leaks", Returns: str, Params: []run.Param{{Name: "token", Type: object("Secret")}}},
	}
	for name, want := range wants {
		got := functions[name]
		got.Source = run.Location{}
		if diff := cmp.Diff(want, got, cmp.Transformer("sorted", sortedMembers)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// sortedMembers leaves the order of an enum's members open.
func sortedMembers(t run.Type) map[string]any {
	members := slices.Clone(t.Members)
	slices.Sort(members)
	values := slices.Clone(t.Values)
	slices.Sort(values)
	return map[string]any{"kind": t.Kind, "name": t.Name, "members": members, "values": values, "elem": t.Elem}
}

func testReturns(t *testing.T, s Subject) {
	calls := started(t, s, source(t, s), engine.Spec{})
	str := run.Type{Kind: run.KindString}
	tests := map[string]struct {
		call run.Call
		want string
	}{
		"nothing":           {run.Call{Function: "onGithub", Returns: run.Type{Kind: run.KindVoid}}, ""},
		"a string":          {run.Call{Function: "greet", Returns: str, Constructor: []run.Arg{value("greeting", "good day")}}, "good day"},
		"a number":          {run.Call{Function: "number", Returns: run.Type{Kind: run.KindInteger}}, "42"},
		"a truth":           {run.Call{Function: "yes", Returns: run.Type{Kind: run.KindBoolean}}, "true"},
		"a list, in lines":  {run.Call{Function: "many", Returns: list(str)}, "a\nb"},
		"an object":         {run.Call{Function: "built", Returns: object("Container"), Args: []run.Arg{value("what", "x")}}, ""},
		"an object of ours": {run.Call{Function: "reports", Returns: object("ConformanceReport")}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := invoke(t, calls, tt.call)
			if r.Outcome != run.Success || r.Value != tt.want || r.Error != "" {
				t.Errorf("got %s %q %q", r.Outcome, r.Value, r.Error)
			}
		})
	}
}

func testArguments(t *testing.T, s Subject) {
	src := source(t, s)
	calls := started(t, s, src, engine.Spec{Trigger: []byte(`{"version":1,"big":12345678901234567890,"html":"<&>"}`)})
	str := run.Type{Kind: run.KindString}
	trigger := []run.Arg{{Name: "eventTrigger", Kind: run.ArgTrigger}}
	tests := map[string]struct {
		call run.Call
		want string
	}{
		"values and an enum": {run.Call{Function: "echo", Returns: str, Args: []run.Arg{
			{Name: "level", Kind: run.ArgEnum, Value: json.RawMessage(`"LOUD"`)}, value("count", 7), value("ratio", 1.5), value("words", []string{"a", "b"}),
		}}, `LOUD 7 1.5 ["a" "b"]`},
		"the trigger, byte for byte":           {run.Call{Function: "trigger", Returns: str, Args: trigger}, `{"version":1,"big":12345678901234567890,"html":"<&>"}`},
		"the trigger's name":                   {run.Call{Function: "triggerName", Returns: str, Args: trigger}, "eventTrigger.json"},
		"src with .git":                        {run.Call{Function: "entries", Returns: list(str), Args: []run.Arg{{Name: "src", Kind: run.ArgSource}}}, ".git/\nREADME.md\nci/\ndocs/"},
		"a default path of the constructor":    {run.Call{Function: "docsEntries", Returns: list(str)}, "guide.md"},
		"the root, less what is ignored":       {run.Call{Function: "rootEntries", Returns: list(str), Args: []run.Arg{{Name: "source", Kind: run.ArgDirectory, Path: "/", Ignore: []string{"*.md", ".git"}}}}, "ci/\ndocs/"},
		"a file relative to the module's path": {run.Call{Function: "notes", Returns: str, Args: []run.Arg{{Name: "file", Kind: run.ArgFile, Path: "notes.md"}}}, "the module's own\n"},
		"a file relative to its parent":        {run.Call{Function: "notes", Returns: str, Args: []run.Arg{{Name: "file", Kind: run.ArgFile, Path: "../README.md"}}}, "a repository\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := invoke(t, calls, tt.call)
			if r.Outcome != run.Success {
				t.Fatalf("got %s %q", r.Outcome, r.Error)
			}
			if diff := cmp.Diff(tt.want, r.Value); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func testFailures(t *testing.T, s Subject) {
	calls := started(t, s, source(t, s), engine.Spec{})
	str := run.Type{Kind: run.KindString}
	tests := map[string]struct {
		call  run.Call
		first string // the error's first line begins with it
		holds string
	}{
		"an error":                  {run.Call{Function: "fails", Returns: run.Type{Kind: run.KindVoid}}, "tests failed: 3 of 10", ""},
		"a panic":                   {run.Call{Function: "panics", Returns: run.Type{Kind: run.KindVoid}}, "panic: oh no", ""},
		"a command that fails":      {run.Call{Function: "failingExec", Returns: str}, "exit code 3: sh", "bad thing"},
		"an object that can't be":   {run.Call{Function: "unbuildable", Returns: object("Container")}, "exit code 4: sh", "can not build"},
		"one of a list of objects":  {run.Call{Function: "allBuilt", Returns: list(object("Container"))}, "exit code 4: sh", "can not build"},
		"a constructor's error":     {run.Call{Function: "onGithub", Returns: run.Type{Kind: run.KindVoid}, Constructor: []run.Arg{value("broken", true)}}, "the constructor is broken", ""},
		"a function that is gone":   {run.Call{Function: "nowhere", Returns: run.Type{Kind: run.KindVoid}}, "", "nowhere"},
		"a default path that isn't": {run.Call{Function: "missing", Returns: list(str), Args: []run.Arg{{Name: "dir", Kind: run.ArgDirectory, Path: "/nowhere"}}}, "", "nowhere"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := invoke(t, calls, tt.call)
			first, _, _ := strings.Cut(r.Error, "\n")
			if r.Outcome != run.Failure || !strings.HasPrefix(first, tt.first) || !strings.Contains(r.Error, tt.holds) {
				t.Errorf("got %s %q", r.Outcome, r.Error)
			}
			if r.Cached || strings.Contains(r.Error, "traceparent") {
				t.Errorf("got cached %t, error %q", r.Cached, r.Error)
			}
		})
	}
}

func testSecrets(t *testing.T, s Subject) {
	secret := "s3cr3t-" + rand.Text() + "/+="
	live := newLiveLog()
	calls := started(t, s, source(t, s), engine.Spec{Secrets: run.SecretValues{"token": secret}, Live: live.writer})
	args := []run.Arg{{Name: "token", Kind: run.ArgSecret, Secret: "token"}}
	leaked := invoke(t, calls, run.Call{Function: "leaks", Returns: run.Type{Kind: run.KindString}, Args: args})
	if leaked.Outcome != run.Success || leaked.Value != "***" || leaked.Output != "***\n" {
		t.Errorf("got %+v", leaked)
	}
	failed := invoke(t, calls, run.Call{Function: "failsWithSecret", Returns: run.Type{Kind: run.KindVoid}, Args: args})
	if failed.Outcome != run.Failure || failed.Error != "can't log in as ***" {
		t.Errorf("got %+v", failed)
	}
	for function, text := range live.all() {
		if strings.Contains(text, secret) {
			t.Errorf("live output of %s holds the secret", function)
		}
	}
}

func testCache(t *testing.T, s Subject) {
	what := rand.Text()
	src := source(t, s)
	secrets := run.SecretValues{"token": "s3cr3t-" + rand.Text()}
	both := func() (prints, leaks run.Result) {
		calls := started(t, s, src, engine.Spec{Secrets: secrets})
		prints = invoke(t, calls, run.Call{Function: "prints", Returns: run.Type{Kind: run.KindVoid}, Args: []run.Arg{value("what", what)}})
		leaks = invoke(t, calls, run.Call{Function: "leaks", Returns: run.Type{Kind: run.KindString}, Args: []run.Arg{{Name: "token", Kind: run.ArgSecret, Secret: "token"}}})
		return prints, leaks
	}
	prints, leaks := both()
	if prints.Cached || leaks.Cached {
		t.Errorf("the first calls are cached: %t, %t", prints.Cached, leaks.Cached)
	}
	prints, leaks = both()
	if !prints.Cached || prints.Outcome != run.Success {
		t.Errorf("the same call in another session: %+v", prints)
	}
	if !leaks.Cached || leaks.Value != "***" {
		t.Errorf("the same call with the same secret in another session: %+v", leaks)
	}
	secrets["token"] = "s3cr3t-" + rand.Text()
	if _, leaks = both(); leaks.Cached {
		t.Errorf("another secret's value is another call: %+v", leaks)
	}
}

// testNarrowing: a commit that does not touch the module does not make it a new
// one, so that calls with the same inputs are known again.
func testNarrowing(t *testing.T, s Subject) {
	what := rand.Text()
	prints := func(change map[string]string) run.Result {
		files := Module("conformance")
		maps.Copy(files, change)
		calls := started(t, s, s.Commit(t, files), engine.Spec{})
		return invoke(t, calls, run.Call{Function: "prints", Returns: run.Type{Kind: run.KindVoid}, Args: []run.Arg{value("what", what)}})
	}
	if r := prints(nil); r.Cached {
		t.Errorf("the first call: %+v", r)
	}
	if r := prints(map[string]string{"README.md": "changed\n", "other/main.go": "package other\n"}); !r.Cached {
		t.Errorf("after a commit that leaves the module alone: %+v", r)
	}
	if r := prints(map[string]string{"docs/guide.md": "changed\n"}); r.Cached {
		t.Errorf("after a commit that changes the constructor's default path: %+v", r)
	}
	if r := prints(map[string]string{"ci/main.go": "// " + what + "\n\n" + moduleSource}); r.Cached {
		t.Errorf("after a commit that changes the module: %+v", r)
	}
}

func testEnds(t *testing.T, s Subject) {
	live := newLiveLog()
	calls := started(t, s, source(t, s), engine.Spec{Live: live.writer})
	slow := run.Call{Function: "slow", Returns: run.Type{Kind: run.KindVoid}, Constructor: []run.Arg{docs()}}
	t.Run("a time-out", func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Second, errors.New("time is up"))
		defer cancel()
		r, err := calls.Call(ctx, slow)
		if err != nil || r.Outcome != run.TimedOut || !strings.HasPrefix(r.Error, "timed out after 3") {
			t.Errorf("got %s %q %v", r.Outcome, r.Error, err)
		}
	})
	t.Run("a cancellation, with what was printed before", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		for len(live.printed) > 0 {
			<-live.printed
		}
		go func() {
			select {
			case <-live.printed:
			case <-time.After(patience):
			}
			cancel(errors.New("superseded by 9c1d"))
		}()
		r, err := calls.Call(ctx, slow)
		if err != nil || r.Outcome != run.Cancelled || r.Error != "cancelled: superseded by 9c1d" {
			t.Errorf("got %s %q %v", r.Outcome, r.Error, err)
		}
		if r.Output != "tick\n" {
			t.Errorf("output: %q", r.Output)
		}
	})
	t.Run("others go on", func(t *testing.T) {
		if r := invoke(t, calls, run.Call{Function: "number", Returns: run.Type{Kind: run.KindInteger}}); r.Outcome != run.Success {
			t.Errorf("got %+v", r)
		}
	})
}

func testRefused(t *testing.T, s Subject) {
	tests := map[string]struct {
		change map[string]string // an empty text: the file is gone
		want   string
	}{
		"no module":               {map[string]string{"ci/dagger.json": ""}, "ci/dagger.json is missing"},
		"no pin":                  {map[string]string{"ci/dagger.json": `{"name":"conformance","sdk":{"source":"go"},"dependencies":[{"name":"x","source":"github.com/a/b@v1"}]}`}, "github.com/a/b@v1 without a pin"},
		"a manifest that is none": {map[string]string{"ci/dagger.json": `[]`}, "ci/dagger.json can't be read"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			files := Module("conformance")
			maps.Copy(files, tt.change)
			maps.DeleteFunc(files, func(_, text string) bool { return text == "" })
			src := s.Commit(t, files)
			_, tableErr := s.Engine.Table(t.Context(), src)
			_, openErr := s.Engine.Open(t.Context(), engine.Spec{Source: src})
			for _, err := range []error{tableErr, openErr} {
				var problem *event.Problem
				if !errors.As(err, &problem) || !strings.Contains(problem.Public, tt.want) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}
