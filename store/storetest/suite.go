package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
)

// Run is the conformance suite: newDatabase gives each test an empty database.
func Run(t *testing.T, newDatabase func(testing.TB) *Database) {
	groups := map[string]map[string]func(*testing.T, *Database){
		"append":  appendTests(),
		"lease":   leaseTests(),
		"advance": advanceTests(),
		"reports": reportTests(),
		"outbox":  outboxTests(),
		"read":    readTests(),
		"keep":    keepTests(),
		"order":   orderTests(),
		"cancel":  cancelTests(),
		"slots":   slotTests(),
		"urgent":  urgentTests(),
		"retain":  retentionTests(),
		"approve": approvalTests(),
		"permits": permitTests(),
	}
	for group, tests := range groups {
		t.Run(group, func(t *testing.T) {
			for name, test := range tests {
				t.Run(name, func(t *testing.T) { test(t, newDatabase(t)) })
			}
		})
	}
}

// push is an event of a repository; n makes it another one.
func push(repo int64, n int) event.Event {
	return event.Event{
		ID:         fmt.Sprintf("github:%d-%d", repo, n),
		Vendor:     "github",
		Name:       "push",
		Type:       "push",
		Filter:     "main",
		Repo:       event.Repo{ID: repo, Owner: "Octo", Name: fmt.Sprintf("repo%d", repo), DefaultBranch: "main"},
		SHA:        fmt.Sprintf("%040d", n),
		Status:     true,
		Provenance: event.Webhook,
		Payload:    fmt.Appendf(nil, `{"n":%d}`, n),
	}
}

func add(t testing.TB, s *store.Store, events ...event.Event) {
	t.Helper()
	for _, e := range events {
		r, err := s.Append(soon(t), e)
		if err != nil {
			t.Fatal(err)
		}
		if r.Duplicate {
			t.Fatalf("%s is a duplicate of %s", e.ID, r.ID)
		}
	}
}

func lease(t testing.TB, s *store.Store) run.Work {
	t.Helper()
	w, err := s.Lease(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func advance(t testing.TB, s *store.Store, l run.Lease, p run.Progress) {
	t.Helper()
	if err := s.Advance(soon(t), l, p); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, s *store.Store, id string) run.Run {
	t.Helper()
	r, _, err := s.Run(soon(t), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// idle fails the test if there is work.
func idle(t testing.TB, s *store.Store) {
	t.Helper()
	nothing(t, s.Lease)
}

// nothing fails the test if there is work of one kind.
func nothing(t testing.TB, lease func(context.Context) (run.Work, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errIdle)
	defer cancel()
	w, err := lease(ctx)
	if err == nil {
		t.Fatalf("%s is handed out (fence %d)", w.Lease.EventID, w.Lease.Fence)
	}
	if !errors.Is(err, errIdle) {
		t.Fatalf("lease: %v, want the context's cause", err)
	}
}
