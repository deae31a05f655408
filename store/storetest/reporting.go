package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
)

func reportTests() map[string]func(*testing.T, *Database) {
	return map[string]func(*testing.T, *Database){
		"replace each other by rule":                replacing,
		"that say the same are sent once":           sentOnce,
		"are planned once per change":               plannedOnce,
		"are planned again at a time":               plannedAgain,
		"of an outdated version are not written":    outdatedPlan,
		"of an unknown event are refused":           unknownPlan,
		"are kept per repository, sha and context":  perContext,
		"that wait are replaced by what is final":   pendingReplaced,
		"of another event that say the same follow": takenOver,
		"back at what was sent are not sent":        backAgain,
	}
}

const sha = "0123456789abcdef0123456789abcdef01234567"

func report(repo int64, state run.StatusState, description string) run.Report {
	e := push(repo, 0)
	return run.Report{Repo: e.Repo, SHA: sha, Status: run.Status{Context: "pocketci/test", State: state, Description: description}}
}

func skip(repo int64) run.Report {
	r := report(repo, run.StatusSuccess, "skipped: none of 3 changed files matches **/*.go")
	r.Status.Skip = true
	return r
}

// plan plans reports from an event's newest version.
func plan(t testing.TB, s *store.Store, eventID string, reports ...run.Report) {
	t.Helper()
	if err := s.PlanReports(soon(t), eventID, read(t, s, eventID).Version, reports, time.Time{}); err != nil {
		t.Fatal(err)
	}
}

// rows are the reports on the test's commit.
func rows(t testing.TB, s *store.Store, eventID string) []run.Report {
	t.Helper()
	_, found, err := s.Run(soon(t), eventID)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// three events of one commit; the reports of each are planned from them.
func three(t testing.TB, s *store.Store) [3]string {
	var ids [3]string
	for n := range ids {
		e := push(1, n)
		e.SHA = sha
		add(t, s, e)
		ids[n] = e.ID
	}
	return ids
}

func replacing(t *testing.T, d *Database) {
	s := d.Open(t)
	pass, fail, pending := report(1, run.StatusSuccess, "ok"), report(1, run.StatusFailure, "no"), report(1, run.StatusPending, "running")
	skipped := skip(1)
	tests := []struct {
		name           string
		first, second  int
		had, new, want run.Report
	}{
		{"a newer result", 0, 1, fail, pass, pass},
		{"an older result", 1, 0, fail, pass, fail},
		{"a newer pending", 0, 1, fail, pending, pending},
		{"an older pending", 1, 0, fail, pending, fail},
		{"an older result over a newer pending", 1, 0, pending, fail, pending},
		{"a newer skip over a result", 0, 1, fail, skipped, fail},
		{"a newer skip over a pending", 0, 1, pending, skipped, pending},
		{"an older skip over a result", 1, 0, fail, skipped, fail},
		{"a newer result over a skip", 0, 1, skipped, fail, fail},
		{"an older result over a skip", 1, 0, skipped, fail, fail},
		{"the same event's result over its pending", 0, 0, pending, fail, fail},
		{"the same event's skip over its result", 0, 0, fail, skipped, skipped},
	}
	ids := three(t, s)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.had.Status.Context, tt.new.Status.Context, tt.want.Status.Context = tt.name, tt.name, tt.name
			plan(t, s, ids[tt.first], tt.had)
			plan(t, s, ids[tt.second], tt.new)
			for _, r := range rows(t, s, ids[0]) {
				if r.Status.Context == tt.name {
					if diff := cmp.Diff(tt.want.Status, r.Status); diff != "" {
						t.Errorf("(-want +got)\n%s", diff)
					}
				}
			}
		})
	}
}

// send claims the only report that is due and says that it arrived.
func send(t testing.TB, s *store.Store, d *Database) run.Report {
	t.Helper()
	r := claimOne(t, s, d)
	r.Sent, r.SentVersion, r.InDoubt = d.Clock.Now(), r.Version, false
	r.Attempts++
	settle(t, s, r)
	return r
}

func sentOnce(t *testing.T, d *Database) {
	s := d.Open(t)
	id := three(t, s)[0]
	plan(t, s, id, report(1, run.StatusSuccess, "ok"))
	send(t, s, d)
	plan(t, s, id, report(1, run.StatusSuccess, "ok"))
	nothingDue(t, s, d)
	plan(t, s, id, report(1, run.StatusSuccess, "ok, really"))
	if r := send(t, s, d); r.Version != 2 || r.SentVersion != 2 {
		t.Errorf("version %d, sent %d", r.Version, r.SentVersion)
	}
}

func takenOver(t *testing.T, d *Database) {
	s := d.Open(t)
	ids := three(t, s)
	plan(t, s, ids[0], report(1, run.StatusSuccess, "ok"))
	send(t, s, d)
	plan(t, s, ids[2], report(1, run.StatusSuccess, "ok"))
	nothingDue(t, s, d)
	// The row is the third event's now: the second may not overwrite it.
	plan(t, s, ids[1], report(1, run.StatusFailure, "no"))
	nothingDue(t, s, d)
	if got := rows(t, s, ids[0])[0]; got.Seq != 3 || got.Status.State != run.StatusSuccess {
		t.Errorf("got %+v", got)
	}
}

func backAgain(t *testing.T, d *Database) {
	s := d.Open(t)
	id := three(t, s)[0]
	plan(t, s, id, report(1, run.StatusSuccess, "ok"))
	send(t, s, d)
	pending := report(1, run.StatusPending, "running")
	pending.NotBefore = d.Clock.Now().Add(10 * time.Second)
	plan(t, s, id, pending)
	plan(t, s, id, report(1, run.StatusSuccess, "ok"))
	nothingDue(t, s, d)
	if got := rows(t, s, id)[0]; got.SentVersion != got.Version || got.Sent.IsZero() {
		t.Errorf("what the commit shows does not count as sent: %+v", got)
	}
	// But not while the commit may show something else.
	plan(t, s, id, report(1, run.StatusPending, "running"))
	r := claimOne(t, s, d)
	plan(t, s, id, report(1, run.StatusSuccess, "ok"))
	r.InDoubt, r.NotBefore = true, d.Clock.Now()
	settle(t, s, r)
	if r = claimOne(t, s, d); !r.InDoubt || r.Status.State != run.StatusSuccess {
		t.Errorf("got %+v", r)
	}
	// Nor while nobody knows whether it does.
	r.InDoubt, r.Sent = false, d.Clock.Now()
	settle(t, s, r)
	plan(t, s, id, report(1, run.StatusPending, "running"))
	r = claimOne(t, s, d)
	r.InDoubt, r.NotBefore = true, d.Clock.Now()
	settle(t, s, r)
	plan(t, s, id, report(1, run.StatusSuccess, "ok"))
	if r = claimOne(t, s, d); !r.InDoubt || r.Status.State != run.StatusSuccess {
		t.Errorf("got %+v", r)
	}
}

func plannedOnce(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1))
	look := func(want int) run.Run {
		t.Helper()
		runs, err := s.Unreported(soon(t), d.Clock.Now(), 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(runs) != want {
			t.Fatalf("%d runs are to be reported, want %d", len(runs), want)
		}
		if want == 0 {
			return run.Run{}
		}
		return runs[0]
	}
	r := look(1)
	plan(t, s, r.Event.ID)
	look(0)
	w := lease(t, s)
	if r = look(1); r.State != run.Running || r.Event.Payload != nil {
		t.Errorf("state %q, payload %q", r.State, r.Event.Payload)
	}
	plan(t, s, r.Event.ID)
	if _, err := s.Renew(soon(t), w.Lease); err != nil {
		t.Fatal(err)
	}
	look(0)
	advance(t, s, w.Lease, run.Progress{
		Decisions: []run.Decision{{Function: "f"}},
		Begun:     []run.CallState{{Call: run.Call{Function: "f"}}},
		Results:   []run.Result{{Function: "f", Output: "much"}},
	})
	r = look(1)
	if len(r.Decisions) != 1 || len(r.Calls) != 1 || r.Calls[0].Result == nil || r.Calls[0].Result.Output != "" {
		t.Errorf("got %+v", r)
	}
}

func plannedAgain(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1), push(1, 2))
	id, again := push(1, 1).ID, d.Clock.Now().Add(10*time.Second)
	if err := s.PlanReports(soon(t), id, 1, nil, again); err != nil {
		t.Fatal(err)
	}
	due := func(now time.Time, limit int) (ids []string) {
		runs, err := s.Unreported(soon(t), now, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs {
			ids = append(ids, r.Event.ID)
		}
		return ids
	}
	if diff := cmp.Diff([]string{push(1, 2).ID}, due(again.Add(-1), 10)); diff != "" {
		t.Errorf("before the time (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{push(1, 2).ID, id}, due(again, 10)); diff != "" {
		t.Errorf("at the time (-want +got)\n%s", diff)
	}
	if got := due(again, 1); len(got) != 1 {
		t.Errorf("the limit is not kept: %v", got)
	}
}

func outdatedPlan(t *testing.T, d *Database) {
	s := d.Open(t)
	id := three(t, s)[0]
	old := read(t, s, id).Version
	advance(t, s, lease(t, s).Lease, run.Progress{State: run.Done})
	plan(t, s, id, report(1, run.StatusSuccess, "ok"))
	if err := s.PlanReports(soon(t), id, old, []run.Report{report(1, run.StatusPending, "queued")}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, s, id)[0].Status.State; got != run.StatusSuccess {
		t.Errorf("an outdated plan leaves %q", got)
	}
}

func unknownPlan(t *testing.T, d *Database) {
	if err := d.Open(t).PlanReports(soon(t), "nobody's", 1, nil, time.Time{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func perContext(t *testing.T, d *Database) {
	s := d.Open(t)
	id := three(t, s)[0]
	one := report(1, run.StatusSuccess, "ok")
	context, commit, repo := one, one, one
	context.Status.Context, commit.SHA, repo.Repo.ID = "pocketci/lint", "other", 2
	plan(t, s, id, one, context, commit, repo)
	claimed, err := s.ClaimReports(soon(t), d.Clock.Now(), 10, nil)
	if err != nil || len(claimed) != 4 {
		t.Fatalf("%d reports, %v", len(claimed), err)
	}
	keys := map[string]bool{}
	for _, r := range claimed {
		keys[r.Key] = true
	}
	if len(keys) != 4 {
		t.Errorf("keys are not unique: %v", keys)
	}
}

func pendingReplaced(t *testing.T, d *Database) {
	s := d.Open(t)
	id := three(t, s)[0]
	pending := report(1, run.StatusPending, "running")
	pending.NotBefore = d.Clock.Now().Add(10 * time.Second)
	plan(t, s, id, pending)
	nothingDue(t, s, d)
	plan(t, s, id, report(1, run.StatusSuccess, "ok"))
	if r := send(t, s, d); r.Status.State != run.StatusSuccess {
		t.Errorf("%q is sent", r.Status.State)
	}
	d.Pass(time.Hour)
	nothingDue(t, s, d)
}
