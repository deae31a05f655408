package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/run"
)

// TestWaitingHasAnEnd: for what can't be reached, not for an event that is looked
// at for the first time.
func TestWaitingHasAnEnd(t *testing.T) {
	tests := map[string]struct {
		arrange func(*world)
		problem string
	}{
		"no engine": {
			func(w *world) {
				w.engine.OpenErr = func() error { return fmt.Errorf("dial: %w", run.ErrNoEngine) }
			},
			"given up after 72h0m0s: no engine could be reached",
		},
		"no code host": {
			func(w *world) { w.repos.Err = errors.New("dial tcp: refused") },
			"given up after 72h0m0s: what the run needs can't be reached",
		},
		"a limit": {
			func(w *world) {
				w.repos.Err = &run.RetryAfter{Until: time.Now().Add(time.Minute), Err: errors.New("403")}
			},
			"given up after 72h0m0s: the code host limits us",
		},
		"everything there": {func(*world) {}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, function("onGithubPush"))
			tt.arrange(w)
			old := push("github:1")
			old.ReceivedAt = time.Now().Add(-73 * time.Hour)
			w.start(t)
			w.store.Add(old)
			r := w.until(t, "github:1", done)
			got := ""
			if r.Problem != nil {
				got = r.Problem.Public
			}
			if got != tt.problem || r.Attempt > 1 {
				t.Errorf("%q at attempt %d, want %q", got, r.Attempt, tt.problem)
			}
		})
	}
}

// TestALimitIsWaitedFor: until it ends, within reason, and at no cost.
func TestALimitIsWaitedFor(t *testing.T) {
	tests := map[string]struct{ until, soonest, latest time.Duration }{
		"in some minutes": {10 * time.Minute, 9 * time.Minute, 10 * time.Minute},
		"in a year":       {365 * 24 * time.Hour, 59 * time.Minute, time.Hour},
		"long ago":        {-time.Hour, time.Second, 2 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, function("onGithubPush"))
			w.repos.Err = fmt.Errorf("get credentials: %w", &run.RetryAfter{Until: time.Now().Add(tt.until), Err: errors.New("403")})
			again := make(chan time.Duration, 1)
			w.store.Fail = func(p run.Progress) error {
				if p.State == run.Waiting {
					select {
					case again <- time.Until(p.NotBefore):
					default:
					}
				}
				return nil
			}
			w.start(t)
			w.store.Add(push("github:1"))
			r := w.until(t, "github:1", waiting)
			if got := <-again; got < tt.soonest || got > tt.latest || r.Attempt != 0 {
				t.Errorf("looked at again after %s at attempt %d", got, r.Attempt)
			}
			if r.Waits != "the code host, which takes nothing from us at the moment" {
				t.Errorf("waits for %q", r.Waits)
			}
		})
	}
}

// TestAStartThatHangs: it is tried again at no cost. The calls have a time of
// their own.
func TestAStartThatHangs(t *testing.T) {
	stages := map[string]func(w *world, hang func(context.Context) error){
		"in the checkout": func(w *world, hang func(context.Context) error) {
			w.config.Repositories = slowly{w.repos, hang}
		},
		"in opening a session": func(w *world, hang func(context.Context) error) {
			w.config.Engine = slowEngine{w.engine, hang}
		},
	}
	for name, arrange := range stages {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, function("onGithubPush"))
			w.config.StartTime = 50 * time.Millisecond
			var times atomic.Int64
			arrange(w, func(ctx context.Context) error {
				if times.Add(1) > 1 {
					return nil
				}
				<-ctx.Done()
				return fmt.Errorf("slow: %w", context.Cause(ctx))
			})
			w.engine.Do = func(ctx context.Context, _ dispatch.Spec, _ run.Call) (run.Result, error) {
				timer := time.NewTimer(100 * time.Millisecond)
				defer timer.Stop()
				select {
				case <-timer.C:
				case <-ctx.Done():
					return run.Result{}, context.Cause(ctx)
				}
				return run.Result{Outcome: run.Success}, nil
			}
			w.start(t)
			w.store.Add(push("github:1"))
			waited := w.until(t, "github:1", func(r run.Run) bool { return waiting(r) || done(r) })
			if want := "another try: it did not get to its calls within 50ms"; waited.State == run.Waiting && waited.Waits != want {
				t.Errorf("waits for %q", waited.Waits)
			}
			if r := w.until(t, "github:1", done); r.Outcome != run.Success || r.Attempt != 1 || times.Load() != 2 {
				t.Errorf("%s at attempt %d after %d starts; want success, 1, 2", r.Outcome, r.Attempt, times.Load())
			}
		})
	}
}

// TestACallThatIgnoresItsEnd is given up, not waited for.
func TestACallThatIgnoresItsEnd(t *testing.T) {
	w := newWorld(t, function("onGithubPush"))
	w.config.CallTimeout, w.config.CallGrace = 20*time.Millisecond, 20*time.Millisecond
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	w.engine.Do = func(context.Context, dispatch.Spec, run.Call) (run.Result, error) {
		<-never
		return run.Result{Outcome: run.Success}, nil
	}
	w.start(t)
	w.store.Add(push("github:1"))
	r := w.until(t, "github:1", done)
	if diff := cmp.Diff(map[string]string{"onGithubPush": "timed out timed out after 20ms"}, outcomes(r)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestWhatIsApprovedLateHasItsTime: the days in which it waited for a person are
// not the engine's.
func TestWhatIsApprovedLateHasItsTime(t *testing.T) {
	f := newForked(t, function("onGithubPullRequest"))
	var looks atomic.Int64
	f.away.OpenErr = func() error {
		if looks.Add(1) == 1 {
			return fmt.Errorf("dial: %w", run.ErrNoEngine)
		}
		return nil
	}
	old := fromFork("github:1")
	old.ReceivedAt = time.Now().Add(-200 * time.Hour)
	f.approve(t, approvalOf(old))
	f.start(t)
	f.store.Add(old)
	if r := f.until(t, "github:1", done); r.Outcome != run.Success || looks.Load() != 2 {
		t.Errorf("%s, %+v after %d looks for an engine; want success after 2", r.Outcome, r.Problem, looks.Load())
	}
}
