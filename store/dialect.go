package store

import (
	"context"
	"database/sql"
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
	// snapshot are the options of a transaction that reads one state.
	snapshot *sql.TxOptions
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
	_, err := t.exec(ctx, d.notify)
	return err
}

// queryer is what connections, transactions and pools have in common.
type queryer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// tx runs the store's queries in the dialect of the database under it.
type tx struct {
	queryer
	s *Store
}

// exec gives the number of rows that the statement changed.
func (t tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := t.ExecContext(ctx, t.s.d.rebind(query), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// each calls row for each row that the query gives. scan reads the current one.
func (t tx) each(ctx context.Context, row func(scan func(...any) error) error, query string, args ...any) error {
	rows, err := t.QueryContext(ctx, t.s.d.rebind(query), args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// one reads the query's only row into dest; found is false if there is none.
func (t tx) one(ctx context.Context, dest []any, query string, args ...any) (found bool, err error) {
	err = t.each(ctx, func(scan func(...any) error) error {
		found = true
		return scan(dest...)
	}, query, args...)
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
			_, err = t.exec(ctx, query, args...)
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
