package enginetest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/engine/enginetest"
	"github.com/franela/pocketci/run"
)

const hello = `package main

import "fmt"

type Hello struct{}

func (m *Hello) OnGithubPush() error {
	//fake: print hello
	//fake: fail tests failed: 3 of 10
	fmt.Println("hello")
	return fmt.Errorf("tests failed: 3 of 10")
}

func (m *Hello) OnGithubPRReview(token any) string {
	//fake: echo-secret token
	//fake: return done
	return "done"
}

func (m *Hello) Slow() {
	//fake: print waiting
	//fake: wait go
}

func (m *Hello) Lost() {
	//fake: lost
}

func (m *Hello) Trigger() {
	//fake: trigger
}
`

func source() run.Source {
	return run.Source{
		ModulePath: "ci",
		Tree: run.Tree{SHA: "3f2a", Hash: "t1", Files: enginetest.NewFiles(map[string]string{
			"ci/dagger.json": `{"name":"hello","sdk":"go"}`,
			"ci/main.go":     hello,
		})},
	}
}

func reader(context.Context, run.Source) (run.Table, error) {
	return run.Table{Name: "hello", Functions: []run.Function{{Name: "onGithubPush"}}}, nil
}

func fake(t *testing.T, cfg enginetest.Config) *enginetest.Fake {
	t.Helper()
	cfg.Reader = reader
	f, err := enginetest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func open(t *testing.T, f *enginetest.Fake, spec engine.Spec) *enginetest.Session {
	t.Helper()
	spec.Source = source()
	s, err := f.Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestCommentsAreCarriedOut(t *testing.T) {
	var live bytes.Buffer
	f := fake(t, enginetest.Config{})
	s := open(t, f, engine.Spec{
		Secrets: run.SecretValues{"token": "hunter22"},
		Trigger: []byte(`{"version":1}`),
		Live:    func(string) io.Writer { return &live },
	})
	secret := []run.Arg{{Name: "token", Kind: run.ArgSecret, Secret: "token"}}
	tests := map[string]struct {
		call run.Call
		want run.Result
	}{
		"an error":         {run.Call{Function: "onGithubPush"}, run.Result{Outcome: run.Failure, Error: "tests failed: 3 of 10", Output: "hello\n"}},
		"a secret printed": {run.Call{Function: "onGithubPrreview", Args: secret}, run.Result{Outcome: run.Success, Value: "done", Output: "***\n"}},
		"the trigger":      {run.Call{Function: "trigger"}, run.Result{Outcome: run.Success, Value: `{"version":1}`}},
		"no such function": {run.Call{Function: "nope"}, run.Result{Outcome: run.Failure, Error: "the module has no function nope"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := s.Call(t.Context(), tt.call)
			if err != nil {
				t.Fatal(err)
			}
			got.Begun, got.Ended, got.Function = time.Time{}, time.Time{}, ""
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if strings.Contains(live.String(), "hunter22") || !strings.Contains(live.String(), "hello\n") {
		t.Errorf("live output: %q", live.String())
	}
}

func TestSeenInputsAreAnsweredFromTheCache(t *testing.T) {
	f := fake(t, enginetest.Config{})
	call := run.Call{Function: "trigger", Args: []run.Arg{{Name: "eventTrigger", Kind: run.ArgTrigger}}}
	var cached []bool
	for _, trigger := range []string{"1", "1", "2"} {
		r, err := open(t, f, engine.Spec{Trigger: []byte(trigger)}).Call(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		cached = append(cached, r.Cached)
	}
	if diff := cmp.Diff([]bool{false, true, false}, cached); diff != "" {
		t.Error(diff)
	}
}

func TestSwitches(t *testing.T) {
	t.Run("down", func(t *testing.T) {
		f := fake(t, enginetest.Config{})
		if _, err := f.Table(t.Context(), source()); err != nil {
			t.Fatal(err)
		}
		f.SetDown(true)
		if _, err := f.Open(t.Context(), engine.Spec{Source: source()}); !errors.Is(err, run.ErrNoEngine) {
			t.Errorf("open: %v", err)
		}
		if _, err := f.Table(t.Context(), source()); err != nil {
			t.Errorf("a known table needs no engine: %v", err)
		}
		f.SetDown(false)
		if err := f.Ping(t.Context()); err != nil {
			t.Errorf("ping: %v", err)
		}
	})
	t.Run("lost in the middle", func(t *testing.T) {
		f := fake(t, enginetest.Config{})
		if _, err := open(t, f, engine.Spec{}).Call(t.Context(), run.Call{Function: "lost"}); !errors.Is(err, run.ErrEngineLost) {
			t.Errorf("call: %v", err)
		}
	})
	t.Run("down in the middle", func(t *testing.T) {
		f := fake(t, enginetest.Config{})
		s := open(t, f, engine.Spec{Live: whenPrinted(func() { f.SetDown(true) })})
		if _, err := s.Call(t.Context(), run.Call{Function: "slow"}); !errors.Is(err, run.ErrEngineLost) {
			t.Errorf("call: %v", err)
		}
	})
	t.Run("hang", func(t *testing.T) {
		f := fake(t, enginetest.Config{Silence: 20 * time.Millisecond})
		f.SetHang(true)
		if _, err := open(t, f, engine.Spec{}).Call(t.Context(), run.Call{Function: "trigger"}); !errors.Is(err, run.ErrEngineLost) {
			t.Errorf("call: %v", err)
		}
	})
	t.Run("signal", func(t *testing.T) {
		f := fake(t, enginetest.Config{})
		s := open(t, f, engine.Spec{Live: whenPrinted(func() { f.Signal("go") })})
		if r, err := s.Call(t.Context(), run.Call{Function: "slow"}); err != nil || r.Outcome != run.Success {
			t.Errorf("call: %v %v", r, err)
		}
	})
}

// whenPrinted does something at the first output.
func whenPrinted(do func()) func(string) io.Writer {
	return func(string) io.Writer { return writerFunc(do) }
}

type writerFunc func()

func (f writerFunc) Write(p []byte) (int, error) { f(); return len(p), nil }

func TestAnEndedContextIsAnOutcome(t *testing.T) {
	superseded := errors.New("superseded by 9c1d")
	tests := map[string]struct {
		ctx  func() (context.Context, func())
		want run.Outcome
		text string
	}{
		"time-out": {func() (context.Context, func()) {
			return context.WithTimeoutCause(t.Context(), 10*time.Millisecond, errors.New("time is up"))
		}, run.TimedOut, "timed out after"},
		"cancelled": {func() (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(superseded)
			return ctx, func() {}
		}, run.Cancelled, "cancelled: superseded by 9c1d"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := tt.ctx()
			defer cancel()
			r, err := open(t, fake(t, enginetest.Config{}), engine.Spec{}).Call(ctx, run.Call{Function: "slow"})
			if err != nil || r.Outcome != tt.want || !strings.HasPrefix(r.Error, tt.text) {
				t.Errorf("got %q %q %v", r.Outcome, r.Error, err)
			}
		})
	}
}

func TestControlFiles(t *testing.T) {
	dir := t.TempDir()
	f := fake(t, enginetest.Config{Control: dir})
	touch := func(name string) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	touch("down")
	if err := f.Ping(t.Context()); !errors.Is(err, run.ErrNoEngine) {
		t.Errorf("ping: %v", err)
	}
	os.Remove(filepath.Join(dir, "down"))

	s := open(t, f, engine.Spec{Live: whenPrinted(func() { touch("signal-go") })})
	if r, err := s.Call(t.Context(), run.Call{Function: "slow"}); err != nil || r.Outcome != run.Success {
		t.Errorf("wait: %v %v", r, err)
	}
	os.Remove(filepath.Join(dir, "signal-go"))
	s = open(t, f, engine.Spec{Trigger: []byte("2"), Live: whenPrinted(func() { touch("lost") })})
	call := run.Call{Function: "slow", Args: []run.Arg{{Kind: run.ArgTrigger}}}
	if _, err := s.Call(t.Context(), call); !errors.Is(err, run.ErrEngineLost) {
		t.Errorf("lost: %v", err)
	}

	text, err := os.ReadFile(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var ops []string
	for line := range strings.Lines(string(text)) {
		var r enginetest.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		ops = append(ops, r.Op+" "+r.Function)
	}
	want := []string{"open ", "call slow", "result slow", "open ", "call slow", "lost slow"}
	if diff := cmp.Diff(want, ops); diff != "" {
		t.Error(diff)
	}
}

func TestRefusals(t *testing.T) {
	f := fake(t, enginetest.Config{})
	src := source()
	src.ModulePath = "nowhere"
	if _, err := f.Table(t.Context(), src); err == nil || !strings.Contains(err.Error(), "nowhere/dagger.json is missing") {
		t.Errorf("table: %v", err)
	}
}

func TestFakeCountsAndKeepsWhatItWasAsked(t *testing.T) {
	f := fake(t, enginetest.Config{Uncached: true})
	f.SetLatency(time.Millisecond)
	for range 2 {
		if _, err := f.Table(t.Context(), source()); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, f, engine.Spec{})
	for range 2 {
		r, err := s.Call(t.Context(), run.Call{Function: "trigger"})
		if err != nil || r.Cached || r.Ended.Sub(r.Begun) < time.Millisecond {
			t.Errorf("got %+v %v", r, err)
		}
	}
	s.Close()
	s.Close()
	if diff := cmp.Diff(enginetest.Counts{Tables: 2, Loads: 1, Opens: 1, Closes: 1, Calls: 2}, f.Counts()); diff != "" {
		t.Error(diff)
	}
	if calls := f.Calls(); len(calls) != 2 || calls[0].Function != "trigger" {
		t.Errorf("calls: %+v", calls)
	}
	var ops []string
	for _, r := range f.Records() {
		ops = append(ops, r.Op)
	}
	if diff := cmp.Diff([]string{"table", "table", "open", "call", "result", "call", "result", "close"}, ops); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Call(t.Context(), run.Call{Function: "trigger"}); err == nil {
		t.Error("a closed session makes calls")
	}
}
