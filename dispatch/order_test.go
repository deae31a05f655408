package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store/storetest"
)

const (
	shaB = "2222222222222222222222222222222222222222"
	shaC = "3333333333333333333333333333333333333333"
)

// kept is what a test does with a store.
type kept interface {
	dispatch.Queue
	dispatch.Recorder
	dispatch.Identities
	dispatch.Order
	dispatch.Stops
	dispatch.Slots
	dispatch.Cancels
	Append(ctx context.Context, e event.Event) (event.Receipt, error)
	Run(ctx context.Context, id string) (run.Run, []run.Report, error)
	Watch() <-chan struct{}
}

// ordered is a world over a real store.
type ordered struct {
	*world
	kept    kept
	changed <-chan struct{}
	// release lets the calls for a commit go on; begun tells that they began.
	mu      sync.Mutex
	release map[string]chan struct{}
	begun   map[string]chan struct{}
	// now and most count calls, by function.
	now, most map[string]int
}

// newOrdered is a repository with one module, whose calls go on when they are
// released by their event's id.
func newOrdered(t *testing.T, functions ...run.Function) *ordered {
	t.Helper()
	return newOrderedOn(t, storetest.SQLite(t), functions...)
}

func newOrderedOn(t *testing.T, d *storetest.Database, functions ...run.Function) *ordered {
	t.Helper()
	d.Config.Clock = time.Now
	s := d.Open(t)
	o := &ordered{world: newWorld(t, functions...), kept: s, changed: s.Watch(),
		release: map[string]chan struct{}{}, begun: map[string]chan struct{}{}, now: map[string]int{}, most: map[string]int{}}
	c := &o.config
	c.Queue, c.Recorder, c.Identities, c.Order, c.Stops, c.Slots = s, s, s, s, s, s
	c.MaxEvents = 4
	o.engine.Do = o.do
	return o
}

// do begins, waits to be released, and ends.
func (o *ordered) do(ctx context.Context, s dispatch.Spec, c run.Call) (run.Result, error) {
	key := s.EventID + " " + c.Function
	o.mu.Lock()
	o.now[c.Function]++
	o.most[c.Function] = max(o.most[c.Function], o.now[c.Function])
	o.mu.Unlock()
	defer func() { o.mu.Lock(); o.now[c.Function]--; o.mu.Unlock() }()
	close(o.signal(o.begun, key))
	select {
	case <-o.signal(o.release, key):
		return run.Result{Outcome: run.Success}, nil
	case <-ctx.Done():
		return run.Result{Outcome: run.Cancelled, Output: "so far"}, nil
	}
}

func (o *ordered) signal(of map[string]chan struct{}, key string) chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if of[key] == nil {
		of[key] = make(chan struct{})
	}
	return of[key]
}

// begins waits until a function is called for an event.
func (o *ordered) begins(t *testing.T, id, function string) {
	t.Helper()
	select {
	case <-o.signal(o.begun, id+" "+function):
	case <-time.After(20 * time.Second):
		r, _, err := o.kept.Run(t.Context(), id)
		t.Fatalf("%s of %s does not begin: %s, waits for %q, %v", function, id, r.State, r.Waits, err)
	}
}

// goOn lets a call end.
func (o *ordered) goOn(id, function string) { close(o.signal(o.release, id+" "+function)) }

// called tells whether a function was called for an event.
func (o *ordered) called(id, function string) bool {
	select {
	case <-o.signal(o.begun, id+" "+function):
		return true
	default:
		return false
	}
}

func (o *ordered) add(t *testing.T, events ...event.Event) {
	t.Helper()
	for _, e := range events {
		if _, err := o.kept.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

// until waits for the run to be as wanted.
func (o *ordered) until(t *testing.T, id string, wanted func(run.Run) bool) run.Run {
	t.Helper()
	deadline := time.After(20 * time.Second)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		r, _, err := o.kept.Run(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if wanted(r) {
			return r
		}
		select {
		case <-o.changed:
		case <-again.C:
		case <-deadline:
			t.Fatalf("run of %s is %s, waits for %q, %s", id, r.State, r.Waits, r.Note)
		}
	}
}

// pushOf is a push of a commit to main.
func pushOf(id, commit, before string) event.Event {
	e := push(id)
	e.SHA, e.BaseSHA = commit, before
	e.Payload = fmt.Appendf(nil, `{"id":%q}`, id)
	return e
}

// pullOf is an event of pull request 7 at a commit.
func pullOf(id, action, commit string) event.Event {
	e := pushOf(id, commit, "")
	e.Name, e.Type, e.Action, e.Filter = "pull_request", "pull_request", action, action
	e.PullRequest, e.Ref, e.Diff = 7, "refs/pull/7/head", event.DiffPull
	return e
}

func ended(outcome run.Outcome) func(run.Run) bool {
	return func(r run.Run) bool { return r.State == run.Done && r.Outcome == outcome }
}

func TestPushesToOneBranchQueue(t *testing.T) {
	o := newOrdered(t, function("onGithubPush"))
	o.start(t)
	o.add(t, pushOf("a", sha, shaC), pushOf("b", shaB, sha), pushOf("c", shaC, shaB))
	for i, id := range []string{"a", "b", "c"} {
		o.begins(t, id, "onGithubPush")
		for _, later := range []string{"a", "b", "c"}[i+1:] {
			if o.called(later, "onGithubPush") {
				t.Errorf("%s is called beside %s", later, id)
			}
		}
		o.goOn(id, "onGithubPush")
		o.until(t, id, ended(run.Success))
	}
}

func TestANewerPushSupersedes(t *testing.T) {
	tests := map[string]struct {
		order  run.Order
		want   run.Outcome
		note   string
		beside bool
	}{
		"by default":      {"", run.Cancelled, "superseded by " + shaB, false},
		"if asked for":    {run.OrderSupersede, run.Cancelled, "superseded by " + shaB, false},
		"not in a queue":  {run.OrderQueue, run.Success, "", false},
		"not in parallel": {run.OrderParallel, run.Success, "", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := newOrdered(t, function("onGithubPullRequest"))
			o.operator.Asked.Concurrency.PullRequest = tt.order
			o.start(t)
			o.add(t, pullOf("a", "opened", sha))
			o.begins(t, "a", "onGithubPullRequest")
			o.add(t, pullOf("b", "synchronize", shaB))
			if tt.beside {
				o.begins(t, "b", "onGithubPullRequest")
			}
			if tt.want == run.Success {
				o.goOn("a", "onGithubPullRequest")
			}
			r := o.until(t, "a", done)
			if r.Outcome != tt.want || r.Note != tt.note {
				t.Errorf("outcome %s, note %q", r.Outcome, r.Note)
			}
			if tt.want == run.Cancelled {
				if diff := cmp.Diff(map[string]string{"onGithubPullRequest": "cancelled superseded by " + shaB}, outcomes(r)); diff != "" {
					t.Error(diff)
				}
				if r.Calls[0].Result.Output != "so far" {
					t.Error("what it printed is gone")
				}
			}
			o.begins(t, "b", "onGithubPullRequest")
			o.goOn("b", "onGithubPullRequest")
			o.until(t, "b", ended(run.Success))
		})
	}
}

func TestWhatWasNotBegunIsSuperseded(t *testing.T) {
	o := newOrdered(t, function("onGithubPullRequest"))
	o.add(t, pullOf("a", "opened", sha), pullOf("label", "labeled", sha), pullOf("b", "synchronize", shaB))
	o.start(t)
	for _, id := range []string{"a", "label"} {
		if r := o.until(t, id, done); r.Outcome != run.Cancelled || r.Note != "superseded by "+shaB || len(r.Decisions) != 0 {
			t.Errorf("%s: %s, %q, %d decisions", id, r.Outcome, r.Note, len(r.Decisions))
		}
	}
	o.begins(t, "b", "onGithubPullRequest")
	o.goOn("b", "onGithubPullRequest")
	o.until(t, "b", ended(run.Success))
	if n := len(o.engine.Opened()); n != 1 {
		t.Errorf("%d sessions were opened, want 1", n)
	}
}

func TestALabelDisturbsNothing(t *testing.T) {
	o := newOrdered(t, function("onGithubPullRequest"))
	o.start(t)
	o.add(t, pullOf("a", "opened", sha))
	o.begins(t, "a", "onGithubPullRequest")
	o.add(t, pullOf("label", "labeled", sha))
	o.begins(t, "label", "onGithubPullRequest")
	for _, id := range []string{"label", "a"} {
		o.goOn(id, "onGithubPullRequest")
		o.until(t, id, ended(run.Success))
	}
}

// news says that some events are out of date.
type news struct {
	mu    sync.Mutex
	old   []string
	fails int
	asked []string
}

func (n *news) Outdated(_ context.Context, e event.Event) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, e.ID)
	if n.fails > 0 {
		n.fails--
		return "", errors.New("unreachable")
	}
	if slices.Contains(n.old, e.ID) {
		return "outdated: the branch moved on", nil
	}
	return "", nil
}

func TestALateOlderPushNeitherRunsNorSupersedes(t *testing.T) {
	o := newOrdered(t, function("onGithubPullRequest"))
	late := &news{old: []string{"late"}}
	o.config.News = late
	o.config.MaxEvents = 1 // the late one gets no worker of its own before
	o.start(t)
	o.add(t, pullOf("b", "synchronize", shaB))
	o.begins(t, "b", "onGithubPullRequest")
	o.add(t, pullOf("late", "synchronize", sha))
	waitUntil(t, func() bool { late.mu.Lock(); defer late.mu.Unlock(); return slices.Contains(late.asked, "late") })
	o.goOn("b", "onGithubPullRequest")
	o.until(t, "b", ended(run.Success))
	if r := o.until(t, "late", done); r.State != run.Recorded || r.Note != "outdated: the branch moved on" {
		t.Errorf("%s, %q", r.State, r.Note)
	}
	if o.called("late", "onGithubPullRequest") {
		t.Error("what is out of date is called")
	}
}

// TestWhatIsQueuedDoesNotGiveWayToWhatIsOutOfDate: the late one is there before
// the newer one is looked at.
func TestWhatIsQueuedDoesNotGiveWayToWhatIsOutOfDate(t *testing.T) {
	o := newOrdered(t, function("onGithubPullRequest"))
	o.config.News = &news{old: []string{"late"}}
	o.config.MaxEvents = 1
	o.add(t, pullOf("b", "synchronize", shaB), pullOf("late", "synchronize", sha))
	o.start(t)
	o.begins(t, "b", "onGithubPullRequest")
	o.goOn("b", "onGithubPullRequest")
	o.until(t, "b", ended(run.Success))
	if r := o.until(t, "late", done); r.State != run.Recorded || o.called("late", "onGithubPullRequest") {
		t.Errorf("%s, %q", r.State, r.Note)
	}
}

func TestWhetherSomethingIsNewCantBeSaid(t *testing.T) {
	o := newOrdered(t, function("onGithubPullRequest"))
	n := &news{}
	o.config.News = n
	o.start(t)
	o.add(t, pullOf("a", "opened", sha))
	o.begins(t, "a", "onGithubPullRequest")
	n.mu.Lock()
	n.fails = 1
	n.mu.Unlock()
	o.add(t, pullOf("b", "synchronize", shaB))
	// Asked again it can be said; until then the first one goes on.
	r := o.until(t, "a", done)
	if r.Outcome != run.Cancelled || r.Note != "superseded by "+shaB {
		t.Errorf("%s, %q", r.Outcome, r.Note)
	}
}

// TestWhatWasBegunIsNotOutOfDate: whether an event is news is asked before it is
// acted on, not when its run goes on after a crash.
func TestWhatWasBegunIsNotOutOfDate(t *testing.T) {
	o := newOrdered(t, function("onGithubPush"))
	late := &news{}
	o.config.News = late
	o.add(t, pushOf("a", sha, shaC))
	w, err := o.kept.Lease(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []run.Progress{{Decisions: []run.Decision{{Function: "onGithubPush", Verdict: run.VerdictCalled}}}, {State: run.Queued}} {
		if err := o.kept.Advance(t.Context(), w.Lease, p); err != nil {
			t.Fatal(err)
		}
	}
	late.old = []string{"a"} // the branch moved on meanwhile
	o.start(t)
	o.begins(t, "a", "onGithubPush")
	o.goOn("a", "onGithubPush")
	o.until(t, "a", ended(run.Success))
}

func TestCancel(t *testing.T) {
	o := newOrdered(t, function("onGithubPullRequest"), function("lintOnGithubPullRequest"))
	o.start(t)
	o.add(t, pullOf("a", "opened", sha))
	o.begins(t, "a", "onGithubPullRequest")
	o.begins(t, "a", "lintOnGithubPullRequest")
	o.goOn("a", "lintOnGithubPullRequest")
	o.until(t, "a", func(r run.Run) bool { return r.Finished("", "lintOnGithubPullRequest") })
	asked := time.Now()
	n, err := o.kept.Cancel(t.Context(), 7, 7, "cancelled by mona")
	if err != nil || n != 1 {
		t.Fatal(n, err)
	}
	r := o.until(t, "a", done)
	if took := time.Since(asked); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	want := map[string]string{"onGithubPullRequest": "cancelled cancelled by mona", "lintOnGithubPullRequest": "success"}
	if diff := cmp.Diff(want, outcomes(r)); diff != "" || r.Outcome != run.Cancelled || r.Note != "cancelled by mona" {
		t.Errorf("%s, %q, calls (-want +got)\n%s", r.Outcome, r.Note, diff)
	}
}

// TestCancelReachesAnotherAgent: whoever cancels, the agent that has the run stops it.
func TestCancelReachesAnotherAgent(t *testing.T) {
	pg := storetest.StartPostgres(t, false)
	d := pg.Database(t)
	d.Config.URL = pg.URL(t)
	o := newOrderedOn(t, d, function("onGithubPullRequest"))
	other := d.Open(t)
	o.start(t)
	o.add(t, pullOf("a", "opened", sha))
	o.begins(t, "a", "onGithubPullRequest")
	asked := time.Now()
	if n, err := other.Cancel(t.Context(), 7, 7, "cancelled by mona"); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	o.until(t, "a", ended(run.Cancelled))
	t.Logf("stopped after %s", time.Since(asked))
	o.add(t, pullOf("b", "synchronize", shaB))
	o.begins(t, "b", "onGithubPullRequest")
	if _, err := other.Append(t.Context(), pullOf("c", "synchronize", shaC)); err != nil {
		t.Fatal(err)
	}
	if r := o.until(t, "b", done); r.Note != "superseded by "+shaC {
		t.Errorf("%s, %q", r.Outcome, r.Note)
	}
}

func TestCancelBeforeTheCalls(t *testing.T) {
	o := newOrdered(t, function("onGithubPullRequest"))
	in, out := make(chan struct{}), make(chan struct{})
	o.engine.OpenErr = func() error { close(in); <-out; return nil }
	o.start(t)
	o.add(t, pullOf("a", "opened", sha))
	<-in
	if n, err := o.kept.Cancel(t.Context(), 7, 7, "cancelled by mona"); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	close(out)
	r := o.until(t, "a", done)
	if r.Outcome != run.Cancelled || r.Note != "cancelled by mona" {
		t.Errorf("%s, %q", r.Outcome, r.Note)
	}
}

func TestACancelledRunThatComesBackEnds(t *testing.T) {
	o := newOrdered(t, function("onGithubPullRequest"))
	o.add(t, pullOf("a", "opened", sha))
	w, err := o.kept.Lease(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := o.kept.Cancel(t.Context(), 7, 7, "hunter2 says so"); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if err := o.kept.Advance(t.Context(), w.Lease, run.Progress{State: run.Queued}); err != nil {
		t.Fatal(err)
	}
	o.start(t)
	if r := o.until(t, "a", done); r.Outcome != run.Cancelled || r.Note != "*** says so" || o.called("a", "onGithubPullRequest") {
		t.Errorf("%s, %q", r.Outcome, r.Note)
	}
}

func TestWhoWaitsForAPersonIsInNobodysWay(t *testing.T) {
	o := newOrdered(t, function("onGithubPullRequest"))
	fork, newer := pullOf("a", "opened", sha), pullOf("b", "synchronize", shaB)
	fork.SHATrust, newer.SHATrust = event.Untrusted, event.Untrusted
	o.start(t)
	o.add(t, fork)
	o.until(t, "a", func(r run.Run) bool { return waiting(r) && strings.HasPrefix(r.Waits, "approval of "+sha) })
	o.add(t, newer)
	if r := o.until(t, "a", done); r.Outcome != run.Cancelled || r.Note != "superseded by "+shaB {
		t.Errorf("%s, %q", r.Outcome, r.Note)
	}
	o.until(t, "b", func(r run.Run) bool { return waiting(r) && strings.HasPrefix(r.Waits, "approval of "+shaB) })
}

// waitUntil asks until it is so.
func waitUntil(t *testing.T, so func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !so() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatal("it did not come to be")
		}
	}
}
