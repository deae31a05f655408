package git

import (
	"context"
	"errors"
	"sync"
)

// want is something to get from the code host.
type want struct {
	// src is a sha, the full name of a ref, or HEAD.
	src string
	// via is a ref that should hold the sha, for code hosts that give no commit
	// by its sha; may be empty.
	via string
	// loose: the sha may be that of something else than a commit, which can't
	// always be had together with commits.
	loose bool
}

// errNobody ends a fetch that nobody waits for any more.
var errNobody = errors.New("nobody waits for it any more")

// maxBatch bounds what one fetch is asked for on behalf of several events.
const maxBatch = 128

// batcher runs fetches one after the other and joins what is asked for while one
// is under way into the next one.
type batcher struct {
	// life bounds the fetches; go runs what must have ended before the agent does.
	life  context.Context
	spawn func(func())
	// fetch gets everything that is wanted and can be had. It gives the objects at
	// which the wanted refs point.
	fetch func(ctx context.Context, r Remote, wants []want) (map[string]string, error)

	mu   sync.Mutex
	next map[Remote]*batch // those that may still be joined
	turn chan struct{}     // holds one token
}

// batch is one fetch for one or more askers.
type batch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	wants  []want
	askers int
	done   chan struct{}
	refs   map[string]string // valid once done is closed, as is err
	err    error
}

func newBatcher(life context.Context, spawn func(func()), fetch func(context.Context, Remote, []want) (map[string]string, error)) *batcher {
	b := &batcher{life: life, spawn: spawn, fetch: fetch, next: map[Remote]*batch{}, turn: make(chan struct{}, 1)}
	b.turn <- struct{}{}
	return b
}

// get fetches what is wanted, alone or together with others. A wanted ref that is
// not among the result, and a wanted sha that is not there afterwards, can't be had.
func (b *batcher) get(ctx context.Context, r Remote, wants []want) (map[string]string, error) {
	mine := b.join(r, wants)
	select {
	case <-mine.done:
		return mine.refs, mine.err
	case <-ctx.Done():
		b.leave(r, mine)
		return nil, context.Cause(ctx)
	}
}

func (b *batcher) join(r Remote, wants []want) *batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := b.next[r]
	if next == nil || len(next.wants)+len(wants) > maxBatch {
		next = &batch{done: make(chan struct{})}
		next.ctx, next.cancel = context.WithCancelCause(b.life)
		b.next[r] = next
		b.spawn(func() { b.work(r, next) })
	}
	next.askers++
	next.wants = merge(next.wants, wants)
	return next
}

// merge adds to wants what is not among them.
func merge(wants, more []want) []want {
	known := make(map[string]int, len(wants)+len(more))
	for i, w := range wants {
		known[w.src] = i
	}
	for _, w := range more {
		i, ok := known[w.src]
		if !ok {
			known[w.src] = len(wants)
			wants = append(wants, w)
			continue
		}
		wants[i].loose = wants[i].loose && w.loose
		if wants[i].via == "" {
			wants[i].via = w.via
		}
	}
	return wants
}

// leave takes an asker off; the last one ends the fetch.
func (b *batcher) leave(r Remote, mine *batch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if mine.askers--; mine.askers == 0 {
		mine.cancel(errNobody)
		b.close(r, mine)
	}
}

// close keeps further askers out. b.mu is held.
func (b *batcher) close(r Remote, mine *batch) {
	if b.next[r] == mine {
		delete(b.next, r)
	}
}

func (b *batcher) work(r Remote, mine *batch) {
	defer mine.cancel(nil)
	defer close(mine.done)
	select {
	case <-b.turn:
		defer func() { b.turn <- struct{}{} }()
	case <-mine.ctx.Done():
		mine.err = context.Cause(mine.ctx)
	}
	b.mu.Lock()
	b.close(r, mine)
	b.mu.Unlock()
	if mine.err == nil {
		mine.refs, mine.err = b.fetch(mine.ctx, r, mine.wants)
	}
}
