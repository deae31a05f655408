package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
)

func leaseTests() map[string]func(*testing.T, *Database) {
	return map[string]func(*testing.T, *Database){
		"is one holder's":                              exclusive,
		"begins the run":                               begins,
		"is rescued after lease and grace":             rescue,
		"that is renewed is not rescued":               renewed,
		"is refused under an old fence":                fenced,
		"counts holders that never gave it back":       tries,
		"counts anew when the run gets further":        progressed,
		"goes round the repositories":                  roundRobin,
		"waits for an event":                           waitsForEvent,
		"ends with its context":                        ends,
		"of a queued run comes after NotBefore":        notBefore,
		"of a waiting run comes after NotBefore":       waitsUntil,
		"of a waiting run comes when it is woken":      woken,
		"is due at once if woken meanwhile":            wokenMeanwhile,
		"of another repository is not woken":           wokenElsewhere,
		"is shared by agents":                          agents,
		"is given to all who wait":                     together,
		"taken for a context that ended is given back": abandoned,
		"is not given for what is final":               final,
		"can't be used after the run was given back":   givenBack,
		"stands strings that are no text":              noText,
	}
}

func exclusive(t *testing.T, d *Database) {
	s := d.Open(t)
	const runs = 30
	for n := range runs {
		add(t, s, push(int64(n%3), n))
	}
	var mu sync.Mutex
	had := map[string]int{}
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for range runs / 6 {
				w, err := s.Lease(soon(t))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				had[w.Lease.EventID]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(had) != runs {
		t.Errorf("%d of %d runs were handed out", len(had), runs)
	}
	for id, n := range had {
		if n != 1 {
			t.Errorf("%s was handed out %d times", id, n)
		}
	}
	idle(t, s)
}

func begins(t *testing.T, d *Database) {
	s := d.Open(t)
	e := push(1, 1)
	e.ReceivedAt = d.Clock.Now()
	add(t, s, e)
	d.Pass(time.Second)
	began := d.Clock.Now()
	w := lease(t, s)
	want := run.Work{
		Lease: run.Lease{EventID: e.ID, Owner: d.Config.Owner, Fence: 1, Until: began.Add(LeaseFor)},
		Run:   run.Run{Seq: 1, Event: e, State: run.Running, Changed: -1, Begun: began, Version: 2},
		Tries: 1,
	}
	if diff := cmp.Diff(want, w); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	advance(t, s, w.Lease, run.Progress{State: run.Queued})
	d.Pass(time.Second)
	if w = lease(t, s); !w.Run.Begun.Equal(began) || w.Lease.Fence != 2 {
		t.Errorf("leased again: begun %v, fence %d", w.Run.Begun, w.Lease.Fence)
	}
}

func rescue(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1))
	first := lease(t, s)
	d.Pass(LeaseFor)
	idle(t, s)
	d.Pass(Grace - time.Nanosecond*1000)
	idle(t, s)
	d.Pass(time.Microsecond)
	second := lease(t, s)
	if second.Lease.EventID != first.Lease.EventID || second.Lease.Fence <= first.Lease.Fence {
		t.Errorf("rescued %+v after %+v", second.Lease, first.Lease)
	}
}

// tries: only a holder that died or stood still stays counted.
func tries(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1))
	var got []int
	for _, end := range []string{"given back", "died", "waits", "died", "died", "given back", "done"} {
		w := lease(t, s)
		got = append(got, w.Tries)
		switch end {
		case "died":
			d.Pass(LeaseFor + Grace)
		case "given back":
			advance(t, s, w.Lease, run.Progress{State: run.Queued})
		case "waits":
			advance(t, s, w.Lease, run.Progress{State: run.Waiting, NotBefore: d.Clock.Now()})
		}
	}
	if diff := cmp.Diff([]int{1, 1, 2, 2, 3, 4, 4}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// progressed: what the former holders died of is behind a run that gets further.
func progressed(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1))
	f := []run.CallState{{Call: run.Call{Function: "f"}}}
	steps := []struct {
		p    run.Progress
		next int
	}{
		{run.Progress{SHA: "a"}, 2},
		{run.Progress{Decisions: []run.Decision{{Function: "f"}}}, 2},
		{run.Progress{Decisions: []run.Decision{{Function: "f"}}, Begun: f}, 3},
		{run.Progress{Begun: f, Results: []run.Result{{Function: "f"}}}, 2},
		{run.Progress{Results: []run.Result{{Function: "f"}}}, 3},
	}
	for i, step := range steps {
		w := lease(t, s)
		advance(t, s, w.Lease, step.p)
		d.Pass(LeaseFor + Grace)
		next := lease(t, s)
		if next.Tries != step.next {
			t.Errorf("step %d: tries %d, want %d", i, next.Tries, step.next)
		}
		advance(t, s, next.Lease, run.Progress{State: run.Queued})
	}
}

func renewed(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1))
	l := lease(t, s).Lease
	for range 5 {
		d.Pass(LeaseFor * 3 / 4)
		var err error
		if l, err = s.Renew(soon(t), l); err != nil {
			t.Fatal(err)
		}
		if want := d.Clock.Now().Add(LeaseFor); !l.Until.Equal(want) {
			t.Fatalf("renewed until %v, want %v", l.Until, want)
		}
	}
	d.Pass(LeaseFor + Grace - time.Microsecond)
	idle(t, s)
	d.Pass(time.Microsecond)
	advance(t, s, lease(t, s).Lease, run.Progress{State: run.Done})
}

func fenced(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1))
	old := lease(t, s).Lease
	d.Pass(LeaseFor + Grace)
	current := lease(t, s).Lease
	before := read(t, s, old.EventID)

	if _, err := s.Renew(soon(t), old); !errors.Is(err, run.ErrLeaseLost) {
		t.Errorf("renew: %v", err)
	}
	p := run.Progress{
		State:     run.Done,
		SHA:       "abc",
		Decisions: []run.Decision{{Function: "f"}},
		Begun:     []run.CallState{{Call: run.Call{Function: "f"}}},
		Results:   []run.Result{{Function: "f"}},
	}
	for _, p := range []run.Progress{p, {Decisions: p.Decisions}, {SHA: p.SHA, Begun: p.Begun}} {
		if err := s.Advance(soon(t), old, p); !errors.Is(err, run.ErrLeaseLost) {
			t.Errorf("advance: %v", err)
		}
	}
	if _, err := s.Enter(soon(t), old, run.OrderQueue, run.Progress{SHA: p.SHA}); !errors.Is(err, run.ErrLeaseLost) {
		t.Errorf("enter: %v", err)
	}
	if diff := cmp.Diff(before, read(t, s, old.EventID)); diff != "" {
		t.Errorf("the loser wrote (-before +after)\n%s", diff)
	}
	advance(t, s, current, run.Progress{State: run.Done})
}

func givenBack(t *testing.T, d *Database) {
	s := d.Open(t)
	for n, state := range []run.State{run.Queued, run.Waiting, run.Done, run.Recorded} {
		add(t, s, push(1, n))
		l := lease(t, s).Lease
		advance(t, s, l, run.Progress{State: state, NotBefore: d.Clock.Now().Add(time.Hour)})
		if err := s.Advance(soon(t), l, run.Progress{SHA: "late"}); !errors.Is(err, run.ErrLeaseLost) {
			t.Errorf("advance after %s: %v", state, err)
		}
		if _, err := s.Renew(soon(t), l); !errors.Is(err, run.ErrLeaseLost) {
			t.Errorf("renew after %s: %v", state, err)
		}
	}
	if err := s.Advance(soon(t), run.Lease{EventID: "nobody's"}, run.Progress{}); !errors.Is(err, run.ErrLeaseLost) {
		t.Errorf("advance of an unknown run: %v", err)
	}
}

func roundRobin(t *testing.T, d *Database) {
	s := d.Open(t)
	for n := range 3 {
		add(t, s, push(10, n))
	}
	add(t, s, push(20, 0), push(30, 0), push(20, 1))
	var got []string
	for range 6 {
		got = append(got, lease(t, s).Lease.EventID)
	}
	want := []string{"github:10-0", "github:20-0", "github:30-0", "github:10-1", "github:20-1", "github:10-2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// later leases in another goroutine.
func later(t *testing.T, s *store.Store) <-chan run.Work {
	got := make(chan run.Work, 1)
	go func() {
		defer close(got)
		if w, err := s.Lease(soon(t)); err == nil {
			got <- w
		}
	}()
	return got
}

func waitsForEvent(t *testing.T, d *Database) {
	d.Config.Poll = time.Hour
	s := d.Open(t)
	for n := range 3 {
		got := later(t, s)
		add(t, s, push(1, n))
		if w, ok := <-got; !ok || w.Lease.EventID != push(1, n).ID {
			t.Fatalf("got %+v", w.Lease)
		}
	}
}

func ends(t *testing.T, d *Database) {
	s := d.Open(t)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	got := make(chan error)
	for range 8 {
		go func() { _, err := s.Lease(ctx); got <- err }()
	}
	cancel(cause)
	for range 8 {
		if err := <-got; !errors.Is(err, cause) {
			t.Errorf("lease: %v", err)
		}
	}
}

func notBefore(t *testing.T, d *Database) { dueLater(t, d, run.Queued) }

func waitsUntil(t *testing.T, d *Database) { dueLater(t, d, run.Waiting) }

func dueLater(t *testing.T, d *Database, state run.State) {
	s := d.Open(t)
	add(t, s, push(1, 1))
	w := lease(t, s)
	advance(t, s, w.Lease, run.Progress{State: state, Waits: "for it", NotBefore: d.Clock.Now().Add(time.Minute)})
	d.Pass(59 * time.Second)
	idle(t, s)
	if r := read(t, s, w.Lease.EventID); r.State != state || r.Waits != "for it" {
		t.Errorf("state %q, waits %q", r.State, r.Waits)
	}
	d.Pass(time.Second)
	if w := lease(t, s); w.Run.State != run.Running || w.Run.Waits != "" {
		t.Errorf("state %q, waits %q", w.Run.State, w.Run.Waits)
	}
}

func woken(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1))
	advance(t, s, lease(t, s).Lease, run.Progress{State: run.Waiting, Waits: "approval"})
	d.Pass(1000 * time.Hour)
	idle(t, s)
	if err := s.Wake(soon(t), 1); err != nil {
		t.Fatal(err)
	}
	w := lease(t, s)
	// Once woken is once looked at.
	advance(t, s, w.Lease, run.Progress{State: run.Waiting, Waits: "approval"})
	idle(t, s)
}

func wokenMeanwhile(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1))
	w := lease(t, s)
	if err := s.Wake(soon(t), 1); err != nil {
		t.Fatal(err)
	}
	idle(t, s)
	advance(t, s, w.Lease, run.Progress{State: run.Waiting, NotBefore: d.Clock.Now().Add(time.Hour)})
	w = lease(t, s)
	advance(t, s, w.Lease, run.Progress{State: run.Waiting})
	idle(t, s)
}

func wokenElsewhere(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1))
	advance(t, s, lease(t, s).Lease, run.Progress{State: run.Waiting})
	if err := s.Wake(soon(t), 2); err != nil {
		t.Fatal(err)
	}
	idle(t, s)
}

// agents share a database: what one takes in another works on, without looking
// for it, and one that is gone is replaced.
func agents(t *testing.T, d *Database) {
	if !d.Shared {
		t.Skip("one agent only, by design")
	}
	d.Config.Poll = time.Hour
	receiver, worker := d.Open(t), d.Open(t)
	got := later(t, worker)
	// The worker is asleep once it has looked in vain; that it listens by then is
	// not said, so events come until one wakes it.
	var w run.Work
	for n, ok := 0, false; !ok; n++ {
		if n == 500 {
			t.Fatal("the worker is not told")
		}
		add(t, receiver, push(1, n))
		select {
		case w, ok = <-got:
			if !ok {
				t.Fatal("the worker gave up")
			}
		case <-time.After(patience):
		}
	}
	if err := worker.Close(); err != nil {
		t.Fatal(err)
	}
	d.Pass(LeaseFor + Grace)
	if other := lease(t, receiver); other.Lease.EventID != w.Lease.EventID || other.Lease.Fence != 2 {
		t.Errorf("rescued %+v, want %s", other.Lease, w.Lease.EventID)
	}
}

// abandoned: whoever stops waiting while a run is taken for it leaves no lease
// behind that nobody holds.
func abandoned(t *testing.T, d *Database) {
	s := d.Open(t)
	for n := range 20 {
		ctx, cancel := context.WithCancelCause(t.Context())
		got := make(chan bool)
		go func() {
			w, err := s.Lease(ctx)
			if err == nil {
				advance(t, s, w.Lease, run.Progress{State: run.Done})
			}
			got <- err == nil
		}()
		go cancel(errIdle)
		add(t, s, push(1, n))
		if !<-got {
			advance(t, s, lease(t, s).Lease, run.Progress{State: run.Done})
		}
	}
	idle(t, s)
}

func final(t *testing.T, d *Database) {
	s := d.Open(t)
	for n, state := range []run.State{run.Done, run.Recorded} {
		add(t, s, push(1, n))
		advance(t, s, lease(t, s).Lease, run.Progress{State: state})
	}
	d.Pass(1000 * time.Hour)
	if err := s.Wake(soon(t), 1); err != nil {
		t.Fatal(err)
	}
	idle(t, s)
}

func noText(t *testing.T, d *Database) {
	s := d.Open(t)
	e := push(1, 1)
	e.Repo.Owner, e.Repo.Name, e.Vendor = "a\x00b", "\xff", fmt.Sprint("x", '\x00')
	e.Sender = event.Sender{Login: "\x00"}
	add(t, s, e)
	advance(t, s, lease(t, s).Lease, run.Progress{State: run.Done, Note: "a\x00b\xff"})
	if got := read(t, s, e.ID).Note; got != "a\uFFFDb\uFFFD" {
		t.Errorf("note %q", got)
	}
}

// together: whoever waits is served by one look, each run once and one repository
// after the other; who left meanwhile holds nothing.
func together(t *testing.T, d *Database) {
	s := d.Open(t)
	const waiting = 12
	gone, leave := context.WithCancelCause(soon(t))
	left := make(chan error, 1)
	go func() { _, err := s.Lease(gone); left <- err }()
	leave(errIdle)
	if err := <-left; !errors.Is(err, errIdle) {
		t.Fatalf("lease: %v, want the context's cause", err)
	}
	got := make(chan run.Work, waiting)
	var wg sync.WaitGroup
	for range waiting {
		wg.Go(func() {
			w, err := s.Lease(soon(t))
			if err != nil {
				t.Error(err)
			}
			got <- w
		})
	}
	for n := range waiting {
		add(t, s, push(int64(n%3), n))
	}
	wg.Wait()
	had := map[string]bool{}
	for range waiting {
		had[(<-got).Lease.EventID] = true
	}
	if len(had) != waiting {
		t.Errorf("%d runs were handed out, want %d", len(had), waiting)
	}
	idle(t, s)
}
