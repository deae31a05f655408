package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
)

func orderTests() map[string]func(*testing.T, *Database) {
	return map[string]func(*testing.T, *Database){
		"pushes to one branch queue":                      pushesQueue,
		"a run that stands alone just goes":               standsAlone,
		"parallel ones don't wait":                        parallelRuns,
		"a queued run waits for those that came before":   queueWaits,
		"it may go while others come and go":              keepsItsPlace,
		"a turn that comes in between is not missed":      turnInBetween,
		"who waits for a person is in nobody's way":       personAside,
		"who comes back from a person waits for its turn": personReturns,
		"a newer head supersedes":                         newerSupersedes,
		"a label supersedes nothing":                      labelSupersedesNothing,
		"a run asked for again supersedes nothing":        rerunSupersedesNothing,
		"what is out of date supersedes nothing":          overlooked,
		"runs of one commit don't wait for each other":    sameCommit,
		"a newer one waits until the older has stopped":   waitsForOlder,
		"one that rests is looked at to be superseded":    nudged,
		"a rescued run keeps its place":                   rescuedKeepsPlace,
		"waking a repository wakes nobody in line":        wakeSparesLine,
		"a long line is worked off in order":              longLine,
		"one at a time, whoever asks":                     oneAtATime,
		"what was found out is written with it":           entersWithFacts,
	}
}

// onBranch is a push that moves a branch.
func onBranch(repo int64, n int, branch string) event.Event {
	e := push(repo, n)
	e.Ref, e.Filter, e.Diff = "refs/heads/"+branch, branch, event.DiffPush
	return e
}

// onPull is an event of a pull request at a commit.
func onPull(n, number int, action, commit string) event.Event {
	e := push(1, n)
	e.Name, e.Type, e.Action, e.Filter = "pull_request", "pull_request", action, action
	e.PullRequest, e.Ref, e.SHA, e.Diff = number, fmt.Sprintf("refs/pull/%d/head", number), commit, event.DiffPull
	return e
}

const (
	commitA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	commitB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	commitC = "cccccccccccccccccccccccccccccccccccccccc"
)

// leased leases the next run, which must be that of the event.
func leased(t testing.TB, s *store.Store, e event.Event) run.Lease {
	t.Helper()
	w := lease(t, s)
	if w.Lease.EventID != e.ID {
		t.Fatalf("%s is handed out, want %s", w.Lease.EventID, e.ID)
	}
	return w.Lease
}

func enter(t testing.TB, s *store.Store, l run.Lease, o run.Order) run.Standing {
	t.Helper()
	st, err := s.Enter(soon(t), l, o, run.Progress{})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// goes expects that the run may go.
func goes(t testing.TB, s *store.Store, l run.Lease, o run.Order) {
	t.Helper()
	if st := enter(t, s, l, o); st.First != 0 || st.Newer.ID != "" {
		t.Fatalf("%s may not go: %+v", l.EventID, st)
	}
}

// waits expects that the run has to wait, and gives its lease back.
func waits(t testing.TB, s *store.Store, l run.Lease, o run.Order, first int64) {
	t.Helper()
	if st := enter(t, s, l, o); st.First != first {
		t.Fatalf("%s is to wait for %d, want %d", l.EventID, st.First, first)
	}
	advance(t, s, l, run.Progress{State: run.Waiting, For: run.ForTurn, Waits: "its turn"})
}

func ended(t testing.TB, s *store.Store, l run.Lease) {
	t.Helper()
	advance(t, s, l, run.Progress{State: run.Done, Outcome: run.Success})
}

func pushesQueue(t *testing.T, d *Database) {
	s := d.Open(t)
	a, b, c, other := onBranch(1, 1, "main"), onBranch(1, 2, "main"), onBranch(1, 3, "main"), onBranch(1, 4, "dev")
	add(t, s, a, b, c, other)
	la := leased(t, s, a)
	goes(t, s, la, run.OrderQueue)
	lo := leased(t, s, other)
	goes(t, s, lo, run.OrderQueue)
	idle(t, s)
	if r := read(t, s, b.ID); r.State != run.Waiting || r.Waits != "its turn after "+a.SHA || !r.Begun.IsZero() {
		t.Errorf("the second is %s, begun %v, waits for %q", r.State, r.Begun, r.Waits)
	}
	runs, err := s.Unreported(soon(t), d.Clock.Now(), 10)
	if err != nil || len(runs) != 2 {
		t.Errorf("%d runs are to be reported, want those that were begun; %v", len(runs), err)
	}
	ended(t, s, la)
	lb := leased(t, s, b)
	goes(t, s, lb, run.OrderQueue)
	idle(t, s)
	ended(t, s, lo) // Another branch's end wakes nobody here.
	idle(t, s)
	ended(t, s, lb)
	goes(t, s, leased(t, s, c), run.OrderQueue)
}

func standsAlone(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1), push(1, 2))
	for range 2 {
		l := lease(t, s).Lease
		for _, o := range []run.Order{run.OrderQueue, run.OrderSupersede, run.OrderParallel} {
			goes(t, s, l, o)
		}
	}
}

func parallelRuns(t *testing.T, d *Database) {
	s := d.Open(t)
	a, b, c := onBranch(1, 1, "main"), onBranch(1, 2, "main"), onBranch(1, 3, "main")
	add(t, s, a, b, c)
	la := leased(t, s, a)
	idle(t, s) // Whether the others have to wait is not known yet.
	goes(t, s, la, run.OrderParallel)
	lb := leased(t, s, b)
	goes(t, s, lb, run.OrderParallel)
	lc := leased(t, s, c)
	goes(t, s, lc, run.OrderQueue)
	for _, l := range []run.Lease{lb, la, lc} {
		ended(t, s, l)
	}
}

func queueWaits(t *testing.T, d *Database) {
	s := d.Open(t)
	a, b, c := onPull(1, 7, "opened", commitA), onPull(2, 7, "labeled", commitA), onPull(3, 7, "synchronize", commitB)
	add(t, s, a, b, c)
	la, lb, lc := leased(t, s, a), leased(t, s, b), leased(t, s, c)
	waits(t, s, lc, run.OrderQueue, 1)
	goes(t, s, la, run.OrderQueue)
	waits(t, s, lb, run.OrderQueue, 1)
	idle(t, s)
	ended(t, s, la)
	lb = leased(t, s, b)
	idle(t, s)
	goes(t, s, lb, run.OrderQueue)
	idle(t, s)
	ended(t, s, lb)
	goes(t, s, leased(t, s, c), run.OrderQueue)
}

func keepsItsPlace(t *testing.T, d *Database) {
	s := d.Open(t)
	a, b := onBranch(1, 1, "main"), onBranch(1, 2, "main")
	add(t, s, a, b)
	l := leased(t, s, a)
	goes(t, s, l, run.OrderQueue)
	advance(t, s, l, run.Progress{State: run.Waiting, Waits: "an engine", NotBefore: d.Clock.Now().Add(time.Minute)})
	idle(t, s)
	d.Pass(time.Minute)
	l = leased(t, s, a)
	advance(t, s, l, run.Progress{State: run.Queued})
	l = leased(t, s, a)
	goes(t, s, l, run.OrderQueue)
	idle(t, s)
	ended(t, s, l)
	goes(t, s, leased(t, s, b), run.OrderQueue)
}

func turnInBetween(t *testing.T, d *Database) {
	s := d.Open(t)
	a, b := onPull(1, 7, "opened", commitA), onPull(2, 7, "labeled", commitA)
	add(t, s, a, b)
	la, lb := leased(t, s, a), leased(t, s, b)
	goes(t, s, la, run.OrderQueue)
	if st := enter(t, s, lb, run.OrderQueue); st.First != 1 {
		t.Fatalf("the second is to wait for %d", st.First)
	}
	ended(t, s, la)
	advance(t, s, lb, run.Progress{State: run.Waiting, For: run.ForTurn})
	goes(t, s, leased(t, s, b), run.OrderQueue)
}

func personAside(t *testing.T, d *Database) {
	s := d.Open(t)
	a, b, c := onBranch(1, 1, "main"), onBranch(1, 2, "main"), onBranch(1, 3, "main")
	add(t, s, a, b, c)
	la := leased(t, s, a)
	idle(t, s)
	advance(t, s, la, run.Progress{State: run.Waiting, For: run.ForPerson, Waits: "the operator's word", NotBefore: d.Clock.Now().Add(time.Hour)})
	lb := leased(t, s, b)
	goes(t, s, lb, run.OrderQueue)
	ended(t, s, lb)
	goes(t, s, leased(t, s, c), run.OrderQueue)
}

func personReturns(t *testing.T, d *Database) {
	s := d.Open(t)
	a, b := onBranch(1, 1, "main"), onBranch(1, 2, "main")
	add(t, s, a, b)
	advance(t, s, leased(t, s, a), run.Progress{State: run.Waiting, For: run.ForPerson})
	lb := leased(t, s, b)
	goes(t, s, lb, run.OrderQueue)
	if err := s.Wake(soon(t), 1); err != nil {
		t.Fatal(err)
	}
	idle(t, s)
	ended(t, s, lb)
	goes(t, s, leased(t, s, a), run.OrderQueue)
}

func heed(t testing.TB, s *store.Store, leases ...run.Lease) []run.Stop {
	t.Helper()
	stops, err := s.Heed(soon(t), leases)
	if err != nil {
		t.Fatal(err)
	}
	return stops
}

func newerSupersedes(t *testing.T, d *Database) {
	s := d.Open(t)
	a, b, c := onPull(1, 7, "opened", commitA), onPull(2, 7, "synchronize", commitB), onPull(3, 8, "opened", commitC)
	add(t, s, a)
	la := leased(t, s, a)
	goes(t, s, la, run.OrderSupersede)
	add(t, s, c)
	if stops := heed(t, s, la); len(stops) != 0 {
		t.Fatalf("another pull request stops it: %+v", stops)
	}
	add(t, s, b)
	stops := heed(t, s, la, run.Lease{EventID: "nobody's", Fence: 1}, run.Lease{EventID: c.ID, Fence: 9})
	if len(stops) != 1 || stops[0].EventID != a.ID || stops[0].Why != "" || stops[0].Newer.ID != b.ID || stops[0].Newer.SHA != commitB {
		t.Fatalf("got %+v", stops)
	}
	if st := enter(t, s, la, run.OrderSupersede); st.Newer.ID != b.ID || st.First != 0 {
		t.Errorf("asked again: %+v", st)
	}
	for _, o := range []run.Order{run.OrderQueue, run.OrderParallel} {
		if goes(t, s, la, o); len(heed(t, s, la)) != 0 {
			t.Errorf("order %s gives way", o)
		}
	}
	if stops := heed(t, s); len(stops) != 0 {
		t.Errorf("nobody asked: %+v", stops)
	}
}

func labelSupersedesNothing(t *testing.T, d *Database) {
	s := d.Open(t)
	a, label := onPull(1, 7, "opened", commitA), onPull(2, 7, "labeled", commitB)
	add(t, s, a, label)
	la := leased(t, s, a)
	goes(t, s, la, run.OrderSupersede)
	if stops := heed(t, s, la); len(stops) != 0 {
		t.Errorf("got %+v", stops)
	}
}

func rerunSupersedesNothing(t *testing.T, d *Database) {
	s := d.Open(t)
	a, b, again := onPull(1, 7, "opened", commitA), onPull(2, 7, "synchronize", commitB), onPull(1, 7, "opened", commitA)
	again.ID, again.Provenance = "rerun:1", event.Rerun
	add(t, s, a, b)
	la, lb := leased(t, s, a), leased(t, s, b)
	add(t, s, again)
	goes(t, s, lb, run.OrderSupersede)
	if stops := heed(t, s, lb); len(stops) != 0 {
		t.Errorf("got %+v", stops)
	}
	if st := enter(t, s, la, run.OrderSupersede); st.Newer.ID != b.ID {
		t.Errorf("the first: %+v", st)
	}
	ended(t, s, la)
	ended(t, s, lb)
	// What somebody asks for is done, though it is not the newest.
	goes(t, s, leased(t, s, again), run.OrderSupersede)
}

func overlooked(t *testing.T, d *Database) {
	s := d.Open(t)
	a, b, c := onPull(1, 7, "synchronize", commitA), onPull(2, 7, "synchronize", commitB), onPull(3, 7, "synchronize", commitC)
	add(t, s, a, b, c)
	la, _, lc := leased(t, s, a), leased(t, s, b), leased(t, s, c)
	advance(t, s, lc, run.Progress{State: run.Recorded, Note: "outdated"})
	if st := enter(t, s, la, run.OrderSupersede); st.Newer.ID != b.ID {
		t.Errorf("got %+v", st)
	}
	if err := s.Overlook(soon(t), b.ID); err != nil {
		t.Fatal(err)
	}
	goes(t, s, la, run.OrderSupersede)
	if stops := heed(t, s, la); len(stops) != 0 {
		t.Errorf("got %+v", stops)
	}
}

func sameCommit(t *testing.T, d *Database) {
	s := d.Open(t)
	a, label := onPull(1, 7, "opened", commitA), onPull(2, 7, "labeled", commitA)
	again := onPull(3, 7, "reopened", commitA)
	add(t, s, a, label, again)
	for range 3 {
		goes(t, s, lease(t, s).Lease, run.OrderSupersede)
	}
}

func waitsForOlder(t *testing.T, d *Database) {
	s := d.Open(t)
	a, b, label := onPull(1, 7, "opened", commitA), onPull(2, 7, "synchronize", commitB), onPull(3, 7, "labeled", commitB)
	add(t, s, a)
	la := leased(t, s, a)
	goes(t, s, la, run.OrderSupersede)
	add(t, s, b, label)
	idle(t, s)
	advance(t, s, la, run.Progress{State: run.Done, Outcome: run.Cancelled, Note: "superseded by " + commitB})
	for _, e := range []event.Event{b, label} {
		goes(t, s, leased(t, s, e), run.OrderSupersede)
	}
}

func nudged(t *testing.T, d *Database) {
	s := d.Open(t)
	a, b := onPull(1, 7, "opened", commitA), onPull(2, 7, "synchronize", commitB)
	add(t, s, a)
	la := leased(t, s, a)
	goes(t, s, la, run.OrderSupersede)
	advance(t, s, la, run.Progress{State: run.Waiting, Waits: "an engine", NotBefore: d.Clock.Now().Add(time.Hour)})
	add(t, s, b)
	la = leased(t, s, a)
	if st := enter(t, s, la, run.OrderSupersede); st.Newer.ID != b.ID {
		t.Fatalf("got %+v", st)
	}
	idle(t, s)
	advance(t, s, la, run.Progress{State: run.Done, Outcome: run.Cancelled})
	goes(t, s, leased(t, s, b), run.OrderSupersede)
}

func rescuedKeepsPlace(t *testing.T, d *Database) {
	s := d.Open(t)
	a, b := onBranch(1, 1, "main"), onBranch(1, 2, "main")
	add(t, s, a, b)
	old := leased(t, s, a)
	goes(t, s, old, run.OrderQueue)
	idle(t, s)
	d.Pass(LeaseFor + Grace)
	l := leased(t, s, a)
	idle(t, s)
	if _, err := s.Enter(soon(t), old, run.OrderQueue, run.Progress{}); !errors.Is(err, run.ErrLeaseLost) {
		t.Errorf("the former holder enters: %v", err)
	}
	goes(t, s, l, run.OrderQueue)
	ended(t, s, l)
	goes(t, s, leased(t, s, b), run.OrderQueue)
}

func wakeSparesLine(t *testing.T, d *Database) {
	s := d.Open(t)
	a, b := onPull(1, 7, "opened", commitA), onPull(2, 7, "labeled", commitA)
	add(t, s, a, b)
	la, lb := leased(t, s, a), leased(t, s, b)
	goes(t, s, la, run.OrderQueue)
	waits(t, s, lb, run.OrderQueue, 1)
	if err := s.Wake(soon(t), 1); err != nil {
		t.Fatal(err)
	}
	idle(t, s)
	ended(t, s, la)
	goes(t, s, leased(t, s, b), run.OrderQueue)
}

func longLine(t *testing.T, d *Database) {
	s := d.Open(t)
	const n = 150 // more than one look for work parks
	for i := range n {
		add(t, s, onBranch(1, i, "main"))
	}
	other := push(2, 0)
	add(t, s, other)
	l := lease(t, s).Lease
	goes(t, s, l, run.OrderQueue)
	ended(t, s, leased(t, s, other))
	for i := 1; i < n; i++ {
		ended(t, s, l)
		l = leased(t, s, onBranch(1, i, "main"))
		goes(t, s, l, run.OrderQueue)
	}
	ended(t, s, l)
	idle(t, s)
}

// entersWithFacts: also for a run that is to wait, and for one that stands alone.
func entersWithFacts(t *testing.T, d *Database) {
	s := d.Open(t)
	alone := push(2, 9)
	alone.Name, alone.Ref = "release", ""
	add(t, s, onBranch(1, 1, "main"), onBranch(1, 2, "main"), alone)
	changed := 3
	for _, id := range []string{onBranch(1, 1, "main").ID, alone.ID, onBranch(1, 2, "main").ID} {
		w := lease(t, s)
		if w.Lease.EventID != id {
			t.Fatalf("%s is handed out, want %s", w.Lease.EventID, id)
		}
		if _, err := s.Enter(soon(t), w.Lease, run.OrderParallel, run.Progress{Trust: event.Trusted, SHA: commitA, Changed: &changed}); err != nil {
			t.Fatal(err)
		}
		r := read(t, s, id)
		if r.Trust != event.Trusted || r.SHA != commitA || r.Changed != 3 || r.Version <= w.Run.Version {
			t.Errorf("%s: trust %q, sha %q, %d changed, version %d after %d", id, r.Trust, r.SHA, r.Changed, r.Version, w.Run.Version)
		}
		enter(t, s, w.Lease, run.OrderParallel)
		if again := read(t, s, id); again.Version != r.Version {
			t.Errorf("%s changed without news", id)
		}
	}
}
