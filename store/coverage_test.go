package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/store"
	"github.com/franela/pocketci/store/storetest"
)

// TestCoverage holds on both dialects what is kept of the code host's own record.
func TestCoverage(t *testing.T) {
	tests := map[string]func(*testing.T, *storetest.Database){
		"hooks are those that events came through":          hooksOfEvents,
		"a hook's cursor survives and its name follows":     hookCursor,
		"what became of an event is not forgotten":          settledStays,
		"missing ones are given in the order of attempts":   missingOrder,
		"an event that several hooks tell of counts once":   countedOnce,
		"old deliveries leave the ledger":                   oldDeliveries,
		"an id is known beyond its event":                   knownIDs,
		"moves come from events, the newest too":            movesOfEvents,
		"moves are given by hundreds at the most":           manyMoves,
		"a found move is one event":                         foundOnce,
		"a found move loses against a delivery":             foundTooLate,
		"a found move that is none is refused":              foundNothing,
		"a found event is handed out like any other":        foundIsWork,
		"heads are noted, changed and forgotten":            headsNoted,
		"repositories are those that events are of":         reposOfEvents,
		"a turn is one holder's until it ends":              turns,
		"a closed store keeps its errors":                   closedStore,
		"refs with odd names are data":                      oddRefs,
		"everything is there after the store is reopened":   coverageReopened,
		"two finders and a delivery make one or two events": foundRace,
	}
	suite := func(newDatabase func(testing.TB) *storetest.Database) func(*testing.T) {
		return func(t *testing.T) {
			for name, test := range tests {
				t.Run(name, func(t *testing.T) { test(t, newDatabase(t)) })
			}
		}
	}
	t.Run("sqlite", suite(storetest.SQLite))
	t.Run("postgres", func(t *testing.T) { suite(storetest.StartPostgres(t, false).Database)(t) })
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Second, errors.New("took too long"))
	t.Cleanup(cancel)
	return ctx
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sha(c string) string { return strings.Repeat(c, 40) }

// pushed is a push of main of repository 7.
func pushed(guid, before, after string) event.Event {
	return event.Event{
		ID: "github:" + guid, Vendor: "github", Name: "push", Type: "push", Filter: "main",
		Repo: event.Repo{ID: 7, Owner: "octo", Name: "hello", DefaultBranch: "main"},
		Ref:  "refs/heads/main", BaseSHA: before, SHA: after,
		Provenance: event.Webhook, Payload: []byte(`{"guid":"` + guid + `"}`),
		ReceivedAt: time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC),
	}
}

func through(hook int64, e event.Event) event.Event {
	e.Hook = event.Hook{ID: hook, TargetType: "repository", TargetID: e.Repo.ID}
	return e
}

func add(t testing.TB, s *store.Store, events ...event.Event) {
	t.Helper()
	for _, e := range events {
		if r := must(s.Append(within(t), e))(t); r.Duplicate {
			t.Fatalf("%s is a duplicate of %s", e.ID, r.ID)
		}
	}
}

func reception(hook int64, guid string, at time.Time, state event.ReceptionState) event.Reception {
	return event.Reception{Vendor: "github", HookID: hook, GUID: guid, Type: "push", At: at, Attempt: 1, Code: 502, State: state}
}

func hooksOfEvents(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	first := through(11, pushed("a", "", sha("a")))
	second := through(11, pushed("b", sha("a"), sha("b")))
	second.Repo.Name, second.ReceivedAt = "renamed", second.ReceivedAt.Add(time.Hour)
	other := through(12, pushed("c", "", sha("c")))
	other.Vendor, other.ID = "gitlab", "gitlab:c"
	add(t, s, first, second, pushed("d", sha("b"), sha("d")), other)
	want := []event.KnownHook{{
		Hook: first.Hook, Vendor: "github", Repo: second.Repo, Since: first.ReceivedAt,
	}}
	if diff := cmp.Diff(want, must(s.Hooks(within(t), "github"))(t)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func hookCursor(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	add(t, s, through(5, pushed("a", "", sha("a"))))
	h := must(s.Hooks(within(t), "github"))(t)[0]
	h.Cursor, h.Tried = d.Clock.Now(), d.Clock.Now()
	h.Unread = event.Span{From: h.Since, To: h.Since.Add(time.Minute)}
	h.Problem, h.Hint, h.Refused = "no permission", "ask for one", true
	check(t, s.NoteDeliveries(within(t), h, nil))
	renamed := through(5, pushed("b", sha("a"), sha("b")))
	renamed.Repo.Name = "renamed"
	h.Repo = renamed.Repo
	add(t, s, renamed, through(9, pushed("c", sha("b"), sha("c"))))
	got := must(s.Hooks(within(t), "github"))(t)
	if len(got) != 2 || got[0].ID != 9 {
		t.Fatalf("the hook that was tried longest ago is not the first: %+v", got)
	}
	if diff := cmp.Diff(h, got[1]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func settledStays(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	h := event.KnownHook{Vendor: "github", Hook: event.Hook{ID: 1}}
	now := d.Clock.Now()
	for _, tt := range []struct{ had, then, want event.ReceptionState }{
		{event.ReceptionRecovered, event.ReceptionMissing, event.ReceptionRecovered},
		{event.ReceptionRefused, event.ReceptionMissing, event.ReceptionRefused},
		{event.ReceptionLost, event.ReceptionMissing, event.ReceptionLost},
		{event.ReceptionRefused, event.ReceptionDelivered, event.ReceptionDelivered},
		{event.ReceptionMissing, event.ReceptionDelivered, event.ReceptionDelivered},
		{event.ReceptionIgnored, event.ReceptionMissing, event.ReceptionMissing},
	} {
		guid := fmt.Sprintf("%s-%s", tt.had, tt.then)
		had, then := reception(1, guid, now, tt.had), reception(1, guid, now.Add(time.Minute), tt.then)
		had.Reason, then.Attempt = "because", 2
		check(t, s.NoteDeliveries(within(t), h, []event.Reception{had}))
		check(t, s.NoteDeliveries(within(t), h, []event.Reception{then}))
		missing := must(s.Missing(within(t), "github", time.Time{}))(t)
		isMissing := len(missing) == 1 && missing[0].GUID == guid
		if isMissing != (tt.want == event.ReceptionMissing) {
			t.Errorf("%s, then %s: missing: %v, want %s", tt.had, tt.then, isMissing, tt.want)
		}
		if isMissing && (!missing[0].At.Equal(now) || missing[0].Attempt != 2) {
			t.Errorf("the first time or the newest attempt is gone: %+v", missing[0])
		}
		check(t, s.SettleDelivery(within(t), "github", guid, event.ReceptionDelivered, ""))
	}
}

func missingOrder(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	now := d.Clock.Now()
	h := event.KnownHook{Vendor: "github", Hook: event.Hook{ID: 1}}
	check(t, s.NoteDeliveries(within(t), h, []event.Reception{
		reception(1, "a-late", now, event.ReceptionMissing),
		reception(1, "b-early", now.Add(-time.Hour), event.ReceptionMissing),
		reception(1, "old", now.Add(-73*time.Hour), event.ReceptionMissing),
		reception(1, "there", now, event.ReceptionDelivered),
	}))
	guids := func() (list []string) {
		for _, r := range must(s.Missing(within(t), "github", now.Add(-72*time.Hour)))(t) {
			list = append(list, r.GUID)
		}
		return list
	}
	if diff := cmp.Diff([]string{"b-early", "a-late"}, guids()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	check(t, s.SettleDelivery(within(t), "github", "b-early", event.ReceptionRecovered, ""))
	if diff := cmp.Diff([]string{"a-late"}, guids()); diff != "" {
		t.Errorf("after one is settled (-want +got)\n%s", diff)
	}
	other := event.KnownHook{Vendor: "github", Hook: event.Hook{ID: 2}}
	check(t, s.NoteDeliveries(within(t), other, []event.Reception{reception(2, "a-late", now, event.ReceptionRefused)}))
	check(t, s.SettleDelivery(within(t), "github", "a-late", event.ReceptionLost, ""))
	if c := must(s.Coverage(within(t), now.Add(-72*time.Hour)))(t); c.Refused != 1 || c.Gaps != 0 {
		t.Errorf("what another hook was refused is not settled with it: %s", c)
	}
}

func countedOnce(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	now := d.Clock.Now()
	of := func(id int64) event.KnownHook {
		return event.KnownHook{Vendor: "github", Cursor: now, Hook: event.Hook{ID: id, TargetType: "organization"}, Repo: event.Repo{Owner: "octo"}}
	}
	check(t, s.NoteDeliveries(within(t), of(1), []event.Reception{
		reception(1, "both", now, event.ReceptionDelivered),
		reception(1, "rescued", now, event.ReceptionMissing),
		reception(1, "ping", now, event.ReceptionIgnored),
		reception(1, "before", now.Add(-80*time.Hour), event.ReceptionMissing),
	}))
	check(t, s.NoteDeliveries(within(t), of(2), []event.Reception{
		reception(2, "both", now, event.ReceptionMissing),
		reception(2, "rescued", now, event.ReceptionRecovered),
		reception(2, "gap", now, event.ReceptionMissing),
		reception(2, "lost", now, event.ReceptionLost),
		reception(2, "refused", now, event.ReceptionRefused),
	}))
	c := must(s.Coverage(within(t), now.Add(-72*time.Hour)))(t)
	if got, want := c.String(), "72 h: 5 events, 1 delivered, 1 recovered, 2 gaps, 1 refused"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	want := []event.HookCoverage{
		{Vendor: "github", Hook: of(1).Hook, Of: "octo", Events: 2, Delivered: 1, Gaps: 1, ReadAt: now},
		{Vendor: "github", Hook: of(2).Hook, Of: "octo", Events: 5, Recovered: 1, Refused: 1, Gaps: 3, ReadAt: now},
	}
	if diff := cmp.Diff(want, c.Hooks); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func oldDeliveries(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	h := event.KnownHook{Vendor: "github", Hook: event.Hook{ID: 1}}
	check(t, s.NoteDeliveries(within(t), h, []event.Reception{reception(1, "a", d.Clock.Now(), event.ReceptionMissing)}))
	d.Pass(8 * 24 * time.Hour)
	check(t, s.NoteDeliveries(within(t), h, nil))
	if got := must(s.Missing(within(t), "github", time.Time{}))(t); len(got) != 0 {
		t.Errorf("still there: %+v", got)
	}
}

func knownIDs(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	recovered := pushed("b", sha("a"), sha("b"))
	recovered.Provenance = event.Recovered
	add(t, s, pushed("a", "", sha("a")), recovered)
	ids := []string{"github:c"}
	for range 300 {
		ids = append(ids, "github:a", "github:b")
	}
	want := map[string]event.Provenance{"github:a": event.Webhook, "github:b": event.Recovered}
	if diff := cmp.Diff(want, must(s.Known(within(t), ids))(t)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := must(s.Known(within(t), nil))(t); len(got) != 0 {
		t.Errorf("nothing was asked for, and %v is known", got)
	}
}

func movesOfEvents(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	rerun := pushed("again", "", sha("a"))
	rerun.Provenance = event.Rerun
	other := pushed("other", "", sha("e"))
	other.Ref = "refs/heads/other"
	comment := pushed("comment", "", sha("a"))
	comment.Name = "issue_comment"
	add(t, s, pushed("a", "", sha("a")), rerun, other, comment)
	want := []event.Move{
		{Seq: 1, EventID: "github:a", Name: "push", Ref: "refs/heads/main", SHA: sha("a"), Provenance: event.Webhook},
	}
	moves := func() []event.Move { return must(s.Moves(within(t), "github", 7, "refs/heads/main"))(t) }
	if diff := cmp.Diff(want, moves()); diff != "" {
		t.Errorf("before the index (-want +got)\n%s", diff)
	}
	must(s.Hooks(within(t), "github"))(t) // brings the index up to date
	add(t, s, pushed("b", sha("a"), sha("b")))
	want = append(want, event.Move{
		Seq: 5, EventID: "github:b", Name: "push", Ref: "refs/heads/main", Before: sha("a"), SHA: sha("b"), Provenance: event.Webhook,
	})
	if diff := cmp.Diff(want, moves()); diff != "" {
		t.Errorf("beyond the index (-want +got)\n%s", diff)
	}
	if got := must(s.Moves(within(t), "gitlab", 7, "refs/heads/main"))(t); len(got) != 0 {
		t.Errorf("another vendor's: %+v", got)
	}
}

func manyMoves(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	const n = 700
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			if _, err := s.Append(within(t), pushed(fmt.Sprint(i), fmt.Sprintf("%040d", i), fmt.Sprintf("%040d", i+1))); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	got := must(s.Moves(within(t), "github", 7, "refs/heads/main"))(t)
	if len(got) < 128 || len(got) > 256 {
		t.Fatalf("%d moves", len(got))
	}
	for i, m := range got {
		if want := int64(n - len(got) + i + 1); m.Seq != want {
			t.Fatalf("move %d has sequence %d, want %d", i, m.Seq, want)
		}
	}
}

// found is the event of a move that was found.
func found(before, after string) event.Event {
	e := pushed("found", before, after)
	m, _ := event.MoveOf(e)
	e.ID, e.Provenance = m.FoundID("github", e.Repo.ID), event.Recovered
	e.Payload = []byte(`{"found":"` + before + after + `"}`)
	return e
}

func foundOnce(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	add(t, s, pushed("a", "", sha("a")))
	e := found(sha("a"), sha("b"))
	if got := must(s.AppendFound(within(t), e))(t); got != (event.Receipt{ID: e.ID}) {
		t.Errorf("the first time: %+v", got)
	}
	if got := must(s.AppendFound(within(t), e))(t); got != (event.Receipt{ID: e.ID, Duplicate: true}) {
		t.Errorf("the second time: %+v", got)
	}
	moves := must(s.Moves(within(t), "github", 7, "refs/heads/main"))(t)
	if len(moves) != 2 || !moves[1].Found || moves[1].Provenance != event.Recovered {
		t.Errorf("%+v", moves)
	}
	if c := must(s.Coverage(within(t), e.ReceivedAt.Add(-time.Hour)))(t); c.Found != 1 {
		t.Errorf("%d found", c.Found)
	}
}

func foundTooLate(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	add(t, s, pushed("a", "", sha("a")), pushed("b", sha("a"), sha("b")))
	got := must(s.AppendFound(within(t), found(sha("a"), sha("b"))))(t)
	if got != (event.Receipt{ID: "github:b", Duplicate: true}) {
		t.Errorf("%+v", got)
	}
	// Back where it was, which nothing told of.
	back := found(sha("b"), sha("a"))
	if got := must(s.AppendFound(within(t), back))(t); got != (event.Receipt{ID: back.ID}) {
		t.Errorf("%+v", got)
	}
	runs := must(s.Runs(within(t), store.Query{}))(t)
	if len(runs) != 3 || runs[0].Seq != 3 {
		t.Errorf("%d runs", len(runs))
	}
}

func foundNothing(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	e := found(sha("a"), "")
	if _, err := s.AppendFound(within(t), e); err == nil {
		t.Error("a move to nowhere was stored")
	}
}

func foundIsWork(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	e := found(sha("a"), sha("b"))
	must(s.AppendFound(within(t), e))(t)
	w := must(s.Lease(within(t)))(t)
	if diff := cmp.Diff(e, w.Run.Event); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// foundRace: whatever meets, the move is told of, and by one found event at most.
func foundRace(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := s.AppendFound(within(t), found(sha("a"), sha("b"))); err != nil {
				t.Error(err)
			}
		})
	}
	group.Go(func() {
		if _, err := s.Append(within(t), pushed("b", sha("a"), sha("b"))); err != nil {
			t.Error(err)
		}
	})
	group.Wait()
	moves := must(s.Moves(within(t), "github", 7, "refs/heads/main"))(t)
	n := 0
	for _, m := range moves {
		if m.Found {
			n++
		}
	}
	if n > 1 || len(moves) != n+1 {
		t.Errorf("%+v", moves)
	}
	if n == 1 && !moves[0].Found {
		t.Errorf("a move was found that a delivery had told of: %+v", moves)
	}
}

func headsNoted(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	add(t, s, pushed("a", "", sha("a")))
	r := must(s.Repositories(within(t), "github"))(t)[0]
	r.Tried, r.RefsAt, r.PullsAt, r.Name = d.Clock.Now(), d.Clock.Now(), d.Clock.Now(), "renamed"
	heads := []event.KnownHead{{Ref: "refs/heads/main", SHA: sha("a")}}
	for i := range 70 {
		heads = append(heads, event.KnownHead{Ref: fmt.Sprintf("refs/tags/v%03d", i), SHA: sha("c")})
	}
	check(t, s.NoteHeads(within(t), r, heads, nil))
	if diff := cmp.Diff(heads, must(s.Heads(within(t), "github", 7))(t)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	main := event.KnownHead{Ref: "refs/heads/main", SHA: sha("a"), Next: sha("b"), NextAt: d.Clock.Now()}
	gone := make([]string, 0, len(heads))
	for _, h := range heads[1:] {
		gone = append(gone, h.Ref)
	}
	check(t, s.NoteHeads(within(t), r, []event.KnownHead{main}, gone))
	if diff := cmp.Diff([]event.KnownHead{main}, must(s.Heads(within(t), "github", 7))(t)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]event.KnownRepo{r}, must(s.Repositories(within(t), "github"))(t)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := must(s.Heads(within(t), "gitlab", 7))(t); len(got) != 0 {
		t.Errorf("another vendor's: %+v", got)
	}
}

func reposOfEvents(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	a, b := pushed("a", "", sha("a")), pushed("b", "", sha("b"))
	b.Repo.ID, b.Repo.Name = 8, "other"
	local := pushed("c", "", sha("c"))
	local.Repo.ID, local.Provenance = 9, event.Local
	add(t, s, a, b, local)
	got := must(s.Repositories(within(t), "github"))(t)
	want := []event.KnownRepo{
		{Repo: a.Repo, Vendor: "github", Seen: a.ReceivedAt},
		{Repo: b.Repo, Vendor: "github", Seen: b.ReceivedAt},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got[0].Tried, got[0].Problem, got[0].Hint = d.Clock.Now(), "no permission", "ask for one"
	check(t, s.NoteHeads(within(t), got[0], nil, nil))
	if first := must(s.Repositories(within(t), "github"))(t)[0]; first.ID != b.Repo.ID {
		t.Errorf("the one that was tried longest ago is not the first: %+v", first)
	}
	c := must(s.Coverage(within(t), d.Clock.Now().Add(-72*time.Hour)))(t)
	covered := []event.RepoCoverage{{Vendor: "github", ID: 7, Name: "octo/hello", Problem: "no permission", Hint: "ask for one"}}
	if diff := cmp.Diff(covered, c.Repositories); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func turns(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	turn := func(name, holder string, want bool) {
		t.Helper()
		if got := must(s.Turn(within(t), name, holder, time.Minute))(t); got != want {
			t.Errorf("%s for %s: %v", name, holder, got)
		}
	}
	turn("sweep", "a", true)
	turn("sweep", "b", false)
	turn("refs", "b", true)
	d.Pass(30 * time.Second)
	turn("sweep", "a", true)
	d.Pass(31 * time.Second)
	turn("sweep", "b", false)
	d.Pass(30 * time.Second)
	turn("sweep", "b", true)
	turn("sweep", "a", false)
}

func closedStore(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	check(t, s.Close())
	if err := s.NoteDeliveries(within(t), event.KnownHook{Vendor: "github"}, nil); err == nil {
		t.Error("deliveries were noted")
	}
	if _, err := s.AppendFound(within(t), found(sha("a"), sha("b"))); err == nil {
		t.Error("an event was stored")
	}
	if _, err := s.Coverage(within(t), time.Time{}); err == nil {
		t.Error("there is a coverage")
	}
}

func oddRefs(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	e := pushed("a", "", sha("a"))
	e.Ref = `refs/heads/it's "été"; DROP TABLE moves--`
	add(t, s, e)
	must(s.Hooks(within(t), "github"))(t)
	if got := must(s.Moves(within(t), "github", 7, e.Ref))(t); len(got) != 1 || got[0].Ref != e.Ref {
		t.Errorf("%+v", got)
	}
}

func coverageReopened(t *testing.T, d *storetest.Database) {
	s := d.Open(t)
	add(t, s, through(11, pushed("a", "", sha("a"))))
	h := must(s.Hooks(within(t), "github"))(t)[0]
	h.Cursor = d.Clock.Now()
	check(t, s.NoteDeliveries(within(t), h, []event.Reception{reception(11, "b", d.Clock.Now(), event.ReceptionMissing)}))
	check(t, s.Close())
	s = d.Open(t)
	if got := must(s.Hooks(within(t), "github"))(t); len(got) != 1 || !got[0].Cursor.Equal(h.Cursor) {
		t.Errorf("%+v", got)
	}
	if got := must(s.Missing(within(t), "github", time.Time{}))(t); len(got) != 1 {
		t.Errorf("%+v", got)
	}
}
