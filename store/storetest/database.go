package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/store"
)

// Durations of leases in the databases of this package.
const (
	LeaseFor = time.Minute
	Grace    = 30 * time.Second
	ClaimFor = 2 * time.Minute
)

// Database is an empty database that stores can be opened on.
type Database struct {
	// Config opens a store on it.
	Config store.Config
	// Clock is the configuration's.
	Clock *Clock
	// Shared tells that several stores may be open on it at once.
	Shared bool

	pass func(time.Time)
}

// Pass moves time.
func (d *Database) Pass(by time.Duration) {
	now := d.Clock.pass(by)
	if d.pass != nil {
		d.pass(now)
	}
}

// Open opens a store that is closed when the test ends.
func (d *Database) Open(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), d.Config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// Clock is a clock that stands still.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock gives a clock that shows some day in 2026.
func NewClock() *Clock {
	return &Clock{now: time.Date(2026, 3, 14, 15, 9, 26, 535_897_000, time.UTC)}
}

// Now is what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *Clock) pass(by time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
	return c.now
}

// SQLite gives an empty database in a folder of the test.
func SQLite(t testing.TB) *Database {
	clock := NewClock()
	c := config(t, clock)
	c.Dir = t.TempDir()
	return &Database{Config: c, Clock: clock}
}

func config(t testing.TB, clock *Clock) store.Config {
	return store.Config{
		Owner:    t.Name(),
		LeaseFor: LeaseFor,
		Grace:    Grace,
		ClaimFor: ClaimFor,
		Poll:     20 * time.Millisecond,
		Clock:    clock.Now,
		Log:      zerolog.Nop(),
	}
}

// soon ends a wait that should have ended long before.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Second, errTooLong)
	t.Cleanup(cancel)
	return ctx
}
