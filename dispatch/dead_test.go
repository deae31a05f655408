package dispatch_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// slowly checks out after a wait.
type slowly struct {
	dispatch.Repositories
	first func(context.Context) error
}

func (s slowly) Checkout(ctx context.Context, e event.Event) (run.Tree, error) {
	if err := s.first(ctx); err != nil {
		return run.Tree{}, err
	}
	return s.Repositories.Checkout(ctx, e)
}

// slowEngine opens sessions after a wait.
type slowEngine struct {
	dispatch.Engine
	first func(context.Context) error
}

func (s slowEngine) Open(ctx context.Context, spec dispatch.Spec) (dispatch.Session, error) {
	if err := s.first(ctx); err != nil {
		return nil, err
	}
	return s.Engine.Open(ctx, spec)
}

// TestWhatNoAgentSurvives ends in a dead letter that says so; nothing of it is
// touched any more.
func TestWhatNoAgentSurvives(t *testing.T) {
	for died, want := range map[int]string{
		5: "dead letter: pocketci ended or stood still 5 times while it worked on this event",
		4: "",
	} {
		t.Run(fmt.Sprint(died, " times"), func(t *testing.T) {
			w := newWorld(t, function("onGithubPush"))
			w.config.Calm = time.Millisecond
			w.store.Died("github:1", died)
			w.start(t)
			w.store.Add(push("github:1"))
			r := w.until(t, "github:1", done)
			if want == "" {
				if r.Outcome != run.Success {
					t.Errorf("%s, %+v; want success", r.Outcome, r.Problem)
				}
				return
			}
			if r.Outcome != run.Errored || r.Problem == nil || r.Problem.Public != want || r.Problem.Hint == "" {
				t.Errorf("%s, %+v; want %q", r.Outcome, r.Problem, want)
			}
			if n := w.repos.Checkouts(); n != 0 {
				t.Errorf("%d checkouts; want none", n)
			}
		})
	}
}

// TestSuspectsComeOneAtATime: of the runs that agents died with more than once
// one is worked on at a time; the others are not held up.
func TestSuspectsComeOneAtATime(t *testing.T) {
	w := newWorld(t, function("onGithubPush"))
	w.config.MaxEvents, w.config.Calm = 4, time.Millisecond
	var now, most atomic.Int64
	free := make(chan struct{})
	w.engine.Do = func(_ context.Context, s dispatch.Spec, _ run.Call) (run.Result, error) {
		if s.EventID == "github:free" {
			close(free)
			return run.Result{Outcome: run.Success}, nil
		}
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		<-free
		return run.Result{Outcome: run.Success}, nil
	}
	for i := range 3 {
		w.store.Died(fmt.Sprintf("github:%d", i), 2)
	}
	w.start(t)
	for i := range 3 {
		w.store.Add(push(fmt.Sprintf("github:%d", i)))
	}
	w.store.Add(push("github:free"))
	for i := range 3 {
		w.until(t, fmt.Sprintf("github:%d", i), done)
	}
	if most.Load() != 1 {
		t.Errorf("%d suspects at once; want 1", most.Load())
	}
}

// TestSuspectsWaitForACalmAgent: one that dies of something else again and again
// must not take them along.
func TestSuspectsWaitForACalmAgent(t *testing.T) {
	for died, calm := range map[int]time.Duration{2: 10 * time.Second, 3: 20 * time.Second, 4: 40 * time.Second} {
		t.Run(fmt.Sprint(died, " deaths"), func(t *testing.T) {
			c := newClock()
			w := newWorld(t, function("onGithubPush"))
			w.on(c)
			w.config.Calm = 10 * time.Second
			w.store.Died("github:suspect", died)
			w.start(t)
			c.pass(calm - time.Second)
			w.store.Add(push("github:suspect"))
			w.store.Add(push("github:1"))
			w.until(t, "github:1", done)
			if n := len(w.engine.Calls()); n != 1 {
				t.Errorf("%d calls; want only the other run's", n)
			}
			c.pass(time.Second)
			if r := w.until(t, "github:suspect", done); r.Outcome != run.Success {
				t.Errorf("%s, %+v; want success", r.Outcome, r.Problem)
			}
		})
	}
}

// TestALossBeforeTheCallsCountsToo: a module that no engine survives is not
// loaded for ever.
func TestALossBeforeTheCallsCountsToo(t *testing.T) {
	for name, arrange := range map[string]func(*world, func() error){
		"loading the module": func(w *world, err func() error) { w.engine.TableErr = err },
		"opening a session":  func(w *world, err func() error) { w.engine.OpenErr = err },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, function("onGithubPush"))
			arrange(w, func() error { return fmt.Errorf("502: %w", run.ErrEngineLost) })
			w.start(t)
			w.store.Add(push("github:1"))
			r := w.until(t, "github:1", done)
			if r.Problem == nil || r.Problem.Public != "lost: the engine went away three times" || r.Lost != 3 || r.Attempt != 3 {
				t.Errorf("%+v, lost %d, attempt %d", r.Problem, r.Lost, r.Attempt)
			}
		})
	}
}

// TestWhatRanWhenTheEngineDiedRunsAlone: beside nothing else, and one call after
// the other if that was not enough.
func TestWhatRanWhenTheEngineDiedRunsAlone(t *testing.T) {
	w := newWorld(t, function("aOnGithubPush"), function("bOnGithubPush"))
	w.config.MaxEvents, w.config.MaxCalls = 4, 4
	var others, own, alone atomic.Int64
	var beside, together atomic.Bool
	moment := func() { <-time.After(5 * time.Millisecond) }
	w.engine.Do = func(_ context.Context, s dispatch.Spec, c run.Call) (run.Result, error) {
		if s.EventID != "github:heavy" {
			others.Add(1)
			defer others.Add(-1)
			beside.CompareAndSwap(false, alone.Load() > 0)
			moment()
			return run.Result{Outcome: run.Success}, nil
		}
		defer own.Add(-1)
		if n := own.Add(1); c.Attempt == 3 && n > 1 {
			together.Store(true)
		}
		if c.Attempt > 1 {
			alone.Add(1)
			defer alone.Add(-1)
			beside.CompareAndSwap(false, others.Load() > 0)
		}
		moment()
		if c.Attempt < 3 {
			return run.Result{}, fmt.Errorf("EOF: %w", run.ErrEngineLost)
		}
		return run.Result{Outcome: run.Success}, nil
	}
	w.start(t)
	w.store.Add(push("github:heavy"))
	for i := range 40 {
		w.store.Add(push(fmt.Sprintf("github:%d", i)))
	}
	r := w.until(t, "github:heavy", done)
	if diff := cmp.Diff(map[string]string{"aOnGithubPush": "success", "bOnGithubPush": "success"}, outcomes(r)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if r.Attempt != 3 || r.Lost != 2 || beside.Load() || together.Load() {
		t.Errorf("attempt %d, lost %d, beside others: %t, calls together: %t; want 3, 2, false, false", r.Attempt, r.Lost, beside.Load(), together.Load())
	}
}

// TestToBeAloneIsNotWaitedForForEver: a call of others that goes on holds a run
// that lost its engine up for a while only.
func TestToBeAloneIsNotWaitedForForEver(t *testing.T) {
	w := newWorld(t, function("onGithubPush"))
	w.config.AloneWait = 20 * time.Millisecond
	in, release := make(chan struct{}), make(chan struct{})
	var heavy atomic.Int64
	w.engine.Do = func(_ context.Context, s dispatch.Spec, _ run.Call) (run.Result, error) {
		if s.EventID == "github:long" {
			close(in)
			<-release
			return run.Result{Outcome: run.Success}, nil
		}
		if heavy.Add(1) == 1 {
			return run.Result{}, fmt.Errorf("EOF: %w", run.ErrEngineLost)
		}
		return run.Result{Outcome: run.Success}, nil
	}
	w.start(t)
	w.store.Add(push("github:long"))
	<-in
	w.store.Add(push("github:heavy"))
	if r := w.until(t, "github:heavy", done); r.Outcome != run.Success || r.Attempt != 2 {
		t.Errorf("%s at attempt %d; want success at 2", r.Outcome, r.Attempt)
	}
	close(release)
	w.until(t, "github:long", done)
}
