package main

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
)

// movedEvents are kept in the store that is moved; every third of them is done.
const movedEvents = 300

// TestMoveIsKilled kills `agent move` before, in the middle of and after the copy.
// Run again, it neither loses nor doubles anything; then the old store is nobody's.
func TestMoveIsKilled(t *testing.T) {
	c := startCluster(t)
	data := filepath.Join(c.dir, "old")
	fillToMove(t, data)
	file := filepath.Join(data, "pocketci.db")
	vars := []string{"POCKETCI_DATA_DIR=" + data}

	// The schema is there before the first try, for something to stop a move at.
	s, err := store.Open(t.Context(), store.Config{URL: c.db.Config.URL, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.exec("CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END'")
	c.exec("CREATE TABLE elsewhere (n int)")

	stops := []struct{ name, hold, before, after string }{
		{"before the copy", "LOCK TABLE counters IN ACCESS EXCLUSIVE MODE", "", ""},
		{
			"in the middle of the copy", "SELECT pg_advisory_xact_lock(4711)",
			"CREATE TRIGGER stop BEFORE INSERT ON runs FOR EACH ROW WHEN (NEW.seq = 150) EXECUTE FUNCTION stop_here()", "DROP TRIGGER stop ON runs",
		},
		// What comes after the commit and waits for this table is ANALYZE.
		{"between the commit and the renaming", "LOCK TABLE elsewhere IN SHARE UPDATE EXCLUSIVE MODE", "", ""},
	}
	for i, stop := range stops {
		c.exec(stop.before)
		release := c.hold(stop.hold)
		m := c.launch(fmt.Sprint("mover", i), vars, "move")
		c.until("the move stops "+stop.name, func() bool {
			return c.number("SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") > 0
		})
		_ = m.cmd.Process.Kill()
		<-m.gone
		release()
		c.until("the killed move's connections are gone", func() bool {
			return c.number("SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'pocketci'") == 0
		})
		c.exec(stop.after)
		want := int64(0)
		if i == len(stops)-1 {
			want = movedEvents
		}
		if n := c.number("SELECT COUNT(*) FROM events"); n != want {
			t.Errorf("killed %s: %d events are in PostgreSQL, want %d", stop.name, n, want)
		}
		if _, err := os.Stat(file); err != nil {
			t.Errorf("killed %s: the old store: %v", stop.name, err)
		}
	}

	last := c.launch("last mover", vars, "move")
	<-last.gone
	if code := last.cmd.ProcessState.ExitCode(); code != exitOK {
		t.Fatalf("move: exit code %d: %s", code, last.log)
	}
	for query, want := range map[string]int64{
		"SELECT COUNT(*) FROM events":                           movedEvents,
		"SELECT COUNT(*) FROM payloads":                         movedEvents,
		"SELECT COUNT(*) FROM seen":                             movedEvents,
		"SELECT COUNT(*) FROM runs WHERE state = 'done'":        movedEvents / 3,
		"SELECT COUNT(*) FROM runs WHERE due IS NOT NULL":       movedEvents - movedEvents/3,
		"SELECT value FROM counters WHERE name = 'seq'":         movedEvents,
		"SELECT MAX(seq) - MIN(seq) + 1 FROM events":            movedEvents,
		"SELECT COUNT(*) FROM runs WHERE state = 'running'":     0,
		"SELECT COUNT(*) FROM events WHERE id LIKE 'github:m%'": movedEvents,
	} {
		if n := c.number(query); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
	c.refused("the old store", append(vars, "POCKETCI_STORE=", "X_HUB_SIGNATURE=s3cret", "GITHUB_TOKEN="+c.gh.Token()), "was moved to PostgreSQL")
	c.refused("a second move", vars, "it was moved before", "move")
}

// fillToMove makes a SQLite store with events, of which every third is done.
func fillToMove(t *testing.T, dir string) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Dir: dir, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	for n := range movedEvents {
		if _, err := s.Append(t.Context(), event.Event{
			ID: fmt.Sprint("github:m", n), Vendor: "github", Name: "push", Type: "push",
			Repo: event.Repo{ID: int64(n), Owner: "octo", Name: fmt.Sprint("r", n)}, Payload: fmt.Appendf(nil, `{"n":%d}`, n),
		}); err != nil {
			t.Fatal(err)
		}
	}
	for range movedEvents / 3 {
		w, err := s.Lease(t.Context())
		if err == nil {
			err = s.Advance(t.Context(), w.Lease, run.Progress{State: run.Done, Outcome: run.Success, Decisions: []run.Decision{{Function: "f"}}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// exec runs a statement in the cluster's database; an empty one is none.
func (c *cluster) exec(query string) {
	c.t.Helper()
	if _, err := c.pg.ExecContext(c.t.Context(), query); err != nil {
		c.t.Fatalf("%s: %v", query, err)
	}
}

// number is a query's only value.
func (c *cluster) number(query string) (n int64) {
	c.t.Helper()
	if err := c.pg.QueryRowContext(c.t.Context(), query).Scan(&n); err != nil {
		c.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// hold keeps what a statement locks until release is called.
func (c *cluster) hold(query string) (release func()) {
	c.t.Helper()
	var held *sql.Tx
	held, err := c.pg.BeginTx(c.t.Context(), nil)
	if err == nil {
		_, err = held.ExecContext(c.t.Context(), query)
	}
	if err != nil {
		c.t.Fatalf("%s: %v", query, err)
	}
	return func() { _ = held.Rollback() }
}

// refused expects that an agent does not start, and says why.
func (c *cluster) refused(name string, vars []string, says string, args ...string) {
	c.t.Helper()
	m := c.launch(strings.ReplaceAll(name, " ", "-"), vars, args...)
	select {
	case <-m.gone:
	case <-time.After(patience):
		c.t.Fatalf("%s starts", name)
	}
	if code := m.cmd.ProcessState.ExitCode(); code == exitOK || !strings.Contains(m.log.String(), says) {
		c.t.Errorf("%s: exit code %d, want an error that says %q:\n%s", name, code, says, m.log)
	}
}
