package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/franela/pocketci/run"
)

func advanceTests() map[string]func(*testing.T, *Database) {
	return map[string]func(*testing.T, *Database){
		"means what run.Apply says":      applies,
		"ends a run":                     endsRun,
		"keeps calls in their order":     callOrder,
		"writes all of a step or none":   atomicStep,
		"tells the reporter":             tellsReporter,
		"a finished call stays finished": finishedCall,
	}
}

// applies compares random steps with the vocabulary's own account of them.
func applies(t *testing.T, d *Database) {
	s := d.Open(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		add(t, s, push(1, n))
		w := lease(t, s)
		want := w.Run
		for range rapid.IntRange(1, 4).Draw(rt, "steps") {
			p := progress().Draw(rt, "progress")
			if err := s.Advance(soon(t), w.Lease, p); err != nil {
				rt.Fatal(err)
			}
			want = want.Apply(p, d.Clock.Now())
		}
		p := run.Progress{State: rapid.SampledFrom([]run.State{run.Done, run.Recorded}).Draw(rt, "end")}
		if err := s.Advance(soon(t), w.Lease, p); err != nil {
			rt.Fatal(err)
		}
		want = want.Apply(p, d.Clock.Now())
		got, _, err := s.Run(soon(t), w.Lease.EventID)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			rt.Fatalf("(-want +got)\n%s", diff)
		}
	})
}

func endsRun(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1))
	w := lease(t, s)
	d.Pass(time.Minute / 2)
	advance(t, s, w.Lease, run.Progress{State: run.Done, Outcome: run.Failure, Note: "1 called: 1 failed"})
	got := read(t, s, w.Lease.EventID)
	if got.State != run.Done || got.Outcome != run.Failure || got.Note != "1 called: 1 failed" || !got.Ended.Equal(d.Clock.Now()) {
		t.Errorf("got %+v", got)
	}
}

func callOrder(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1))
	w := lease(t, s)
	call := func(f string) run.CallState { return run.CallState{Call: run.Call{Function: f}} }
	advance(t, s, w.Lease, run.Progress{Begun: []run.CallState{call("z"), call("a")}})
	advance(t, s, w.Lease, run.Progress{Begun: []run.CallState{call("m"), call("z")}})
	var got []string
	for _, c := range read(t, s, w.Lease.EventID).Calls {
		got = append(got, c.Call.Function)
	}
	if diff := cmp.Diff([]string{"z", "a", "m"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func atomicStep(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1))
	w := lease(t, s)
	before := read(t, s, w.Lease.EventID)
	bad := run.CallState{Call: run.Call{Function: "f", Args: []run.Arg{{Value: []byte("no JSON")}}}}
	if err := s.Advance(soon(t), w.Lease, run.Progress{SHA: "abc", Begun: []run.CallState{bad}}); err == nil {
		t.Fatal("what is no JSON is stored")
	}
	if diff := cmp.Diff(before, read(t, s, w.Lease.EventID)); diff != "" {
		t.Errorf("a part was written (-before +after)\n%s", diff)
	}
}

func tellsReporter(t *testing.T, d *Database) {
	s := d.Open(t)
	changed := s.Watch()
	wait := func(what string) {
		t.Helper()
		select {
		case <-changed:
		case <-soon(t).Done():
			t.Fatalf("nothing is told after %s", what)
		}
	}
	add(t, s, push(1, 1))
	wait("an event")
	w := lease(t, s)
	wait("a lease")
	advance(t, s, w.Lease, run.Progress{SHA: "abc"})
	advance(t, s, w.Lease, run.Progress{State: run.Done})
	wait("two steps")
	select {
	case <-changed:
		t.Error("two changes are told twice, though nobody listened between")
	default:
	}
}

func finishedCall(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1))
	w := lease(t, s)
	f := run.CallState{Call: run.Call{Function: "f", Attempt: 1}}
	advance(t, s, w.Lease, run.Progress{Begun: []run.CallState{f}, Results: []run.Result{{Function: "f", Outcome: run.Success, Output: "first"}}})
	f.Call.Attempt = 2
	advance(t, s, w.Lease, run.Progress{Begun: []run.CallState{f}, Results: []run.Result{{Function: "f", Outcome: run.Failure, Output: "second"}}})
	got := read(t, s, w.Lease.EventID).Calls
	if len(got) != 1 || got[0].Call.Attempt != 1 || got[0].Result.Outcome != run.Success || got[0].Result.Output != "first" {
		t.Errorf("got %+v", got)
	}
}
