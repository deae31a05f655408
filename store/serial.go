package store

import (
	"context"
	"database/sql"
)

// database is what connections, transactions and pools have in common.
type database interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// serial runs each statement by itself, when it is told to.
type serial struct{ database }

func (p serial) later(ctx context.Context, n *int64, query string, args []any) error {
	result, err := p.ExecContext(ctx, query, args...)
	if err != nil || n == nil {
		return err
	}
	*n, err = result.RowsAffected()
	return err
}

func (p serial) all(ctx context.Context, asks []ask) error {
	for _, a := range asks {
		if err := p.each(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

func (p serial) each(ctx context.Context, a ask) error {
	rows, err := p.QueryContext(ctx, a.query, a.args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := a.row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
