package storetest

import (
	"testing"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
)

func urgentTests() map[string]func(*testing.T, *Database) {
	return map[string]func(*testing.T, *Database){
		"is what may hold a command":           urgentOnly,
		"is handed out apart once":             urgentOnce,
		"is waited for":                        urgentWaits,
		"is found though much else waits":      urgentAmongMany,
		"is told to other agents":              urgentElsewhere,
		"of a holder that is gone is like all": urgentRescued,
	}
}

// remark is a comment at a pull request.
func remark(n int) event.Event {
	e := push(1, n)
	e.Name, e.Type, e.Action, e.Filter, e.PullRequest = "issue_comment", "issue_comment", "created", "created", 7
	return e
}

func leaseUrgent(t testing.TB, s *store.Store) run.Work {
	t.Helper()
	w, err := s.LeaseUrgent(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func idleUrgent(t testing.TB, s *store.Store) {
	t.Helper()
	nothing(t, s.LeaseUrgent)
}

func urgentOnly(t *testing.T, d *Database) {
	s := d.Open(t)
	edited, issue, dropped := remark(1), remark(2), remark(3)
	edited.Action, issue.PullRequest, dropped.Reason = "edited", 0, "our own"
	add(t, s, push(1, 9), edited, issue, dropped)
	idleUrgent(t, s)
	add(t, s, remark(4))
	if w := leaseUrgent(t, s); w.Lease.EventID != remark(4).ID || w.Run.State != run.Running || w.Tries != 1 {
		t.Errorf("got %+v", w)
	}
}

func urgentOnce(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, remark(1), remark(2))
	w := leaseUrgent(t, s)
	advance(t, s, w.Lease, run.Progress{State: run.Queued})
	leased(t, s, remark(1))
	leased(t, s, remark(2))
	idleUrgent(t, s)
}

func urgentWaits(t *testing.T, d *Database) {
	d.Config.Poll = time.Hour
	s := d.Open(t)
	got := make(chan string, 1)
	go func() {
		defer close(got)
		if w, err := s.LeaseUrgent(soon(t)); err == nil {
			got <- w.Lease.EventID
		}
	}()
	add(t, s, push(1, 1), remark(2))
	if id := <-got; id != remark(2).ID {
		t.Errorf("got %q", id)
	}
	leased(t, s, push(1, 1))
}

func urgentAmongMany(t *testing.T, d *Database) {
	s := d.Open(t)
	for n := range 100 {
		add(t, s, onBranch(int64(n%5), n, "main"))
	}
	add(t, s, remark(1000))
	if w := leaseUrgent(t, s); w.Lease.EventID != remark(1000).ID {
		t.Errorf("got %s", w.Lease.EventID)
	}
	// The turn of the repositories is as it was.
	if w := lease(t, s); w.Run.Event.Repo.ID != 1 {
		t.Errorf("repository %d is next", w.Run.Event.Repo.ID)
	}
}

func urgentElsewhere(t *testing.T, d *Database) {
	if !d.Shared {
		t.Skip("one agent only, by design")
	}
	receiver, worker := d.Open(t), d.Open(t)
	add(t, receiver, remark(1))
	if w := leaseUrgent(t, worker); w.Lease.EventID != remark(1).ID {
		t.Errorf("got %s", w.Lease.EventID)
	}
}

func urgentRescued(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, remark(1))
	leaseUrgent(t, s)
	d.Pass(LeaseFor + Grace)
	idleUrgent(t, s)
	leased(t, s, remark(1))
}
