package storetest

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
)

func slotTests() map[string]func(*testing.T, *Database) {
	return map[string]func(*testing.T, *Database){
		"are as many as the limit says":                   slotLimit,
		"are kept apart by repository and group":          slotsApart,
		"come back with a result":                         slotResult,
		"come back with the run":                          slotEnd,
		"go to the oldest run that waits":                 slotOrder,
		"of several groups are taken all at once":         slotGroups,
		"wake a run that waits for one":                   slotWakes,
		"that come free in between are not missed":        slotInBetween,
		"of a holder that is gone are free":               slotRescue,
		"of a run that waits for something else are free": slotLeave,
		"are taken by nobody whose lease is lost":         slotFenced,
		"never overlap":                                   slotRace,
	}
}

// deploy is a group that one call may be in.
func deploy(limit int) run.CallGroup { return run.CallGroup{Name: "deploy", Limit: limit} }

func take(t testing.TB, s *store.Store, l run.Lease, function string, want bool, groups ...run.CallGroup) {
	t.Helper()
	got, err := s.Take(soon(t), l, "", function, groups)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Fatalf("%s of %s gets a slot: %v, want %v", function, l.EventID, got, want)
	}
}

// runs adds n runs that stand alone, and leases them.
func runs(t testing.TB, s *store.Store, n int) []run.Lease {
	t.Helper()
	var leases []run.Lease
	for i := range n {
		add(t, s, push(1, i))
		leases = append(leases, lease(t, s).Lease)
	}
	return leases
}

func slotLimit(t *testing.T, d *Database) {
	s := d.Open(t)
	l := runs(t, s, 2)
	take(t, s, l[0], "f", true, deploy(2))
	take(t, s, l[0], "g", true, deploy(2))
	take(t, s, l[0], "h", false, deploy(2))
	take(t, s, l[1], "f", false, deploy(2))
	take(t, s, l[0], "f", true, deploy(2)) // It has it.
	take(t, s, l[1], "x", true)            // In no group.
}

func slotsApart(t *testing.T, d *Database) {
	s := d.Open(t)
	l := runs(t, s, 2)
	add(t, s, push(2, 1))
	elsewhere := lease(t, s).Lease
	take(t, s, l[0], "f", true, deploy(1))
	take(t, s, l[1], "f", false, deploy(1))
	take(t, s, l[1], "g", true, run.CallGroup{Name: "db", Limit: 1})
	take(t, s, elsewhere, "f", true, deploy(1))
}

func slotResult(t *testing.T, d *Database) {
	s := d.Open(t)
	l := runs(t, s, 2)
	take(t, s, l[0], "f", true, deploy(1))
	take(t, s, l[1], "f", false, deploy(1))
	advance(t, s, l[0], run.Progress{
		Begun:   []run.CallState{{Call: run.Call{Function: "f"}}, {Call: run.Call{Function: "g"}}},
		Results: []run.Result{{Function: "g", Outcome: run.Success}},
	})
	take(t, s, l[1], "f", false, deploy(1))
	advance(t, s, l[0], run.Progress{Results: []run.Result{{Function: "f", Outcome: run.Success}}})
	take(t, s, l[1], "f", true, deploy(1))
}

func slotEnd(t *testing.T, d *Database) {
	for _, p := range []run.Progress{{State: run.Done}, {State: run.Recorded}, {State: run.Queued, NotBefore: d.Clock.Now().Add(1e9)}, {State: run.Waiting}} {
		t.Run(string(p.State), func(t *testing.T) {
			s := d.Open(t)
			defer func() { _ = s.Close() }()
			add(t, s, push(1, int(d.Clock.Now().UnixNano()+int64(len(p.State)))), push(1, int(d.Clock.Now().UnixNano()+100+int64(len(p.State)))))
			first, second := lease(t, s).Lease, lease(t, s).Lease
			take(t, s, first, "f", true, deploy(1))
			take(t, s, second, "f", false, deploy(1))
			advance(t, s, first, p)
			take(t, s, second, "f", true, deploy(1))
			ended(t, s, second)
		})
	}
}

func slotOrder(t *testing.T, d *Database) {
	s := d.Open(t)
	l := runs(t, s, 4)
	take(t, s, l[0], "f", true, deploy(1))
	for _, i := range []int{2, 1, 3} {
		take(t, s, l[i], "f", false, deploy(1))
	}
	ended(t, s, l[0])
	take(t, s, l[3], "f", false, deploy(1))
	take(t, s, l[2], "f", false, deploy(1))
	take(t, s, l[1], "f", true, deploy(1))
	ended(t, s, l[1])
	take(t, s, l[3], "f", false, deploy(1))
	ended(t, s, l[2]) // It never got in.
	take(t, s, l[3], "f", true, deploy(1))
}

func slotGroups(t *testing.T, d *Database) {
	s := d.Open(t)
	l := runs(t, s, 3)
	db := run.CallGroup{Name: "db", Limit: 1}
	take(t, s, l[0], "f", true, db)
	take(t, s, l[1], "f", false, deploy(1), db)
	take(t, s, l[2], "f", false, deploy(1)) // The one before waits for it, too.
	take(t, s, l[2], "g", false, db)
	ended(t, s, l[0])
	take(t, s, l[1], "f", true, db, deploy(1))
	ended(t, s, l[1])
	take(t, s, l[2], "f", true, deploy(1))
	take(t, s, l[2], "g", true, db)
}

func slotWakes(t *testing.T, d *Database) {
	s := d.Open(t)
	l := runs(t, s, 3)
	take(t, s, l[0], "f", true, deploy(1))
	for _, i := range []int{2, 1} {
		take(t, s, l[i], "f", false, deploy(1))
		advance(t, s, l[i], run.Progress{State: run.Waiting, For: run.ForSlot, Waits: "a slot"})
	}
	if err := s.Wake(soon(t), 1); err != nil {
		t.Fatal(err)
	}
	idle(t, s)
	ended(t, s, l[0])
	w := lease(t, s).Lease
	if w.EventID != l[1].EventID {
		t.Fatalf("%s is woken", w.EventID)
	}
	idle(t, s)
	take(t, s, w, "f", true, deploy(1))
	ended(t, s, w)
	if w = lease(t, s).Lease; w.EventID != l[2].EventID {
		t.Fatalf("%s is woken", w.EventID)
	}
	take(t, s, w, "f", true, deploy(1))
}

func slotInBetween(t *testing.T, d *Database) {
	s := d.Open(t)
	l := runs(t, s, 2)
	take(t, s, l[0], "f", true, deploy(1))
	take(t, s, l[1], "f", false, deploy(1))
	ended(t, s, l[0])
	advance(t, s, l[1], run.Progress{State: run.Waiting, For: run.ForSlot})
	take(t, s, lease(t, s).Lease, "f", true, deploy(1))
}

func slotRescue(t *testing.T, d *Database) {
	s := d.Open(t)
	l := runs(t, s, 2)
	take(t, s, l[0], "f", true, deploy(1))
	take(t, s, l[1], "f", false, deploy(1))
	d.Pass(LeaseFor)
	renewed, err := s.Renew(soon(t), l[1])
	if err != nil {
		t.Fatal(err)
	}
	take(t, s, renewed, "f", false, deploy(1)) // The grace is not over.
	d.Pass(Grace)
	take(t, s, renewed, "f", true, deploy(1))
	rescued := lease(t, s).Lease
	if rescued.EventID != l[0].EventID {
		t.Fatalf("%s is rescued", rescued.EventID)
	}
	take(t, s, rescued, "f", false, deploy(1))
	ended(t, s, renewed)
	take(t, s, rescued, "f", true, deploy(1))
}

func slotLeave(t *testing.T, d *Database) {
	s := d.Open(t)
	l := runs(t, s, 3)
	take(t, s, l[0], "f", true, deploy(1))
	take(t, s, l[1], "f", false, deploy(1))
	take(t, s, l[2], "f", false, deploy(1))
	advance(t, s, l[2], run.Progress{State: run.Waiting, For: run.ForSlot})
	// The second, which is the next in line, finds that there is no engine.
	advance(t, s, l[1], run.Progress{State: run.Waiting, NotBefore: d.Clock.Now().Add(LeaseFor)})
	ended(t, s, l[0])
	w := lease(t, s).Lease
	if w.EventID != l[2].EventID {
		t.Fatalf("%s is woken", w.EventID)
	}
	take(t, s, w, "f", true, deploy(1))
}

func slotFenced(t *testing.T, d *Database) {
	s := d.Open(t)
	l := runs(t, s, 1)[0]
	d.Pass(LeaseFor + Grace)
	lease(t, s)
	if _, err := s.Take(soon(t), l, "", "f", []run.CallGroup{deploy(1)}); !errors.Is(err, run.ErrLeaseLost) {
		t.Errorf("got %v", err)
	}
}

// slotRace lets several agents, or several workers of one, make calls of one
// group: never two at once, and all of them in the end.
func slotRace(t *testing.T, d *Database) {
	stores := []*store.Store{d.Open(t)}
	if d.Shared {
		stores = append(stores, d.Open(t), d.Open(t))
	}
	const n = 30
	var mu sync.Mutex
	inside, done := 0, 0
	var wg sync.WaitGroup
	todo := make(chan struct{}, 10*n)
	for i := range 6 {
		wg.Go(func() {
			s := stores[i%len(stores)]
			for range todo {
				w, err := s.Lease(soon(t))
				if err != nil {
					t.Error(err)
					return
				}
				ok, err := s.Take(soon(t), w.Lease, "", fmt.Sprint("f", i), []run.CallGroup{deploy(1)})
				if err != nil {
					t.Error(err)
					return
				}
				p := run.Progress{State: run.Waiting, For: run.ForSlot}
				if ok {
					mu.Lock()
					if inside++; inside > 1 {
						t.Error("two at once")
					}
					mu.Unlock()
					runtime.Gosched()
					mu.Lock()
					inside--
					done++
					mu.Unlock()
					p = run.Progress{State: run.Done}
				} else {
					todo <- struct{}{}
				}
				if err := s.Advance(soon(t), w.Lease, p); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range n {
		add(t, stores[0], push(1, i))
		todo <- struct{}{}
	}
	waitFor(t, func() bool { mu.Lock(); defer mu.Unlock(); return done == n })
	close(todo)
	wg.Wait()
}
