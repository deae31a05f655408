package recover_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/source/recover"
	"github.com/franela/pocketci/source/recover/recovertest"
	"github.com/franela/pocketci/store/storetest"
)

// ledger is what the sweeper needs of the store.
type ledger interface {
	recover.Hooks
	recover.Gaps
	recover.Events
	recover.Summary
	recover.Turns
	Moves(ctx context.Context, vendor string, repoID int64, ref string) ([]event.Move, error)
}

// world is a code host, a real store, and a sweeper between them.
type world struct {
	*testing.T
	db      *storetest.Database
	store   ledger
	broken  *fragile
	host    *recovertest.Host
	config  recover.Config
	sweeper *recover.Sweeper
}

// fragile is a store whose operations can be made to fail.
type fragile struct {
	ledger
	fail func(op string) error
}

func (f *fragile) may(op string) error {
	if f.fail == nil {
		return nil
	}
	return f.fail(op)
}

func (f *fragile) Append(ctx context.Context, e event.Event) (event.Receipt, error) {
	if err := f.may("append"); err != nil {
		return event.Receipt{}, err
	}
	return f.ledger.Append(ctx, e)
}

func (f *fragile) NoteDeliveries(ctx context.Context, h event.KnownHook, r []event.Reception) error {
	if err := f.may("note"); err != nil {
		return err
	}
	return f.ledger.NoteDeliveries(ctx, h, r)
}

func (f *fragile) SettleDelivery(ctx context.Context, vendor, guid string, state event.ReceptionState, reason string) error {
	if err := f.may("settle"); err != nil {
		return err
	}
	return f.ledger.SettleDelivery(ctx, vendor, guid, state, reason)
}

func newWorld(t *testing.T, change func(*recover.Config)) *world {
	t.Helper()
	db := storetest.SQLite(t)
	w := &world{T: t, db: db, host: recovertest.NewHost(db.Clock.Now)}
	w.store = db.Open(t)
	w.broken = &fragile{ledger: w.store}
	w.config = recover.Config{
		Vendor: "github", Host: w.host, Parser: w.host, Finder: w.host,
		Hooks: w.broken, Gaps: w.broken, Events: w.broken, Summary: w.broken,
		Clock: db.Clock.Now, Log: zerolog.New(zerolog.NewTestWriter(t)),
	}
	if change != nil {
		change(&w.config)
	}
	w.restart()
	return w
}

// restart makes a new sweeper on what the former one left behind.
func (w *world) restart() {
	w.Helper()
	var err error
	if w.sweeper, err = recover.New(w.config); err != nil {
		w.Fatal(err)
	}
}

func (w *world) sweep() time.Duration {
	w.Helper()
	next, err := w.sweeper.Sweep(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return next
}

// deliver is a delivery that reaches us.
func (w *world) deliver(hook int64, guid string) {
	w.Helper()
	e := recovertest.Event(guid, event.Hook{ID: hook, TargetType: "repository", TargetID: 7}, w.db.Clock.Now())
	if _, err := w.store.Append(w.Context(), e); err != nil {
		w.Fatal(err)
	}
	w.host.Add(attempt(hook, guid, 202))
}

func attempt(hook int64, guid string, code int) recovertest.Attempt {
	return recovertest.Attempt{Hook: hook, Delivery: event.Delivery{GUID: guid, Code: code}}
}

// how says how events came, by GUID; those that are not stored are left out.
func (w *world) how(guids ...string) map[string]event.Provenance {
	w.Helper()
	ids := make([]string, len(guids))
	for i, guid := range guids {
		ids[i] = "github:" + guid
	}
	known, err := w.store.Known(w.Context(), ids)
	if err != nil {
		w.Fatal(err)
	}
	how := map[string]event.Provenance{}
	for id, p := range known {
		how[strings.TrimPrefix(id, "github:")] = p
	}
	return how
}

func (w *world) coverage() event.Coverage {
	w.Helper()
	c, err := w.sweeper.Coverage(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// gets are the attempts that were fetched since it was called last.
func (w *world) gets() (list []string) {
	for _, ask := range w.host.Asked() {
		if rest, ok := strings.CutPrefix(ask, "get "); ok {
			list = append(list, rest)
		}
	}
	return list
}

const minute = time.Minute

// TestWhatIsMissing: what becomes of an event, by what the code host noted of it
// and by what is stored.
func TestWhatIsMissing(t *testing.T) {
	const hook = 1
	before := -2 * time.Hour
	tests := map[string]struct {
		attempts []recovertest.Attempt
		// at is when it was attempted, from when the hook was first heard of.
		at     time.Duration
		stored bool
		how    event.Provenance
		cover  string
	}{
		"nobody answered":                        {attempts: []recovertest.Attempt{attempt(hook, "x", 502)}, how: event.Recovered, cover: "1 recovered, 0 gaps"},
		"no status at all":                       {attempts: []recovertest.Attempt{attempt(hook, "x", 0)}, how: event.Recovered, cover: "1 recovered, 0 gaps"},
		"we could not store it":                  {attempts: []recovertest.Attempt{attempt(hook, "x", 503)}, how: event.Recovered, cover: "1 recovered, 0 gaps"},
		"we stored it and answered 503":          {attempts: []recovertest.Attempt{attempt(hook, "x", 503)}, stored: true, how: event.Webhook, cover: "2 delivered, 0 recovered, 0 gaps"},
		"a proxy knew no such path":              {attempts: []recovertest.Attempt{attempt(hook, "x", 404)}, how: event.Recovered, cover: "1 recovered, 0 gaps"},
		"a proxy answered for us":                {attempts: []recovertest.Attempt{attempt(hook, "x", 200)}, how: event.Recovered, cover: "1 recovered, 0 gaps"},
		"it was delivered again":                 {attempts: []recovertest.Attempt{attempt(hook, "x", 502), attempt(hook, "x", 202)}, stored: true, how: event.Webhook, cover: "0 gaps"},
		"it was delivered again in vain":         {attempts: []recovertest.Attempt{attempt(hook, "x", 502), attempt(hook, "x", 502)}, how: event.Recovered, cover: "1 recovered, 0 gaps"},
		"unsigned":                               {attempts: []recovertest.Attempt{attempt(hook, "x", 401)}, cover: "0 gaps, 1 refused"},
		"unsigned, then not answered":            {attempts: []recovertest.Attempt{attempt(hook, "x", 401), attempt(hook, "x", 502)}, cover: "0 gaps, 1 refused"},
		"not JSON":                               {attempts: []recovertest.Attempt{attempt(hook, "x", 415)}, cover: "0 gaps, 1 refused"},
		"too large":                              {attempts: []recovertest.Attempt{attempt(hook, "x", 413)}, cover: "0 gaps, 1 refused"},
		"a ping":                                 {attempts: []recovertest.Attempt{{Hook: hook, Delivery: event.Delivery{GUID: "x", Type: "ping", Code: 502}}}, cover: "1 events"},
		"another receiver took it before we did": {attempts: []recovertest.Attempt{attempt(hook, "x", 200)}, at: before, cover: "1 events"},
		"another receiver took it at last":       {attempts: []recovertest.Attempt{attempt(hook, "x", 502), attempt(hook, "x", 200)}, at: before, cover: "1 events"},
		"nobody took it before we did":           {attempts: []recovertest.Attempt{attempt(hook, "x", 502)}, at: before, how: event.Recovered, cover: "1 recovered, 0 gaps"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.deliver(hook, "first")
			w.db.Pass(minute)
			for _, a := range tt.attempts {
				a.At = w.db.Clock.Now().Add(tt.at)
				w.host.Add(a)
			}
			if tt.stored {
				w.deliver(hook, "x")
			}
			for range 2 {
				w.sweep()
				if got := w.how("x")["x"]; got != tt.how {
					t.Errorf("it came as %q, want %q", got, tt.how)
				}
				line := strings.Replace(w.coverage().String(), "1 event,", "1 events,", 1)
				if !strings.Contains(line, tt.cover) {
					t.Errorf("covered: %s, want %s", line, tt.cover)
				}
			}
			if n := len(w.gets()); n > 1 {
				t.Errorf("it was fetched %d times", n)
			}
		})
	}
}

// TestStatement is the line that people read.
func TestStatement(t *testing.T) {
	var log strings.Builder
	w := newWorld(t, func(c *recover.Config) { c.Log = zerolog.New(&log) })
	var group sync.WaitGroup // commits are shared
	for i := range 1201 {
		guid := fmt.Sprintf("d-%d", i)
		w.host.Add(attempt(1, guid, 202))
		group.Go(func() {
			e := recovertest.Event(guid, event.Hook{ID: 1, TargetType: "repository", TargetID: 7}, w.db.Clock.Now())
			if _, err := w.store.Append(t.Context(), e); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for i := range 3 {
		w.host.Add(attempt(1, fmt.Sprintf("m-%d", i), 502))
	}
	w.sweep()
	if got, want := w.coverage().String(), "72 h: 1,204 events, 1,201 delivered, 3 recovered, 0 gaps"; got != want || !strings.Contains(log.String(), `"message":"`+want+`"`) {
		t.Errorf("got %q, want %q, in the log too", got, want)
	}
}

func TestOrderAndHooks(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver(1, "a")
	w.deliver(2, "b")
	start := w.db.Clock.Now()
	missed := func(hook int64, guid string, at time.Duration) {
		a := attempt(hook, guid, 502)
		a.At = start.Add(at)
		w.host.Add(a)
	}
	w.db.Pass(time.Hour)
	missed(1, "third", 30*minute)
	missed(2, "second", 20*minute)
	missed(1, "first", 10*minute)
	missed(2, "fourth", 40*minute)
	missed(1, "fourth", 41*minute)
	missed(1, "first", 50*minute) // redelivered, in vain
	w.sweep()
	if got := w.gets(); len(got) != 4 {
		t.Errorf("fetched %v: one GUID is one event", got)
	}
	runs := w.runs()
	if diff := cmp.Diff([]string{"a", "b", "first", "second", "third", "fourth"}, runs); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := w.coverage().String(); got != "72 h: 6 events, 2 delivered, 4 recovered, 0 gaps" {
		t.Error(got)
	}
	for _, h := range w.coverage().Hooks {
		if h.Gaps != 0 || h.Delivered != 1 || h.Recovered != int(4-h.ID) {
			t.Errorf("%+v", h)
		}
	}
}

// runs are the events in the order in which they were accepted.
func (w *world) runs() (list []string) {
	w.Helper()
	moves, err := w.store.Moves(w.Context(), "github", 7, "refs/heads/main")
	if err != nil {
		w.Fatal(err)
	}
	for _, m := range moves {
		list = append(list, strings.TrimPrefix(m.EventID, "github:"))
	}
	return list
}

// TestAnotherHookShows: an event is fetched through whichever of its hooks shows it.
func TestAnotherHookShows(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver(1, "a")
	w.deliver(2, "b")
	w.host.Add(attempt(1, "x", 502), attempt(2, "x", 502))
	w.host.Fail(func(ask string) error {
		if strings.HasPrefix(ask, "get 1") {
			return fmt.Errorf("gone: %w", run.ErrRefused)
		}
		return nil
	})
	w.sweep()
	if diff := cmp.Diff(map[string]event.Provenance{"x": event.Recovered}, w.how("x")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := w.gets(); len(got) != 2 {
		t.Errorf("fetched %v", got)
	}
}

// TestCursor: what was read is not read again, but for a quarter of an hour.
func TestCursor(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver(1, "first")
	for i := range 95 {
		w.db.Pass(minute)
		w.deliver(1, fmt.Sprintf("d-%d", i))
	}
	lists := func() (n int) {
		for _, ask := range w.host.Asked() {
			if strings.HasPrefix(ask, "list") {
				n++
			}
		}
		return n
	}
	w.sweep()
	if got := lists(); got != 10 {
		t.Errorf("the first sweep read %d pages, want all 10", got)
	}
	w.restart()
	w.db.Pass(minute)
	late := attempt(1, "late", 502)
	late.At = w.db.Clock.Now().Add(-14 * minute) // it ended only now
	w.host.Add(late)
	w.sweep()
	if got := lists(); got != 2 {
		t.Errorf("the second sweep read %d pages, want 2", got)
	}
	if w.how("late")["late"] != event.Recovered {
		t.Error("what was listed late is missing")
	}
}

// TestFaults: whatever fails, the next sweep makes up for it.
func TestFaults(t *testing.T) {
	down := errors.New("the host does not answer")
	full := errors.New("the disk is full")
	ask := func(prefix string) func(string) error {
		return func(ask string) error {
			if strings.HasPrefix(ask, prefix) {
				return down
			}
			return nil
		}
	}
	tests := map[string]func(w *world){
		"the host, while it lists":              func(w *world) { w.host.Fail(ask("list")) },
		"the host, on the second page":          func(w *world) { w.host.Fail(ask("list 1 10")) },
		"the host, while it shows":              func(w *world) { w.host.Fail(ask("get")) },
		"the store, while deliveries are noted": func(w *world) { w.broken.fail = failing("note", full) },
		"the store, while events are appended":  func(w *world) { w.broken.fail = failing("append", full) },
		"the store, after an event is appended": func(w *world) { w.broken.fail = failing("settle", full) },
	}
	for name, fail := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.deliver(1, "first")
			w.sweep()
			w.db.Pass(minute)
			var want []string
			for i := range 15 {
				w.db.Pass(time.Second)
				guid := fmt.Sprintf("m-%02d", i)
				w.host.Add(attempt(1, guid, 502))
				want = append(want, guid)
			}
			w.db.Pass(30 * minute) // more than a sweep goes back beyond the cursor
			fail(w)
			if _, err := w.sweeper.Sweep(t.Context()); err == nil {
				t.Error("the sweep failed, and nobody was told")
			}
			w.host.Fail(nil)
			w.broken.fail = nil
			w.db.Pass(5 * minute)
			w.restart()
			w.sweep()
			got := w.runs()[1:]
			slices.Sort(got) // what was listed before the fault comes first
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if line := w.coverage().String(); line != "72 h: 16 events, 1 delivered, 15 recovered, 0 gaps" {
				t.Error(line)
			}
		})
	}
}

func failing(op string, err error) func(string) error {
	return func(got string) error {
		if got == op {
			return err
		}
		return nil
	}
}

// TestHostGoesAway: after three failures in a row the rest is left to the next sweep.
func TestHostGoesAway(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver(1, "first")
	for i := range 9 {
		w.host.Add(attempt(1, fmt.Sprint(i), 502))
	}
	w.host.Fail(func(ask string) error {
		if strings.HasPrefix(ask, "get") {
			return errors.New("no answer")
		}
		return nil
	})
	if _, err := w.sweeper.Sweep(t.Context()); err == nil {
		t.Error("nobody was told")
	}
	if got := w.gets(); len(got) != 3 {
		t.Errorf("it was asked %d times", len(got))
	}
	if got := w.coverage().Gaps; got != 9 {
		t.Errorf("%d gaps", got)
	}
}

// TestLimits: a limit ends the sweep; the next one begins where it ended.
func TestLimits(t *testing.T) {
	for name, limited := range map[string]string{"while it lists": "list 2", "while it shows": "get 2"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			for hook := range int64(3) {
				w.deliver(hook+1, fmt.Sprintf("d-%d", hook))
				w.db.Pass(time.Second)
				w.host.Add(attempt(hook+1, fmt.Sprintf("m-%d", hook), 502))
			}
			w.host.Fail(func(ask string) error {
				if strings.HasPrefix(ask, limited) {
					return &run.RetryAfter{Until: w.db.Clock.Now().Add(20 * minute), Err: errors.New("limited")}
				}
				return nil
			})
			next, err := w.sweeper.Sweep(t.Context())
			if err == nil || next != 20*minute {
				t.Errorf("the next sweep is in %s (%v)", next, err)
			}
			w.host.Fail(nil)
			w.db.Pass(next)
			w.host.Asked()
			if next := w.sweep(); next != 5*minute {
				t.Errorf("then the next is in %s", next)
			}
			if first := w.host.Asked()[0]; limited == "list 2" && first != "list 2" {
				t.Errorf("the sweep began with %q", first)
			}
			if got := w.coverage().String(); got != "72 h: 6 events, 3 delivered, 3 recovered, 0 gaps" {
				t.Error(got)
			}
		})
	}
}

// many is a world in which many deliveries were missed, a minute between them.
func many(t *testing.T, n int, change func(*recover.Config)) *world {
	t.Helper()
	w := newWorld(t, change)
	w.deliver(1, "first")
	for i := range n {
		w.db.Pass(time.Minute)
		w.host.Add(attempt(1, fmt.Sprintf("m-%04d", i), 502))
	}
	return w
}

// TestOfManyTheEndsFirst: what somebody waits for, and what the code host forgets
// first.
func TestOfManyTheEndsFirst(t *testing.T) {
	for missed, inTurns := range map[int]bool{200: false, 201: true, 450: true} {
		w := many(t, missed, nil)
		w.sweep()
		var want []string
		for i := range missed {
			switch at := i / 2; {
			case !inTurns:
				want = append(want, fmt.Sprintf("1 %d", i+2)) // the first one arrived
			case i%2 == 0:
				want = append(want, fmt.Sprintf("1 %d", missed-1-at+2))
			default:
				want = append(want, fmt.Sprintf("1 %d", at+2))
			}
		}
		if diff := cmp.Diff(want, w.gets()); diff != "" {
			t.Errorf("of %d (-want +got)\n%s", missed, diff)
		}
	}
}

// TestOwnBoundDelaysNoList: when the share of requests is used up, what is left is
// told, and hooks are read as often as ever.
func TestOwnBoundDelaysNoList(t *testing.T) {
	var log strings.Builder
	w := many(t, 9, func(c *recover.Config) { c.Log = zerolog.New(&log) })
	fetched := 0
	w.host.Fail(func(ask string) error {
		if !strings.HasPrefix(ask, "get") {
			return nil
		}
		if fetched++; fetched%5 == 0 {
			return &run.RetryAfter{Until: w.db.Clock.Now().Add(time.Hour), Ours: true, Err: errors.New("the share is used up")}
		}
		return nil
	})
	if next := w.sweep(); next != 5*minute {
		t.Errorf("the next sweep is in %s", next)
	}
	if got, want := w.coverage().String(), "72 h: 10 events, 1 delivered, 4 recovered, 5 gaps (5 to be fetched)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !strings.Contains(log.String(), `"left":5`) || strings.Contains(log.String(), `"warn"`) {
		t.Errorf("logged %s", log.String())
	}
	w.db.Pass(5 * minute)
	w.host.Add(attempt(1, "meanwhile", 502))
	w.sweep()
	if got := w.coverage().String(); got != "72 h: 11 events, 1 delivered, 8 recovered, 2 gaps (2 to be fetched)" {
		t.Error(got)
	}
}

// TestArrivedMeanwhile: what one hook missed and another one delivered is no gap,
// and nothing to be fetched.
func TestArrivedMeanwhile(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver(1, "a")
	w.deliver(2, "b")
	w.host.Add(attempt(1, "x", 502))
	w.host.Fail(func(ask string) error {
		if strings.HasPrefix(ask, "get") {
			return errors.New("no answer")
		}
		return nil
	})
	_, _ = w.sweeper.Sweep(t.Context())
	if got := w.coverage().String(); got != "72 h: 3 events, 2 delivered, 0 recovered, 1 gap (1 to be fetched)" {
		t.Error(got)
	}
	w.deliver(2, "x")
	w.host.Fail(func(ask string) error {
		if ask == "list 1" {
			return errors.New("no answer")
		}
		return nil
	})
	w.broken.fail = failing("settle", errors.New("the disk is full"))
	_, _ = w.sweeper.Sweep(t.Context())
	if got := w.coverage().String(); got != "72 h: 3 events, 3 delivered, 0 recovered, 0 gaps; webhook 1 of octo/hello: it can't be read now" {
		t.Error(got)
	}
}

// TestLongSweep: fetching ends when hooks are to be read again.
func TestLongSweep(t *testing.T) {
	w := many(t, 20, nil)
	w.host.Fail(func(ask string) error {
		if strings.HasPrefix(ask, "get") {
			w.db.Pass(minute)
		}
		return nil
	})
	w.host.Asked()
	for sweeps, want := range []int{5, 5, 5, 5, 0} {
		w.sweep()
		asked := w.host.Asked()
		if len(asked)-len(lists(asked)) != want || len(lists(asked)) == 0 {
			t.Errorf("sweep %d asked %v", sweeps, asked)
		}
	}
}

// TestUnreadable: a hook that can't be read is told with the reason, not asked in
// each sweep, and delays no other.
func TestUnreadable(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver(1, "a")
	w.deliver(2, "b")
	w.host.Add(attempt(1, "m-1", 502), attempt(2, "m-2", 502))
	w.host.Fail(func(ask string) error {
		if ask == "list 1" {
			return &event.Problem{Public: "no permission", Hint: "grant it", Err: run.ErrRefused}
		}
		return nil
	})
	w.sweep()
	if diff := cmp.Diff(map[string]event.Provenance{"m-2": event.Recovered}, w.how("m-1", "m-2")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	c := w.coverage()
	if h := c.Hooks[0]; h.Problem != "no permission" || h.Hint != "grant it" || !strings.Contains(c.String(), "webhook 1 of octo/hello: no permission") {
		t.Errorf("%+v: %s", h, c)
	}
	w.host.Asked()
	w.db.Pass(59 * minute)
	w.sweep()
	if diff := cmp.Diff([]string{"list 2"}, w.host.Asked()); diff != "" {
		t.Errorf("within the hour (-want +got)\n%s", diff)
	}
	w.restart()
	w.sweep()
	if diff := cmp.Diff([]string{"list 1", "list 2"}, w.host.Asked()); diff != "" {
		t.Errorf("after a restart (-want +got)\n%s", diff)
	}
	w.host.Fail(nil)
	w.db.Pass(60 * minute)
	w.sweep()
	if w.how("m-1")["m-1"] != event.Recovered || w.coverage().Hooks[0].Problem != "" {
		t.Errorf("after it was granted: %+v", w.coverage().Hooks[0])
	}
	t.Run("nor is what is known to be missing fetched through it", func(t *testing.T) {
		w.host.Add(attempt(1, "m-3", 502))
		w.host.Fail(func(ask string) error {
			if strings.HasPrefix(ask, "get 1") {
				return errors.New("no answer")
			}
			return nil
		})
		_, _ = w.sweeper.Sweep(t.Context())
		w.host.Fail(func(ask string) error {
			if strings.HasPrefix(ask, "list 1") {
				return &event.Problem{Public: "no permission", Err: run.ErrRefused}
			}
			return nil
		})
		w.gets()
		w.sweep()
		if got := w.gets(); len(got) != 0 || w.coverage().Gaps != 1 {
			t.Errorf("fetched %v: %s", got, w.coverage())
		}
	})
}

func TestTooOld(t *testing.T) {
	w := newWorld(t, func(c *recover.Config) { c.MaxAge = 24 * time.Hour })
	w.deliver(1, "first")
	w.host.Add(attempt(1, "old", 502))
	w.db.Pass(2 * time.Hour)
	w.host.Add(attempt(1, "new", 502))
	w.db.Pass(23 * time.Hour)
	w.sweep()
	if diff := cmp.Diff(map[string]event.Provenance{"new": event.Recovered}, w.how("old", "new")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := w.coverage().String(); got != "72 h: 3 events, 1 delivered, 1 recovered, 1 gap" {
		t.Error(got)
	}
}

// TestAwayForLong: what the code host has forgotten is told as a time of which
// nobody knows.
func TestAwayForLong(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver(1, "first")
	w.sweep()
	gone := w.db.Clock.Now()
	w.host.Add(attempt(1, "forgotten", 502))
	w.db.Pass(100 * time.Hour)
	w.host.Add(attempt(1, "fresh", 502))
	w.sweep()
	if diff := cmp.Diff(map[string]event.Provenance{"fresh": event.Recovered}, w.how("forgotten", "fresh")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	want := event.Span{From: gone, To: gone.Add(28 * time.Hour)}
	if diff := cmp.Diff(want, w.coverage().Hooks[0].Unread); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	w.db.Pass(time.Hour)
	w.sweep()
	if diff := cmp.Diff(want, w.coverage().Hooks[0].Unread); diff != "" {
		t.Errorf("an hour later (-want +got)\n%s", diff)
	}
}

// TestRepetition: an event that came under another id, byte for byte the same, is
// not taken in: our own answer tells.
func TestRepetition(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver(1, "first")
	same, unknown := attempt(1, "same", 200), attempt(1, "unknown", 200)
	same.Answer, unknown.Answer = `{"id":"github:first","duplicate":true}`, `{"id":"github:other","duplicate":true}`
	proxy := attempt(1, "proxy", 502)
	proxy.Answer = same.Answer
	w.host.Add(same, unknown, proxy, attempt(1, "same", 502)) // the last by hand, in vain
	w.sweep()
	w.sweep()
	if diff := cmp.Diff(map[string]event.Provenance{"unknown": event.Recovered, "proxy": event.Recovered}, w.how("same", "unknown", "proxy")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := w.coverage().String(); got != "72 h: 4 events, 2 delivered, 2 recovered, 0 gaps" {
		t.Error(got)
	}
	if got := w.gets(); len(got) != 3 {
		t.Errorf("fetched %v", got)
	}
	t.Run("what has the same content as a stored one is none either", func(t *testing.T) {
		twin := attempt(1, "twin", 502)
		twin.Payload = `{"guid":"unknown"}`
		w.host.Add(twin)
		w.sweep()
		if len(w.how("twin")) != 0 || w.coverage().Gaps != 0 || w.coverage().Delivered != 3 {
			t.Errorf("%v, %s", w.how("twin"), w.coverage())
		}
	})
}

// TestUnfetchable: what nobody can read is a gap that is told, and not asked for
// in each sweep.
func TestUnfetchable(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver(1, "first")
	broken, unsigned, foreign, other := attempt(1, "broken", 502), attempt(1, "unsigned", 502), attempt(1, "foreign", 502), attempt(1, "other", 502)
	other.Shown = "another"
	broken.Payload, unsigned.Payload = "nonsense", `{"guid":"unsigned","unsigned":true}`
	w.host.Add(broken, unsigned, foreign, other)
	w.host.Fail(func(ask string) error {
		if ask == "get 1 4" {
			return fmt.Errorf("gone: %w", run.ErrRefused)
		}
		return nil
	})
	w.sweep()
	if got := w.coverage().String(); got != "72 h: 5 events, 1 delivered, 0 recovered, 3 gaps (1 to be fetched), 1 refused" {
		t.Error(got)
	}
	if got := w.gets(); len(got) != 4 {
		t.Errorf("fetched %v", got)
	}
	if got := w.how("other", "another"); len(got) != 0 {
		t.Errorf("another delivery than the one that is missing was taken in: %v", got)
	}
	w.db.Pass(30 * minute)
	w.sweep()
	if got := w.gets(); len(got) != 0 {
		t.Errorf("within the hour %v was fetched again", got)
	}
	w.host.Fail(nil)
	w.db.Pass(30 * minute)
	w.sweep()
	if got := w.gets(); len(got) != 1 || w.how("foreign")["foreign"] != event.Recovered {
		t.Errorf("after an hour %v was fetched", got)
	}
}

// TestAdmission: what the operator keeps out is recorded, with the reason.
func TestAdmission(t *testing.T) {
	w := newWorld(t, func(c *recover.Config) {
		c.Admit = func(e event.Event) event.Event { e.Ref = ""; e.Reason = "not listed"; return e }
	})
	w.deliver(1, "first")
	w.host.Add(attempt(1, "x", 502))
	w.sweep()
	if w.how("x")["x"] != event.Recovered || len(w.runs()) != 1 {
		t.Errorf("%v, %v", w.how("x"), w.runs())
	}
}

// TestRhythm: many hooks are read more seldom.
func TestRhythm(t *testing.T) {
	for hooks, want := range map[int]time.Duration{1: 5 * minute, 52: 5 * minute, 125: 12 * minute} {
		w := newWorld(t, nil)
		for hook := range hooks {
			w.deliver(int64(hook+1), fmt.Sprint(hook))
		}
		if got := w.sweep(); got != want {
			t.Errorf("%d hooks are read every %s, want %s", hooks, got, want)
		}
	}
}
