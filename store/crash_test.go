package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
	"github.com/franela/pocketci/store/storetest"
)

func open(t *testing.T, c store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestKilledProcessLosesNothing: what a process acknowledged before it was killed
// in the middle of its appends is there afterwards.
func TestKilledProcessLosesNothing(t *testing.T) {
	places := map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return t.TempDir() },
		"postgres": func(t *testing.T) string { return storetest.StartPostgres(t, true).URL(t) },
	}
	for name, where := range places {
		t.Run(name, func(t *testing.T) {
			place := where(t)
			var acknowledged []string
			for round, wait := range []int{1, 50, 500, 1500} {
				c := spawn(t, "append", fmt.Sprint("round", round), place)
				for range wait {
					id := c.line()
					if id == "" {
						t.Fatal("the child has ended by itself")
					}
					acknowledged = append(acknowledged, id)
				}
				_ = c.cmd.Process.Kill()
				for id := c.line(); id != ""; id = c.line() {
					acknowledged = append(acknowledged, id)
				}
				c.kill()
			}
			config := store.Config{Dir: place}
			if strings.HasPrefix(place, "postgres://") {
				config = store.Config{URL: place}
			}
			s := open(t, config)
			for _, id := range acknowledged {
				if r, _, err := s.Run(t.Context(), id); err != nil || string(r.Event.Payload) != string(sample(id).Payload) {
					t.Fatalf("%s was acknowledged and is lost: %v", id, err)
				}
			}
			t.Logf("%d events were acknowledged by four killed processes; none is lost", len(acknowledged))
		})
	}
}

// TestDiskFailureEndsAcknowledging: after an I/O error nothing is acknowledged,
// and what was acknowledged before is there.
func TestDiskFailureEndsAcknowledging(t *testing.T) {
	dir := t.TempDir()
	c := spawn(t, "break", "", dir)
	var acknowledged []string
	last := ""
	for line := c.line(); line != "" && line != "PASS"; line = c.line() {
		if last = line; line != "broken" {
			acknowledged = append(acknowledged, line)
		}
	}
	c.kill()
	if last != "broken" || len(acknowledged) == 0 {
		t.Fatalf("the child said %d ids and at last %q", len(acknowledged), last)
	}
	s := open(t, store.Config{Dir: dir})
	for _, id := range acknowledged {
		if _, _, err := s.Run(t.Context(), id); err != nil {
			t.Fatalf("%s was acknowledged and is lost: %v", id, err)
		}
	}
	if _, err := s.Append(t.Context(), sample("again")); err != nil {
		t.Errorf("opened anew: %v", err)
	}
}

// TestTwoProcessesLockEachOtherOut: the second one gets a sentence, and gets in
// when the first one is gone, however it went.
func TestTwoProcessesLockEachOtherOut(t *testing.T) {
	dir := t.TempDir()
	c := spawn(t, "hold", "", dir)
	if got := c.line(); got != "open" {
		t.Fatalf("the child says %q", got)
	}
	_, err := store.Open(t.Context(), store.Config{Dir: dir})
	var problem *event.Problem
	if !errors.As(err, &problem) {
		t.Fatalf("got %v, want a problem", err)
	}
	if want := fmt.Sprintf("in use by process %d", c.cmd.Process.Pid); !strings.Contains(problem.Public, want) || problem.Hint == "" {
		t.Errorf("got %q (%q), want %q in it", problem.Public, problem.Hint, want)
	}
	c.kill()
	s := open(t, store.Config{Dir: dir})
	if _, err := store.Open(t.Context(), store.Config{Dir: dir}); !errors.As(err, &problem) {
		t.Errorf("the same process opens it twice: %v", err)
	}
	if _, err := s.Append(t.Context(), sample("one")); err != nil {
		t.Error(err)
	}
}

// TestFormerLeasesAreTakenBack: nobody waits for the end of a lease whose holder
// is known to be gone.
func TestFormerLeasesAreTakenBack(t *testing.T) {
	config := store.Config{Dir: t.TempDir(), LeaseFor: time.Hour}
	s := open(t, config)
	if _, err := s.Append(t.Context(), sample("one")); err != nil {
		t.Fatal(err)
	}
	old := leaseSoon(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, config)
	if r, _, err := s.Run(t.Context(), "one"); err != nil || r.State != run.Queued {
		t.Errorf("state %q, %v", r.State, err)
	}
	if w := leaseSoon(t, s); w.Lease.Fence <= old.Lease.Fence {
		t.Errorf("fence %d after %d", w.Lease.Fence, old.Lease.Fence)
	}
	if err := s.Advance(t.Context(), old.Lease, run.Progress{State: run.Done}); !errors.Is(err, run.ErrLeaseLost) {
		t.Errorf("the former holder writes: %v", err)
	}
}

// TestWhatTheAgentDiesWithRests: once may be anybody's fault; after that the
// others come first, and the longer the more often it happened, whenever an agent starts.
func TestWhatTheAgentDiesWithRests(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	config := store.Config{Dir: t.TempDir(), LeaseFor: time.Minute, Clock: func() time.Time { return now }}
	s := open(t, config)
	if _, err := s.Append(t.Context(), sample("one")); err != nil {
		t.Fatal(err)
	}
	for died, rest := range []time.Duration{0, 0, 10 * time.Second, 20 * time.Second, 40 * time.Second} {
		if rest > 0 {
			now = now.Add(rest - 1)
			early, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			if w, err := s.Lease(early); err == nil {
				t.Fatalf("%s is handed out %s early", w.Lease.EventID, time.Duration(1))
			}
			cancel()
			now = now.Add(1)
		}
		if w := leaseSoon(t, s); w.Tries != died+1 {
			t.Errorf("tries %d, want %d", w.Tries, died+1)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, config)
	}
	// An agent that ends before the rest is over has not lived without it.
	now = now.Add(79 * time.Second)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, config)
	now = now.Add(79 * time.Second)
	early, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Lease(early); err == nil {
		t.Error("it does not rest again")
	}
	now = now.Add(time.Second)
	leaseSoon(t, s)
}

func leaseSoon(t *testing.T, s *store.Store) run.Work {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errors.New("there is no work"))
	defer cancel()
	w, err := s.Lease(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
