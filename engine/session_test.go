package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/engine/enginetest"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

const (
	canary   = "hunter22hunter22"
	gitToken = "git-token-zebra77"
)

func standinSpec(t *testing.T) engine.Spec {
	t.Helper()
	src := memorySource(t, enginetest.Module("conformance"))
	src.Tree.Origin = run.Origin{URL: "https://git.example.org/o/n", SHA: src.Tree.SHA, Username: "bot", Token: gitToken}
	return engine.Spec{EventID: "github:1", Source: src, Secrets: run.SecretValues{"token": canary}, Trigger: []byte(`{"version":1}`)}
}

func openStandin(t *testing.T, e *engine.Engine, spec engine.Spec) *engine.Session {
	t.Helper()
	s, err := e.Open(t.Context(), spec)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestTableIsWhatTheEngineTells(t *testing.T) {
	e, dir := newStandin(t, "", engine.Config{})
	table, err := e.Table(t.Context(), standinSpec(t).Source)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(recordedTable)
	if err != nil {
		t.Fatal(err)
	}
	var want run.Table
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, table, cmp.Transformer("compact", compact)); diff != "" {
		t.Error(diff)
	}
	asked := strings.Count(noted(t, dir, "queries"), "query describe")
	if _, err := e.Table(t.Context(), standinSpec(t).Source); err != nil {
		t.Fatal(err)
	}
	if again := strings.Count(noted(t, dir, "queries"), "query describe"); asked != 1 || again != 1 {
		t.Errorf("the engine was asked %d, then %d times", asked, again)
	}
}

func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if len(raw) == 0 || json.Compact(&b, raw) != nil {
		return ""
	}
	return b.String()
}

func TestCallGivesResultAndOutput(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	e, _ := newStandin(t, "", engine.Config{})
	spec := standinSpec(t)
	var live bytes.Buffer
	spec.Live = func(string) io.Writer { return &live }
	s, err := e.Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Call(t.Context(), run.Call{Module: "api", Function: "greet", Attempt: 2, Returns: run.Type{Kind: run.KindString}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if r.Begun.IsZero() || r.Ended.Before(r.Begun) {
		t.Errorf("times: %s, %s", r.Begun, r.Ended)
	}
	r.Begun, r.Ended = time.Time{}, time.Time{}
	want := run.Result{Module: "api", Function: "greet", Attempt: 2, Outcome: run.Success, Value: "it was ***", Output: "one\ntwo: ***\nthree\nfour\n"}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want.Output, live.String()); diff != "" {
		t.Errorf("live: %s", diff)
	}
	if _, err := s.Call(t.Context(), run.Call{Function: "greet"}); err == nil || errors.Is(err, run.ErrEngineLost) {
		t.Errorf("after Close: %v", err)
	}
}

func TestFunctionsErrorIsItsResult(t *testing.T) {
	e, _ := newStandin(t, "errors", engine.Config{Drain: time.Millisecond})
	r, err := openStandin(t, e, standinSpec(t)).Call(t.Context(), run.Call{Function: "greet"})
	if err != nil || r.Outcome != run.Failure || r.Error != "tests failed: ***" {
		t.Errorf("got %+v %v", r, err)
	}
}

func TestErrorsOfCommandsTellWhatPeopleNeedFirst(t *testing.T) {
	e, _ := newStandin(t, "execs", engine.Config{Drain: time.Millisecond})
	s := openStandin(t, e, standinSpec(t))
	for function, want := range map[string]string{
		"panics":      "panic: oh no\npanic: oh no\n\ngoroutine 1 [running]",
		"failingExec": "exit code 3: sh -c x\nbad thing\nso far",
		"fails":       "build the image: exit code: 4\nexit code 4: make",
		"greet":       "the module can't be built: ./main.go:9:2: undefined: y\nexit code 1: go build\n# x\n./main.go:9:2: undefined: y",
	} {
		r, err := s.Call(t.Context(), run.Call{Function: function})
		if err != nil || r.Outcome != run.Failure || r.Error != want {
			t.Errorf("%s: got %q %v", function, r.Error, err)
		}
	}
}

func TestRequestThatIsRefusedIsAFailure(t *testing.T) {
	e, _ := newStandin(t, "unknown", engine.Config{Drain: time.Millisecond})
	s := openStandin(t, e, standinSpec(t))
	r, err := s.Call(t.Context(), run.Call{Function: "greet"})
	if err != nil || r.Outcome != run.Failure || r.Error != "Cannot query field \"x\" on type \"Hello\".\nand more" {
		t.Errorf("got %+v %v", r, err)
	}
	for name, c := range map[string]run.Call{
		"a function's name":  {Function: "a){b"},
		"a parameter's name": {Function: "greet", Args: []run.Arg{{Name: "a:1,b", Kind: run.ArgValue, Value: json.RawMessage(`1`)}}},
		"an enum's member":   {Function: "greet", Args: []run.Arg{{Name: "a", Kind: run.ArgEnum, Value: json.RawMessage(`"A){b"`)}}},
		"a value":            {Function: "greet", Args: []run.Arg{{Name: "a", Kind: run.ArgValue, Value: json.RawMessage(`1){b`)}}},
		"a secret":           {Function: "greet", Args: []run.Arg{{Name: "a", Kind: run.ArgSecret, Secret: "none"}}},
		"a default path":     {Function: "greet", Args: []run.Arg{{Name: "a", Kind: run.ArgDirectory, Path: "../../x"}}},
		"a kind":             {Function: "greet", Constructor: []run.Arg{{Name: "a", Kind: "x"}}},
	} {
		r, err := s.Call(t.Context(), c)
		if err != nil || r.Outcome != run.Failure || strings.Contains(r.Error, "Cannot query") {
			t.Errorf("%s that is none: %+v %v", name, r, err)
		}
	}
}

func TestWorkingTreeIsHandedOver(t *testing.T) {
	e, dir := newStandin(t, "", engine.Config{})
	spec := standinSpec(t)
	spec.Source.Tree.Origin = run.Origin{Dir: "/home/me/work"}
	call := run.Call{Function: "greet", Args: []run.Arg{{Name: "src", Kind: run.ArgSource}}}
	if _, err := openStandin(t, e, spec).Call(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	queries := noted(t, dir, "queries")
	for _, want := range []string{
		`host{directory(path:\"/home/me/work\",noCache:true,gitignore:true,include:[\"ci/dagger.json\",\"ci\"]){id}}`,
		`host{directory(path:\"/home/me/work\",noCache:true,gitignore:true){id}}`,
		`greet(src:\"HOST\")`,
	} {
		if !strings.Contains(queries, want) {
			t.Errorf("no query holds %s in %s", want, queries)
		}
	}
	if strings.Contains(queries, "{git(") {
		t.Error("git is asked for a working tree")
	}
}

func TestArgumentsReachTheEngine(t *testing.T) {
	e, dir := newStandin(t, "", engine.Config{})
	spec := standinSpec(t)
	spec.Source.Depth = 0
	call := run.Call{Function: "greet", Returns: run.Type{Kind: run.KindObject, Name: "Container"},
		Constructor: []run.Arg{{Name: "docs", Kind: run.ArgDirectory, Path: "/docs", Ignore: []string{"*.txt"}}},
		Args: []run.Arg{
			{Name: "src", Kind: run.ArgSource},
			{Name: "eventTrigger", Kind: run.ArgTrigger},
			{Name: "token", Kind: run.ArgSecret, Secret: "token"},
			{Name: "file", Kind: run.ArgFile, Path: "notes.md"},
			{Name: "level", Kind: run.ArgEnum, Value: json.RawMessage(`"LOUD"`)},
			{Name: "list", Kind: run.ArgValue, Value: json.RawMessage(`["a\"\u00e9",1e3,true,null,{"k":"v"}]`)},
		},
	}
	s := openStandin(t, e, spec)
	for range 2 {
		if _, err := s.Call(t.Context(), call); err != nil {
			t.Fatal(err)
		}
	}
	queries := noted(t, dir, "queries")
	for _, want := range []string{
		`{object:conformance(docs:\"FILTERED\"){value:greet(src:\"TREE\",eventTrigger:\"TRIGGER\",token:\"SECRET\",file:\"FILE\",level:LOUD,list:[\"a\\\"é\",1e3,true,null,{k:\"v\"}]){sync}}}`,
		`{git(url:\"https://git.example.org/o/n\",httpAuthToken:\"SECRET\",httpAuthUsername:\"bot\")`,
		`tree(depth:0,includeTags:true)`,
		`directory(path:\"docs\"){filter(exclude:[\"*.txt\"]){id}}`,
		`file(path:\"ci/notes.md\")`,
		`asModule(sourceRootPath:\"ci\")`,
		`filter(include:[\"ci/dagger.json\",\"ci\"])`,
	} {
		if !strings.Contains(queries, want) {
			t.Errorf("no query holds %s", want)
		}
	}
	for what, most := range map[string]int{"setSecret": 2, "withNewFile": 1, "__type": 1, "tree(depth:0": 1} {
		if n := strings.Count(queries, what); n != most {
			t.Errorf("%s was asked for %d times, not %d", what, n, most)
		}
	}
	for line := range strings.Lines(queries) {
		var q struct{ Query string }
		if err := json.Unmarshal([]byte(line), &q); err != nil || strings.Contains(q.Query, canary) {
			t.Errorf("a secret stands in a query's text: %s %v", q.Query, err)
		}
	}
}

func TestSecretsNamesAreStableAndTellNothing(t *testing.T) {
	e, dir := newStandin(t, "", engine.Config{})
	names := func(change func(*engine.Spec)) []string {
		os.Remove(dir + "/queries")
		spec := standinSpec(t)
		change(&spec)
		call := run.Call{Function: "greet", Args: []run.Arg{{Name: "token", Kind: run.ArgSecret, Secret: "token"}}}
		if _, err := openStandin(t, e, spec).Call(t.Context(), call); err != nil {
			t.Fatal(err)
		}
		var names []string
		for line := range strings.Lines(noted(t, dir, "queries")) {
			var q struct {
				Query     string
				Variables struct{ N, V string }
			}
			if err := json.Unmarshal([]byte(line), &q); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(q.Query, "setSecret") && q.Variables.V == spec.Secrets["token"] {
				names = append(names, q.Variables.N)
			}
		}
		return names
	}
	first := names(func(*engine.Spec) {})
	if len(first) != 1 || strings.Contains(first[0], canary) {
		t.Fatalf("names: %v", first)
	}
	if again := names(func(*engine.Spec) {}); !slices.Equal(first, again) {
		t.Errorf("another session has other names: %v, %v", first, again)
	}
	for what, change := range map[string]func(*engine.Spec){
		"repository": func(s *engine.Spec) { s.Source.RepoID = 2 },
		"lane":       func(s *engine.Spec) { s.Source.Lane = run.LaneUntrusted },
		"value":      func(s *engine.Spec) { s.Secrets["token"] += "x" },
	} {
		if other := names(change); len(other) != 1 || other[0] == first[0] {
			t.Errorf("another %s has the names %v", what, other)
		}
	}
}

func TestProcessGetsAnAllowListedEnvironment(t *testing.T) {
	e, dir := newStandin(t, "", engine.Config{CloudToken: "cloud-token"})
	for name, v := range map[string]string{
		"GITHUB_TOKEN": canary, "SSH_AUTH_SOCK": "/run/agent", "DOCKER_HOST": "tcp://" + canary, "X_HUB_SIGNATURE": canary, "DAGGER_MODULE": "x",
	} {
		t.Setenv(name, v)
	}
	e2, dir2 := newStandin(t, "", engine.Config{})
	openStandin(t, e, standinSpec(t))
	openStandin(t, e2, standinSpec(t))
	env := noted(t, dir2, "env")
	for _, name := range []string{"GITHUB_TOKEN", "SSH_AUTH_SOCK", "DOCKER_HOST", "X_HUB_SIGNATURE", "DAGGER_MODULE", "DAGGER_CLOUD_TOKEN"} {
		if strings.Contains("\n"+env, "\n"+name+"=") {
			t.Errorf("the session gets %s", name)
		}
	}
	vars := map[string]string{}
	for line := range strings.Lines(env) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		vars[k] = v
	}
	for _, name := range []string{"HOME", "DOCKER_CONFIG", "XDG_CONFIG_HOME"} {
		entries, err := os.ReadDir(vars[name])
		if err != nil || len(entries) != 0 {
			t.Errorf("%s is not an empty folder: %v %v", name, entries, err)
		}
	}
	if vars["PATH"] != os.Getenv("PATH") || vars["DAGGER_NO_NAG"] != "1" || !strings.HasPrefix(vars["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"], "http://127.0.0.1:") {
		t.Errorf("environment: %s", env)
	}
	if !strings.Contains(noted(t, dir, "env"), "DAGGER_CLOUD_TOKEN=cloud-token") {
		t.Error("the cloud token is missing")
	}
	work := noted(t, dir2, "wd")
	entries, err := os.ReadDir(work)
	if err != nil || len(entries) != 1 || entries[0].Name() != ".env" {
		t.Errorf("the working directory holds %v %v", entries, err)
	}
	if args := noted(t, dir2, "args"); strings.Contains(args, standinToken) || strings.Contains(args, canary) {
		t.Errorf("arguments: %s", args)
	}
}

func TestEngineThatIsNotThere(t *testing.T) {
	tests := map[string]struct {
		mode string
		cfg  engine.Config
		want string
	}{
		"nobody listens":              {"", engine.Config{RunnerHost: "unix:///nowhere/engine.sock"}, "no such file"},
		"the CLI gives up":            {"refuses", engine.Config{}, "incompatible engine version v0.1.0"},
		"the engine takes no session": {"silent", engine.Config{Connect: 50 * time.Millisecond}, "did not take the session in time"},
		"the CLI talks nonsense":      {"garbage", engine.Config{}, "invalid character"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, _ := newStandin(t, tt.mode, tt.cfg)
			_, err := e.Open(t.Context(), standinSpec(t))
			var problem *event.Problem
			if !errors.Is(err, run.ErrNoEngine) || !errors.As(err, &problem) || problem.Hint == "" {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "traceparent") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestNoCLI(t *testing.T) {
	e := newEngine(t, engine.Config{CLI: "/nowhere/dagger", RunnerHost: "kube-pod://x"})
	var problem *event.Problem
	_, err := e.Open(t.Context(), standinSpec(t))
	if !errors.Is(err, run.ErrNoEngine) || !errors.As(err, &problem) || !strings.Contains(problem.Public, "CLI") {
		t.Errorf("got %v", err)
	}
}

func TestEngineThatIsLost(t *testing.T) {
	for name, tt := range map[string]struct {
		mode string
		cfg  engine.Config
	}{
		"the process dies":         {"dies", engine.Config{}},
		"the process has no route": {"bad gateway", engine.Config{}},
		"it can't ask us back":     {"no way back", engine.Config{}},
		"it gave up shared work":   {"given up", engine.Config{}},
		"the engine hangs":         {"hangs", engine.Config{Heartbeat: 10 * time.Millisecond, Silence: 50 * time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			e, _ := newStandin(t, tt.mode, tt.cfg)
			s, err := e.Open(t.Context(), standinSpec(t))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if r, err := s.Call(t.Context(), run.Call{Function: "greet"}); !errors.Is(err, run.ErrEngineLost) {
				t.Errorf("got %+v %v", r, err)
			}
			if r, err := s.Call(t.Context(), run.Call{Function: "greet"}); !errors.Is(err, run.ErrEngineLost) {
				t.Errorf("the next call: %+v %v", r, err)
			}
		})
	}
}

// TestOneSignOfLifeThatIsLateIsAskedForAgain: an agent that was stopped finds that
// the engine's time to answer has passed, too.
func TestOneSignOfLifeThatIsLateIsAskedForAgain(t *testing.T) {
	e, _ := newStandin(t, "stalls", engine.Config{Heartbeat: 10 * time.Millisecond, Silence: 500 * time.Millisecond})
	s, err := e.Open(t.Context(), standinSpec(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if r, err := s.Call(t.Context(), run.Call{Function: "greet"}); err != nil || r.Outcome != run.Success {
		t.Errorf("got %+v %v", r, err)
	}
}

func TestCallThatEndsKeepsItsOutput(t *testing.T) {
	e, _ := newStandin(t, "hangs", engine.Config{})
	spec := standinSpec(t)
	printed := make(chan struct{})
	var once sync.Once
	spec.Live = func(string) io.Writer {
		return writerFunc(func() { once.Do(func() { close(printed) }) })
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-printed
		cancel(errors.New("superseded by " + canary))
	}()
	r, err := openStandin(t, e, spec).Call(ctx, run.Call{Function: "greet"})
	if err != nil || r.Outcome != run.Cancelled || r.Error != "cancelled: superseded by ***" || r.Output != "before it hung\n" {
		t.Errorf("got %+v %v", r, err)
	}
}

// TestAFunctionThatGivesUp is a failure of its own.
func TestAFunctionThatGivesUp(t *testing.T) {
	e, _ := newStandin(t, "own end", engine.Config{Drain: time.Millisecond})
	s, err := e.Open(t.Context(), standinSpec(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.Call(t.Context(), run.Call{Function: "greet"})
	if err != nil || r.Outcome != run.Failure || r.Error != "run the linter: context canceled" {
		t.Errorf("got %+v %v", r, err)
	}
}

type writerFunc func()

func (f writerFunc) Write(p []byte) (int, error) { f(); return len(p), nil }

func TestLoadErrors(t *testing.T) {
	t.Run("the module's fault is a problem", func(t *testing.T) {
		e, _ := newStandin(t, "bad module", engine.Config{})
		_, err := e.Open(t.Context(), standinSpec(t))
		var problem *event.Problem
		if !errors.As(err, &problem) || problem.Public != "the module ci can't be loaded: main.go:3:1: syntax error near ***" {
			t.Errorf("got %v", err)
		}
		if strings.Contains(err.Error(), canary) {
			t.Errorf("a secret is told: %v", err)
		}
	})
	t.Run("an unreachable code host is not", func(t *testing.T) {
		e, _ := newStandin(t, "no git", engine.Config{})
		_, err := e.Open(t.Context(), standinSpec(t))
		var problem *event.Problem
		if err == nil || errors.As(err, &problem) || errors.Is(err, run.ErrEngineLost) || !strings.Contains(err.Error(), "Could not resolve host") {
			t.Errorf("got %v", err)
		}
		if err != nil && strings.Contains(err.Error(), gitToken) {
			t.Errorf("the token is told: %v", err)
		}
	})
}

func TestCloseKillsAProcessThatDoesNotEnd(t *testing.T) {
	e, dir := newStandin(t, "stubborn", engine.Config{CloseGrace: 50 * time.Millisecond})
	s, err := e.Open(t.Context(), standinSpec(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "killed after 50ms") {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err == nil {
		t.Error("the second Close forgets what the first one said")
	}
	pid, err := strconv.Atoi(noted(t, dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process still runs: %v", err)
	}
}

func TestNothingSecretIsLogged(t *testing.T) {
	for _, mode := range []string{"", "errors", "dies", "bad module", "no git"} {
		var log bytes.Buffer
		e, _ := newStandin(t, mode, engine.Config{Log: debugLog(&log), Drain: time.Millisecond})
		if s, err := e.Open(t.Context(), standinSpec(t)); err == nil {
			_, _ = s.Call(t.Context(), run.Call{Function: "greet", Args: []run.Arg{{Name: "token", Kind: run.ArgSecret, Secret: "token"}}})
			s.Close()
		}
		if text := log.String(); strings.Contains(text, canary) || strings.Contains(text, gitToken) || strings.Contains(text, standinToken) {
			t.Errorf("mode %q logs %s", mode, text)
		}
	}
}

func TestTablesAreLoadedOnceForAll(t *testing.T) {
	e, dir := newStandin(t, "", engine.Config{})
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, err := e.Table(t.Context(), standinSpec(t).Source); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := strings.Count(noted(t, dir, "queries"), "query describe"); n != 1 {
		t.Errorf("loaded %d times", n)
	}
}
