package dispatch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// clock is set by hand.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Now().UnixNano())
	return c
}

func (c *clock) now() time.Time       { return time.Unix(0, c.at.Load()) }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }

// on has the world's agent and store live by the clock.
func (w *world) on(c *clock) { w.config.Clock, w.store.Clock = c.now, c.now }

// attempts are the attempts that were recorded for an event, in order.
func (w *world) attempts(id string) []int {
	var all []int
	for _, p := range w.store.History(id) {
		if p.Begun != nil {
			all = append(all, *p.Attempt)
		}
	}
	return all
}

// TestAStoppedAgentCancelsFirst: an agent that stood still for more than half its
// lease has cancelled what it had under way by the time it begins anything else.
func TestAStoppedAgentCancelsFirst(t *testing.T) {
	c := newClock()
	w := newWorld(t, function("onGithubPush"))
	w.on(c)
	first := make(chan context.Context, 1)
	var calls atomic.Int64
	late := make(chan error, 1)
	var checkouts atomic.Int64
	w.config.Repositories = slowly{w.repos, func(context.Context) error {
		if checkouts.Add(1) == 2 {
			before := <-first
			first <- before
			if context.Cause(before) == nil {
				t.Error("another run's commit is got before the old call was cancelled")
			}
		}
		return nil
	}}
	w.engine.Do = func(ctx context.Context, s dispatch.Spec, _ run.Call) (run.Result, error) {
		if s.EventID == "github:1" && calls.Add(1) == 1 {
			first <- ctx
			<-ctx.Done()
			return run.Result{Outcome: run.Cancelled}, nil
		}
		if s.EventID == "github:2" {
			before := <-first
			late <- context.Cause(before)
		}
		return run.Result{Outcome: run.Success}, nil
	}
	w.start(t)
	w.store.Add(push("github:1"))
	before := <-first
	first <- before
	c.pass(31 * time.Second) // of a minute
	w.store.Add(push("github:2"))
	if cause := <-late; cause == nil {
		t.Error("another run's call began before the old one was cancelled")
	}
	for _, id := range []string{"github:1", "github:2"} {
		if r := w.until(t, id, done); r.Outcome != run.Success || r.Attempt != 1 {
			t.Errorf("%s: %s at attempt %d; want success at the first: standing still costs none", id, r.Outcome, r.Attempt)
		}
	}
	if diff := cmp.Diff([]int{1, 1}, w.attempts("github:1")); diff != "" {
		t.Errorf("attempts (-want +got)\n%s", diff)
	}
}

// TestAStepThatComesTooLate is not written: the run goes back as it was.
func TestAStepThatComesTooLate(t *testing.T) {
	c := newClock()
	w := newWorld(t, function("onGithubPush"))
	w.on(c)
	var checkouts atomic.Int64
	w.config.Repositories = slowly{w.repos, func(context.Context) error {
		if checkouts.Add(1) == 1 {
			c.pass(31 * time.Second) // of a minute
		}
		return nil
	}}
	w.start(t)
	w.store.Add(push("github:1"))
	if r := w.until(t, "github:1", done); r.Outcome != run.Success || r.Attempt != 1 || checkouts.Load() != 2 {
		t.Errorf("%s at attempt %d after %d checkouts; want success, 1, 2", r.Outcome, r.Attempt, checkouts.Load())
	}
	if first := w.store.History("github:1")[0]; first.State != run.Queued || first.SHA != "" {
		t.Errorf("the first step is %+v; want the run given back", first)
	}
}

// TestALeaseThatIsHalfOverIsNotRenewed before its calls are cancelled.
func TestALeaseThatIsHalfOverIsNotRenewed(t *testing.T) {
	c := newClock()
	w := newWorld(t, function("onGithubPush"))
	w.on(c)
	w.store.LeaseFor = 120 * time.Millisecond
	call := make(chan context.Context, 1)
	var calls atomic.Int64
	w.engine.Do = func(ctx context.Context, _ dispatch.Spec, _ run.Call) (run.Result, error) {
		if calls.Add(1) > 1 {
			return run.Result{Outcome: run.Success}, nil
		}
		c.pass(61 * time.Millisecond)
		call <- ctx
		<-ctx.Done()
		return run.Result{Outcome: run.Cancelled}, nil
	}
	w.store.FailRenew = func() error {
		select {
		case ctx := <-call:
			if context.Cause(ctx) == nil {
				t.Error("the lease is renewed while its call goes on")
				return run.ErrLeaseLost
			}
		default:
		}
		return nil
	}
	w.start(t)
	w.store.Add(push("github:1"))
	if r := w.until(t, "github:1", done); r.Outcome != run.Success || calls.Load() != 2 {
		t.Errorf("%s after %d calls; want success after 2", r.Outcome, calls.Load())
	}
}

// TestALittleLateIsNoHarm: half of a lease is left for that.
func TestALittleLateIsNoHarm(t *testing.T) {
	c := newClock()
	w := newWorld(t, function("onGithubPush"))
	w.on(c)
	in, release := make(chan struct{}), make(chan struct{})
	var calls atomic.Int64
	w.engine.Do = func(ctx context.Context, s dispatch.Spec, _ run.Call) (run.Result, error) {
		if s.EventID == "github:1" {
			calls.Add(1)
			close(in)
			select {
			case <-release:
			case <-ctx.Done():
				return run.Result{Outcome: run.Cancelled}, nil
			}
		}
		return run.Result{Outcome: run.Success}, nil
	}
	w.start(t)
	w.store.Add(push("github:1"))
	<-in
	c.pass(29 * time.Second)
	w.store.Add(push("github:2"))
	w.until(t, "github:2", done)
	close(release)
	w.until(t, "github:1", done)
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls; want 1", n)
	}
}

// TestAResultThatHasComeIsKept: what finished while the agent stood still, or as
// it shuts down, is not called again.
func TestAResultThatHasComeIsKept(t *testing.T) {
	for _, outcome := range []run.Outcome{run.Success, run.Failure} {
		t.Run(string(outcome), func(t *testing.T) {
			c := newClock()
			w := newWorld(t, function("onGithubPush"))
			w.on(c)
			in, release := make(chan struct{}), make(chan struct{})
			var calls atomic.Int64
			w.engine.Do = func(_ context.Context, s dispatch.Spec, _ run.Call) (run.Result, error) {
				if s.EventID == "github:1" && calls.Add(1) == 1 {
					close(in)
					<-release
				}
				return run.Result{Outcome: outcome}, nil
			}
			w.start(t)
			w.store.Add(push("github:1"))
			<-in
			c.pass(31 * time.Second)
			close(release)
			if r := w.until(t, "github:1", done); r.Outcome != outcome || calls.Load() != 1 {
				t.Errorf("%s after %d calls; want %s after one", r.Outcome, calls.Load(), outcome)
			}
		})
	}
}

// TestAResultThatComesAsItIsCancelledIsKept: it has come all the same.
func TestAResultThatComesAsItIsCancelledIsKept(t *testing.T) {
	for _, outcome := range []run.Outcome{run.Success, run.Failure} {
		t.Run(string(outcome), func(t *testing.T) {
			c := newClock()
			w := newWorld(t, function("onGithubPush"))
			w.on(c)
			in := make(chan struct{})
			var calls atomic.Int64
			w.engine.Do = func(ctx context.Context, s dispatch.Spec, _ run.Call) (run.Result, error) {
				if s.EventID == "github:1" && calls.Add(1) == 1 {
					close(in)
					<-ctx.Done()
				}
				return run.Result{Outcome: outcome}, nil
			}
			w.start(t)
			w.store.Add(push("github:1"))
			<-in
			c.pass(31 * time.Second)
			w.store.Add(push("github:2")) // Its worker notices.
			if r := w.until(t, "github:1", done); r.Outcome != outcome || calls.Load() != 1 {
				t.Errorf("%s after %d calls; want %s after one", r.Outcome, calls.Load(), outcome)
			}
		})
	}
}

// TestOneAgentNeverWorksTwiceOnARun: a lease that ran out in our own hands is
// given to another of our workers only after the first one has let go.
func TestOneAgentNeverWorksTwiceOnARun(t *testing.T) {
	w := newWorld(t, function("onGithubPush"))
	in, second := make(chan struct{}), make(chan struct{})
	var now, most, calls atomic.Int64
	w.engine.Do = func(ctx context.Context, _ dispatch.Spec, _ run.Call) (run.Result, error) {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		if calls.Add(1) == 1 {
			close(in)
			<-ctx.Done()
			timer := time.NewTimer(100 * time.Millisecond) // It takes its time to end.
			defer timer.Stop()
			select {
			case <-second:
			case <-timer.C:
			}
			return run.Result{Outcome: run.Cancelled}, nil
		}
		close(second)
		return run.Result{Outcome: run.Success}, nil
	}
	w.start(t)
	w.store.Add(push("github:1"))
	<-in
	w.store.Rescue("github:1")
	if r := w.until(t, "github:1", done); r.Outcome != run.Success || most.Load() != 1 {
		t.Errorf("%s, %d calls at once; want success, never two", r.Outcome, most.Load())
	}
}

// TestAStoreThatComesBack: what could not be written is written later, and the
// call that it tells of is not made again.
func TestAStoreThatComesBack(t *testing.T) {
	steps := map[string]func(run.Progress) bool{
		"the tree":    func(p run.Progress) bool { return p.SHA != "" },
		"decisions":   func(p run.Progress) bool { return p.Decisions != nil },
		"the attempt": func(p run.Progress) bool { return p.Begun != nil },
		"a result":    func(p run.Progress) bool { return p.Results != nil },
		"the end":     func(p run.Progress) bool { return p.State == run.Done },
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, function("onGithubPush"))
			var failed atomic.Int64
			w.store.Fail = func(p run.Progress) error {
				if step(p) && failed.Add(1) <= 2 {
					return errors.New("disk full")
				}
				return nil
			}
			w.start(t)
			w.store.Add(push("github:1"))
			r := w.until(t, "github:1", done)
			if r.Outcome != run.Success || r.Attempt != 1 || len(w.engine.Calls()) != 1 || failed.Load() != 3 {
				t.Errorf("%s at attempt %d after %d calls and %d writes; want success, 1, 1, 3", r.Outcome, r.Attempt, len(w.engine.Calls()), failed.Load())
			}
		})
	}
}

// TestAStoreThatStaysAway: the calls are cancelled when the lease can't be
// renewed for half its time, and the run goes back when the store takes it.
func TestAStoreThatStaysAway(t *testing.T) {
	w := newWorld(t, function("onGithubPush"))
	w.store.LeaseFor = 200 * time.Millisecond
	var away atomic.Bool
	var calls atomic.Int64
	cancelled := make(chan error, 1)
	fail := func() error {
		if away.Load() {
			return errors.New("connection refused")
		}
		return nil
	}
	w.store.FailRenew = fail
	w.store.Fail = func(run.Progress) error { return fail() }
	w.engine.Do = func(ctx context.Context, _ dispatch.Spec, _ run.Call) (run.Result, error) {
		if calls.Add(1) == 1 {
			away.Store(true)
			<-ctx.Done()
			cancelled <- context.Cause(ctx)
			return run.Result{Outcome: run.Cancelled}, nil
		}
		return run.Result{Outcome: run.Success}, nil
	}
	w.start(t)
	w.store.Add(push("github:1"))
	if cause := <-cancelled; cause == nil || cause.Error() != "the lease was not renewed for half its time" {
		t.Errorf("cancelled by %v", cause)
	}
	away.Store(false)
	if r := w.until(t, "github:1", done); r.Outcome != run.Success || r.Attempt != 1 || calls.Load() != 2 {
		t.Errorf("%s at attempt %d after %d calls; want success, 1, 2", r.Outcome, r.Attempt, calls.Load())
	}
}

// TestALongCallKeepsItsLease: it is renewed again and again.
func TestALongCallKeepsItsLease(t *testing.T) {
	w := newWorld(t, function("onGithubPush"))
	w.store.LeaseFor = 300 * time.Millisecond
	long := make(chan struct{})
	var renewals, calls atomic.Int64
	w.store.FailRenew = func() error {
		if renewals.Add(1) == 10 { // A lease has time for six.
			close(long)
		}
		return nil
	}
	w.engine.Do = func(ctx context.Context, _ dispatch.Spec, _ run.Call) (run.Result, error) {
		calls.Add(1)
		select {
		case <-long:
		case <-ctx.Done():
			return run.Result{Outcome: run.Cancelled}, nil
		}
		return run.Result{Outcome: run.Success}, nil
	}
	w.start(t)
	w.store.Add(push("github:1"))
	if r := w.until(t, "github:1", done); r.Outcome != run.Success || calls.Load() != 1 {
		t.Errorf("%s after %d calls; want success after one", r.Outcome, calls.Load())
	}
}

// TestALostLeaseIsNoticedInACall, though nothing is written meanwhile.
func TestALostLeaseIsNoticedInACall(t *testing.T) {
	w := newWorld(t, function("onGithubPush"))
	w.store.LeaseFor = 300 * time.Millisecond
	in, ended := make(chan struct{}), make(chan error, 1)
	w.engine.Do = func(ctx context.Context, _ dispatch.Spec, _ run.Call) (run.Result, error) {
		close(in)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return run.Result{Outcome: run.Cancelled}, nil
	}
	w.start(t)
	w.store.Add(push("github:1"))
	<-in
	w.store.Steal("github:1")
	if cause := <-ended; fmt.Sprint(cause) != "another worker has the lease" {
		t.Errorf("ended by %v", cause)
	}
}

// TestAStoreThatHangs: the calls are cancelled in time though the renewal does
// not come back.
func TestAStoreThatHangs(t *testing.T) {
	w := newWorld(t, function("onGithubPush"))
	w.store.LeaseFor = 200 * time.Millisecond
	in, cancelled := make(chan struct{}), make(chan error, 1)
	var calls atomic.Int64
	w.engine.Do = func(ctx context.Context, _ dispatch.Spec, _ run.Call) (run.Result, error) {
		if calls.Add(1) > 1 {
			return run.Result{Outcome: run.Success}, nil
		}
		close(in)
		<-ctx.Done()
		cancelled <- context.Cause(ctx)
		return run.Result{Outcome: run.Cancelled}, nil
	}
	w.store.FailRenew = func() error {
		select {
		case <-in:
		default:
			return nil
		}
		timer := time.NewTimer(5 * time.Second)
		defer timer.Stop()
		select {
		case cause := <-cancelled:
			cancelled <- cause
			return errors.New("too late")
		case <-timer.C:
			t.Error("the call goes on while the renewal hangs")
			return run.ErrLeaseLost
		}
	}
	w.start(t)
	w.store.Add(push("github:1"))
	if r := w.until(t, "github:1", done); r.Outcome != run.Success || r.Attempt != 1 || calls.Load() != 2 {
		t.Errorf("%s at attempt %d after %d calls; want success, 1, 2", r.Outcome, r.Attempt, calls.Load())
	}
	if cause := <-cancelled; fmt.Sprint(cause) != "the lease was not renewed for half its time" {
		t.Errorf("cancelled by %v", cause)
	}
}

// lockedBuffer is a log that can be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestWhatHasEndedIsNotRenewed: closing a session may take longer than a renewal
// is due, and there is nothing left to renew or to cancel.
func TestWhatHasEndedIsNotRenewed(t *testing.T) {
	w := newWorld(t, function("onGithubPush"))
	w.store.LeaseFor = 120 * time.Millisecond
	var log lockedBuffer
	w.config.Log = zerolog.New(&log)
	var over atomic.Bool
	w.store.Fail = func(p run.Progress) error { over.Store(p.State.Final()); return nil }
	w.store.FailRenew = func() error {
		if over.Load() {
			return run.ErrLeaseLost
		}
		return nil
	}
	closed := make(chan struct{})
	w.engine.Closing = func(dispatch.Spec) {
		<-time.After(100 * time.Millisecond) // Five renewals would be due.
		close(closed)
	}
	w.start(t)
	w.store.Add(push("github:1"))
	w.until(t, "github:1", done)
	<-closed
	if strings.Contains(log.String(), "the run's calls are cancelled") {
		t.Errorf("log:\n%s", log.String())
	}
}

// TestALostLeaseEndsEveryCall: who learns of it by a refused write does not wait
// for the renewal to fail, too.
func TestALostLeaseEndsEveryCall(t *testing.T) {
	w := newWorld(t, function("aOnGithubPush"), function("bOnGithubPush"))
	w.store.LeaseFor = time.Hour
	in, ended := make(chan struct{}), make(chan error, 1)
	stolen := make(chan struct{})
	w.engine.Do = func(ctx context.Context, _ dispatch.Spec, c run.Call) (run.Result, error) {
		if c.Function == "bOnGithubPush" {
			close(in)
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return run.Result{Outcome: run.Cancelled}, nil
		}
		<-stolen
		return run.Result{Outcome: run.Success}, nil
	}
	w.start(t)
	w.store.Add(push("github:1"))
	<-in
	w.store.Steal("github:1")
	close(stolen)
	if cause := <-ended; fmt.Sprint(cause) != "another worker has the lease" {
		t.Errorf("ended by %v", cause)
	}
}

// TestACancelThatMeetsTheLastResult: the run ends cancelled, and keeps the result
// that was to be written with its end.
func TestACancelThatMeetsTheLastResult(t *testing.T) {
	w := newWorld(t, function("onGithubPush"))
	w.store.Fail = func(p run.Progress) error {
		if p.State == run.Done && p.Outcome != run.Cancelled {
			return &run.Stopped{Why: "mona said so"}
		}
		return nil
	}
	w.start(t)
	w.store.Add(push("github:1"))
	r := w.until(t, "github:1", done)
	if r.Outcome != run.Cancelled || r.Note != "mona said so" {
		t.Errorf("outcome %s, note %q", r.Outcome, r.Note)
	}
	if diff := cmp.Diff(map[string]string{"onGithubPush": "success"}, outcomes(r)); diff != "" {
		t.Errorf("calls (-want +got)\n%s", diff)
	}
}

// TestWhatWasCheckedOutIsKept: whatever ends a run after its checkout, its commit,
// trust and number of changed files are written.
func TestWhatWasCheckedOutIsKept(t *testing.T) {
	tests := map[string]func(w *world){
		"there is nothing to run":         func(w *world) { w.operator.Asked = run.Settings{Missing: "no module"} },
		"the settings can't be read":      func(w *world) { w.operator.AskedErr = &event.Problem{Public: "pocketci.yaml: line 1"} },
		"the module can't be loaded":      func(w *world) { w.engine.TableErr = func() error { return &event.Problem{Public: "no such type"} } },
		"the engine can't be reached yet": func(w *world) { w.engine.TableErr = func() error { return run.ErrNoEngine } },
		"it is cancelled meanwhile": func(w *world) {
			w.operator.Asked = run.Settings{Missing: "no module"}
			w.store.Fail = func(p run.Progress) error {
				if p.State.Final() && p.Outcome != run.Cancelled {
					return &run.Stopped{Why: "mona said so"}
				}
				return nil
			}
		},
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, function("onGithubPush"))
			spoil(w)
			w.start(t)
			w.store.Add(push("github:1"))
			r := w.until(t, "github:1", func(r run.Run) bool { return done(r) || waiting(r) })
			if r.SHA != sha || r.Trust != event.Trusted || r.Changed != 1 {
				t.Errorf("sha %q, trust %q, %d changed", r.SHA, r.Trust, r.Changed)
			}
		})
	}
}
