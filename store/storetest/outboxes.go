package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
)

func outboxTests() map[string]func(*testing.T, *Database) {
	return map[string]func(*testing.T, *Database){
		"a report is claimed once":                      claimedOnce,
		"a report comes back whole":                     wholeReport,
		"a pending report comes at its time":            claimedLater,
		"failures come first":                           failuresFirst,
		"some repositories are passed over":             passedOver,
		"a crash leaves a report in doubt":              inDoubt,
		"a retry comes at its time":                     retried,
		"a try that may have arrived stays in doubt":    retriedInDoubt,
		"a refused report is dead until it changes":     dead,
		"a state that came during a try is sent next":   changedMeanwhile,
		"a limit holds for the state that came since":   limitHolds,
		"a claim that was lost settles nothing":         lostClaim,
		"what a lost claim sent late is made good":      sentLate,
		"claimants at the same time get different rows": claimants,
	}
}

func settle(t testing.TB, s *store.Store, r run.Report) {
	t.Helper()
	if err := s.SettleReport(soon(t), r); err != nil {
		t.Fatal(err)
	}
}

func claim(t testing.TB, s *store.Store, d *Database, limit int) []run.Report {
	t.Helper()
	claimed, err := s.ClaimReports(soon(t), d.Clock.Now(), limit, nil)
	if err != nil {
		t.Fatal(err)
	}
	return claimed
}

func claimOne(t testing.TB, s *store.Store, d *Database) run.Report {
	t.Helper()
	claimed := claim(t, s, d, 10)
	if len(claimed) != 1 {
		t.Fatalf("%d reports are due, want 1", len(claimed))
	}
	return claimed[0]
}

func nothingDue(t testing.TB, s *store.Store, d *Database) {
	t.Helper()
	if claimed := claim(t, s, d, 10); len(claimed) != 0 {
		t.Fatalf("%d reports are due: %+v", len(claimed), claimed[0])
	}
}

func claimedOnce(t *testing.T, d *Database) {
	s := d.Open(t)
	id := three(t, s)[0]
	plan(t, s, id, report(1, run.StatusSuccess, "ok"))
	r := claimOne(t, s, d)
	nothingDue(t, s, d)
	r.Sent, r.SentVersion = d.Clock.Now(), r.Version
	settle(t, s, r)
	d.Pass(time.Hour)
	nothingDue(t, s, d)
	if err := s.SettleReport(soon(t), r); !errors.Is(err, run.ErrLeaseLost) {
		t.Errorf("settled twice: %v", err)
	}
}

func wholeReport(t *testing.T, d *Database) {
	s := d.Open(t)
	id := three(t, s)[1]
	want := report(1, run.StatusError, "a ? $1 <&>")
	want.Status.TargetURL = "https://ci.example/events/1?a=b&c=d"
	plan(t, s, id, want)
	got := claimOne(t, s, d)
	want.Key, want.Seq, want.Version, want.Claim = got.Key, 2, 1, 1
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claimed (-want +got)\n%s", diff)
	}
	got.Sent, got.SentVersion, got.Attempts = d.Clock.Now(), got.Version, 1
	settle(t, s, got)
	want = got
	if diff := cmp.Diff([]run.Report{want}, rows(t, s, id)); diff != "" {
		t.Errorf("sent (-want +got)\n%s", diff)
	}
}

func claimedLater(t *testing.T, d *Database) {
	s := d.Open(t)
	r := report(1, run.StatusPending, "queued")
	r.NotBefore = d.Clock.Now().Add(10 * time.Second)
	plan(t, s, three(t, s)[0], r)
	nothingDue(t, s, d)
	d.Pass(10 * time.Second)
	if got := claimOne(t, s, d); !got.NotBefore.Equal(r.NotBefore) {
		t.Errorf("not before %v, want %v", got.NotBefore, r.NotBefore)
	}
}

func failuresFirst(t *testing.T, d *Database) {
	s := d.Open(t)
	ids := three(t, s)
	named := func(context string, state run.StatusState) run.Report {
		r := report(1, state, "")
		r.Status.Context = context
		return r
	}
	plan(t, s, ids[0], named("pending", run.StatusPending), named("a", run.StatusSuccess), named("b", run.StatusFailure))
	plan(t, s, ids[1], named("c", run.StatusError), named("d", run.StatusSuccess))
	var got []string
	for range 3 {
		for _, r := range claim(t, s, d, 2) {
			got = append(got, r.Status.Context)
		}
	}
	if diff := cmp.Diff([]string{"b", "c", "a", "d", "pending"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func passedOver(t *testing.T, d *Database) {
	s := d.Open(t)
	ids := three(t, s)
	for _, n := range []int64{1, 2, 3} {
		plan(t, s, ids[n-1], report(n, run.StatusFailure, "no"))
	}
	var many []int64
	for n := range int64(100) {
		many = append(many, n+2)
	}
	for _, except := range [][]int64{{3, 1}, many} {
		claimed, err := s.ClaimReports(soon(t), d.Clock.Now(), 10, except)
		if err != nil || len(claimed) != 1 || slices.Contains(except, claimed[0].Repo.ID) {
			t.Errorf("except %v: %+v, %v", except[:2], claimed, err)
		}
	}
	if r := claimOne(t, s, d); r.Repo.ID != 3 || r.InDoubt {
		t.Errorf("got %+v", r)
	}
}

func inDoubt(t *testing.T, d *Database) {
	s := d.Open(t)
	id := three(t, s)[0]
	plan(t, s, id, report(1, run.StatusSuccess, "ok"))
	if r := claimOne(t, s, d); r.InDoubt {
		t.Error("the first try is in doubt")
	}
	if d.Shared {
		d.Pass(ClaimFor)
	} else {
		// The lock says that nobody is there any more.
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = d.Open(t)
	}
	r := claimOne(t, s, d)
	if !r.InDoubt {
		t.Error("a try whose end nobody knows is not in doubt")
	}
	r.InDoubt, r.Sent, r.SentVersion = false, d.Clock.Now(), r.Version
	settle(t, s, r)
	plan(t, s, id, report(1, run.StatusFailure, "no"))
	if r := claimOne(t, s, d); r.InDoubt {
		t.Error("the doubt outlives its end")
	}
}

func retried(t *testing.T, d *Database) {
	s := d.Open(t)
	plan(t, s, three(t, s)[0], report(1, run.StatusSuccess, "ok"))
	for n := range 3 {
		r := claimOne(t, s, d)
		if r.Attempts != n || r.InDoubt {
			t.Errorf("try %d: %d attempts, in doubt %v", n, r.Attempts, r.InDoubt)
		}
		r.Attempts++
		r.NotBefore = d.Clock.Now().Add(time.Minute)
		settle(t, s, r)
		d.Pass(59 * time.Second)
		nothingDue(t, s, d)
		d.Pass(time.Second)
	}
}

func retriedInDoubt(t *testing.T, d *Database) {
	s := d.Open(t)
	plan(t, s, three(t, s)[0], report(1, run.StatusSuccess, "ok"))
	r := claimOne(t, s, d)
	r.InDoubt, r.NotBefore = true, d.Clock.Now()
	settle(t, s, r)
	if r = claimOne(t, s, d); !r.InDoubt {
		t.Error("the doubt is forgotten")
	}
}

func dead(t *testing.T, d *Database) {
	s := d.Open(t)
	id := three(t, s)[0]
	plan(t, s, id, report(1, run.StatusSuccess, "ok"))
	r := claimOne(t, s, d)
	r.Dead = "No commit found for SHA"
	settle(t, s, r)
	d.Pass(time.Hour)
	nothingDue(t, s, d)
	if got := rows(t, s, id)[0].Dead; got != r.Dead {
		t.Errorf("dead of %q", got)
	}
	plan(t, s, id, report(1, run.StatusSuccess, "ok"))
	nothingDue(t, s, d)
	plan(t, s, id, report(1, run.StatusFailure, "no"))
	if got := claimOne(t, s, d); got.Dead != "" || got.Attempts != 0 {
		t.Errorf("got %+v", got)
	}
}

func changedMeanwhile(t *testing.T, d *Database) {
	s := d.Open(t)
	id := three(t, s)[0]
	ends := map[string]func(*run.Report){
		"sent":  func(r *run.Report) { r.Sent, r.SentVersion = d.Clock.Now(), r.Version },
		"dead":  func(r *run.Report) { r.Dead = "refused" },
		"retry": func(r *run.Report) { r.NotBefore = d.Clock.Now() },
	}
	for name, end := range ends {
		old, fresh := report(1, run.StatusPending, "running"), report(1, run.StatusSuccess, "ok")
		old.Status.Context, fresh.Status.Context = name, name
		plan(t, s, id, old)
		r := claimOne(t, s, d)
		plan(t, s, id, fresh)
		nothingDue(t, s, d)
		r.Attempts++
		end(&r)
		settle(t, s, r)
		next := claimOne(t, s, d)
		if next.Status.State != run.StatusSuccess || next.Version != 2 || next.Attempts != 0 || next.Dead != "" {
			t.Errorf("%s: %+v is next", name, next)
		}
		next.Sent, next.SentVersion = d.Clock.Now(), next.Version
		settle(t, s, next)
		nothingDue(t, s, d)
	}
}

func limitHolds(t *testing.T, d *Database) {
	s := d.Open(t)
	id := three(t, s)[0]
	plan(t, s, id, report(1, run.StatusPending, "running"))
	r := claimOne(t, s, d)
	plan(t, s, id, report(1, run.StatusSuccess, "ok"))
	r.NotBefore = d.Clock.Now().Add(time.Minute)
	settle(t, s, r)
	nothingDue(t, s, d)
	d.Pass(time.Minute)
	claimOne(t, s, d)
}

func lostClaim(t *testing.T, d *Database) {
	s := d.Open(t)
	id := three(t, s)[0]
	plan(t, s, id, report(1, run.StatusSuccess, "ok"))
	old := claimOne(t, s, d)
	d.Pass(ClaimFor)
	current := claimOne(t, s, d)
	for _, end := range []func(*run.Report){
		func(r *run.Report) { r.Dead = "refused" },
		func(r *run.Report) { r.NotBefore = d.Clock.Now() },
	} {
		r := old
		end(&r)
		if err := s.SettleReport(soon(t), r); !errors.Is(err, run.ErrLeaseLost) {
			t.Errorf("got %v", err)
		}
	}
	nothingDue(t, s, d)
	current.Sent, current.SentVersion = d.Clock.Now(), current.Version
	settle(t, s, current)
	nothingDue(t, s, d)
}

// sentLate: an agent that stood still between its claim and its request may have
// sent an older state after another agent sent the newest one.
func sentLate(t *testing.T, d *Database) {
	s := d.Open(t)
	id := three(t, s)[0]
	ends := map[string]func(*run.Report){
		"it arrived": func(r *run.Report) { r.Sent, r.SentVersion = d.Clock.Now(), r.Version },
		"it may":     func(r *run.Report) { r.InDoubt = true },
	}
	for name, end := range ends {
		for _, first := range []bool{true, false} {
			name := fmt.Sprint(name, " first: ", first)
			pending, success := report(1, run.StatusPending, "running"), report(1, run.StatusSuccess, "ok")
			pending.Status.Context, success.Status.Context = name, name
			plan(t, s, id, pending)
			old := claimOne(t, s, d)
			plan(t, s, id, success)
			d.Pass(ClaimFor)
			current := claimOne(t, s, d)
			current.Sent, current.SentVersion = d.Clock.Now(), current.Version
			if !first {
				settle(t, s, current)
			}
			end(&old)
			if err := s.SettleReport(soon(t), old); !errors.Is(err, run.ErrLeaseLost) {
				t.Errorf("%s: got %v", name, err)
			}
			if first {
				settle(t, s, current)
			}
			again := claimOne(t, s, d)
			if again.Status.State != run.StatusSuccess {
				t.Errorf("%s: %+v comes again", name, again)
			}
			again.Sent, again.SentVersion = d.Clock.Now(), again.Version
			settle(t, s, again)
			nothingDue(t, s, d)
		}
	}
}

func claimants(t *testing.T, d *Database) {
	stores := []*store.Store{d.Open(t)}
	if d.Shared {
		stores = append(stores, d.Open(t))
	}
	id := three(t, stores[0])[0]
	var reports []run.Report
	for n := range 40 {
		r := report(1, run.StatusSuccess, "ok")
		r.Status.Context = fmt.Sprint("pocketci/", n)
		reports = append(reports, r)
	}
	plan(t, stores[0], id, reports...)
	var mu sync.Mutex
	got := map[string]int{}
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for range 8 {
				claimed, err := stores[n%len(stores)].ClaimReports(soon(t), d.Clock.Now(), 3, nil)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				for _, r := range claimed {
					got[r.Key]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(got) != len(reports) {
		t.Errorf("%d of %d reports were claimed", len(got), len(reports))
	}
	for key, n := range got {
		if n != 1 {
			t.Errorf("%s was claimed %d times", key, n)
		}
	}
}
