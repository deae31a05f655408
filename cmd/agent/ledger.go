package main

import (
	"context"
	"sync"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// ledger records one local run in memory and tells of each step. It means by a
// Progress what the store does.
type ledger struct {
	mu    sync.Mutex
	run   run.Run
	told  func(run.Progress)
	clock func() time.Time
}

// Advance takes a step in.
func (l *ledger) Advance(_ context.Context, _ run.Lease, p run.Progress) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run = l.run.Apply(p, l.clock())
	if l.told != nil {
		l.told(p)
	}
	return nil
}

// now is the run as it stands.
func (l *ledger) now() run.Run {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.run
}

// Holder says that a working tree is whose it says it is.
func (l *ledger) Holder(_ context.Context, repo event.Repo, _ string) (int64, error) {
	return repo.ID, nil
}
