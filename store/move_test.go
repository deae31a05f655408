package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
	"github.com/franela/pocketci/store/storetest"
)

// filled is a closed SQLite store with something in every table.
func filled(t *testing.T) store.Config {
	t.Helper()
	c := store.Config{Dir: t.TempDir(), Owner: "old"}
	s, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 40 {
		e := sample(fmt.Sprint("move", n))
		e.Repo.ID = int64(n%3 + 1)
		if _, err := s.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 10 { // Half of them are finished, the others still held.
		w := leaseSoon(t, s)
		call := run.Call{Function: "testOnGithubPush", Attempt: 1}
		steps := []run.Progress{
			{Begun: []run.CallState{{Call: call, Begun: time.Unix(1, 2)}}, Decisions: []run.Decision{{Function: "testOnGithubPush", Verdict: run.VerdictCalled}}},
			{Results: []run.Result{{Function: "testOnGithubPush", Outcome: run.Success, Output: "printed\x00\xff", Attempt: 1}}},
		}
		if n%2 == 0 {
			steps = append(steps, run.Progress{State: run.Done, Outcome: run.Success})
		}
		for _, p := range steps {
			if err := s.Advance(t.Context(), w.Lease, p); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := s.Turn(t.Context(), "sweep", "old", time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	fillRest(t, filepath.Join(c.Dir, "pocketci.db"))
	return c
}

// fillRest puts a row into every table that has none, whatever its columns.
func fillRest(t *testing.T, path string) {
	t.Helper()
	db := raw(t, "sqlite", path)
	for _, table := range tables(t, db) {
		if len(dump(t, db, table)) > 0 {
			continue
		}
		names, values := anyRow(t, db, table)
		marks := slices.Repeat([]string{"?"}, len(names))
		if _, err := db.Exec("INSERT INTO "+table+" ("+strings.Join(names, ",")+") VALUES ("+strings.Join(marks, ",")+")", values...); err != nil {
			t.Fatalf("%s: %v", table, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// anyRow is a row that a table takes: the columns' names, and a value for each.
func anyRow(t *testing.T, db *sql.DB, table string) (names []string, values []any) {
	t.Helper()
	rows, err := db.Query("SELECT name, type FROM pragma_table_info(?)", table)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			t.Fatal(err)
		}
		value := any("it's ? $1 é\n")
		switch kind {
		case "BYTEA":
			value = []byte{0, 0xff, 1}
		case "BIGINT":
			value = int64(1) // A seq that is there.
		}
		names, values = append(names, name), append(values, value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return names, values
}

func raw(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// tables are a SQLite store's.
func tables(t *testing.T, db *sql.DB) (all []string) {
	t.Helper()
	rows, err := db.Query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'schema_versions'")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		all = append(all, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// dump is every row of a table as text, columns by name, rows sorted.
func dump(t *testing.T, db *sql.DB, table string) []string {
	t.Helper()
	rows, err := db.Query("SELECT * FROM " + table)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for rows.Next() {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		var cells []string
		for i, v := range values {
			cells = append(cells, fmt.Sprintf("%s=%q", names[i], fmt.Sprint(v)))
		}
		slices.Sort(cells)
		all = append(all, strings.Join(cells, " "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

func TestMoveCopiesEverything(t *testing.T) {
	url := storetest.StartPostgres(t, false).URL(t)
	from := filled(t)
	moved, err := store.Move(t.Context(), from, store.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	old, now := raw(t, "sqlite", moved.Kept), raw(t, "pgx", url)
	var want []store.MovedTable
	for _, table := range tables(t, old) {
		if table == "turns" {
			if rows := dump(t, now, table); len(rows) > 0 {
				t.Errorf("whose turn it was came along: %q", rows)
			}
			continue
		}
		rows := dump(t, old, table)
		want = append(want, store.MovedTable{Name: table, Rows: int64(len(rows))})
		if diff := cmp.Diff(rows, dump(t, now, table)); diff != "" {
			t.Errorf("%s (-old +new)\n%s", table, diff)
		}
	}
	byName := func(a, b store.MovedTable) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(want, byName)
	slices.SortFunc(moved.Tables, byName)
	if diff := cmp.Diff(want, moved.Tables); diff != "" {
		t.Errorf("what it says it moved (-want +got)\n%s", diff)
	}

	// The work goes on: what was held is handed out, with newer fences, and what
	// was seen is known again.
	s := open(t, store.Config{URL: url})
	for range 35 {
		w := leaseSoon(t, s)
		if err := s.Advance(t.Context(), w.Lease, run.Progress{State: run.Done, Outcome: run.Success}); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := s.Append(t.Context(), sample("move3")); err != nil || !r.Duplicate {
		t.Errorf("an event from before the move: %+v, %v; want a duplicate", r, err)
	}
	if r, err := s.Append(t.Context(), sample("after")); err != nil || r.Duplicate {
		t.Errorf("a new event: %+v, %v", r, err)
	}
	r, _, err := s.Run(t.Context(), sample("after").ID)
	if err != nil || r.Seq != 41 {
		t.Errorf("the next run has number %d, %v; want 41", r.Seq, err)
	}
}

func TestMoveThatFailsInTheMiddleLeavesNothing(t *testing.T) {
	url := storetest.StartPostgres(t, false).URL(t)
	from := filled(t)
	path := filepath.Join(from.Dir, "pocketci.db")
	db := raw(t, "sqlite", path)
	if _, err := db.Exec("INSERT INTO turns (name, holder, until) VALUES ('a', 'b', 1)"); err != nil {
		t.Fatal(err)
	}
	// PostgreSQL has no NUL in texts; the last of the tables fails on it.
	if _, err := db.Exec("INSERT INTO seen (id, digest, at) VALUES ('bad' || char(0), NULL, 1)"); err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
	if _, err := store.Move(t.Context(), from, store.Config{URL: url}); err == nil {
		t.Fatal("a text that PostgreSQL can't hold was moved")
	}
	now := raw(t, "pgx", url)
	for _, table := range []string{"events", "runs", "seen", "reports", "calls"} {
		if rows := dump(t, now, table); len(rows) > 0 {
			t.Errorf("%s holds %d rows after a move that failed", table, len(rows))
		}
	}
	db = raw(t, "sqlite", path)
	if _, err := db.Exec("DELETE FROM seen WHERE at = 1"); err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
	if m, err := store.Move(t.Context(), from, store.Config{URL: url}); err != nil || m.Already {
		t.Errorf("the next try: %+v, %v", m, err)
	}
}

func TestMoveThatWasCutShortAtItsEndIsFinished(t *testing.T) {
	url := storetest.StartPostgres(t, false).URL(t)
	from := filled(t)
	path := filepath.Join(from.Dir, "pocketci.db")
	m, err := store.Move(t.Context(), from, store.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	// As if it had been killed after the copy: the file still has its name, and an
	// agent has worked on the new store since.
	if err := os.Rename(m.Kept, path); err != nil {
		t.Fatal(err)
	}
	s := open(t, store.Config{URL: url})
	if _, err := s.Append(t.Context(), sample("since")); err != nil {
		t.Fatal(err)
	}
	m, err = store.Move(t.Context(), from, store.Config{URL: url})
	if err != nil || !m.Already || m.Kept != path+".moved" {
		t.Errorf("again: %+v, %v", m, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old file: %v, want it to be gone", err)
	}
	if _, _, err := s.Run(t.Context(), sample("since").ID); err != nil {
		t.Errorf("what came since: %v", err)
	}
}

func TestMoveRefuses(t *testing.T) {
	postgres := storetest.StartPostgres(t, false)
	used := postgres.URL(t)
	s := open(t, store.Config{URL: used})
	if _, err := s.Append(t.Context(), sample("one")); err != nil {
		t.Fatal(err)
	}
	inUse := filled(t)
	_ = open(t, inUse)
	for name, c := range map[string]struct {
		from, to store.Config
		says     string
	}{
		"a database that holds something": {filled(t), store.Config{URL: used}, "not empty"},
		"a store that is in use":          {inUse, store.Config{URL: postgres.URL(t)}, "in use"},
		"no store":                        {store.Config{Dir: t.TempDir()}, store.Config{URL: postgres.URL(t)}, "does not exist"},
		"another SQLite file":             {filled(t), store.Config{Dir: t.TempDir()}, "PostgreSQL only"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := store.Move(context.Background(), c.from, c.to)
			var p *event.Problem
			if !errors.As(err, &p) || !strings.Contains(p.Public, c.says) {
				t.Fatalf("%v, want a problem that says %q", err, c.says)
			}
			if name == "no store" {
				return
			}
			if _, err := os.Stat(filepath.Join(c.from.Dir, "pocketci.db")); err != nil {
				t.Errorf("the store that was refused: %v", err)
			}
		})
	}
}
