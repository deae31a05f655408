package main

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/store"
	"github.com/franela/pocketci/vcs/git"
)

// attic is a store with an event that ended a while ago, and a mirror that was
// used then.
type attic struct {
	store   *store.Store
	mirrors *git.Mirrors
	dir     string
	passed  atomic.Int64
}

func (a *attic) clock() time.Time { return time.Now().Add(time.Duration(a.passed.Load())) }

func newAttic(t *testing.T) *attic {
	t.Helper()
	a := &attic{dir: t.TempDir()}
	var err error
	if a.store, err = store.Open(t.Context(), store.Config{Dir: t.TempDir(), Clock: a.clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.store.Close() })
	if a.mirrors, err = git.New(git.Config{Dir: a.dir, Clock: a.clock, Log: zerolog.Nop()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.mirrors.Close() })
	e := event.Event{ID: "github:1", Vendor: "github", Name: "push", Repo: event.Repo{ID: 1, Owner: "octo", Name: "hello"}, Reason: "no", Payload: []byte(`{}`)}
	if _, err := a.store.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(a.dir, "5.git"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(a.dir, "5.git", "description"), make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *attic) janitor(holder string, keep config.Retention) *janitor {
	return &janitor{store: a.store, mirrors: a.mirrors, keep: keep, holder: holder, first: time.Millisecond, every: time.Hour, clock: a.clock, log: zerolog.Nop()}
}

// has tells whether the payload and the mirror are still there.
func (a *attic) has(t *testing.T) (payload, mirror bool) {
	t.Helper()
	r, _, err := a.store.Run(t.Context(), "github:1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = os.Stat(filepath.Join(a.dir, "5.git"))
	return r.Event.Payload != nil, err == nil
}

func TestWhatWasKeptLongEnoughIsRemoved(t *testing.T) {
	a := newAttic(t)
	keep := config.Retention{Payloads: config.Keep(24 * time.Hour), Mirrors: 1 << 20}
	a.janitor("a", keep).tidy(t.Context())
	if payload, mirror := a.has(t); !payload || !mirror {
		t.Fatalf("too early: payload %v, mirror %v", payload, mirror)
	}
	a.passed.Add(int64(25 * time.Hour))
	a.janitor("a", config.Retention{}).tidy(t.Context())
	if payload, mirror := a.has(t); !payload || !mirror {
		t.Fatalf("though it is to be kept for ever: payload %v, mirror %v", payload, mirror)
	}
	a.janitor("a", keep).tidy(t.Context())
	if payload, mirror := a.has(t); payload || mirror {
		t.Errorf("payload %v, mirror %v", payload, mirror)
	}
}

func TestOneAgentPrunesTheStore(t *testing.T) {
	a := newAttic(t)
	keep := config.Retention{Payloads: config.Keep(24 * time.Hour), Mirrors: 1 << 20}
	a.passed.Add(int64(25 * time.Hour))
	a.janitor("other", config.Retention{}).tidy(t.Context()) // has the turn now
	a.janitor("a", keep).tidy(t.Context())
	if payload, mirror := a.has(t); !payload || mirror {
		t.Errorf("payload %v, mirror %v; want the mirror, which is its own, gone", payload, mirror)
	}
	a.passed.Add(int64(2 * time.Hour))
	a.janitor("a", keep).tidy(t.Context())
	if payload, _ := a.has(t); payload {
		t.Error("the other one is gone, and nobody prunes")
	}
}

func TestTheJanitorStartsAndStops(t *testing.T) {
	a := newAttic(t)
	a.passed.Add(int64(25 * time.Hour))
	j := a.janitor("a", config.Retention{Payloads: config.Keep(24 * time.Hour)})
	if err := j.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	j.Start(t.Context())
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(20 * time.Second)
	for {
		if payload, _ := a.has(t); !payload {
			break
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatal("nothing is removed")
		}
	}
	for range 2 {
		if err := j.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var none *janitor
	if err := none.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}
