package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/dispatch/dispatchtest"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

const sha = "1111111111111111111111111111111111111111"

// world is a dispatcher and all that it works with.
type world struct {
	*dispatch.Dispatcher
	store    *dispatchtest.Store
	repos    *dispatchtest.Repositories
	operator *dispatchtest.Operator
	engine   *dispatchtest.Engine
	config   dispatch.Config
}

// newWorld is a repository with one module that offers the functions.
func newWorld(t *testing.T, functions ...run.Function) *world {
	t.Helper()
	w := &world{
		store:    dispatchtest.NewStore(),
		repos:    &dispatchtest.Repositories{Tree: run.Tree{SHA: sha, HasDiff: true, Changes: []string{"main.go"}, Files: dispatchtest.Files{}}},
		operator: &dispatchtest.Operator{Asked: run.Settings{Modules: []run.Module{{Path: "ci", Depth: 1}}}},
		engine:   &dispatchtest.Engine{Module: run.Table{Name: "ci", Functions: functions}},
	}
	w.config = dispatch.Config{
		Queue: w.store, Recorder: w.store, Identities: w.store,
		Repositories: w.repos, Permissions: w.operator, Policy: w.operator, Strangers: w.operator,
		Engine: w.engine, MaxEvents: 2, MaxCalls: 8, CallTimeout: time.Minute,
		Scrub: func(s string) string { return strings.ReplaceAll(s, "hunter2", "***") },
		Clock: time.Now, Log: zerolog.Nop(),
	}
	return w
}

// start starts the dispatcher and stops it with the test.
func (w *world) start(t *testing.T) {
	t.Helper()
	w.Dispatcher = dispatch.New(w.config)
	w.Start(t.Context())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		w.Stop(ctx)
	})
}

// until adds the event and waits for the run to be as wanted.
func (w *world) until(t *testing.T, id string, wanted func(run.Run) bool) run.Run {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := w.store.Wait(ctx, id, wanted)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func done(r run.Run) bool { return r.State.Final() }

func waiting(r run.Run) bool { return r.State == run.Waiting }

// push is a push to main.
func push(id string) event.Event {
	return event.Event{
		ID: id, Vendor: "github", Name: "push", Type: "push", Filter: "main", Ref: "refs/heads/main",
		Repo: event.Repo{ID: 7, Owner: "octo", Name: "hello", DefaultBranch: "main"}, Sender: event.Sender{ID: 1, Login: "mona"},
		SHA: sha, SHATrust: event.Trusted, SenderTrust: event.Trusted, Diff: event.DiffPush, Status: true,
		ReceivedAt: time.Now(), Payload: []byte(`{"ref":"refs/heads/main"}`),
	}
}

// function has that name and takes these secrets.
func function(name string, secrets ...string) run.Function {
	f := run.Function{Name: name, Returns: run.Type{Kind: run.KindVoid}}
	for _, s := range secrets {
		f.Params = append(f.Params, run.Param{Name: s, Type: run.Type{Kind: run.KindObject, Name: "Secret"}, Optional: true})
	}
	return f
}

func outcomes(r run.Run) map[string]string {
	m := map[string]string{}
	for _, c := range r.Calls {
		m[c.Call.Function] = "no result"
		if c.Result != nil {
			m[c.Call.Function] = strings.TrimSpace(fmt.Sprintf("%s %s", c.Result.Outcome, c.Result.Error))
		}
	}
	return m
}

func TestEveryMatchIsCalled(t *testing.T) {
	w := newWorld(t, function("testOnGithubPushMain"), function("lintOnGithubPush"), function("dispatch"))
	w.engine.Do = func(_ context.Context, _ dispatch.Spec, c run.Call) (run.Result, error) {
		if c.Function == "lintOnGithubPush" {
			return run.Result{Outcome: run.Failure, Error: "hunter2 is too short"}, nil
		}
		return run.Result{Outcome: run.Success, Value: "fine"}, nil
	}
	w.start(t)
	w.store.Add(push("github:1"))
	r := w.until(t, "github:1", done)

	want := map[string]string{"testOnGithubPushMain": "success", "lintOnGithubPush": "failure *** is too short"}
	if diff := cmp.Diff(want, outcomes(r)); diff != "" {
		t.Errorf("calls (-want +got)\n%s", diff)
	}
	if r.Outcome != run.Failure || r.Attempt != 1 || len(r.Decisions) != 3 || r.Trust != event.Trusted || r.SHA != sha || r.Changed != 1 {
		t.Errorf("run: %+v", r)
	}
}

func TestOrderOfRecords(t *testing.T) {
	w := newWorld(t, function("testOnGithubPush"), function("lintOnGithubPush"))
	w.start(t)
	w.store.Add(push("github:1"))
	w.until(t, "github:1", done)
	var got []string
	for _, p := range w.store.History("github:1") {
		var parts []string
		if p.SHA != "" {
			parts = append(parts, "tree")
		}
		if p.Decisions != nil {
			parts = append(parts, "decisions")
		}
		if p.Attempt != nil {
			parts = append(parts, fmt.Sprintf("attempt %d, %d begun", *p.Attempt, len(p.Begun)))
		}
		for range p.Results {
			parts = append(parts, "result")
		}
		if p.State != "" {
			parts = append(parts, string(p.State))
		}
		got = append(got, strings.Join(parts, " and "))
	}
	if diff := cmp.Diff([]string{"tree", "decisions", "attempt 1, 2 begun", "result", "result and done"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWithoutAnEngineItWaitsAtNoCost(t *testing.T) {
	away := fmt.Errorf("dial: %w", run.ErrNoEngine)
	for name, arrange := range map[string]func(w *world, err func() error){
		"loading the module": func(w *world, err func() error) { w.engine.TableErr = err },
		"opening a session":  func(w *world, err func() error) { w.engine.OpenErr = err },
		"making a call": func(w *world, err func() error) {
			w.engine.Do = func(context.Context, dispatch.Spec, run.Call) (run.Result, error) {
				return run.Result{Outcome: run.Success}, err()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, function("onGithubPush"))
			var up atomic.Bool
			var looks atomic.Int64
			arrange(w, func() error {
				if looks.Add(1); up.Load() {
					return nil
				}
				return away
			})
			w.start(t)
			w.store.Add(push("github:1"))
			w.until(t, "github:1", func(r run.Run) bool { return waiting(r) && r.Waits == "an engine" && looks.Load() > maxAttempts })
			up.Store(true)
			r := w.until(t, "github:1", done)
			if r.Outcome != run.Success || r.Attempt != 1 || r.Lost != 0 {
				t.Errorf("outcome %s, attempt %d, lost %d; want success at the first attempt, 0", r.Outcome, r.Attempt, r.Lost)
			}
		})
	}
}

// maxAttempts is more than a run has if they cost something.
const maxAttempts = 5

func TestALostEngineIsTriedAgain(t *testing.T) {
	tests := map[string]struct {
		losses  int64
		outcome run.Outcome
		want    map[string]string
		attempt int
		calls   int
	}{
		"only what has no result is called again": {2, run.Success, map[string]string{"aOnGithubPush": "success", "bOnGithubPush": "success"}, 3, 4},
		"three times is the end": {99, run.Errored, map[string]string{
			"aOnGithubPush": "success", "bOnGithubPush": "error lost: the engine went away three times"}, 3, 4},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, function("aOnGithubPush"), function("bOnGithubPush"))
			var lost atomic.Int64
			w.engine.Do = func(_ context.Context, _ dispatch.Spec, c run.Call) (run.Result, error) {
				if c.Function == "bOnGithubPush" && lost.Add(1) <= tt.losses {
					return run.Result{}, fmt.Errorf("502: %w", run.ErrEngineLost)
				}
				return run.Result{Outcome: run.Success}, nil
			}
			w.start(t)
			w.store.Add(push("github:1"))
			r := w.until(t, "github:1", done)
			if diff := cmp.Diff(tt.want, outcomes(r)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if r.Outcome != tt.outcome || r.Attempt != tt.attempt || len(w.engine.Calls()) != tt.calls {
				t.Errorf("outcome %s at attempt %d after %d calls; want %s, %d, %d", r.Outcome, r.Attempt, len(w.engine.Calls()), tt.outcome, tt.attempt, tt.calls)
			}
			for i, s := range w.engine.Opened() {
				if told := fmt.Sprintf(`"attempt":%d,`, i+1); !strings.Contains(string(s.Trigger), told) {
					t.Errorf("the functions of attempt %d are told %s", i+1, s.Trigger)
				}
			}
		})
	}
}

func TestAnUntrustedShaIsNotTouched(t *testing.T) {
	fork := push("github:1")
	fork.Name, fork.Filter, fork.SHATrust, fork.SenderTrust = "pull_request", "opened", event.Untrusted, event.TrustUnknown
	foreign := push("github:1")
	foreign.Name, foreign.Filter, foreign.SHATrust, foreign.SenderTrust = "check_suite", "completed", event.TrustUnknown, event.Trusted
	for name, e := range map[string]event.Event{"a fork's pull request": fork, "a sha that no ref of ours holds": foreign} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, function("onGithub"))
			w.start(t)
			w.store.Add(e)
			r := w.until(t, "github:1", waiting)
			if r.Waits != "approval of "+sha || r.Trust != event.Untrusted {
				t.Errorf("waits for %q with trust %q", r.Waits, r.Trust)
			}
			if n := w.repos.Checkouts(); n != 0 || len(w.engine.Opened()) != 0 {
				t.Errorf("%d checkouts, %d sessions; want none", n, len(w.engine.Opened()))
			}
		})
	}
}

func TestWhoGetsSecrets(t *testing.T) {
	tests := map[string]struct {
		sender  event.Sender
		push    bool
		writers []string
		bots    []string
		listed  []string
		want    []string // functions that got the secret
	}{
		"a push proves it":             {sender: event.Sender{Login: "x"}, push: true, want: []string{"lintOnGithub", "testOnGithub"}},
		"a writer":                     {sender: event.Sender{Login: "mona"}, writers: []string{"mona"}, want: []string{"lintOnGithub", "testOnGithub"}},
		"a stranger gets none":         {sender: event.Sender{Login: "eve"}},
		"unless the function is given": {sender: event.Sender{Login: "eve"}, listed: []string{"testOnGithub"}, want: []string{"testOnGithub"}},
		"a bot is not asked for":       {sender: event.Sender{Login: "dep[bot]", Bot: true}, writers: []string{"dep[bot]"}},
		"a bot that is listed":         {sender: event.Sender{Login: "dep[bot]", Bot: true}, bots: []string{"dep[bot]"}, want: []string{"lintOnGithub", "testOnGithub"}},
		"nobody":                       {},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, function("testOnGithub", "token"), function("lintOnGithub", "token"))
			w.operator.Asked.Modules[0].Secrets = []run.Secret{{Name: "token", FromEnv: "TOKEN"}}
			w.operator.Values, w.operator.Reasons = run.SecretValues{"token": "hunter2"}, map[string]string{"token": ""}
			w.operator.Writers, w.operator.Bots, w.operator.Listed = tt.writers, tt.bots, tt.listed
			e := push("github:1")
			e.Sender = tt.sender
			if !tt.push {
				e.Name, e.Filter, e.SenderTrust = "issues", "opened", event.TrustUnknown
			}
			w.start(t)
			w.store.Add(e)
			w.until(t, "github:1", done)
			var got []string
			for _, c := range w.engine.Calls() {
				if slices.ContainsFunc(c.Args, func(a run.Arg) bool { return a.Kind == run.ArgSecret }) {
					got = append(got, c.Function)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			for _, s := range w.engine.Opened() {
				if len(s.Secrets) > 0 != (len(tt.want) > 0) {
					t.Errorf("the session got %d secrets", len(s.Secrets))
				}
			}
		})
	}
}

func TestHowRunsEnd(t *testing.T) {
	tests := map[string]struct {
		arrange func(*world)
		state   run.State
		outcome run.Outcome
		problem string
		note    string
		waits   string
	}{
		"wrong settings": {
			arrange: func(w *world) {
				w.operator.AskedErr = &event.Problem{Public: "pocketci.yaml:3:1: unknown key pathes", Hint: "did you mean paths?"}
			},
			state: run.Done, outcome: run.Errored, problem: "pocketci.yaml:3:1: unknown key pathes",
		},
		"settings that tell a secret": {
			arrange: func(w *world) { w.operator.AskedErr = &event.Problem{Public: "pocketci.yaml:3:1: unknown key hunter2"} },
			state:   run.Done, outcome: run.Errored, problem: "pocketci.yaml:3:1: unknown key ***",
		},
		"a module that tells a secret": {
			arrange: func(w *world) {
				w.engine.TableErr = func() error { return &event.Problem{Public: "hunter2 does not compile"} }
			},
			state: run.Done, outcome: run.Errored, problem: "*** does not compile",
		},
		"no module": {
			arrange: func(w *world) { w.operator.Asked = run.Settings{Missing: "no pocketci.yaml and no module"} },
			state:   run.Recorded, note: "no pocketci.yaml and no module",
		},
		"a module that does not load": {
			arrange: func(w *world) {
				w.engine.TableErr = func() error { return &event.Problem{Public: "ci/main.go does not compile"} }
			},
			state: run.Done, outcome: run.Errored, problem: "ci/main.go does not compile",
		},
		"a sha that is gone": {
			arrange: func(w *world) { w.repos.Err = &event.Problem{Public: sha + " is gone"} },
			state:   run.Done, outcome: run.Errored, problem: sha + " is gone",
		},
		"a code host that can't be reached": {
			arrange: func(w *world) { w.repos.Err = errors.New("dial tcp: refused") },
			state:   run.Waiting, waits: "what can't be reached now (see the agent's log)",
		},
		"a new repository under a known name": {
			arrange: func(w *world) { w.store.Holders["octo/hello"] = 6 },
			state:   run.Waiting,
			waits:   "the operator's word: octo/hello is a new repository (id 7) under a known name (id 6); --accept-repo octo/hello=7 lets it in",
		},
		"a bug": {
			arrange: func(w *world) {
				w.engine.TableErr = func() error { panic("a bug") }
			},
			state: run.Done, outcome: run.Errored, problem: "internal error of pocketci",
		},
		"a bug in opening a session": {
			arrange: func(w *world) { w.engine.OpenErr = func() error { panic("a bug") } },
			state:   run.Done, outcome: run.Errored, problem: "internal error of pocketci",
		},
		"a bug in a call": {
			arrange: func(w *world) {
				w.engine.Do = func(context.Context, dispatch.Spec, run.Call) (run.Result, error) { panic("a bug") }
			},
			state: run.Done, outcome: run.Errored, problem: "internal error of pocketci",
		},
		"nothing handles it": {
			arrange: func(w *world) { w.engine.Module.Functions = []run.Function{function("onGitlab")} },
			state:   run.Done, outcome: run.Success,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, function("onGithubPush"))
			tt.arrange(w)
			w.start(t)
			w.store.Add(push("github:1"))
			r := w.until(t, "github:1", func(r run.Run) bool { return r.State == tt.state })
			var problem string
			if r.Problem != nil {
				problem = r.Problem.Public
			}
			got := []string{string(r.Outcome), problem, r.Note, r.Waits}
			if diff := cmp.Diff([]string{string(tt.outcome), tt.problem, tt.note, tt.waits}, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestOneModulesErrorIsItsOwn(t *testing.T) {
	w := newWorld(t, function("onGithubPush"))
	w.operator.Asked = run.Settings{Named: true, Modules: []run.Module{{Name: "a", Path: "a"}, {Name: "b", Path: "b"}}}
	var once atomic.Bool
	w.engine.TableErr = func() error {
		if once.CompareAndSwap(false, true) {
			return &event.Problem{Public: "does not compile"}
		}
		return nil
	}
	w.start(t)
	w.store.Add(push("github:1"))
	r := w.until(t, "github:1", done)
	if len(r.Calls) != 1 || r.Outcome != run.Errored || r.Problem == nil {
		t.Errorf("%d calls, outcome %s, problem %v; want the other module called, and the error told", len(r.Calls), r.Outcome, r.Problem)
	}
}

func TestACallThatTakesTooLong(t *testing.T) {
	w := newWorld(t, function("onGithubPush"))
	w.config.CallTimeout = 20 * time.Millisecond
	w.engine.Do = func(ctx context.Context, _ dispatch.Spec, _ run.Call) (run.Result, error) {
		<-ctx.Done()
		return run.Result{Outcome: run.TimedOut, Output: "so far"}, nil
	}
	w.start(t)
	w.store.Add(push("github:1"))
	r := w.until(t, "github:1", done)
	if diff := cmp.Diff(map[string]string{"onGithubPush": "timed out timed out after 20ms"}, outcomes(r)); diff != "" {
		t.Error(diff)
	}
	if r.Calls[0].Result.Output != "so far" {
		t.Error("what it printed is gone")
	}
}

func TestStopHandsBackWithoutCost(t *testing.T) {
	w := newWorld(t, function("aOnGithubPush"), function("bOnGithubPush"))
	inB := make(chan struct{})
	w.engine.Do = func(ctx context.Context, _ dispatch.Spec, c run.Call) (run.Result, error) {
		if c.Function == "bOnGithubPush" {
			close(inB)
			<-ctx.Done()
			return run.Result{Outcome: run.Cancelled}, nil
		}
		return run.Result{Outcome: run.Success}, nil
	}
	w.start(t)
	w.store.Add(push("github:1"))
	<-inB
	w.until(t, "github:1", func(r run.Run) bool { return r.Finished("", "aOnGithubPush") })
	now, cancel := context.WithCancel(context.Background())
	cancel()
	w.Stop(now)
	r := w.until(t, "github:1", func(r run.Run) bool { return r.State == run.Queued })
	if r.Attempt != 0 || !r.Finished("", "aOnGithubPush") || r.Finished("", "bOnGithubPush") {
		t.Errorf("attempt %d, calls %v; want the attempt back, a's result kept, b open", r.Attempt, outcomes(r))
	}
}

func TestAStolenLeaseWritesNothing(t *testing.T) {
	w := newWorld(t, function("onGithubPush"))
	release := make(chan struct{})
	in := make(chan struct{})
	w.engine.Do = func(context.Context, dispatch.Spec, run.Call) (run.Result, error) {
		close(in)
		<-release
		return run.Result{Outcome: run.Success}, nil
	}
	w.start(t)
	w.store.Add(push("github:1"))
	<-in
	before := len(w.store.History("github:1"))
	w.store.Steal("github:1")
	close(release)
	stop, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	w.Stop(stop)
	if after := len(w.store.History("github:1")); after != before {
		t.Errorf("%d steps were written under a lost lease", after-before)
	}
}

func TestCallsAreBoundedOverAllEvents(t *testing.T) {
	w := newWorld(t, function("aOnGithubPush"), function("bOnGithubPush"), function("cOnGithubPush"))
	w.config.MaxCalls, w.config.MaxEvents = 2, 4
	var now, most atomic.Int64
	w.engine.Do = func(context.Context, dispatch.Spec, run.Call) (run.Result, error) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		defer now.Add(-1)
		return run.Result{Outcome: run.Success}, nil
	}
	w.start(t)
	for i := range 6 {
		w.store.Add(push(fmt.Sprintf("github:%d", i)))
	}
	for i := range 6 {
		w.until(t, fmt.Sprintf("github:%d", i), done)
	}
	if most.Load() > 2 {
		t.Errorf("%d calls at once; want 2 at most", most.Load())
	}
}
