package recover_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/source/recover"
	"github.com/franela/pocketci/source/recover/recovertest"
)

func (w *world) event(guid string) event.Event {
	return recovertest.Event(guid, event.Hook{ID: 1, TargetType: "repository", TargetID: 7}, w.db.Clock.Now())
}

func lists(asked []string) (list []string) {
	for _, ask := range asked {
		if strings.HasPrefix(ask, "list") {
			list = append(list, ask)
		}
	}
	return list
}

// pauses is a Pause that waits to be let on.
type pauses struct{ reached, on chan time.Duration }

func newPauses() pauses { return pauses{make(chan time.Duration), make(chan time.Duration)} }

func (p pauses) wait(ctx context.Context, d time.Duration) bool {
	select {
	case p.reached <- d:
	case <-ctx.Done():
		return false
	}
	select {
	case <-p.on:
		return true
	case <-ctx.Done():
		return false
	}
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Second, errors.New("took too long"))
	t.Cleanup(cancel)
	return ctx
}

func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-soon(t).Done():
		t.Fatal("nothing happened")
	}
	panic("not reached")
}

func TestStartAndStop(t *testing.T) {
	p := newPauses()
	w := newWorld(t, func(c *recover.Config) { c.Pause = p.wait })
	if err := w.sweeper.Stop(soon(t)); err != nil {
		t.Fatalf("stopped before it was started: %v", err)
	}
	w.deliver(1, "first")
	w.host.Add(attempt(1, "at-start", 502))
	ctx, cancel := context.WithCancelCause(t.Context())
	if err := w.sweeper.Start(ctx); err != nil {
		t.Fatal(err)
	}
	cancel(errors.New("what it was started under is over"))
	if err := w.sweeper.Start(t.Context()); err == nil {
		t.Error("it was started twice")
	}
	if d := receive(t, p.reached); d != 5*minute {
		t.Errorf("the next sweep is in %s", d)
	}
	if w.how("at-start")["at-start"] != event.Recovered {
		t.Error("it did not sweep at start")
	}
	w.host.Add(attempt(1, "later", 502))
	p.on <- 0
	receive(t, p.reached)
	if w.how("later")["later"] != event.Recovered {
		t.Error("it did not sweep again")
	}
	for range 2 {
		if err := w.sweeper.Stop(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStopInTheMiddle: Stop ends a sweep that hangs, and waits for it.
func TestStopInTheMiddle(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver(1, "first")
	hangs := make(chan struct{})
	w.config.Host = hanging{w.host, hangs}
	w.restart()
	if err := w.sweeper.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	receive(t, hangs)
	over, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("no patience"))
	_ = w.sweeper.Stop(over)
	if err := w.sweeper.Stop(soon(t)); err != nil {
		t.Fatal(err)
	}
}

// hanging is a host that answers only when nobody waits any more.
type hanging struct {
	*recovertest.Host
	reached chan<- struct{}
}

func (h hanging) Deliveries(ctx context.Context, _ event.KnownHook, _ string) ([]event.Delivery, string, error) {
	h.reached <- struct{}{}
	<-ctx.Done()
	return nil, "", context.Cause(ctx)
}

// TestTurns: of several agents on one store one sweeps.
func TestTurns(t *testing.T) {
	p, q := newPauses(), newPauses()
	w := newWorld(t, nil)
	w.deliver(1, "first")
	w.config.Turns = w.store
	start := func(p pauses) *recover.Sweeper {
		w.config.Pause = p.wait
		w.restart()
		if err := w.sweeper.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = w.sweeper.Stop(context.WithoutCancel(t.Context())) })
		return w.sweeper
	}
	one := start(p)
	receive(t, p.reached)
	w.host.Asked()
	start(q)
	if d := receive(t, q.reached); d != 5*minute || len(w.host.Asked()) != 0 {
		t.Errorf("the other one sweeps too (next in %s)", d)
	}
	if err := one.Stop(soon(t)); err != nil {
		t.Fatal(err)
	}
	w.db.Pass(10 * minute)
	q.on <- 0
	receive(t, q.reached)
	if len(lists(w.host.Asked())) != 1 {
		t.Error("the other one does not take over")
	}
}

// TestOthersWaitForALimit: when the code host limits one agent, no other goes on
// in its place before the limit has ended.
func TestOthersWaitForALimit(t *testing.T) {
	p, q := newPauses(), newPauses()
	w := newWorld(t, nil)
	w.deliver(1, "first")
	w.config.Turns = w.store
	end := w.db.Clock.Now().Add(40 * minute)
	w.host.Fail(func(string) error { return &run.RetryAfter{Until: end, Err: errors.New("limited")} })
	for i, p := range []pauses{p, q} {
		w.config.Pause = p.wait
		w.restart()
		if err := w.sweeper.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := w.sweeper
		t.Cleanup(func() { _ = s.Stop(context.WithoutCancel(t.Context())) })
		if d, want := receive(t, p.reached), []time.Duration{40 * minute, 5 * minute}[i]; d != want {
			t.Errorf("agent %d comes again in %s, want %s", i, d, want)
		}
	}
	w.host.Asked()
	for w.db.Clock.Now().Before(end) {
		q.on <- 0
		receive(t, q.reached)
		if asked := w.host.Asked(); len(asked) != 0 {
			t.Fatalf("%s before the end of the limit another agent asks %v", end.Sub(w.db.Clock.Now()), asked)
		}
		w.db.Pass(5 * minute)
	}
}

func TestNewRefuses(t *testing.T) {
	w := newWorld(t, nil)
	for name, change := range map[string]func(*recover.Config){
		"no vendor": func(c *recover.Config) { c.Vendor = "" }, "no host": func(c *recover.Config) { c.Host = nil },
		"no parser": func(c *recover.Config) { c.Parser = nil }, "no hooks": func(c *recover.Config) { c.Hooks = nil },
		"no gaps": func(c *recover.Config) { c.Gaps = nil }, "no events": func(c *recover.Config) { c.Events = nil },
		"no summary": func(c *recover.Config) { c.Summary = nil },
		"no finder":  func(c *recover.Config) { c.Finder, c.Named = nil, []recover.Named{{Of: "octo", ID: 1}} },
	} {
		c := w.config
		change(&c)
		if _, err := recover.New(c); err == nil {
			t.Errorf("%s: made", name)
		}
	}
}
