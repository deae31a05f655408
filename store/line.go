package store

import (
	"context"
	"slices"
	"sync"
	"time"
)

// takeMost is how many runs one look for work may take.
const takeMost = 64

// line is who waits in Lease, in the order in which they came. One look for work is
// for all of them.
type line struct {
	mu      sync.Mutex
	waiting []*asking
	// asked is set when somebody came.
	asked signal
}

// asking is a Lease that waits for work.
type asking struct {
	// over is why it waits no longer; nil: it does.
	over func() error
	// got gets what became of it, unless it left before.
	got chan answer
}

// answer is a run that was leased, or why there is none.
type answer struct {
	taken
	err error
}

func (l *line) join(ctx context.Context) *asking {
	a := &asking{func() error { return context.Cause(ctx) }, make(chan answer, 1)}
	l.mu.Lock()
	l.waiting = append(l.waiting, a)
	l.mu.Unlock()
	l.asked.set()
	return a
}

// leave takes somebody out whose time is over. Whoever is being looked for gets an
// answer still: a run that nobody takes would be held until its lease is over.
func (l *line) leave(a *asking) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.waiting, a)
	if i < 0 {
		return false
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
	return true
}

// next takes those out for whom work is looked for now.
func (l *line) next() []*asking {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.waiting), takeMost)
	next := slices.Clone(l.waiting[:n])
	l.waiting = slices.Delete(l.waiting, 0, n)
	return next
}

// settle hands out what was found. Who got nothing waits on, before the others.
func (l *line) settle(next []*asking, got []taken, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var on []*asking
	for i, a := range next {
		switch {
		case i < len(got):
			a.got <- answer{taken: got[i]}
		case err != nil:
			a.got <- answer{err: err}
		case a.over() != nil:
			a.got <- answer{err: a.over()}
		default:
			on = append(on, a)
		}
	}
	l.waiting = append(on, l.waiting...)
}

// wait stands in line for a run.
func (s *Store) wait(ctx context.Context) (taken, error) {
	a := s.line.join(ctx)
	var over error
	select {
	case got := <-a.got:
		return got.taken, got.err
	case <-s.closing:
		over = ErrClosed
	case <-ctx.Done():
		over = context.Cause(ctx)
	}
	if s.line.leave(a) {
		return taken{}, over
	}
	got := <-a.got
	return got.taken, got.err
}

// deal looks for work for those who wait for it until the store is closed. Whoever
// comes is looked for at once, and everybody when there may be news.
func (s *Store) deal() {
	poll := time.NewTicker(s.cfg.Poll)
	defer poll.Stop()
	for {
		if next := s.line.next(); len(next) > 0 {
			got, more, err := s.take(context.Background(), len(next), "")
			s.line.settle(next, got, err)
			if more {
				continue
			}
		}
		select {
		case <-s.line.asked:
		case <-s.work:
		case <-poll.C:
		case <-s.closing:
			return
		}
	}
}
