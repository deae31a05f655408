package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// dialect is all in which the two databases differ, beyond how they are opened.
// Queries are written once, with ? for arguments.
type dialect struct {
	// numbered: arguments are $1, $2 instead of ?.
	numbered bool
	// lock and lockFree end a SELECT that locks its rows; the second passes over
	// those that another transaction has locked.
	lock, lockFree string
	// groupLock keeps others out of what a text names until the transaction ends;
	// empty: there are none.
	groupLock string
	// clock is a query that gives the database's time in nanoseconds; empty: our
	// own clock counts.
	clock string
	// notify tells other agents that there is work, when the transaction commits;
	// empty: there are none.
	notify string
	// snapshot begins a transaction that reads one state; empty: each one does.
	snapshot string
	// patience is how long a transaction may take; 0: as long as it does.
	patience time.Duration
	// class tells what an error means for the transaction it happened in.
	class func(error) class
}

// class is what a failed statement means.
type class int

const (
	// classRow: only what this statement wanted failed.
	classRow class = iota
	// classAgain: the transaction is lost, but may succeed when tried again.
	classAgain
	// classFull: there is no space.
	classFull
	// classDisk: the disk failed; nothing that is written from now on can be trusted.
	classDisk
	// classLost: the transaction is lost.
	classLost
)

func (d *dialect) rebind(query string) string {
	if !d.numbered {
		return query
	}
	var b strings.Builder
	n := 0
	for _, part := range strings.SplitAfter(query, "?") {
		if before, found := strings.CutSuffix(part, "?"); found {
			n++
			b.WriteString(before)
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
			continue
		}
		b.WriteString(part)
	}
	return b.String()
}

// bounded ends ctx when a transaction has taken too long.
func (d *dialect) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if d.patience == 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, d.patience, errPatience)
}

// announce tells other agents that there may be work.
func (d *dialect) announce(ctx context.Context, t tx) error {
	if d.notify == "" {
		return nil
	}
	return t.later(ctx, d.notify)
}

// announcing is a statement that makes runs due, and tells other agents if there
// are any.
func (d *dialect) announcing(update string) string {
	if d.notify == "" {
		return update
	}
	return "WITH woken AS (" + update + " RETURNING 1) " + d.notify + " WHERE EXISTS (SELECT 1 FROM woken)"
}

// queryer runs statements in the text of the database under it.
type queryer interface {
	// all runs queries whose answers don't depend on each other, in their order,
	// and what is left of later; on PostgreSQL with one way there and back.
	all(ctx context.Context, asks []ask) error
	// later runs a statement after those before it, at the latest when the
	// transaction ends, and sets n, if there is one, to the number of rows that it
	// changed. PostgreSQL gets it together with the next one that is waited for.
	later(ctx context.Context, n *int64, query string, args []any) error
}

// ask is a query, and what is called for each row that it gives.
type ask struct {
	query string
	args  []any
	row   func(scan func(...any) error) error
}

// askOne is a query whose only row, if there is one, is read into dest.
func askOne(found *bool, dest []any, query string, args ...any) ask {
	return ask{query: query, args: args, row: func(scan func(...any) error) error {
		*found = true
		return scan(dest...)
	}}
}

// tx runs the store's queries in the dialect of the database under it.
type tx struct {
	queryer
	s *Store
}

// exec gives the number of rows that the statement changed.
func (t tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	var n int64
	if err := t.laterCount(ctx, &n, query, args...); err != nil {
		return 0, err
	}
	err := t.queryer.all(ctx, nil)
	return n, err
}

// later is [queryer.later] for a statement of which only the error counts.
func (t tx) later(ctx context.Context, query string, args ...any) error {
	return t.queryer.later(ctx, nil, t.s.d.rebind(query), args)
}

// laterCount is [queryer.later]; n is set when the transaction has ended.
func (t tx) laterCount(ctx context.Context, n *int64, query string, args ...any) error {
	return t.queryer.later(ctx, n, t.s.d.rebind(query), args)
}

// all is [queryer.all].
func (t tx) all(ctx context.Context, asks ...ask) error {
	for i := range asks {
		asks[i].query = t.s.d.rebind(asks[i].query)
	}
	return t.queryer.all(ctx, asks)
}

// each calls row for each row that the query gives. scan reads the current one.
func (t tx) each(ctx context.Context, row func(scan func(...any) error) error, query string, args ...any) error {
	return t.all(ctx, ask{query, args, row})
}

// one reads the query's only row into dest; found is false if there is none.
func (t tx) one(ctx context.Context, dest []any, query string, args ...any) (found bool, err error) {
	err = t.all(ctx, askOne(&found, dest, query, args...))
	return found, err
}

// now is the time by which leases are held.
func (t tx) now(ctx context.Context) (int64, error) {
	if t.s.d.clock == "" {
		return nanos(t.s.cfg.Clock()), nil
	}
	var now int64
	if _, err := t.one(ctx, []any{&now}, t.s.d.clock); err != nil {
		return 0, fmt.Errorf("ask the database for the time: %w", err)
	}
	return now, nil
}

// moment is the time by which leases are held, as the sum of an expression in SQL
// and a number.
func (t tx) moment() (expression string, plus int64) {
	if t.s.d.clock == "" {
		return "0", nanos(t.s.cfg.Clock())
	}
	return "(" + t.s.d.clock + ")", 0
}

// list is n argument marks: (?,?,?).
func list(n int) string { return "(" + strings.TrimSuffix(strings.Repeat("?,", n), ",") + ")" }

// insert adds rows with one statement per 32, 16, 8 … of them: few distinct
// texts, which the databases keep prepared. Rows of one call have one length.
// each, if given, reads what tail returns.
func (t tx) insert(ctx context.Context, head string, rows [][]any, tail string, each func(scan func(...any) error) error) error {
	for size := 32; len(rows) > 0; {
		if len(rows) < size {
			size /= 2
			continue
		}
		var args []any
		for _, row := range rows[:size] {
			args = append(args, row...)
		}
		mark := list(len(rows[0]))
		query := head + " VALUES " + mark + strings.Repeat(","+mark, size-1) + tail
		var err error
		if each == nil {
			err = t.later(ctx, query, args...)
		} else {
			err = t.each(ctx, each, query, args...)
		}
		if err != nil {
			return err
		}
		rows = rows[size:]
	}
	return nil
}
