package refs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/source/refs"
	"github.com/franela/pocketci/source/refs/refstest"
	"github.com/franela/pocketci/store/storetest"
)

// storage is what the reconciler needs of the store, and what fills it.
type storage interface {
	refs.Repositories
	refs.Heads
	refs.Moves
	refs.Appender
	refs.Turns
	Append(ctx context.Context, e event.Event) (event.Receipt, error)
}

// fragile is a store whose operations can be made to fail.
type fragile struct {
	storage
	fail func(op string) error
	// found is the last event that was handed in.
	found event.Event
}

func (f *fragile) AppendFound(ctx context.Context, e event.Event) (event.Receipt, error) {
	if f.fail != nil && f.fail("append") != nil {
		return event.Receipt{}, f.fail("append")
	}
	f.found = e
	return f.storage.AppendFound(ctx, e)
}

func (f *fragile) NoteHeads(ctx context.Context, r event.KnownRepo, changed []event.KnownHead, gone []string) error {
	if f.fail != nil && f.fail("note") != nil {
		return f.fail("note")
	}
	return f.storage.NoteHeads(ctx, r, changed, gone)
}

// world is a code host, a real store, and a reconciler between them.
type world struct {
	*testing.T
	db         *storetest.Database
	store      storage
	broken     *fragile
	host       *refstest.Host
	config     refs.Config
	reconciler *refs.Reconciler
	order      *refs.Order
}

const (
	minute = time.Minute
	main   = "refs/heads/main"
)

var sha = refstest.SHA

// newWorld begins with main at "a", known by its push.
func newWorld(t *testing.T, change func(*refs.Config)) *world {
	t.Helper()
	db := storetest.SQLite(t)
	w := &world{T: t, db: db, host: refstest.NewHost(db.Clock.Now)}
	w.store = db.Open(t)
	w.broken = &fragile{storage: w.store}
	w.config = refs.Config{
		Vendor: "github", Host: w.host, Maker: w.host,
		Repositories: w.broken, Heads: w.broken, Moves: w.broken, Events: w.broken,
		Clock: db.Clock.Now, Log: zerolog.New(zerolog.NewTestWriter(t)),
	}
	if change != nil {
		change(&w.config)
	}
	w.restart()
	w.order = refs.NewOrder(w.store, w.host, w.host)
	w.host.Set(main, sha("a"))
	w.push("first", refstest.None, sha("a"))
	return w
}

func (w *world) restart() {
	w.Helper()
	var err error
	if w.reconciler, err = refs.New(w.config); err != nil {
		w.Fatal(err)
	}
}

func (w *world) round() time.Duration {
	w.Helper()
	next, err := w.reconciler.Round(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return next
}

// rounds lets the grace time pass, and looks before and after.
func (w *world) rounds() {
	w.Helper()
	w.round()
	w.db.Pass(10 * minute)
	w.round()
}

func (w *world) append(e event.Event) event.Event {
	w.Helper()
	r, err := w.store.Append(w.Context(), e)
	if err != nil || r.Duplicate {
		w.Fatalf("append %s: %+v, %v", e.ID, r, err)
	}
	return e
}

// push is a delivery of a push to main.
func (w *world) push(guid, before, after string) event.Event {
	w.Helper()
	return w.append(refstest.Event(guid, "push", "", main, before, after, w.db.Clock.Now()))
}

func (w *world) pull(guid, action string, number int, head string) event.Event {
	w.Helper()
	return w.append(refstest.Event(guid, "pull_request", action, refstest.PullRef(number), sha("base"), head, w.db.Clock.Now()))
}

// found are the moves of a ref that were found: "push a b", by the ends of the
// commits' names.
func (w *world) found(ref string) []string {
	w.Helper()
	list := []string{}
	moves, err := w.store.Moves(w.Context(), "github", 7, ref)
	if err != nil {
		w.Fatal(err)
	}
	for _, m := range moves {
		if !m.Found {
			continue
		}
		name := m.Name
		if m.Action != "" {
			name = m.Action
		}
		list = append(list, fmt.Sprintf("%s %s %s", name, short(m.Before), short(m.SHA)))
	}
	return list
}

func short(sha string) string { return strings.TrimLeft(sha, "0") }

func (w *world) wants(ref string, want ...string) {
	w.Helper()
	if want == nil {
		want = []string{}
	}
	if diff := cmp.Diff(want, w.found(ref)); diff != "" {
		w.Errorf("found in %s (-want +got)\n%s", ref, diff)
	}
}

// TestFound: what a look finds, from a repository that was looked at once.
func TestFound(t *testing.T) {
	tag, topic, pull := "refs/tags/v1", "refs/heads/topic", refstest.PullRef(3)
	tests := map[string]struct {
		// before is done before the first look, moves between the looks.
		before, moves func(w *world)
		ref           string
		want          []string
	}{
		"nothing moved": {ref: main},
		"a push that was delivered": {ref: main, moves: func(w *world) {
			w.host.Set(main, sha("b"))
			w.push("b", sha("a"), sha("b"))
		}},
		"a push without a delivery": {ref: main, want: []string{"push a b"}, moves: func(w *world) { w.host.Set(main, sha("b")) }},
		"the second of two pushes": {ref: main, want: []string{"push b c"}, moves: func(w *world) {
			w.push("b", sha("a"), sha("b"))
			w.host.Set(main, sha("c"))
		}},
		"a push back to where it was": {ref: main, want: []string{"push b a"},
			before: func(w *world) {
				w.push("b", sha("a"), sha("b"))
				w.host.Set(main, sha("b"))
			},
			moves: func(w *world) { w.host.Set(main, sha("a")) },
		},
		"pushes that arrived the wrong way round": {ref: main, moves: func(w *world) {
			w.host.Set(main, sha("c"))
			w.push("c", sha("b"), sha("c"))
			w.push("b", sha("a"), sha("b"))
		}},
		"a new branch":        {ref: topic, want: []string{"push  t"}, moves: func(w *world) { w.host.Set(topic, sha("t")) }},
		"a branch of old":     {ref: topic, before: func(w *world) { w.host.Set(topic, sha("t")) }},
		"a new tag":           {ref: tag, want: []string{"tag  t"}, moves: func(w *world) { w.host.Set(tag, sha("t")) }},
		"a tag that moved":    {ref: tag, want: []string{"tag t u"}, before: func(w *world) { w.host.Set(tag, sha("t")) }, moves: func(w *world) { w.host.Set(tag, sha("u")) }},
		"a branch is deleted": {ref: main, moves: func(w *world) { w.host.Set(main, ""); w.host.Set(topic, sha("a")) }},
		"a pull request is opened": {ref: pull, want: []string{"opened  p"}, moves: func(w *world) {
			w.host.SetPull(3, sha("p"), w.db.Clock.Now().Add(minute))
		}},
		"a pull request that was opened and delivered": {ref: pull, moves: func(w *world) {
			w.host.SetPull(3, sha("p"), w.db.Clock.Now())
			w.pull("p", "opened", 3, sha("p"))
		}},
		"a pull request of old": {ref: pull, before: func(w *world) { w.host.SetPull(3, sha("p"), w.db.Clock.Now()) }},
		"a pull request of old is opened again": {ref: pull, want: []string{"reopened  p"}, moves: func(w *world) {
			w.host.SetPull(3, sha("p"), w.db.Clock.Now().Add(-time.Hour))
		}},
		"a pull request got a commit": {ref: pull, want: []string{"synchronize  q"},
			before: func(w *world) { w.host.SetPull(3, sha("p"), w.db.Clock.Now()) },
			moves:  func(w *world) { w.host.SetPull(3, sha("q"), w.db.Clock.Now()) },
		},
		"a pull request that was delivered got another commit": {ref: pull, want: []string{"synchronize  q"}, moves: func(w *world) {
			w.pull("p", "opened", 3, sha("p"))
			w.host.SetPull(3, sha("q"), w.db.Clock.Now())
		}},
		"a pull request is closed": {ref: pull,
			before: func(w *world) { w.host.SetPull(3, sha("p"), w.db.Clock.Now()) },
			moves:  func(w *world) { w.host.SetPull(3, "", time.Time{}) },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			if tt.before != nil {
				tt.before(w)
			}
			w.round()
			w.db.Pass(10 * minute)
			if tt.moves != nil {
				tt.moves(w)
			}
			w.rounds()
			w.wants(tt.ref, tt.want...)
			w.rounds()
			w.wants(tt.ref, tt.want...)
			made := slices.ContainsFunc(w.host.Asked(), func(ask string) bool { return ask == "event "+tt.ref })
			if made != (len(tt.want) > 0) {
				t.Errorf("an event was asked for: %v", made)
			}
		})
	}
}

// TestManyTags: what GitHub delivers nothing of: four tags at once.
func TestManyTags(t *testing.T) {
	w := newWorld(t, nil)
	w.round()
	for i := range 4 {
		w.host.Set(fmt.Sprintf("refs/tags/v%d", i), sha("a"))
	}
	w.rounds()
	for i := range 4 {
		w.wants(fmt.Sprintf("refs/tags/v%d", i), "tag  a")
	}
}

// TestGrace: a delivery may still come.
func TestGrace(t *testing.T) {
	w := newWorld(t, nil)
	w.round()
	w.host.Set(main, sha("b"))
	w.round()
	w.db.Pass(9 * minute)
	w.round()
	w.wants(main)
	w.host.Set(main, sha("c"))
	w.db.Pass(minute)
	w.round() // b is over, c is new
	w.wants(main)
	w.db.Pass(5 * minute)
	w.push("c", sha("b"), sha("c"))
	w.db.Pass(5 * minute)
	w.round()
	w.wants(main)
	t.Run("begins anew when the ref comes back", func(t *testing.T) {
		for _, at := range []string{"d", "c", "d"} {
			w.host.Set(main, sha(at))
			w.round()
			w.db.Pass(6 * minute)
		}
		w.round()
		w.wants(main)
		w.db.Pass(4 * minute)
		w.round()
		w.wants(main, "push c d")
	})
}

// TestIncompleteList: refs that are not in one list are not new in the next.
func TestIncompleteList(t *testing.T) {
	w := newWorld(t, nil)
	w.host.Set("refs/heads/old", sha("o"))
	w.round()
	w.host.Set("refs/heads/old", "")
	for range 3 {
		w.round()
		w.db.Pass(3 * minute)
	}
	w.host.Set("refs/heads/old", sha("o"))
	w.rounds()
	w.wants("refs/heads/old")
	t.Run("nor after an empty list", func(t *testing.T) {
		w.host.Set("refs/heads/old", "")
		w.host.Set(main, "")
		for range 3 {
			w.db.Pass(10 * minute)
			if _, err := w.reconciler.Round(t.Context()); err == nil {
				t.Error("an empty list is believed")
			}
		}
		w.host.Set("refs/heads/old", sha("o"))
		w.host.Set(main, sha("a"))
		w.rounds()
		w.wants("refs/heads/old")
		w.wants(main)
	})
	t.Run("but what was gone for long is new", func(t *testing.T) {
		w.host.Set("refs/heads/old", "")
		w.rounds()
		w.host.Set("refs/heads/old", sha("o"))
		w.rounds()
		w.wants("refs/heads/old", "push  o")
	})
}

// TestTooOld: after a long time without a look, what moved is not repaired.
func TestTooOld(t *testing.T) {
	w := newWorld(t, func(c *refs.Config) { c.MaxAge = 24 * time.Hour })
	w.round()
	w.host.Set(main, sha("b"))
	w.db.Pass(25 * time.Hour)
	w.rounds()
	w.wants(main)
	w.host.Set(main, sha("c"))
	w.rounds()
	w.wants(main, "push b c")
}

// TestFaults: whatever fails, the next round makes up for it, once.
func TestFaults(t *testing.T) {
	down := errors.New("no answer")
	on := func(what string) func(string) error {
		return func(ask string) error {
			if strings.HasPrefix(ask, what) {
				return down
			}
			return nil
		}
	}
	for name, fail := range map[string]func(w *world){
		"the host, for refs":                   func(w *world) { w.host.Fail(on("refs")) },
		"the host, for the event":              func(w *world) { w.host.Fail(on("event")) },
		"the host, for all":                    func(w *world) { w.host.Fail(on("")) },
		"the store, for the event":             func(w *world) { w.broken.fail = on("append") },
		"the store, after the event is stored": func(w *world) { w.broken.fail = on("note") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.round()
			w.host.Set(main, sha("b"))
			w.round()
			w.db.Pass(10 * minute)
			fail(w)
			if _, err := w.reconciler.Round(t.Context()); err == nil {
				t.Error("the round failed, and nobody was told")
			}
			w.host.Fail(nil)
			w.broken.fail = nil
			w.restart()
			w.rounds()
			w.wants(main, "push a b")
		})
	}
}

// TestOneBadRef: a ref of which no event can be made delays no other.
func TestOneBadRef(t *testing.T) {
	w := newWorld(t, nil)
	w.round()
	w.host.Set("refs/tags/bad", sha("x"))
	w.host.Set("refs/tags/never", sha("y"))
	w.host.Set("refs/tags/v1", sha("z"))
	w.round()
	w.db.Pass(10 * minute)
	w.host.Fail(func(ask string) error {
		switch ask {
		case "event refs/tags/bad":
			return errors.New("moved on")
		case "event refs/tags/never":
			return fmt.Errorf("no commit: %w", event.ErrMalformed)
		}
		return nil
	})
	if _, err := w.reconciler.Round(t.Context()); err == nil {
		t.Error("nobody was told")
	}
	w.wants("refs/tags/v1", "tag  z")
	w.host.Fail(nil)
	w.round()
	w.wants("refs/tags/bad", "tag  x")
	w.wants("refs/tags/never")
}

// TestRefused: what can't be read is told, with the reason, and not asked for
// in each round.
func TestRefused(t *testing.T) {
	w := newWorld(t, nil)
	w.round()
	refuse := func(what string) {
		w.host.Fail(func(ask string) error {
			if strings.HasPrefix(ask, what) {
				return &event.Problem{Public: "no permission", Hint: "grant it", Err: run.ErrRefused}
			}
			return nil
		})
	}
	refuse("pulls")
	w.host.Set(main, sha("b"))
	w.rounds()
	w.wants(main, "push a b")
	repo := w.repo()
	if repo.Problem != "no permission" || repo.Hint != "grant it" || repo.Refused {
		t.Errorf("%+v", repo)
	}
	refuse("")
	w.round()
	w.host.Asked()
	w.db.Pass(30 * minute)
	w.round()
	if asked := w.host.Asked(); len(asked) != 0 {
		t.Errorf("within the hour: %v", asked)
	}
	w.restart()
	w.round()
	if asked := w.host.Asked(); len(asked) == 0 {
		t.Error("it is not asked for after a restart")
	}
	w.db.Pass(minute)
	w.push("later", sha("b"), sha("c"))
	w.host.Set(main, sha("c"))
	w.host.Fail(nil)
	w.round()
	if repo := w.repo(); repo.Problem != "" || repo.Refused {
		t.Errorf("after an event of it: %+v", repo)
	}
}

func (w *world) repo() event.KnownRepo {
	w.Helper()
	repos, err := w.store.Repositories(w.Context(), "github")
	if err != nil || len(repos) != 1 {
		w.Fatalf("%+v, %v", repos, err)
	}
	return repos[0]
}

// TestLimit: a limit ends the round; nothing is forgotten.
func TestLimit(t *testing.T) {
	w := newWorld(t, nil)
	w.round()
	tried := w.repo().Tried
	w.host.Set(main, sha("b"))
	w.round()
	w.db.Pass(10 * minute)
	w.host.Fail(func(ask string) error {
		if strings.HasPrefix(ask, "event") {
			return &run.RetryAfter{Until: w.db.Clock.Now().Add(20 * minute), Err: errors.New("limited")}
		}
		return nil
	})
	next, err := w.reconciler.Round(t.Context())
	if err == nil || next != 20*minute {
		t.Errorf("the next round is in %s (%v)", next, err)
	}
	if !w.repo().Tried.Equal(tried) || w.repo().Problem != "" {
		t.Errorf("%+v", w.repo())
	}
	w.host.Fail(nil)
	w.round()
	w.wants(main, "push a b")
}

func TestRenamedAndNotAllowed(t *testing.T) {
	allowed := true
	w := newWorld(t, func(c *refs.Config) {
		c.Allowed = func(r event.Repo) bool { return allowed && r.FullName() != "octo/out" }
		c.Admit = func(e event.Event) event.Event { e.Reason = "of " + e.Repo.FullName(); return e }
	})
	w.round()
	w.host.Rename("renamed")
	w.host.Set(main, sha("b"))
	w.rounds()
	w.wants(main, "push a b")
	if got := w.repo().FullName(); got != "octo/renamed" {
		t.Errorf("it is known as %s", got)
	}
	if got := w.broken.found.Reason; got != "of octo/renamed" {
		t.Errorf("what the operator keeps out is stored with the reason %q", got)
	}
	allowed = false
	w.host.Asked()
	w.round()
	if asked := w.host.Asked(); len(asked) != 0 {
		t.Errorf("a repository that may not trigger: %v", asked)
	}
}
