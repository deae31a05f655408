package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// errUndone: the commit came to nothing. What became of one that failed without
// it is not known.
var errUndone = errors.New("the transaction was rolled back")

// pipeline is a transaction on PostgreSQL that sends its statements together: what
// nobody waits for goes with the next one that somebody does. A way to the database
// and back costs more than most of what is done there.
type pipeline struct {
	pooled *sql.Conn
	conn   *pgx.Conn
	begin  string
	queue  pgx.Batch
	// begun: the transaction is not only queued any more.
	begun bool
}

// newPipeline takes a connection out of the pool until the transaction ends. With
// an empty begin what is sent together is a transaction, and nothing else.
func newPipeline(ctx context.Context, pool *sql.DB, begin string) (*pipeline, error) {
	pooled, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	p := &pipeline{pooled: pooled, begin: begin}
	err = pooled.Raw(func(conn any) error {
		p.conn = conn.(*stdlib.Conn).Conn()
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, pooled.Close())
	}
	return p, nil
}

func (p *pipeline) later(_ context.Context, n *int64, query string, args []any) error {
	q := p.queue.Queue(query, args...)
	if n != nil {
		q.Exec(func(tag pgconn.CommandTag) error {
			*n = tag.RowsAffected()
			return nil
		})
	}
	return nil
}

func (p *pipeline) all(ctx context.Context, asks []ask) error {
	for _, a := range asks {
		p.queue.Queue(a.query, a.args...).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				if err := a.row(rows.Scan); err != nil {
					return err
				}
			}
			return rows.Err()
		})
	}
	return p.send(ctx)
}

// send sends what is queued and reads the answers.
func (p *pipeline) send(ctx context.Context) error {
	queue := p.queue
	p.queue = pgx.Batch{}
	if !p.begun && p.begin != "" {
		first := &pgx.Batch{}
		first.Queue(p.begin)
		queue.QueuedQueries = append(first.QueuedQueries, queue.QueuedQueries...)
	}
	p.begun = true
	return p.conn.SendBatch(ctx, &queue).Close()
}

// commit ends the transaction. A transaction of which nothing was sent before needs
// neither beginning nor end: what is sent together is one.
func (p *pipeline) commit(ctx context.Context) error {
	defer p.release(ctx)
	var err error
	switch {
	case p.begun:
		p.queue.Queue("COMMIT").Exec(func(tag pgconn.CommandTag) error {
			if tag.String() != "COMMIT" {
				return errUndone
			}
			return nil
		})
		err = p.send(ctx)
	case p.queue.Len() > 0:
		p.begun = true
		err = p.send(ctx)
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.SeverityUnlocalized == "ERROR" {
		return fmt.Errorf("%w: %w", errUndone, err)
	}
	return err
}

// rollback undoes what was sent.
func (p *pipeline) rollback(ctx context.Context) {
	defer p.release(ctx)
	if !p.begun || p.begin == "" || p.pooled == nil || p.conn.IsClosed() {
		return
	}
	p.queue = pgx.Batch{}
	p.queue.Queue("ROLLBACK")
	_ = p.send(ctx) // If that fails the connection is not used again.
}

// release gives the connection back. One that is in a transaction is closed.
func (p *pipeline) release(ctx context.Context) {
	if p.pooled == nil {
		return
	}
	if p.conn.PgConn().TxStatus() != 'I' {
		_ = p.conn.Close(context.WithoutCancel(ctx))
	}
	_ = p.pooled.Close()
	p.pooled = nil
}
