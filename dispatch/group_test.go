package dispatch_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/run"
)

func TestCallsOfAGroupDontOverlap(t *testing.T) {
	o := newOrdered(t, function("deployOnGithubPush"), function("testOnGithubPush"))
	o.operator.Asked.Concurrency = run.Concurrency{
		Push: run.OrderParallel, Groups: []run.CallGroup{{Name: "deploy", Functions: []string{"Deploy*"}, Limit: 1}},
	}
	o.start(t)
	ids := []string{"a", "b", "c"}
	o.add(t, pushOf("a", sha, ""))
	o.begins(t, "a", "deployOnGithubPush")
	o.begins(t, "a", "testOnGithubPush")
	o.add(t, pushOf("b", shaB, ""), pushOf("c", shaC, ""))
	for _, id := range ids[1:] {
		o.begins(t, id, "testOnGithubPush")
	}
	// Nothing but the deployment is left of it: it waits without a worker.
	o.goOn("b", "testOnGithubPush")
	r := o.until(t, "b", waiting)
	if r.Waits != "a slot in group deploy" || r.Attempt != 0 {
		t.Errorf("waits for %q at attempt %d", r.Waits, r.Attempt)
	}
	o.goOn("a", "deployOnGithubPush")
	o.begins(t, "b", "deployOnGithubPush")
	if o.called("c", "deployOnGithubPush") {
		t.Error("the third deploys before the second")
	}
	o.goOn("b", "deployOnGithubPush")
	r = o.until(t, "b", ended(run.Success))
	if r.Attempt != 1 {
		t.Errorf("attempt %d", r.Attempt)
	}
	// The third still has a worker: its test is under way.
	o.begins(t, "c", "deployOnGithubPush")
	o.goOn("c", "deployOnGithubPush")
	o.goOn("c", "testOnGithubPush")
	o.goOn("a", "testOnGithubPush")
	for _, id := range ids {
		o.until(t, id, ended(run.Success))
	}
	if o.most["deployOnGithubPush"] != 1 || o.most["testOnGithubPush"] != 3 {
		t.Errorf("most at once: %v", o.most)
	}
}

func TestStandingInLineTakesNoWorker(t *testing.T) {
	o := newOrdered(t, function("deployOnGithubPush"), function("onGithubRelease"))
	o.config.MaxEvents, o.config.MaxCalls = 2, 1
	o.operator.Asked.Concurrency = run.Concurrency{
		Push: run.OrderParallel, Groups: []run.CallGroup{{Name: "deploy", Functions: []string{"deploy*"}, Limit: 1}},
	}
	o.start(t)
	o.add(t, pushOf("a", sha, ""))
	o.begins(t, "a", "deployOnGithubPush")
	var line []string
	for n := range 5 {
		id := fmt.Sprint("b", n)
		line = append(line, id)
		o.add(t, pushOf(id, fmt.Sprintf("%040x", n), ""))
	}
	for _, id := range line {
		o.until(t, id, func(r run.Run) bool { return waiting(r) && r.Waits == "a slot in group deploy" && r.Attempt == 0 })
	}
	if n := len(o.engine.Opened()); n != 1 {
		t.Errorf("%d sessions are open for calls that wait", n)
	}
	o.goOn("a", "deployOnGithubPush")
	for _, id := range line {
		o.begins(t, id, "deployOnGithubPush")
		o.goOn(id, "deployOnGithubPush")
		o.until(t, id, ended(run.Success))
	}
}

func TestWhichCallsAGroupLimits(t *testing.T) {
	tests := map[string]struct {
		functions []string
		want      int // at once, of two modules' two functions
	}{
		"all of a kind":        {[]string{"deploy*"}, 3},
		"in any case":          {[]string{"DEPLOY*"}, 3},
		"of one module":        {[]string{"api/*"}, 3},
		"one of one module":    {[]string{"api/deployOnGithubPush"}, 4},
		"everything":           {[]string{"**"}, 1},
		"with an exception":    {[]string{"**", "!api/test*"}, 2},
		"nothing of the kind":  {[]string{"release*"}, 4},
		"exceptions alone":     {[]string{"!test*"}, 3},
		"two ways to the same": {[]string{"api/deploy*", "deploy*"}, 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := newOrdered(t, function("deployOnGithubPush"), function("testOnGithubPush"))
			o.operator.Asked = run.Settings{
				Named: true, Modules: []run.Module{{Name: "api", Path: "api"}, {Name: "web", Path: "web"}},
				Concurrency: run.Concurrency{Groups: []run.CallGroup{{Name: "g", Functions: tt.functions, Limit: 1}}},
			}
			var mu sync.Mutex
			now, most, calls := 0, 0, 0
			full, begun := make(chan struct{}), make(chan struct{}, 8)
			o.engine.Do = func(ctx context.Context, _ dispatch.Spec, _ run.Call) (run.Result, error) {
				mu.Lock()
				now++
				most = max(most, now)
				calls++
				mu.Unlock()
				begun <- struct{}{}
				<-full
				mu.Lock()
				now--
				mu.Unlock()
				return run.Result{Outcome: run.Success}, nil
			}
			o.start(t)
			o.add(t, pushOf("a", sha, ""))
			soon, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			for range tt.want {
				select {
				case <-begun:
				case <-soon.Done():
					t.Error("fewer are called at once than may be")
				}
			}
			close(full)
			o.until(t, "a", ended(run.Success))
			if calls != 4 || most != tt.want {
				t.Errorf("%d calls, %d at once; want 4, %d", calls, most, tt.want)
			}
		})
	}
}
