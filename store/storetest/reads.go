package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
)

func readTests() map[string]func(*testing.T, *Database) {
	return map[string]func(*testing.T, *Database){
		"runs are listed by query":    queries,
		"a list has no heavy parts":   lightList,
		"a run is read whole":         wholeRun,
		"an unknown run is not found": notFound,
		"health counts what waits":    health,
	}
}

func keepTests() map[string]func(*testing.T, *Database) {
	return map[string]func(*testing.T, *Database){
		"a name is its first holder's":        holder,
		"the operator gives a name away":      accept,
		"what is old is pruned":               prune,
		"keys outlive payloads":               keys,
		"nothing is pruned of an open run":    pruneOpen,
		"many rows are pruned step by step":   pruneMany,
		"a name is the first of many at once": holders,
	}
}

func queries(t *testing.T, d *Database) {
	s := d.Open(t)
	tag := push(2, 3)
	tag.Name = "tag"
	add(t, s, push(1, 1), push(2, 2), tag, push(1, 4))
	advance(t, s, lease(t, s).Lease, run.Progress{State: run.Done})
	advance(t, s, lease(t, s).Lease, run.Progress{State: run.Waiting})

	tests := map[string]struct {
		query store.Query
		want  []int64
	}{
		"all, newest first":  {store.Query{}, []int64{4, 3, 2, 1}},
		"a page":             {store.Query{Limit: 2}, []int64{4, 3}},
		"the next page":      {store.Query{Limit: 2, Before: 3}, []int64{2, 1}},
		"of a repository":    {store.Query{Repository: "octo/repo2"}, []int64{3, 2}},
		"of an event":        {store.Query{Event: "tag"}, []int64{3}},
		"queued":             {store.Query{State: "queued"}, []int64{4, 3}},
		"waiting":            {store.Query{State: "waiting"}, []int64{2}},
		"done":               {store.Query{State: "done"}, []int64{1}},
		"all at once":        {store.Query{State: "queued", Event: "push", Repository: "Octo/Repo1", Before: 9, Limit: 9}, []int64{4}},
		"nothing":            {store.Query{Repository: "octo/none"}, nil},
		"a quote is no SQL":  {store.Query{Repository: "' OR 1=1 --"}, nil},
		"NUL is no accident": {store.Query{Event: "a\x00b"}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			runs, err := s.Runs(soon(t), tt.query)
			if err != nil {
				t.Fatal(err)
			}
			var got []int64
			for _, r := range runs {
				got = append(got, r.Seq)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// worked makes a run with everything in it.
func worked(t testing.TB, s *store.Store, n int) string {
	t.Helper()
	e := push(1, n)
	e.SHA = sha
	add(t, s, e)
	advance(t, s, lease(t, s).Lease, run.Progress{
		State:     run.Done,
		SHA:       sha,
		Decisions: []run.Decision{{Function: "f", Verdict: run.VerdictCalled}},
		Begun:     []run.CallState{{Call: run.Call{Function: "f"}}, {Call: run.Call{Function: "g"}}},
		Results:   []run.Result{{Function: "g", Output: "printed"}},
	})
	return e.ID
}

func lightList(t *testing.T, d *Database) {
	s := d.Open(t)
	worked(t, s, 1)
	runs, err := s.Runs(soon(t), store.Query{})
	if err != nil || len(runs) != 1 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	r := runs[0]
	if r.Event.Payload != nil || len(r.Decisions) != 1 || len(r.Calls) != 2 || r.Calls[1].Result.Output != "" {
		t.Errorf("got %+v", r)
	}
}

func wholeRun(t *testing.T, d *Database) {
	s := d.Open(t)
	id := worked(t, s, 1)
	plan(t, s, id, report(1, run.StatusSuccess, "ok"))
	other := report(1, run.StatusSuccess, "ok")
	other.SHA = "other"
	plan(t, s, id, other)
	r, reports, err := s.Run(soon(t), id)
	if err != nil {
		t.Fatal(err)
	}
	if string(r.Event.Payload) != `{"n":1}` || len(r.Decisions) != 1 || len(r.Calls) != 2 || r.Calls[0].Result != nil || r.Calls[1].Result.Output != "printed" {
		t.Errorf("got %+v", r)
	}
	if len(reports) != 1 || reports[0].SHA != sha {
		t.Errorf("reports %+v", reports)
	}
}

func notFound(t *testing.T, d *Database) {
	if _, _, err := d.Open(t).Run(soon(t), "nobody's"); !errors.Is(err, run.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func health(t *testing.T, d *Database) {
	s := d.Open(t)
	ids := three(t, s)
	add(t, s, push(2, 1))
	lease(t, s)
	advance(t, s, lease(t, s).Lease, run.Progress{State: run.Waiting})
	plan(t, s, ids[0], report(1, run.StatusSuccess, "ok"))
	r := claimOne(t, s, d)
	r.Dead = "refused"
	settle(t, s, r)
	second := report(1, run.StatusSuccess, "ok")
	second.Status.Context = "second"
	plan(t, s, ids[0], second)
	h, err := s.Health(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	want := store.Health{Writable: true, Queued: 2, Waiting: 1, Running: 1, OutboxWaiting: 1, OutboxDead: 1, WALBytes: h.WALBytes, FreeBytes: h.FreeBytes}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if h, err := s.Health(soon(t)); err == nil || h.Writable || h.Problem == "" {
		t.Errorf("closed: %+v, %v", h, err)
	}
}

func holds(t testing.TB, s *store.Store, repo event.Repo, vendor string) int64 {
	t.Helper()
	id, err := s.Holder(soon(t), repo, vendor)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func holder(t *testing.T, d *Database) {
	s := d.Open(t)
	tests := []struct {
		name, vendor string
		repo         event.Repo
		want         int64
	}{
		{"first sight", "github", event.Repo{ID: 7, Owner: "Octo", Name: "hello"}, 7},
		{"again", "github", event.Repo{ID: 7, Owner: "Octo", Name: "hello"}, 7},
		{"recreated", "github", event.Repo{ID: 8, Owner: "Octo", Name: "hello"}, 7},
		{"in another case", "github", event.Repo{ID: 8, Owner: "octo", Name: "Hello"}, 7},
		{"renamed", "github", event.Repo{ID: 7, Owner: "octo", Name: "world"}, 7},
		{"elsewhere", "gitlab", event.Repo{ID: 9, Owner: "Octo", Name: "hello"}, 9},
	}
	for _, tt := range tests {
		if got := holds(t, s, tt.repo, tt.vendor); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func holders(t *testing.T, d *Database) {
	s := d.Open(t)
	got := make(chan int64)
	for id := range int64(8) {
		go func() {
			id, err := s.Holder(soon(t), event.Repo{ID: 100 + id, Owner: "a", Name: "b"}, "github")
			if err != nil {
				t.Error(err)
			}
			got <- id
		}()
	}
	first := <-got
	for range 7 {
		if id := <-got; id != first {
			t.Errorf("held by %d and by %d", first, id)
		}
	}
}

func accept(t *testing.T, d *Database) {
	s := d.Open(t)
	recreated := event.Repo{ID: 8, Owner: "Octo", Name: "hello"}
	holds(t, s, event.Repo{ID: 7, Owner: "Octo", Name: "hello"}, "github")
	if err := s.AcceptRepository(soon(t), "github", "octo/HELLO", 8); err != nil {
		t.Fatal(err)
	}
	if got := holds(t, s, recreated, "github"); got != 8 {
		t.Errorf("held by %d", got)
	}
	if err := s.AcceptRepository(soon(t), "github", "octo/new", 9); err != nil {
		t.Fatal(err)
	}
	if got := holds(t, s, event.Repo{ID: 10, Owner: "octo", Name: "new"}, "github"); got != 9 {
		t.Errorf("held by %d", got)
	}
}

func pruned(t testing.TB, s *store.Store, p store.Policy) store.Pruned {
	t.Helper()
	done, err := s.Prune(soon(t), p)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func prune(t *testing.T, d *Database) {
	s := d.Open(t)
	old := worked(t, s, 1)
	d.Pass(10 * time.Hour)
	fresh := worked(t, s, 2)
	if got := pruned(t, s, store.Policy{}); got != (store.Pruned{}) {
		t.Errorf("no policy prunes %+v", got)
	}
	if got, want := pruned(t, s, store.Policy{Payloads: 9 * time.Hour, Outputs: 9 * time.Hour}), (store.Pruned{Payloads: 1, Outputs: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	r := read(t, s, old)
	if r.Event.Payload != nil || len(r.Calls) != 2 || r.Calls[1].Result == nil || r.Calls[1].Result.Output != "" || len(r.Decisions) != 1 {
		t.Errorf("the old run is now %+v", r)
	}
	r = read(t, s, fresh)
	if r.Event.Payload == nil || r.Calls[1].Result.Output != "printed" {
		t.Errorf("the new run is now %+v", r)
	}
}

func keys(t *testing.T, d *Database) {
	s := d.Open(t)
	worked(t, s, 1)
	d.Pass(399 * 24 * time.Hour)
	pruned(t, s, store.Policy{Payloads: time.Hour})
	if r, err := s.Append(soon(t), push(1, 1)); err != nil || !r.Duplicate {
		t.Errorf("%+v, %v: the event is forgotten", r, err)
	}
	d.Pass(2 * 24 * time.Hour)
	if got := pruned(t, s, store.Policy{}); got.Keys != 0 {
		t.Errorf("%d keys are pruned of an event that is kept", got.Keys)
	}
	if got := pruned(t, s, store.Policy{Runs: time.Hour}); got.Keys != 1 || got.Runs != 1 {
		t.Errorf("pruned %+v", got)
	}
}

func pruneOpen(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1), push(1, 2))
	lease(t, s)
	d.Pass(1000 * time.Hour)
	if got := pruned(t, s, store.Policy{Payloads: time.Hour, Outputs: time.Hour}); got != (store.Pruned{}) {
		t.Errorf("pruned %+v", got)
	}
}

func pruneMany(t *testing.T, d *Database) {
	s := d.Open(t)
	const n = 450
	for i := range n {
		e := push(1, i)
		e.Reason = "recorded"
		add(t, s, e)
	}
	d.Pass(500 * 24 * time.Hour)
	if got, want := pruned(t, s, store.Policy{Payloads: time.Hour, Runs: time.Hour}), (store.Pruned{Payloads: n, Runs: n, Keys: n}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
