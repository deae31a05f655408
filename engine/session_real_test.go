package engine_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/engine/enginetest"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// What only the real engine can show, beyond the conformance suite.

var errPatience = errors.New("the test's patience")

func patient(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Minute, errPatience)
	t.Cleanup(cancel)
	return ctx
}

func openReal(t testing.TB, e *engine.Engine, spec engine.Spec) *engine.Session {
	t.Helper()
	s, err := e.Open(patient(t), spec)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func callReal(t testing.TB, s *engine.Session, c run.Call) run.Result {
	t.Helper()
	c.Constructor = append([]run.Arg{{Name: "docs", Kind: run.ArgDirectory, Path: "/docs"}}, c.Constructor...)
	r, err := s.Call(patient(t), c)
	if err != nil {
		t.Fatalf("call %s: %v", c.Function, err)
	}
	return r
}

func jsonArg(name string, v any) run.Arg {
	text, _ := json.Marshal(v)
	return run.Arg{Name: name, Kind: run.ArgValue, Value: text}
}

func textCall(function string, args ...run.Arg) run.Call {
	return run.Call{Function: function, Args: args, Returns: run.Type{Kind: run.KindString}}
}

func glob(pattern string) run.Call {
	return run.Call{
		Function: "glob", Returns: run.Type{Kind: run.KindList, Elem: &run.Type{Kind: run.KindString}},
		Args: []run.Arg{{Name: "src", Kind: run.ArgSource}, jsonArg("pattern", pattern)},
	}
}

func TestRealHistoryIsAsDeepAsAsked(t *testing.T) {
	host := realHost(t)
	repos := newRepos(t)
	repos.put(t, enginetest.Module("one"))
	src := repos.put(t, enginetest.Module("conformance"))
	repos.git(t, "-C", "app.git", "tag", "v1", "HEAD~1")
	e := newEngine(t, engine.Config{RunnerHost: host})
	for depth, want := range map[int]struct{ shallow, tag bool }{1: {true, false}, 0: {false, true}} {
		src.Depth = depth
		r := callReal(t, openReal(t, e, engine.Spec{Source: src}), glob(".git/**"))
		names := strings.Split(r.Value, "\n")
		if got := slices.Contains(names, ".git/shallow"); got != want.shallow {
			t.Errorf("depth %d: shallow %t", depth, got)
		}
		tag := slices.Contains(names, ".git/refs/tags/v1") || slices.Contains(names, ".git/packed-refs")
		if tag != want.tag {
			t.Errorf("depth %d: tag %t in %v", depth, tag, names)
		}
	}
}

func TestRealPrivateRepository(t *testing.T) {
	host := realHost(t)
	repos := newRepos(t)
	repos.token = "ghp_" + rand.Text()
	var log bytes.Buffer
	e := newEngine(t, engine.Config{RunnerHost: host, Log: debugLog(&log)})
	src := repos.put(t, enginetest.Module("conformance"))
	r := callReal(t, openReal(t, e, engine.Spec{Source: src}), glob(".git/config"))
	if r.Outcome != run.Success || r.Value != ".git/config" {
		t.Errorf("got %+v", r)
	}
	good := repos.token
	src = repos.put(t, maps.Collect(maps.All(enginetest.Module("other"))))
	src.Tree.Origin.Token = "wrong-" + good
	_, err := e.Table(patient(t), src)
	if err == nil || !strings.Contains(err.Error(), "auth") {
		t.Errorf("a wrong token: %v", err)
	}
	if err != nil && strings.Contains(err.Error(), good) || strings.Contains(log.String(), good) {
		t.Errorf("the token is told: %v\n%s", err, log.String())
	}
}

func TestRealCommitThatIsGone(t *testing.T) {
	host := realHost(t)
	src := newRepos(t).put(t, enginetest.Module("conformance"))
	src.Tree.Origin.SHA = strings.Repeat("5", 40)
	_, err := newEngine(t, engine.Config{RunnerHost: host}).Open(patient(t), engine.Spec{Source: src})
	var problem *event.Problem
	if !errors.As(err, &problem) || !strings.Contains(problem.Public, "is gone") {
		t.Errorf("got %v", err)
	}
}

func TestRealModuleThatCantBeBuilt(t *testing.T) {
	host := realHost(t)
	repos := newRepos(t)
	e := newEngine(t, engine.Config{RunnerHost: host})
	t.Run("found while loading", func(t *testing.T) {
		files := enginetest.Module("conformance")
		files["ci/main.go"] = "package main\n\nfunc {\n"
		_, err := e.Table(patient(t), repos.put(t, files))
		var problem *event.Problem
		if !errors.As(err, &problem) || !strings.Contains(problem.Public, "no main object") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("found while building", func(t *testing.T) {
		files := enginetest.Module("conformance")
		files["ci/main.go"] = strings.Replace(files["ci/main.go"], "\treturn 42", "\treturn nothing", 1)
		r := callReal(t, openReal(t, e, engine.Spec{Source: repos.put(t, files)}), run.Call{Function: "greet", Returns: run.Type{Kind: run.KindString}})
		first, _, _ := strings.Cut(r.Error, "\n")
		if r.Outcome != run.Failure || !strings.Contains(first, "undefined: nothing") {
			t.Errorf("got %s %q", r.Outcome, r.Error)
		}
	})
}

func TestRealFunctionsReachNothingOfTheAgent(t *testing.T) {
	host := realHost(t)
	dir := t.TempDir()
	const canary = "canary-in-the-agent"
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := write("credentials", canary)
	write(".env", "GREETING="+canary+"\nCONFORMANCE_GREETING="+canary+"\n")
	t.Setenv("POCKETCI_CANARY", canary)
	e, err := engine.New(engine.Config{
		RunnerHost: host, Dir: filepath.Join(dir, "data"), Key: bytes.Repeat([]byte("k"), 32),
		Environ: os.Environ(), CloudToken: "",
	})
	if err != nil {
		t.Fatal(err)
	}
	s := openReal(t, e, engine.Spec{Source: newRepos(t).put(t, enginetest.Module("conformance"))})
	if r := callReal(t, s, textCall("greet")); r.Value != "hi" {
		t.Errorf("a default comes from the operator's .env: %q", r.Value)
	}
	for _, uri := range []string{"env://POCKETCI_CANARY", "file://" + file, "cmd://cat " + file} {
		r := callReal(t, s, textCall("reads", jsonArg("uri", uri), jsonArg("nonce", rand.Text())))
		if r.Outcome == run.Success && r.Value != "" || strings.Contains(r.Error+r.Value+r.Output, canary) {
			t.Errorf("%s: %+v", uri, r)
		}
	}
}

func TestRealWorkingTree(t *testing.T) {
	host := realHost(t)
	dir := t.TempDir()
	files := enginetest.Module("conformance")
	files[".gitignore"] = "ignored.txt\n"
	files["ignored.txt"] = "not handed over\n"
	put := func() run.Source {
		for name, text := range files {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		src := memorySource(t, files)
		src.Tree.Origin = run.Origin{Dir: dir}
		return src
	}
	src := put()
	(&repos{dir: dir}).git(t, "init", "-q")
	e := newEngine(t, engine.Config{RunnerHost: host})
	s := openReal(t, e, engine.Spec{Source: src})
	names := strings.Split(callReal(t, s, glob("*")).Value, "\n")
	if slices.Contains(names, "ignored.txt") || !slices.Contains(names, ".git/") || !slices.Contains(names, "README.md") {
		t.Errorf("src holds %v", names)
	}
	prints := run.Call{Function: "prints", Args: []run.Arg{jsonArg("what", rand.Text())}}
	if r := callReal(t, s, prints); r.Cached {
		t.Errorf("the first call: %+v", r)
	}
	files["README.md"] = "changed, not committed\n"
	if r := callReal(t, openReal(t, e, engine.Spec{Source: put()}), prints); !r.Cached {
		t.Errorf("the module is another one after a change beside it: %+v", r)
	}
}

func TestRealTriggerOf25MB(t *testing.T) {
	host := realHost(t)
	e := newEngine(t, engine.Config{RunnerHost: host})
	trigger := []byte(fmt.Sprintf(`{"nonce":%q,"payload":%q}`, rand.Text(), strings.Repeat("x", 25<<20)))
	s := openReal(t, e, engine.Spec{Source: newRepos(t).put(t, enginetest.Module("conformance")), Trigger: trigger})
	r := callReal(t, s, run.Call{
		Function: "size", Returns: run.Type{Kind: run.KindInteger}, Args: []run.Arg{{Name: "eventTrigger", Kind: run.ArgTrigger}},
	})
	if r.Value != fmt.Sprint(len(trigger)) {
		t.Errorf("got %s %q %q, want %d", r.Outcome, r.Value, r.Error, len(trigger))
	}
}

func TestRealTableNeedsNoEngineTwice(t *testing.T) {
	host := realHost(t)
	wire := newWire(t, host)
	repos := newRepos(t)
	e := newEngine(t, engine.Config{RunnerHost: wire.host()})
	files := enginetest.Module("conformance")
	first, err := e.Table(patient(t), repos.put(t, files))
	if err != nil {
		t.Fatal(err)
	}
	wire.cut()
	files["README.md"] = "changed\n"
	again, err := e.Table(patient(t), repos.put(t, files))
	if err != nil || len(again.Functions) != len(first.Functions) {
		t.Errorf("the same module: %v", err)
	}
	files["ci/main.go"] += "// changed\n"
	if _, err := e.Table(patient(t), repos.put(t, files)); !errors.Is(err, run.ErrNoEngine) {
		t.Errorf("another module: %v", err)
	}
}

func TestRealDependenciesInTheRepository(t *testing.T) {
	host := realHost(t)
	repos := newRepos(t)
	e := newEngine(t, engine.Config{RunnerHost: host})
	files := map[string]string{
		"README.md":        "a repository\n",
		"docs/guide.md":    "a guide\n",
		"ci/dagger.json":   `{"name":"conformance","engineVersion":"v0.21.0","sdk":{"source":"go"},"dependencies":[{"name":"lib","source":"../lib"}]}`,
		"ci/go.mod":        "module dagger/conformance\n\ngo 1.25.0\n",
		"ci/main.go":       libUser,
		"lib/dagger.json":  `{"name":"lib","engineVersion":"v0.21.0","sdk":{"source":"go"}}`,
		"lib/go.mod":       "module dagger/lib\n\ngo 1.25.0\n",
		"lib/main.go":      libSource,
		"unrelated/x/y.go": "package x\n",
	}
	r := callReal(t, openReal(t, e, engine.Spec{Source: repos.put(t, files)}), textCall("answer"))
	if r.Outcome != run.Success || r.Value != "from the library" {
		t.Errorf("narrowed: %+v", r)
	}
	// A dependency with a default path sees the whole repository.
	files["lib/main.go"] = strings.Replace(libSource, "func (l *Lib) Answer(ctx context.Context)",
		"func (l *Lib) Answer(ctx context.Context,\n\t// +defaultPath=\"/docs/guide.md\"\n\tfile *dagger.File)", 1)
	files["lib/main.go"] = strings.Replace(files["lib/main.go"], `return "from the library", nil`, `return file.Contents(ctx)`, 1)
	r = callReal(t, openReal(t, e, engine.Spec{Source: repos.put(t, files)}), textCall("answer"))
	if r.Outcome != run.Success || r.Value != "a guide\n" {
		t.Errorf("whole: %+v", r)
	}
}

// A git repository as a default path is the engine's to resolve, and needs all of it.
func TestRealGitRepositoryAsDefaultPath(t *testing.T) {
	host := realHost(t)
	files := enginetest.Module("conformance")
	files["ci/main.go"] = strings.Replace(libUser, "func (m *Conformance) Answer(ctx context.Context)",
		"func (m *Conformance) Answer(ctx context.Context,\n\t// +defaultPath=\"/\"\n\trepo *dagger.GitRepository)", 1)
	files["ci/main.go"] = strings.Replace(files["ci/main.go"], "return dag.Lib().Answer(ctx)", "return repo.Head().Commit(ctx)", 1)
	src := newRepos(t).put(t, files)
	r := callReal(t, openReal(t, newEngine(t, engine.Config{RunnerHost: host}), engine.Spec{Source: src}), textCall("answer"))
	if r.Outcome != run.Success || r.Value != src.Tree.SHA {
		t.Errorf("got %+v", r)
	}
}

const libUser = `package main

import (
	"context"

	"dagger/conformance/internal/dagger"
)

type Conformance struct{ Docs *dagger.Directory }

func New(docs *dagger.Directory) *Conformance { return &Conformance{Docs: docs} }

func (m *Conformance) Answer(ctx context.Context) (string, error) { return dag.Lib().Answer(ctx) }
`

const libSource = `package main

import (
	"context"

	"dagger/lib/internal/dagger"
)

type Lib struct{ Dir *dagger.Directory }

func (l *Lib) Answer(ctx context.Context) (string, error) { return "from the library", nil }
`

// TestRealSubmoduleThatCantBeHad: nothing becomes of it by waiting.
func TestRealSubmoduleThatCantBeHad(t *testing.T) {
	host := realHost(t)
	e := newEngine(t, engine.Config{RunnerHost: host, Submodule: func(string, string) bool { return true }})
	for name, modules := range map[string]string{
		"no address":        "",
		"no such commit":    "[submodule \"sub\"]\n\tpath = sub\n\turl = ../../app.git/.git\n",
		"no such submodule": "[submodule \"sub\"]\n\tpath = sub\n\turl = ../../nothing.git\n",
	} {
		t.Run(name, func(t *testing.T) {
			repos := newRepos(t)
			files := maps.Collect(maps.All(enginetest.Module("conformance")))
			if modules != "" {
				files[".gitmodules"] = modules
			}
			src := repos.put(t, files)
			repos.git(t, "-C", "app.git", "update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("7", 40)+",sub")
			repos.git(t, "-C", "app.git", "commit", "-q", "-m", "submodule")
			src.Tree.Origin.SHA = repos.git(t, "-C", "app.git", "rev-parse", "HEAD")
			_, err := e.Open(patient(t), engine.Spec{Source: src})
			var problem *event.Problem
			if !errors.As(err, &problem) || problem.Public != "the submodules of "+src.Tree.Origin.SHA+" can't be fetched" {
				t.Errorf("got %v", err)
			}
		})
	}
}
