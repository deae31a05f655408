package engine

import (
	"context"
	"sync"
)

// memo keeps the ids of what a session has asked for, so that calls in parallel
// ask once. Errors are not kept.
type memo struct {
	mu  sync.Mutex
	ids map[string]*answer
}

// answer is an id that was asked for.
type answer struct {
	done chan struct{}
	id   string
	err  error
}

// get gives the id for key, by asking if nobody did before. life is the context
// to ask in, so that who asks first does not take the others with it; ctx is
// the caller's.
func (m *memo) get(ctx, life context.Context, key string, ask func(context.Context) (string, error)) (string, error) {
	m.mu.Lock()
	if m.ids == nil {
		m.ids = map[string]*answer{}
	}
	a, ok := m.ids[key]
	if !ok {
		a = &answer{done: make(chan struct{})}
		m.ids[key] = a
		go func() {
			a.id, a.err = ask(life)
			if a.err != nil {
				m.mu.Lock()
				delete(m.ids, key)
				m.mu.Unlock()
			}
			close(a.done)
		}()
	}
	m.mu.Unlock()
	select {
	case <-a.done:
		return a.id, a.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
