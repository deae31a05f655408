package store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/franela/pocketci/event"
)

// movedSuffix is what a SQLite file's name ends with after it was moved.
const movedSuffix = ".moved"

// moveCounter is the counter whose value, a random number, stands in both
// databases once everything was moved.
const moveCounter = "move"

// Moved is what [Move] did.
type Moved struct {
	// Tables are those that were copied, each with its rows, counted on both sides.
	Tables []MovedTable
	// Already tells that a former try had copied everything, and only the rest was
	// left to do.
	Already bool
	// Kept is where the SQLite file is now.
	Kept string
}

// MovedTable is a table and how many rows of it were copied.
type MovedTable struct {
	Name string
	Rows int64
}

// Move copies a SQLite store to an empty PostgreSQL database: events, runs, the
// keys by which events are known again, the outbox, everything, except for who
// held what: leases are taken back, and turns are nobody's. Then it renames the
// SQLite file, so that nobody goes on with it; and none is begun in its place.
//
// No agent may have the SQLite store open; agents that start on the database
// meanwhile wait. All is copied in one transaction: what was interrupted before its
// end left nothing behind and can be tried again, what was interrupted after it
// is known by both databases and only finished. A database that holds anything is
// refused, as is a store that is in use, each with an [*event.Problem].
func Move(ctx context.Context, from, to Config) (Moved, error) {
	path, err := from.sqlitePath()
	if err != nil {
		return Moved{}, err
	}
	if err := movable(path); err != nil {
		return Moved{}, err
	}
	m, err := moveAll(ctx, from, to)
	if err != nil {
		return Moved{}, err
	}
	m.Kept = path + movedSuffix
	return m, retire(path, m.Kept)
}

// moveAll opens both stores, copies, and closes them.
func moveAll(ctx context.Context, from, to Config) (m Moved, err error) {
	source, err := Open(ctx, from)
	if err != nil {
		return Moved{}, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := Open(ctx, to)
	if err != nil {
		return Moved{}, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if !target.d.numbered {
		return Moved{}, &event.Problem{Public: "a store is moved to PostgreSQL only"}
	}
	mark, err := source.moveMark(ctx)
	if err != nil {
		return Moved{}, err
	}
	conn, err := target.write.Conn(ctx)
	if err != nil {
		return Moved{}, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	err = conn.Raw(func(driver any) error {
		c, ok := driver.(*stdlib.Conn)
		if !ok {
			return errors.New("the connection to PostgreSQL is not pgx's")
		}
		mover := &mover{source: source, conn: c.Conn(), mark: mark}
		m, err = mover.move(ctx)
		return err
	})
	return m, err
}

// movable tells whether there is a store to move.
func movable(path string) error {
	_, err := os.Stat(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	p := &event.Problem{Public: "there is no store to move: " + path + " does not exist", Hint: "name the data folder of the agent with --data-dir"}
	if _, err := os.Stat(path + movedSuffix); err == nil {
		p.Hint = "it was moved before, and is kept as " + path + movedSuffix
	}
	return p
}

// retire renames a store's file while nobody else has it.
func retire(path, kept string) (err error) {
	unlock, err := lockFile(path + ".lock")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	for _, suffix := range []string{"", "-wal", "-shm"} { // Without its file a log is nothing; a file without its log may be.
		if err := os.Rename(path+suffix, kept+suffix); err != nil && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) {
			return fmt.Errorf("rename the store that was moved: %w", err)
		}
	}
	return syncDir(filepath.Dir(path))
}

// notMoved refuses to begin a new store where one was that is in PostgreSQL now:
// whoever forgot to name that would take every delivery for new.
func notMoved(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(path + movedSuffix); err != nil {
		return nil
	}
	return &event.Problem{
		Public: "the store that was here was moved to PostgreSQL",
		Hint:   "name the database with POCKETCI_STORE=postgres://…; to begin anew in this folder, take " + path + movedSuffix + " away",
		Err:    fmt.Errorf("%s%s is there", path, movedSuffix),
	}
}

// moveMark is the number by which the target knows this store again. It is on
// disk before anything is copied.
func (s *Store) moveMark(ctx context.Context) (mark int64, err error) {
	err = s.do(ctx, false, func(ctx context.Context, t tx) error {
		found, err := t.one(ctx, []any{&mark}, "SELECT value FROM counters WHERE name = ?", moveCounter)
		if err != nil || found {
			return err
		}
		var random [8]byte
		if _, err := rand.Read(random[:]); err != nil {
			return err
		}
		mark = int64(binary.LittleEndian.Uint64(random[:]) >> 1)
		_, err = t.exec(ctx, "INSERT INTO counters (name, value) VALUES (?, ?)", moveCounter, mark)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("mark the store that is moved: %w", err)
	}
	return mark, nil
}

// mover copies one store into one transaction.
type mover struct {
	source *Store
	conn   *pgx.Conn
	mark   int64
}

func (m *mover) move(ctx context.Context) (Moved, error) {
	tables, err := m.tables(ctx)
	if err != nil {
		return Moved{}, err
	}
	t, err := m.conn.Begin(ctx)
	if err != nil {
		return Moved{}, fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = t.Rollback(context.WithoutCancel(ctx)) }()
	for _, table := range tables {
		if _, err := t.Exec(ctx, "LOCK TABLE "+table.quoted()+" IN ACCESS EXCLUSIVE MODE"); err != nil {
			return Moved{}, fmt.Errorf("lock %s: %w", table.name, err)
		}
	}
	if already, err := m.empty(ctx, t, tables); err != nil || already {
		return Moved{Already: already}, err
	}
	if _, err := t.Exec(ctx, "DELETE FROM counters"); err != nil {
		return Moved{}, fmt.Errorf("empty the counters: %w", err)
	}
	var moved Moved
	for _, table := range tables {
		if table.name == "turns" {
			continue
		}
		rows, err := m.copy(ctx, t, table)
		if err != nil {
			return Moved{}, fmt.Errorf("copy %s: %w", table.name, err)
		}
		moved.Tables = append(moved.Tables, MovedTable{table.name, rows})
	}
	if err := t.Commit(ctx); err != nil {
		return Moved{}, fmt.Errorf("commit: %w", err)
	}
	_, err = m.conn.Exec(ctx, "ANALYZE") // Only a help for the queries to come.
	if err != nil {
		m.source.cfg.Log.Warn().Err(err).Msg("can't analyze the new store")
	}
	return moved, nil
}

// empty refuses a database that holds anything. already tells that it holds this
// very store.
func (m *mover) empty(ctx context.Context, t pgx.Tx, tables []movedTable) (already bool, err error) {
	var holds []string
	for _, table := range tables {
		query := "SELECT EXISTS (SELECT 1 FROM " + table.quoted() + ")"
		if table.name == "counters" {
			query = "SELECT EXISTS (SELECT 1 FROM counters WHERE name = 'seq' AND value <> 0)"
		}
		var any bool
		if err := t.QueryRow(ctx, query).Scan(&any); err != nil {
			return false, fmt.Errorf("look into %s: %w", table.name, err)
		}
		if any && table.name != "turns" {
			holds = append(holds, table.name)
		}
	}
	var mark int64
	err = t.QueryRow(ctx, "SELECT value FROM counters WHERE name = $1", moveCounter).Scan(&mark)
	switch {
	case err != nil && !errors.Is(err, pgx.ErrNoRows):
		return false, fmt.Errorf("look for the mark of a move: %w", err)
	case err == nil && mark == m.mark:
		return true, nil
	case err == nil || len(holds) > 0:
		return false, &event.Problem{
			Public: "the database is not empty; it holds another store (" + strings.Join(holds, ", ") + ")",
			Hint:   "give an empty one: CREATE DATABASE pocketci; nothing was changed in either",
		}
	}
	return false, nil
}

// copy copies one table and counts what arrived.
func (m *mover) copy(ctx context.Context, t pgx.Tx, table movedTable) (int64, error) {
	rows, err := m.source.read.QueryContext(ctx, "SELECT "+strings.Join(table.columns, ", ")+" FROM "+table.name)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	var sent int64
	_, err = t.CopyFrom(ctx, pgx.Identifier{table.name}, table.columns, pgx.CopyFromFunc(func() ([]any, error) {
		if !rows.Next() {
			return nil, rows.Err()
		}
		row := make([]any, len(table.columns))
		into := make([]any, len(row))
		for i := range row {
			into[i] = &row[i]
		}
		sent++
		return row, rows.Scan(into...)
	}))
	if err != nil {
		return 0, err
	}
	var had, has int64
	if _, err := m.source.reads().one(ctx, []any{&had}, "SELECT COUNT(*) FROM "+table.name); err != nil {
		return 0, err
	}
	if err := t.QueryRow(ctx, "SELECT COUNT(*) FROM "+table.quoted()).Scan(&has); err != nil {
		return 0, err
	}
	if had != has || sent != has {
		return 0, fmt.Errorf("%d rows were there, %d sent, %d arrived", had, sent, has)
	}
	return has, nil
}

// movedTable is a table with its columns.
type movedTable struct {
	name    string
	columns []string
	needs   []string // the tables that it refers to
}

func (t movedTable) quoted() string { return pgx.Identifier{t.name}.Sanitize() }

// tables are all of the store's tables as SQLite has them, each after those that
// it refers to.
func (m *mover) tables(ctx context.Context) ([]movedTable, error) {
	t := m.source.reads()
	var found []movedTable
	err := t.each(ctx, func(scan func(...any) error) error {
		var table movedTable
		err := scan(&table.name)
		found = append(found, table)
		return err
	}, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'schema_versions' ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	for i := range found {
		if found[i].columns, err = t.texts(ctx, "SELECT name FROM pragma_table_info(?)", found[i].name); err != nil {
			return nil, fmt.Errorf("list the columns of %s: %w", found[i].name, err)
		}
		if found[i].needs, err = t.texts(ctx, `SELECT "table" FROM pragma_foreign_key_list(?)`, found[i].name); err != nil {
			return nil, fmt.Errorf("list what %s refers to: %w", found[i].name, err)
		}
	}
	return ordered(found)
}

// texts is a query's only column.
func (t tx) texts(ctx context.Context, query string, args ...any) (all []string, err error) {
	err = t.each(ctx, func(scan func(...any) error) error {
		var s string
		err := scan(&s)
		all = append(all, s)
		return err
	}, query, args...)
	return all, err
}

// ordered puts each table after those that it refers to.
func ordered(tables []movedTable) ([]movedTable, error) {
	var done []movedTable
	isDone := func(name string) bool {
		return slices.ContainsFunc(done, func(t movedTable) bool { return t.name == name })
	}
	for len(done) < len(tables) {
		before := len(done)
		for _, t := range tables {
			if !isDone(t.name) && !slices.ContainsFunc(t.needs, func(n string) bool { return n != t.name && !isDone(n) }) {
				done = append(done, t)
			}
		}
		if len(done) == before {
			return nil, errors.New("tables refer to each other in a circle")
		}
	}
	return done, nil
}
