package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
)

func cancelTests() map[string]func(*testing.T, *Database) {
	return map[string]func(*testing.T, *Database){
		"ends who waits and tells who works":         cancels,
		"is of one pull request":                     cancelsOne,
		"of one run":                                 cancelsRun,
		"and no other end counts from then on":       cancelWins,
		"and comes too late after another end":       cancelLate,
		"and what was given back ends at once":       cancelGivenBack,
		"and a rescued run is told":                  cancelRescued,
		"and who lost the run is not told":           cancelOfAnother,
		"gives open calls a result":                  cancelledCalls,
		"lets the next one of the group go":          cancelWakes,
		"of what waits for a person, by a newer one": cancelsWaiting,
		"meets an end once":                          cancelRace,
	}
}

func cancel(t testing.TB, s *store.Store, pull int, why string, want int) {
	t.Helper()
	n, err := s.Cancel(soon(t), 1, pull, why)
	if err != nil {
		t.Fatal(err)
	}
	if n != want {
		t.Fatalf("%d runs are cancelled, want %d", n, want)
	}
}

func isCancelled(t testing.TB, s *store.Store, e event.Event, why string) {
	t.Helper()
	if r := read(t, s, e.ID); r.State != run.Done || r.Outcome != run.Cancelled || r.Note != why || r.Ended.IsZero() {
		t.Errorf("%s is %s, %s, %q, ended %v", e.ID, r.State, r.Outcome, r.Note, r.Ended)
	}
}

func cancels(t *testing.T, d *Database) {
	s := d.Open(t)
	a, b, c := onPull(1, 7, "opened", commitA), onPull(2, 7, "labeled", commitA), onPull(3, 7, "edited", commitA)
	add(t, s, a, b, c)
	la := leased(t, s, a)
	advance(t, s, leased(t, s, b), run.Progress{State: run.Waiting, Waits: "approval", For: run.ForPerson})
	changed := s.Watch()
	cancel(t, s, 7, "cancelled by mona", 3)
	select {
	case <-changed:
	default:
		t.Error("the reporter is not told")
	}
	isCancelled(t, s, b, "cancelled by mona")
	isCancelled(t, s, c, "cancelled by mona")
	stops := heed(t, s, la)
	if len(stops) != 1 || stops[0].EventID != a.ID || stops[0].Why != "cancelled by mona" {
		t.Errorf("got %+v", stops)
	}
	idle(t, s)
	cancel(t, s, 7, "cancelled again", 0)
	runs, err := s.Unreported(soon(t), d.Clock.Now(), 10)
	if err != nil || len(runs) != 3 {
		t.Errorf("%d runs are to be reported, %v", len(runs), err)
	}
}

func cancelsOne(t *testing.T, d *Database) {
	s := d.Open(t)
	elsewhere := onPull(3, 7, "opened", commitA)
	elsewhere.ID, elsewhere.Repo.ID = "github:elsewhere", 2
	other, main := onPull(2, 70, "opened", commitA), onBranch(1, 4, "main")
	add(t, s, other, elsewhere, main)
	cancel(t, s, 7, "no", 0)
	cancel(t, s, 0, "no", 0)
	for _, e := range []event.Event{other, elsewhere, main} {
		if r := read(t, s, e.ID); r.State != run.Queued {
			t.Errorf("%s is %s", e.ID, r.State)
		}
	}
}

func cancelsRun(t *testing.T, d *Database) {
	s := d.Open(t)
	a, b := push(1, 1), push(1, 2)
	add(t, s, a, b)
	for i, want := range []bool{true, false} {
		got, err := s.CancelRun(soon(t), a.ID, "")
		if err != nil || got != want {
			t.Errorf("time %d: %v, %v", i, got, err)
		}
	}
	isCancelled(t, s, a, "cancelled")
	if got, err := s.CancelRun(soon(t), "nobody's", ""); err != nil || got {
		t.Errorf("an unknown one: %v, %v", got, err)
	}
	leased(t, s, b)
}

func cancelWins(t *testing.T, d *Database) {
	s := d.Open(t)
	a := onPull(1, 7, "opened", commitA)
	add(t, s, a)
	l := leased(t, s, a)
	cancel(t, s, 7, "cancelled by mona", 1)
	for _, p := range []run.Progress{
		{State: run.Done, Outcome: run.Success},
		{State: run.Done, Outcome: run.Errored, Problem: &run.Problem{Public: "late"}},
		{State: run.Recorded, Note: "nothing to do"},
	} {
		var stopped *run.Stopped
		if err := s.Advance(soon(t), l, p); !errors.As(err, &stopped) || stopped.Why != "cancelled by mona" {
			t.Errorf("%s %s: %v", p.State, p.Outcome, err)
		}
	}
	if _, err := s.Enter(soon(t), l, run.OrderQueue, run.Progress{}); !errors.As(err, new(*run.Stopped)) {
		t.Errorf("enter: %v", err)
	}
	advance(t, s, l, run.Progress{SHA: commitA}) // What is on its way may be written.
	advance(t, s, l, run.Progress{State: run.Done, Outcome: run.Cancelled, Note: "cancelled by mona"})
	isCancelled(t, s, a, "cancelled by mona")
}

func cancelLate(t *testing.T, d *Database) {
	s := d.Open(t)
	a := onPull(1, 7, "opened", commitA)
	add(t, s, a)
	ended(t, s, leased(t, s, a))
	cancel(t, s, 7, "too late", 0)
	if r := read(t, s, a.ID); r.Outcome != run.Success {
		t.Errorf("outcome %s", r.Outcome)
	}
}

func cancelGivenBack(t *testing.T, d *Database) {
	s := d.Open(t)
	for n, p := range []run.Progress{
		{State: run.Queued, NotBefore: d.Clock.Now().Add(time.Hour)},
		{State: run.Waiting, For: run.ForPerson},
	} {
		a := onPull(n, 7, "opened", commitA)
		add(t, s, a)
		l := leased(t, s, a)
		cancel(t, s, 7, "enough", 1)
		advance(t, s, l, p)
		w := lease(t, s)
		if w.Lease.EventID != a.ID || w.Cancel != "enough" {
			t.Errorf("%s: %+v, to be cancelled: %q", p.State, w.Lease, w.Cancel)
		}
		advance(t, s, w.Lease, run.Progress{State: run.Done, Outcome: run.Cancelled})
	}
}

func cancelRescued(t *testing.T, d *Database) {
	s := d.Open(t)
	a := onPull(1, 7, "opened", commitA)
	add(t, s, a)
	if w := lease(t, s); w.Cancel != "" {
		t.Errorf("to be cancelled: %q", w.Cancel)
	}
	cancel(t, s, 7, "enough", 1)
	d.Pass(LeaseFor + Grace)
	if w := lease(t, s); w.Cancel != "enough" {
		t.Errorf("to be cancelled: %q", w.Cancel)
	}
}

func cancelOfAnother(t *testing.T, d *Database) {
	s := d.Open(t)
	a := onPull(1, 7, "opened", commitA)
	add(t, s, a)
	former := leased(t, s, a)
	d.Pass(LeaseFor + Grace)
	l := leased(t, s, a)
	cancel(t, s, 7, "cancelled by mona", 1)
	if stops := heed(t, s, former); len(stops) != 0 {
		t.Errorf("who lost it is told %+v", stops)
	}
	if stops := heed(t, s, former, l); len(stops) != 1 || stops[0].Why != "cancelled by mona" {
		t.Errorf("who has it is told %+v", stops)
	}
}

func cancelledCalls(t *testing.T, d *Database) {
	s := d.Open(t)
	a := onPull(1, 7, "opened", commitA)
	add(t, s, a)
	begun := func(f string) run.CallState {
		return run.CallState{Call: run.Call{Function: f, Attempt: 1}, Begun: d.Clock.Now()}
	}
	advance(t, s, leased(t, s, a), run.Progress{
		State: run.Queued, NotBefore: d.Clock.Now().Add(time.Hour),
		Begun: []run.CallState{begun("f"), begun("g")}, Results: []run.Result{{Function: "g", Outcome: run.Success}},
	})
	cancel(t, s, 7, "enough", 1)
	got := read(t, s, a.ID).Calls
	if len(got) != 2 || got[0].Result == nil || got[0].Result.Outcome != run.Cancelled || got[0].Result.Error != "enough" ||
		!got[0].Result.Ended.Equal(d.Clock.Now()) || got[0].Result.Attempt != 1 || got[1].Result.Outcome != run.Success {
		t.Errorf("got %+v", got)
	}
}

func cancelWakes(t *testing.T, d *Database) {
	s := d.Open(t)
	a, b := onBranch(1, 1, "main"), onBranch(1, 2, "main")
	add(t, s, a, b)
	l := leased(t, s, a)
	goes(t, s, l, run.OrderQueue)
	idle(t, s)
	advance(t, s, l, run.Progress{State: run.Queued, NotBefore: d.Clock.Now().Add(time.Hour)})
	idle(t, s)
	if ok, err := s.CancelRun(soon(t), a.ID, "enough"); err != nil || !ok {
		t.Fatal(ok, err)
	}
	goes(t, s, leased(t, s, b), run.OrderQueue)
}

func cancelsWaiting(t *testing.T, d *Database) {
	s := d.Open(t)
	a, same, other, b := onPull(1, 7, "opened", commitA), onPull(2, 7, "labeled", commitB), onPull(3, 8, "opened", commitA), onPull(4, 7, "synchronize", commitB)
	later, queued := onPull(5, 7, "synchronize", commitC), onPull(6, 7, "edited", commitA)
	add(t, s, a, same, other, b, later, queued)
	for range 3 {
		advance(t, s, lease(t, s).Lease, run.Progress{State: run.Waiting, For: run.ForPerson})
	}
	lb := leased(t, s, b)
	advance(t, s, leased(t, s, later), run.Progress{State: run.Waiting, For: run.ForPerson})
	n, err := s.Supersede(soon(t), lb)
	if err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	isCancelled(t, s, a, "superseded by "+commitB)
	leased(t, s, queued)
}

// cancelRace lets a run's end and its cancelling meet: one of them counts.
func cancelRace(t *testing.T, d *Database) {
	s := d.Open(t)
	for n := range 20 {
		a := onPull(n, 7, "opened", commitA)
		add(t, s, a)
		l := leased(t, s, a)
		failed := make(chan error)
		go func() { failed <- s.Advance(soon(t), l, run.Progress{State: run.Done, Outcome: run.Success}) }()
		hit, err := s.Cancel(soon(t), 1, 7, "enough")
		if err != nil {
			t.Fatal(err)
		}
		err = <-failed
		if refused := errors.As(err, new(*run.Stopped)); (hit == 1) != refused {
			t.Fatalf("%d are cancelled, and the end says %v", hit, err)
		}
		if hit == 1 {
			advance(t, s, l, run.Progress{State: run.Done, Outcome: run.Cancelled})
		}
	}
}
