package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// groupOps and groupBytes bound what is committed together.
	groupOps   = 256
	groupBytes = 16 << 20
	// checkpointWait is how long, in milliseconds, writes wait for readers to end
	// so that the log can be emptied.
	checkpointWait = "200"
	// tries is how often a transaction is tried that lost against another one.
	tries = 8
)

// op is one write: an event to append, or a function that runs in a transaction
// of its own or of a group, perhaps more than once.
type op struct {
	row *row
	fn  func(context.Context, tx) error
	// after is called once the op is committed.
	after func()

	err  error
	done chan struct{}
}

// transaction is what the writer fills with a group. rollback can't fail in a
// way that matters: where it does, the database has rolled back by itself.
type transaction struct {
	queryer
	commit   func() error
	rollback func()
}

// beginner begins the writer's transactions, one at a time.
type beginner func(context.Context) (transaction, error)

// writer commits what many callers hand in as groups: one goroutine takes what
// waits, writes it in one transaction, and tells everybody what became of theirs.
type writer struct {
	s     *Store
	begin beginner
	// conn runs what can't be in a transaction; nil on PostgreSQL.
	conn queryer

	mu     sync.RWMutex
	closed bool
	ops    chan *op
	ended  chan struct{}

	broken atomic.Pointer[error]
	// nextCheckpoint is when the log may be looked at again.
	nextCheckpoint time.Time
}

func startWriter(s *Store, begin beginner, conn queryer) *writer {
	w := &writer{s: s, begin: begin, conn: conn, ops: make(chan *op, groupOps), ended: make(chan struct{})}
	go w.run()
	return w
}

// close commits what was handed in and ends the goroutine.
func (w *writer) close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.ops)
	}
	w.mu.Unlock()
	<-w.ended
}

// hand puts the op in line. From then on it is done, whatever becomes of ctx.
func (w *writer) hand(ctx context.Context, o *op) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return ErrClosed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	o.done = make(chan struct{})
	select {
	case w.ops <- o:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *writer) run() {
	defer close(w.ended)
	ctx := context.Background()
	for first := range w.ops {
		group := w.gather(first)
		w.write(ctx, group)
		for _, o := range group {
			if o.err == nil && o.after != nil {
				o.after()
			}
			close(o.done)
		}
		w.checkpoint(ctx)
	}
}

// checkpoint empties a write-ahead log that has outgrown its limit, which needs
// a moment without readers. SQLite does so by itself unless readers overlap all
// the time.
func (w *writer) checkpoint(ctx context.Context) {
	if w.s.file == "" || w.refusal() != nil {
		return
	}
	info, err := os.Stat(w.s.file + "-wal")
	if err != nil || info.Size() <= w.s.cfg.walLimit || w.s.cfg.Clock().Before(w.nextCheckpoint) {
		return
	}
	w.nextCheckpoint = w.s.cfg.Clock().Add(time.Second)
	var busy, pages, moved int64
	t := tx{w.conn, w.s}
	_, err = t.exec(ctx, "PRAGMA busy_timeout = "+checkpointWait)
	if err == nil {
		_, err = t.one(ctx, []any{&busy, &pages, &moved}, "PRAGMA wal_checkpoint(TRUNCATE)")
	}
	if _, back := t.exec(ctx, "PRAGMA busy_timeout = "+busyTimeout); err == nil {
		err = back
	}
	err = w.judge(err)
	w.s.cfg.Log.Debug().Err(err).Int64("bytes", info.Size()).Bool("busy", busy != 0).Msg("write-ahead log checkpointed")
}

// gather takes what waits already; it waits for nobody.
func (w *writer) gather(first *op) []*op {
	group, size := []*op{first}, first.size()
	for len(group) < groupOps && size < groupBytes {
		select {
		case o, ok := <-w.ops:
			if !ok {
				return group
			}
			group, size = append(group, o), size+o.size()
		default:
			return group
		}
	}
	return group
}

func (o *op) size() int {
	if o.row == nil {
		return 0
	}
	return len(o.row.payload) + len(o.row.data)
}

// write sets each op's err. A group that fails before its commit is tried again
// one by one, so that nobody pays for a neighbour.
func (w *writer) write(ctx context.Context, group []*op) {
	if group = w.admit(group); len(group) == 0 {
		return
	}
	again, err := w.attempt(ctx, group)
	if err == nil {
		return
	}
	for _, o := range group {
		if again && len(group) > 1 && w.refusal() == nil {
			w.alone(ctx, o)
			continue
		}
		o.err = err
	}
	if !again || len(group) > 1 {
		return
	}
	if w.s.d.class(err) == classAgain {
		w.alone(ctx, group[0])
	}
}

// alone writes one op in a transaction of its own.
func (w *writer) alone(ctx context.Context, o *op) {
	for range tries {
		again, err := w.attempt(ctx, []*op{o})
		o.err = err
		if err == nil || !again || w.s.d.class(err) != classAgain {
			return
		}
	}
}

// admit refuses what can't be written and gives the rest.
func (w *writer) admit(group []*op) []*op {
	refusal := w.refusal()
	var full error
	if refusal == nil {
		full = w.s.room()
	}
	admitted := group[:0:0]
	for _, o := range group {
		switch {
		case refusal != nil:
			o.err = refusal
		case full != nil && o.row != nil:
			o.err = full
		default:
			admitted = append(admitted, o)
		}
	}
	return admitted
}

func (w *writer) refusal() error {
	if p := w.broken.Load(); p != nil {
		return *p
	}
	return nil
}

// attempt writes the group in one transaction. What fails for one op alone is in
// its err; an error that is returned is everybody's, and again tells that the
// commit was not reached, so nothing was written.
func (w *writer) attempt(ctx context.Context, group []*op) (again bool, err error) {
	defer func() { err = w.judge(err) }()
	ctx, cancel := w.s.d.bounded(ctx)
	defer cancel()
	q, err := w.begin(ctx)
	if err != nil {
		return true, fmt.Errorf("begin: %w", err)
	}
	if err := w.fill(ctx, tx{q, w.s}, group); err != nil {
		q.rollback()
		return true, err
	}
	if err := q.commit(); err != nil {
		q.rollback()
		return errors.Is(err, errUndone), fmt.Errorf("commit: %w", err)
	}
	return false, nil
}

// judge names what an error means for callers, and closes the store to writes
// after the disk failed: what a failed flush left behind is not known, and a
// second one may report success falsely.
func (w *writer) judge(err error) error {
	if err == nil {
		return nil
	}
	switch w.s.d.class(err) {
	case classFull:
		return fmt.Errorf("%w: %w", ErrFull, err)
	case classDisk:
		broken := fmt.Errorf("%w: %w", ErrBroken, err)
		if w.broken.CompareAndSwap(nil, &broken) {
			w.s.cfg.Log.Error().Err(err).Msg("the store's disk failed; nothing is accepted until the agent is restarted")
		}
		return broken
	default:
		return err
	}
}

// fill writes the group's ops: the events as one, without a guard, because they
// hardly ever fail; then the functions one by one.
func (w *writer) fill(ctx context.Context, t tx, group []*op) error {
	var events, rest []*op
	for _, o := range group {
		o.err = nil
		if o.row != nil {
			events = append(events, o)
		} else {
			rest = append(rest, o)
		}
	}
	if len(events) > 0 {
		if err := w.s.appendRows(ctx, t, events); err != nil {
			return err
		}
	}
	for _, o := range rest {
		var lost error
		if o.err, lost = w.guard(ctx, t, len(group) == 1, func() error { return o.fn(ctx, t) }); lost != nil {
			return lost
		}
	}
	return nil
}

// guard runs fn so that what it wrote is undone if it fails: own is then its
// error. lost means that the transaction is lost with everything in it. Whoever
// is alone in a transaction needs no guard: it is lost as a whole.
func (w *writer) guard(ctx context.Context, t tx, alone bool, fn func() error) (own, lost error) {
	if alone {
		return nil, fn()
	}
	if _, err := t.exec(ctx, "SAVEPOINT op"); err != nil {
		return nil, err
	}
	if own = fn(); own != nil {
		if w.s.d.class(own) != classRow {
			return nil, own
		}
		if _, err := t.exec(ctx, "ROLLBACK TO SAVEPOINT op"); err != nil {
			return nil, errors.Join(own, err)
		}
	}
	if _, err := t.exec(ctx, "RELEASE SAVEPOINT op"); err != nil {
		return nil, err
	}
	return own, nil
}
