package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/franela/pocketci/event"
)

// pragma is a setting of a connection and the value that is read back.
type pragma struct{ name, value, want string }

// busyTimeout is how long, in milliseconds, a connection waits for a lock that
// another process holds: somebody looks at the file with a tool.
const busyTimeout = "5000"

// commonPragmas hold on every connection. synchronous 2 is FULL: a commit is on
// the disk before it returns.
func commonPragmas() []pragma {
	return []pragma{
		{"busy_timeout", busyTimeout, busyTimeout},
		{"journal_mode", "WAL", "wal"},
		{"synchronous", "FULL", "2"},
		{"foreign_keys", "ON", "1"},
	}
}

// writerPragmas come first on the connection that writes: auto_vacuum counts
// only before the first table is made.
func writerPragmas(walLimit int64) []pragma {
	limit := strconv.FormatInt(walLimit, 10)
	return append([]pragma{{"auto_vacuum", "INCREMENTAL", "2"}},
		append(commonPragmas(),
			pragma{"journal_size_limit", limit, limit},
			pragma{"cache_size", "-8000", "-8000"},
			// What undoes one step of a group is kept in memory.
			pragma{"temp_store", "MEMORY", "2"})...)
}

func readerPragmas() []pragma {
	return append(commonPragmas(), pragma{"query_only", "ON", "1"})
}

// connector opens SQLite connections with settings that were read back.
type connector struct {
	driver.Connector
	pragmas []pragma
}

// Connect opens a connection, or fails if a setting does not hold.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range c.pragmas {
		if err := p.set(ctx, conn); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

func (p pragma) set(ctx context.Context, conn driver.Conn) error {
	q, ok := conn.(driver.QueryerContext)
	if !ok {
		return errors.New("the sqlite driver can't query a bare connection")
	}
	if _, err := first(ctx, q, "PRAGMA "+p.name+" = "+p.value); err != nil {
		return fmt.Errorf("set %s: %w", p.name, err)
	}
	got, err := first(ctx, q, "PRAGMA "+p.name)
	if err != nil {
		return fmt.Errorf("read %s back: %w", p.name, err)
	}
	if got != p.want {
		return fmt.Errorf("%s is %q, not %q", p.name, got, p.want)
	}
	return nil
}

// first is the first column of the first row, as text; empty if there is none.
func first(ctx context.Context, q driver.QueryerContext, query string) (string, error) {
	rows, err := q.QueryContext(ctx, query, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }()
	values := make([]driver.Value, len(rows.Columns()))
	if len(values) == 0 {
		return "", nil
	}
	if err := rows.Next(values); err != nil {
		if errors.Is(err, io.EOF) {
			return "", nil
		}
		return "", err
	}
	return fmt.Sprint(values[0]), nil
}

// sqlitePath is the database's file.
func (c Config) sqlitePath() (string, error) {
	path := c.URL
	for _, scheme := range []string{"sqlite://", "sqlite:"} {
		if rest, ok := strings.CutPrefix(path, scheme); ok {
			path = rest
			break
		}
	}
	if strings.Contains(path, "://") {
		scheme, _, _ := strings.Cut(path, "://")
		return "", &event.Problem{
			Public: fmt.Sprintf("a store of kind %q is not known", scheme),
			Hint:   "use a file's path, sqlite:///path or postgres://user@host/database",
		}
	}
	if path == "" {
		if c.Dir == "" {
			return "", errors.New("neither a URL nor a data folder is given")
		}
		path = filepath.Join(c.Dir, "pocketci.db")
	}
	return filepath.Abs(path)
}

// openSQLite takes the lock of the database's file, opens it and migrates it.
func (s *Store) openSQLite(ctx context.Context) error {
	path, err := s.cfg.sqlitePath()
	if err != nil {
		return err
	}
	if err := notMoved(path); err != nil {
		return err
	}
	if err := s.prepare(path); err != nil {
		return err
	}
	s.d = dialect{class: sqliteClass}
	s.file = path

	dsn := (&url.URL{Scheme: "file", Path: path}).String()
	base, err := sqlite.NewConnector(dsn)
	if err != nil {
		return err
	}
	writes := sql.OpenDB(connector{base, writerPragmas(s.cfg.walLimit)})
	s.release = append(s.release, writes.Close)
	writes.SetMaxOpenConns(1)
	if err := s.migrate(ctx, goose.DialectSQLite3, writes); err != nil {
		return err
	}
	s.read = sql.OpenDB(connector{base, readerPragmas()})
	s.release = append(s.release, s.read.Close)
	bound(s.read, s.cfg.Readers, 4)

	conn, err := writes.Conn(ctx)
	if err != nil {
		return err
	}
	p := &pinned{conn: conn, prepared: map[string]*sql.Stmt{}}
	s.release = append(s.release, p.close)
	s.writer = startWriter(s, p.begin, serial{p})
	s.release = append(s.release, func() error { s.writer.close(); return nil })
	return s.takeBack(ctx)
}

// bound keeps n connections, opened once.
func bound(db *sql.DB, n, otherwise int) {
	if n <= 0 {
		n = otherwise
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
}

// prepare makes the folder and the file, for this user only, and locks them.
func (s *Store) prepare(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if err := localFilesystem(dir); err != nil {
		return err
	}
	unlock, err := lockFile(path + ".lock")
	if err != nil {
		return err
	}
	s.release = append(s.release, unlock)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Close(), syncDir(dir)); err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	return nil
}

// private makes the folder, or closes it to others. One that everybody writes to
// (/tmp) is not ours to close.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	switch perm := info.Mode().Perm(); {
	case perm&0o077 == 0:
		return nil
	case perm&0o002 != 0:
		return &event.Problem{
			Public: "the data folder is one that every user of the machine writes to",
			Hint:   "give the agent a folder of its own",
			Err:    fmt.Errorf("%s has mode %v", dir, info.Mode()),
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("close the data folder to other users: %w", err)
	}
	return nil
}

// syncDir makes a new file's name durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// sqliteClass tells what an error means. SQLite undoes the whole transaction for
// some of them without being asked, so everything that is not known to touch one
// statement only counts as the loss of all.
func sqliteClass(err error) class {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return classRow
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE:
		return classRow
	case sqlite3.SQLITE_FULL:
		return classFull
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return classDisk
	default:
		return classLost
	}
}

// pinned is the one connection that writes, with its statements kept prepared.
type pinned struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
}

func (p *pinned) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := p.prepared[query]; ok {
		return stmt, nil
	}
	stmt, err := p.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	p.prepared[query] = stmt
	return stmt, nil
}

// ExecContext runs a statement.
func (p *pinned) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := p.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

// QueryContext runs a query.
func (p *pinned) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := p.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

func (p *pinned) begin(ctx context.Context) (transaction, error) {
	_, err := p.ExecContext(ctx, "BEGIN IMMEDIATE")
	return transaction{
		queryer:  serial{p},
		commit:   func() error { _, err := p.ExecContext(ctx, "COMMIT"); return err },
		rollback: func() { _, _ = p.ExecContext(ctx, "ROLLBACK") },
	}, err
}

func (p *pinned) close() error {
	var errs []error
	for _, stmt := range p.prepared {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, p.conn.Close())...)
}
