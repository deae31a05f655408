package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
)

// patience is how long a test waits to see that nothing happens.
const patience = 100 * time.Millisecond

var errIdle = errors.New("nothing happened, as it should be")

func appendTests() map[string]func(*testing.T, *Database) {
	return map[string]func(*testing.T, *Database){
		"gives every field back":                      roundTrip,
		"knows an event again":                        duplicates,
		"numbers events without gaps":                 numbers,
		"records what has a reason":                   recorded,
		"refuses an id that is none":                  badIDs,
		"refuses after close":                         closed,
		"takes a large payload":                       largePayload,
		"remembers across opening":                    reopened,
		"one of many at once is new":                  race,
		"keeps keys apart by vendor, type and repo":   digests,
		"names that differ only in case are one repo": caseFolding,
	}
}

func roundTrip(t *testing.T, d *Database) {
	s := d.Open(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		want := anyEvent(n).Draw(rt, "event")
		if _, err := s.Append(soon(t), want); err != nil {
			rt.Fatal(err)
		}
		got, _, err := s.Run(soon(t), want.ID)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Event); diff != "" {
			rt.Fatalf("(-want +got)\n%s", diff)
		}
	})
}

func duplicates(t *testing.T, d *Database) {
	s := d.Open(t)
	first := push(1, 1)
	add(t, s, first)

	change := func(f func(*event.Event)) event.Event { e := first; f(&e); return e }
	tests := []struct {
		name  string
		event event.Event
		want  event.Receipt
	}{
		{"the same again", first, event.Receipt{ID: first.ID, Duplicate: true}},
		{"the same id with another body", change(func(e *event.Event) { e.Payload = []byte(`{}`) }), event.Receipt{ID: first.ID, Duplicate: true}},
		{"the same body under another id", change(func(e *event.Event) { e.ID = "github:replayed" }), event.Receipt{ID: first.ID, Duplicate: true}},
		{"recovered, though it did arrive", change(func(e *event.Event) { e.ID, e.Provenance = "github:recovered", event.Recovered }), event.Receipt{ID: first.ID, Duplicate: true}},
		{"asked for again by somebody", change(func(e *event.Event) { e.ID, e.Provenance = "rerun:1", event.Rerun }), event.Receipt{ID: "rerun:1"}},
		{"and once more", change(func(e *event.Event) { e.ID, e.Provenance = "rerun:2", event.Rerun }), event.Receipt{ID: "rerun:2"}},
		{"replayed by the operator", change(func(e *event.Event) { e.ID, e.Provenance = "replay:1", event.Replay }), event.Receipt{ID: "replay:1"}},
		{"local", change(func(e *event.Event) { e.ID, e.Provenance = "local:1", event.Local }), event.Receipt{ID: "local:1"}},
		{"without a body", change(func(e *event.Event) { e.ID, e.Payload = "refs:1", nil }), event.Receipt{ID: "refs:1"}},
		{"without a body, another one", change(func(e *event.Event) { e.ID, e.Payload = "refs:2", nil }), event.Receipt{ID: "refs:2"}},
		{"the redelivery of the first", change(func(e *event.Event) { e.ID = "github:redelivered" }), event.Receipt{ID: first.ID, Duplicate: true}},
	}
	for _, tt := range tests {
		got, err := s.Append(soon(t), tt.event)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
	if diff := cmp.Diff(`{"n":1}`, string(read(t, s, first.ID).Event.Payload)); diff != "" {
		t.Errorf("the first event has changed (-want +got)\n%s", diff)
	}
}

func digests(t *testing.T, d *Database) {
	s := d.Open(t)
	one := push(1, 1)
	others := []func(*event.Event){
		func(e *event.Event) { e.Vendor = "gitlab" },
		func(e *event.Event) { e.Type = "status" },
		func(e *event.Event) { e.Repo.ID = 2 },
		func(e *event.Event) { e.Payload = append([]byte(nil), `{"n": 1}`...) },
		// The parts don't run into each other.
		func(e *event.Event) { e.Vendor, e.Type = "githubp", "ush" },
	}
	add(t, s, one)
	for i, change := range others {
		e := one
		e.ID = fmt.Sprintf("other:%d", i)
		change(&e)
		add(t, s, e)
	}
}

func numbers(t *testing.T, d *Database) {
	s := d.Open(t)
	const clients, each = 8, 25
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for n := range each {
				// Every event is sent by two clients, so half are duplicates.
				if _, err := s.Append(soon(t), push(int64(c/2), n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	runs, err := s.Runs(soon(t), store.Query{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != clients/2*each {
		t.Errorf("%d runs, want %d", len(runs), clients/2*each)
	}
	for i, r := range runs {
		if want := int64(len(runs) - i); r.Seq != want {
			t.Fatalf("run %d has number %d, want %d", i, r.Seq, want)
		}
	}
}

func race(t *testing.T, d *Database) {
	stores := []*store.Store{d.Open(t)}
	if d.Shared {
		stores = append(stores, d.Open(t), d.Open(t))
	}
	for round := range 10 {
		var wg sync.WaitGroup
		receipts := make([]event.Receipt, 9)
		for i := range receipts {
			wg.Go(func() {
				e := push(1, round)
				if i%2 == 1 {
					e.ID = fmt.Sprintf("github:again-%d-%d", round, i)
				}
				var err error
				if receipts[i], err = stores[i%len(stores)].Append(soon(t), e); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		fresh := 0
		for _, r := range receipts {
			if !r.Duplicate {
				fresh++
			}
			if r.ID != receipts[0].ID {
				t.Errorf("round %d: receipts name %s and %s", round, r.ID, receipts[0].ID)
			}
		}
		if fresh != 1 {
			t.Errorf("round %d: %d receipts say that the event is new", round, fresh)
		}
	}
}

func recorded(t *testing.T, d *Database) {
	s := d.Open(t)
	e := push(1, 1)
	e.Reason = "outside --repos"
	add(t, s, e)
	idle(t, s)
	r := read(t, s, e.ID)
	if r.State != run.Recorded || r.Event.Reason != e.Reason || !r.Ended.Equal(d.Clock.Now()) {
		t.Errorf("state %q, reason %q, ended %v", r.State, r.Event.Reason, r.Ended)
	}
}

func badIDs(t *testing.T, d *Database) {
	s := d.Open(t)
	for _, id := range []string{"", "a\x00b", "\xff", strings.Repeat("x", 513)} {
		e := push(1, 1)
		e.ID = id
		if _, err := s.Append(soon(t), e); err == nil {
			t.Errorf("id %q is taken", id)
		}
	}
	add(t, s, push(1, 1))
}

func closed(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(soon(t), push(1, 2)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("append: %v", err)
	}
	if _, err := s.Lease(soon(t)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("lease: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
}

func largePayload(t *testing.T, d *Database) {
	s := d.Open(t)
	e := push(1, 1)
	e.Payload = []byte(`{"a":"` + strings.Repeat("0123456789abcdef", 25<<16) + `"}`)
	add(t, s, e)
	if got := lease(t, s).Run.Event.Payload; string(got) != string(e.Payload) {
		t.Errorf("%d bytes come back of %d", len(got), len(e.Payload))
	}
}

func reopened(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = d.Open(t)
	if r, err := s.Append(soon(t), push(1, 1)); err != nil || !r.Duplicate {
		t.Errorf("%+v, %v: the event is not known again", r, err)
	}
	add(t, s, push(1, 2))
	if got := read(t, s, push(1, 2).ID).Seq; got != 2 {
		t.Errorf("the second event has number %d", got)
	}
}

func caseFolding(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1))
	runs, err := s.Runs(soon(t), store.Query{Repository: "oCTO/REPO1"})
	if err != nil || len(runs) != 1 {
		t.Errorf("%d runs, %v", len(runs), err)
	}
}
