package store

import "sync"

// signal wakes one waiter; signals that nobody took yet are one.
type signal chan struct{}

func (s signal) set() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// watchers are told that something changed for the reporters.
type watchers struct {
	mu   sync.Mutex
	list []signal
}

func (w *watchers) add() signal {
	s := make(signal, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, s)
	return s
}

func (w *watchers) tell() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.list {
		s.set()
	}
}

// Watch gives a channel that gets a value after something changed for a
// reporter; several changes may be one value. Each call makes a new channel that
// lives as long as the store: call it once per reporter. What another process
// changed is not told: look by yourself from time to time.
func (s *Store) Watch() <-chan struct{} { return s.watch.add() }
