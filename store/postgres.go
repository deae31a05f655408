package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

const (
	// patience is how long a transaction on PostgreSQL may take.
	patience = 30 * time.Second
	// migrateLock keeps agents that start together from migrating together.
	migrateLock = 7_265_133_108
	// workChannel is where agents tell each other that there is work.
	workChannel = "pocketci_work"
)

var errPatience = errors.New("the database took too long")

// openPostgres connects and migrates. What other agents have under lease is theirs.
func (s *Store) openPostgres(ctx context.Context) error {
	config, err := pgx.ParseConfig(s.cfg.URL)
	if err != nil {
		return err
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "pocketci"
	}
	s.d = dialect{
		numbered:  true,
		lock:      " FOR UPDATE",
		lockFree:  " FOR UPDATE SKIP LOCKED",
		groupLock: "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))",
		clock:     "SELECT (extract(epoch FROM clock_timestamp()) * 1000000000)::bigint",
		notify:    "SELECT pg_notify('" + workChannel + "', '')",
		snapshot:  "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
		patience:  patience,
		class:     postgresClass,
	}
	s.read = stdlib.OpenDB(*config, stdlib.OptionAfterConnect(s.durable))
	s.release = append(s.release, s.read.Close)
	bound(s.read, s.cfg.Readers, 8)
	s.write = stdlib.OpenDB(*config, stdlib.OptionAfterConnect(s.durable))
	s.release = append(s.release, s.write.Close)
	bound(s.write, 0, 8)
	if err := s.migrateAlone(ctx); err != nil {
		return err
	}
	s.writer = startWriter(s, s.begin, nil)
	s.release = append(s.release, func() error { s.writer.close(); return nil })
	s.ended.Go(func() { s.listen(config) })
	return nil
}

// durable makes sure that a commit on this connection is on disk when it returns.
func (s *Store) durable(ctx context.Context, conn *pgx.Conn) error {
	var commits, fsync string
	if err := conn.QueryRow(ctx, "SELECT current_setting('synchronous_commit'), current_setting('fsync')").Scan(&commits, &fsync); err != nil {
		return fmt.Errorf("read synchronous_commit: %w", err)
	}
	if fsync != "on" {
		s.warned.Do(func() {
			s.cfg.Log.Warn().Msg("PostgreSQL runs with fsync off: what it acknowledges is lost if its machine crashes")
		})
	}
	if commits != "off" {
		return nil
	}
	if _, err := conn.Exec(ctx, "SET synchronous_commit = on"); err != nil {
		return fmt.Errorf("set synchronous_commit: %w", err)
	}
	return nil
}

// migrateAlone migrates while no other agent does.
func (s *Store) migrateAlone(ctx context.Context) (err error) {
	conn, err := s.read.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(migrateLock)); err != nil {
		return fmt.Errorf("wait for other agents' migrations: %w", err)
	}
	defer func() {
		_, unlocked := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(migrateLock))
		err = errors.Join(err, unlocked)
	}()
	return s.migrate(ctx, goose.DialectPostgres, s.write)
}

// postgresClass tells what an error means.
func postgresClass(err error) class {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return classRow
	}
	switch {
	case e.Code == "40001", e.Code == "40P01", strings.HasPrefix(e.Code, "57P"), strings.HasPrefix(e.Code, "08"):
		return classAgain // It lost against another one, or with its connection.
	case e.Code == "53100":
		return classFull
	case strings.HasPrefix(e.Code, "22"), strings.HasPrefix(e.Code, "23"):
		return classRow
	default:
		return classLost
	}
}

// begin begins a transaction of the writer's on any connection.
func (s *Store) begin(ctx context.Context) (transaction, error) {
	p, err := newPipeline(ctx, s.write, "BEGIN")
	if err != nil {
		return transaction{}, err
	}
	return transaction{queryer: p, commit: func() error { return p.commit(ctx) }, rollback: func() { p.rollback(ctx) }}, nil
}

// direct runs fn in a transaction of its own, again if it lost against another.
func (s *Store) direct(ctx context.Context, fn func(context.Context, tx) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var err error
	for try, again := 0, true; again && try < tries; try++ {
		again, err = s.transact(context.WithoutCancel(ctx), fn)
	}
	if err != nil && s.d.class(err) == classFull {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// transact runs fn once. again tells that nothing was written and that another
// try may succeed; what became of a commit that failed is not known.
func (s *Store) transact(ctx context.Context, fn func(context.Context, tx) error) (again bool, err error) {
	ctx, cancel := s.d.bounded(ctx)
	defer cancel()
	q, err := s.begin(ctx)
	if err != nil {
		return s.d.class(err) == classAgain, fmt.Errorf("begin: %w", err)
	}
	if err := fn(ctx, tx{q, s}); err != nil {
		q.rollback()
		return s.d.class(err) == classAgain, err
	}
	if err := q.commit(); err != nil {
		return errors.Is(err, errUndone) && s.d.class(err) == classAgain, fmt.Errorf("commit: %w", err)
	}
	return false, nil
}

// listen hears of work that other agents took in. While the connection is gone,
// Lease finds it by looking.
func (s *Store) listen(config *pgx.ConnConfig) {
	ctx, cancel := context.WithCancelCause(context.Background())
	s.ended.Go(func() { <-s.closing; cancel(ErrClosed) })
	for ctx.Err() == nil {
		err := s.hear(ctx, config)
		if ctx.Err() != nil {
			return
		}
		s.cfg.Log.Warn().Err(err).Msg("can't hear of other agents' work; looking for it instead")
		again := time.NewTimer(5 * time.Second)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
		}
	}
}

func (s *Store) hear(ctx context.Context, config *pgx.ConnConfig) error {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "LISTEN "+workChannel); err != nil {
		return err
	}
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
		s.work.set()
		s.urgent.set()
	}
}
