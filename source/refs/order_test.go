package refs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/source/refs"
	"github.com/franela/pocketci/source/refs/refstest"
)

func (w *world) outdated(e event.Event) string {
	w.Helper()
	reason, err := w.order.Outdated(w.Context(), e)
	if err != nil {
		w.Fatal(err)
	}
	word, _, _ := strings.Cut(reason, ":")
	return word
}

// TestOrderAsksLittle: what comes in order costs no question.
func TestOrderAsksLittle(t *testing.T) {
	w := newWorld(t, nil)
	b := w.push("b", sha("a"), sha("b"))
	c := w.push("c", sha("b"), sha("c"))
	comment := w.append(refstest.Event("comment", "issue_comment", "created", "", "", "", w.db.Clock.Now()))
	rerun := refstest.Event("rerun", "push", "", main, sha("a"), sha("b"), w.db.Clock.Now())
	rerun.Provenance = event.Rerun
	w.append(rerun)
	for _, e := range []event.Event{b, c, comment, rerun} {
		if got := w.outdated(e); got != "" {
			t.Errorf("%s is %s", e.ID, got)
		}
	}
	if asked := w.host.Asked(); len(asked) != 0 {
		t.Errorf("asked %v", asked)
	}
}

func TestOrderOfLateOnes(t *testing.T) {
	w := newWorld(t, nil)
	w.host.Set(main, sha("c"))
	c := w.push("c", sha("b"), sha("c"))
	b := w.push("b", sha("a"), sha("b"))
	for e, want := range map[string]string{c.ID: "", b.ID: "outdated"} {
		got := w.outdated(map[string]event.Event{c.ID: c, b.ID: b}[e])
		if got != want {
			t.Errorf("%s is %q, want %q", e, got, want)
		}
	}
	w.host.Asked()
	w.outdated(b)
	if diff := cmp.Diff([]string{"head " + main}, w.host.Asked()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestOrderByAncestry: where neither the head nor the moves tell.
func TestOrderByAncestry(t *testing.T) {
	w := newWorld(t, nil)
	w.host.Set(main, sha("f"))
	w.host.Descends(sha("e"), sha("a"), sha("b"), sha("c"))
	w.push("e", sha("d"), sha("e"))
	c := w.push("c", sha("b"), sha("c"))
	if got := w.outdated(c); got != "outdated" {
		t.Errorf("it is %q", got)
	}
	f := w.push("f", sha("e"), sha("f"))
	if got := w.outdated(f); got != "" {
		t.Errorf("the head is %q", got)
	}
}

// TestOrderWithoutAnAnswer: what may be known later is waited for; what is refused
// counts as not known.
func TestOrderWithoutAnAnswer(t *testing.T) {
	for what, c := range map[string]struct {
		err  error
		want string
		fail bool
	}{
		"head refused":      {fmt.Errorf("no: %w", run.ErrRefused), "", false},
		"head down":         {errors.New("no answer"), "", true},
		"ancestor refused":  {fmt.Errorf("no: %w", run.ErrRefused), "outdated", false},
		"ancestor down":     {errors.New("no answer"), "", true},
		"ancestor limited":  {&run.RetryAfter{Until: time.Now(), Err: errors.New("limited")}, "", true},
		"nothing is broken": {nil, "outdated", false},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, nil)
			w.host.Set(main, sha("f"))
			w.host.Descends(sha("e"), sha("c"))
			w.push("e", sha("d"), sha("e"))
			late := w.push("c", sha("b"), sha("c"))
			question, _, _ := strings.Cut(what, " ")
			w.host.Fail(func(ask string) error {
				if strings.HasPrefix(ask, question) {
					return c.err
				}
				return nil
			})
			reason, err := w.order.Outdated(t.Context(), late)
			if (err != nil) != c.fail {
				t.Fatalf("%v", err)
			}
			if word, _, _ := strings.Cut(reason, ":"); question != "head" && word != c.want {
				t.Errorf("it is %q", reason)
			}
		})
	}
}

// TestOrderOfTheNewestWithoutAHead: what nobody may ask is not taken for gone.
func TestOrderOfTheNewestWithoutAHead(t *testing.T) {
	w := newWorld(t, nil)
	w.host.Fail(func(string) error { return fmt.Errorf("no: %w", run.ErrRefused) })
	e := refstest.Event("missed", "push", "", main, sha("a"), sha("b"), w.db.Clock.Now())
	e.Provenance = event.Recovered
	w.append(e)
	if got := w.outdated(e); got != "" {
		t.Errorf("it is %q", got)
	}
}

// TestTurns: of several agents on one store one looks.
func TestTurns(t *testing.T) {
	reached := make(chan time.Duration)
	w := newWorld(t, func(c *refs.Config) {
		c.Pause = func(ctx context.Context, d time.Duration) bool {
			select {
			case reached <- d:
			case <-ctx.Done():
			}
			return false
		}
	})
	w.config.Turns = w.store
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Second, errors.New("took too long"))
	defer cancel()
	wait := 10 * minute
	looks := func() bool {
		w.host.Asked()
		w.restart() // another holder
		if err := w.reconciler.Start(ctx); err != nil {
			t.Fatal(err)
		}
		if d := <-reached; d != wait {
			t.Errorf("the next look is in %s, want %s", d, wait)
		}
		if err := w.reconciler.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		return len(w.host.Asked()) > 0
	}
	if !looks() {
		t.Error("nobody looks")
	}
	w.db.Pass(19 * minute)
	if looks() {
		t.Error("two agents look")
	}
	w.db.Pass(minute)
	if !looks() {
		t.Error("nobody takes over from an agent that is gone")
	}
	w.db.Pass(20 * minute)
	end := w.db.Clock.Now().Add(40 * minute)
	w.host.Fail(func(string) error { return &run.RetryAfter{Until: end, Err: errors.New("limited")} })
	wait = 40 * minute
	looks()
	wait = 10 * minute
	w.db.Pass(40 * minute)
	if looks() {
		t.Error("another agent goes on before the one that was limited")
	}
}

// TestLateDelivery: what was found and then delivered after all runs once.
func TestLateDelivery(t *testing.T) {
	w := newWorld(t, nil)
	w.round()
	w.host.Set(main, sha("b"))
	w.host.SetPull(3, sha("p"), w.db.Clock.Now().Add(minute))
	w.rounds()
	w.wants(main, "push a b")
	w.wants(refstest.PullRef(3), "opened  p")
	push := w.push("late", sha("a"), sha("b"))
	pull := w.pull("late-too", "opened", 3, sha("p"))
	for _, e := range []event.Event{push, pull} {
		if got := w.outdated(e); got != "absorbed" {
			t.Errorf("%s is %q", e.ID, got)
		}
	}
	next := w.push("next", sha("b"), sha("c"))
	w.host.Set(main, sha("c"))
	if got := w.outdated(next); got != "" {
		t.Errorf("the next push is %q", got)
	}
}

// TestMissedPushes: of several missed pushes the newest runs, in whatever order
// they are taken in.
func TestMissedPushes(t *testing.T) {
	w := newWorld(t, nil)
	w.host.Set(main, sha("d"))
	var got []string
	for _, p := range [][2]string{{"a", "b"}, {"b", "c"}, {"c", "d"}} {
		e := refstest.Event(p[1], "push", "", main, sha(p[0]), sha(p[1]), w.db.Clock.Now())
		e.Provenance = event.Recovered
		w.append(e)
		got = append(got, w.outdated(e))
	}
	if diff := cmp.Diff([]string{"outdated", "outdated", ""}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestStartAndStop(t *testing.T) {
	reached, on := make(chan time.Duration), make(chan struct{})
	w := newWorld(t, func(c *refs.Config) {
		c.Pause = func(ctx context.Context, d time.Duration) bool {
			select {
			case reached <- d:
			case <-ctx.Done():
				return false
			}
			select {
			case <-on:
				return true
			case <-ctx.Done():
				return false
			}
		}
	})
	w.config.Turns = w.store
	w.restart()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Second, errors.New("took too long"))
	defer cancel()
	wait := func() time.Duration {
		select {
		case d := <-reached:
			return d
		case <-ctx.Done():
			t.Fatal("nothing happened")
			return 0
		}
	}
	if err := w.reconciler.Stop(ctx); err != nil {
		t.Fatalf("stopped before it was started: %v", err)
	}
	if err := w.reconciler.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := w.reconciler.Start(ctx); err == nil {
		t.Error("it was started twice")
	}
	if d := wait(); d != 10*minute {
		t.Errorf("the next round is in %s", d)
	}
	w.host.Set(main, sha("b"))
	on <- struct{}{}
	wait()
	w.db.Pass(10 * minute)
	on <- struct{}{}
	wait()
	w.wants(main, "push a b")
	if mine, err := w.store.Turn(ctx, "refs github", "another", minute); mine || err != nil {
		t.Errorf("another agent has the turn, too (%v)", err)
	}
	for range 2 {
		if err := w.reconciler.Stop(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	w := newWorld(t, nil)
	for name, change := range map[string]func(*refs.Config){
		"no vendor": func(c *refs.Config) { c.Vendor = "" }, "no host": func(c *refs.Config) { c.Host = nil },
		"no maker": func(c *refs.Config) { c.Maker = nil }, "no repositories": func(c *refs.Config) { c.Repositories = nil },
		"no heads": func(c *refs.Config) { c.Heads = nil }, "no moves": func(c *refs.Config) { c.Moves = nil },
		"no events": func(c *refs.Config) { c.Events = nil },
	} {
		c := w.config
		change(&c)
		if _, err := refs.New(c); err == nil {
			t.Errorf("%s: made", name)
		}
	}
}

// TestOrderOfOneFarBack: one that is so far back in the line that its neighbours
// are not known runs if it waited there, and does not if it was recovered.
func TestOrderOfOneFarBack(t *testing.T) {
	w := newWorld(t, nil)
	live := w.push("live", sha("a"), sha("b"))
	recovered := refstest.Event("recovered", "push", "", main, sha("b"), sha("c"), w.db.Clock.Now())
	recovered.Provenance = event.Recovered
	w.append(recovered)
	for i := range 200 {
		w.push(fmt.Sprint(i), sha(fmt.Sprintf("d%d", i)), sha(fmt.Sprintf("d%d", i+1)))
	}
	w.host.Set(main, sha("d200"))
	if got := w.outdated(live); got != "" {
		t.Errorf("what waited is %q", got)
	}
	if got := w.outdated(recovered); got != "outdated" {
		t.Errorf("what was recovered is %q", got)
	}
}
