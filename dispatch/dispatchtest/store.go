// Package dispatchtest holds hand-written stand-ins for what dispatch works
// with: a store in memory, repositories, an engine that does as it is told.
package dispatchtest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Store keeps runs in memory. It leases them in order of acceptance and means by
// a Progress what run.Apply says.
type Store struct {
	// Holders are known names and the ids they belong to.
	Holders map[string]int64
	// Fail, if set, may refuse a write, FailRenew the renewal of a lease.
	Fail      func(run.Progress) error
	FailRenew func() error
	// LeaseFor is how long leases last, by Clock; a minute, by time.Now.
	LeaseFor time.Duration
	Clock    func() time.Time

	mu      sync.Mutex
	changed chan struct{} // closed and renewed at every change
	runs    []run.Run
	fences  map[string]int64
	died    map[string]int
	due     map[string]time.Time
	history map[string][]run.Progress
}

// NewStore makes an empty store.
func NewStore() *Store {
	return &Store{
		Holders: map[string]int64{}, changed: make(chan struct{}),
		LeaseFor: time.Minute, Clock: time.Now,
		fences: map[string]int64{}, died: map[string]int{}, due: map[string]time.Time{}, history: map[string][]run.Progress{},
	}
}

// Add accepts an event.
func (s *Store) Add(e event.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs = append(s.runs, run.Run{Seq: int64(len(s.runs) + 1), Event: e, State: run.Queued})
	s.signal()
}

// Lease blocks until a run is due. Time does not count here: a run that was
// given back with a time is due at once, unless it waits to be woken.
func (s *Store) Lease(ctx context.Context) (run.Work, error) {
	for {
		s.mu.Lock()
		for i, r := range s.runs {
			if r.State == run.Queued || (r.State == run.Waiting && !s.due[r.Event.ID].IsZero()) {
				s.fences[r.Event.ID]++
				s.runs[i].State = run.Running
				s.signal()
				w := run.Work{
					Run:   s.runs[i],
					Lease: run.Lease{EventID: r.Event.ID, Fence: s.fences[r.Event.ID], Until: s.Clock().Add(s.LeaseFor)},
					Tries: s.died[r.Event.ID] + 1,
				}
				s.mu.Unlock()
				return w, nil
			}
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return run.Work{}, context.Cause(ctx)
		}
	}
}

// Steal takes the lease of a run away, as a rescuer would.
func (s *Store) Steal(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fences[id]++
}

// Died makes the run of an event one that so many holders died with.
func (s *Store) Died(id string, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.died[id] = times
}

// Rescue hands the run of an event out again, as if its lease had run out.
func (s *Store) Rescue(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.runs {
		if s.runs[i].Event.ID == id && s.runs[i].State == run.Running {
			s.runs[i].State = run.Queued
		}
	}
	s.signal()
}

// Renew extends a lease.
func (s *Store) Renew(_ context.Context, l run.Lease) (run.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.Fence != s.fences[l.EventID] {
		return l, run.ErrLeaseLost
	}
	if s.FailRenew != nil {
		if err := s.FailRenew(); err != nil {
			return l, err
		}
	}
	l.Until = s.Clock().Add(s.LeaseFor)
	return l, nil
}

// Advance applies a step.
func (s *Store) Advance(_ context.Context, l run.Lease, p run.Progress) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.Fence != s.fences[l.EventID] {
		return run.ErrLeaseLost
	}
	if s.Fail != nil {
		if err := s.Fail(p); err != nil {
			return err
		}
	}
	i := slices.IndexFunc(s.runs, func(r run.Run) bool { return r.Event.ID == l.EventID })
	if i < 0 {
		return fmt.Errorf("no run of %s", l.EventID)
	}
	s.runs[i] = s.runs[i].Apply(p, time.Now())
	s.due[l.EventID] = p.NotBefore
	s.history[l.EventID] = append(s.history[l.EventID], p)
	s.signal()
	return nil
}

// Holder is the id that a name belongs to.
func (s *Store) Holder(_ context.Context, repo event.Repo, _ string) (int64, error) {
	if id, ok := s.Holders[repo.FullName()]; ok {
		return id, nil
	}
	return repo.ID, nil
}

// History are the steps that were recorded for an event.
func (s *Store) History(id string) []run.Progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.history[id])
}

// Wait waits until the event's run is as wanted, and gives it.
func (s *Store) Wait(ctx context.Context, id string, wanted func(run.Run) bool) (run.Run, error) {
	for {
		s.mu.Lock()
		var last run.Run
		for _, r := range s.runs {
			if r.Event.ID == id {
				last = r
			}
		}
		changed := s.changed
		s.mu.Unlock()
		if wanted(last) {
			return last, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return last, fmt.Errorf("run of %s is %s (waits for %q): %w", id, last.State, last.Waits, context.Cause(ctx))
		}
	}
}

func (s *Store) signal() { close(s.changed); s.changed = make(chan struct{}) }
