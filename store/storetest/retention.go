package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
)

func retentionTests() map[string]func(*testing.T, *Database) {
	return map[string]func(*testing.T, *Database){
		"runs go with all that is theirs":      pruneRuns,
		"open runs stay":                       pruneOpenRuns,
		"reports that were not sent stay":      pruneSentReports,
		"a pruned event is still known again":  prunedIsKnown,
		"what is kept is not forgotten either": keptIsKnown,
	}
}

func pruneRuns(t *testing.T, d *Database) {
	s := d.Open(t)
	old := worked(t, s, 1)
	d.Pass(10 * time.Hour)
	fresh := worked(t, s, 2)
	if got, want := pruned(t, s, store.Policy{Runs: 9 * time.Hour}), (store.Pruned{Runs: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, _, err := s.Run(soon(t), old); !errors.Is(err, run.ErrNotFound) {
		t.Errorf("the old one: %v", err)
	}
	r := read(t, s, fresh)
	if r.Event.Payload == nil || len(r.Decisions) != 1 || len(r.Calls) != 2 || r.Calls[1].Result.Output != "printed" {
		t.Errorf("the new run is now %+v", r)
	}
	runs, err := s.Runs(soon(t), store.Query{})
	if err != nil || len(runs) != 1 {
		t.Errorf("%d runs, %v", len(runs), err)
	}
	add(t, s, push(1, 3))
	if got := read(t, s, push(1, 3).ID).Seq; got != 3 {
		t.Errorf("the next event has number %d", got)
	}
}

func pruneOpenRuns(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1), push(1, 2), push(1, 3))
	lease(t, s)
	advance(t, s, lease(t, s).Lease, run.Progress{State: run.Waiting, For: run.ForPerson})
	d.Pass(10000 * time.Hour)
	if got := pruned(t, s, store.Policy{Runs: time.Hour}); got != (store.Pruned{}) {
		t.Errorf("pruned %+v", got)
	}
}

func pruneSentReports(t *testing.T, d *Database) {
	s := d.Open(t)
	id := worked(t, s, 1)
	sent, waiting := report(1, run.StatusSuccess, "ok"), report(1, run.StatusFailure, "no")
	waiting.Status.Context = "waiting"
	plan(t, s, id, sent)
	r := claimOne(t, s, d)
	r.SentVersion, r.Sent = r.Version, d.Clock.Now()
	settle(t, s, r)
	plan(t, s, id, waiting)
	d.Pass(10 * time.Hour)
	pruned(t, s, store.Policy{Runs: time.Hour})
	if r := claimOne(t, s, d); r.Status.Context != "waiting" {
		t.Errorf("%s is to be sent", r.Status.Context)
	}
	worked(t, s, 2) // of the same commit
	_, reports, err := s.Run(soon(t), push(1, 2).ID)
	if err != nil || len(reports) != 1 || reports[0].Status.Context != "waiting" {
		t.Errorf("reports %+v, %v", reports, err)
	}
}

func prunedIsKnown(t *testing.T, d *Database) {
	s := d.Open(t)
	id := worked(t, s, 1)
	d.Pass(399 * 24 * time.Hour)
	pruned(t, s, store.Policy{Runs: time.Hour})
	again := push(1, 1)
	again.SHA = sha
	for _, other := range []string{id, "github:redelivered"} {
		again.ID = other
		if r, err := s.Append(soon(t), again); err != nil || !r.Duplicate || r.ID != id {
			t.Errorf("%s: %+v, %v", other, r, err)
		}
	}
}

func keptIsKnown(t *testing.T, d *Database) {
	s := d.Open(t)
	id := worked(t, s, 1)
	d.Pass(1000 * 24 * time.Hour)
	pruned(t, s, store.Policy{Payloads: time.Hour})
	if r, err := s.Append(soon(t), push(1, 1)); err != nil || !r.Duplicate || r.ID != id {
		t.Errorf("%+v, %v", r, err)
	}
}
