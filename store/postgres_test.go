package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	neturl "net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
	"github.com/franela/pocketci/store/storetest"
)

// TestDatabaseThatGoesAway: while PostgreSQL is gone nothing is acknowledged;
// when it is back the store goes on by itself, and nothing is lost.
func TestDatabaseThatGoesAway(t *testing.T) {
	p := storetest.StartPostgres(t, true)
	s := open(t, store.Config{URL: p.URL(t)})
	if _, err := s.Append(t.Context(), sample("before")); err != nil {
		t.Fatal(err)
	}
	w := leaseSoon(t, s)
	p.Stop(t)
	if _, err := s.Append(t.Context(), sample("meanwhile")); err == nil || errors.Is(err, store.ErrBroken) {
		t.Errorf("append: %v", err)
	}
	if h, err := s.Health(t.Context()); err == nil || h.Writable {
		t.Errorf("health: %+v, %v", h, err)
	}
	if err := s.Advance(t.Context(), w.Lease, run.Progress{State: run.Done}); err == nil || errors.Is(err, run.ErrLeaseLost) {
		t.Errorf("advance: %v", err)
	}
	p.Start(t)
	if _, err := s.Append(t.Context(), sample("after")); err != nil {
		t.Errorf("append: %v", err)
	}
	if err := s.Advance(t.Context(), w.Lease, run.Progress{State: run.Done}); err != nil {
		t.Errorf("advance: %v", err)
	}
	if w := leaseSoon(t, s); w.Lease.EventID != "after" {
		t.Errorf("leased %s", w.Lease.EventID)
	}
}

// TestPostgreSQLFlushesBeforeItAnswers, though its own settings say otherwise.
func TestPostgreSQLFlushesBeforeItAnswers(t *testing.T) {
	url := storetest.StartPostgres(t, true).URL(t)
	setting, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	q := setting.Query()
	q.Set("synchronous_commit", "off")
	setting.RawQuery = q.Encode()
	s := open(t, store.Config{URL: setting.String()})
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, statement := range []string{
		"CREATE TABLE said (setting text)",
		`CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN INSERT INTO said SELECT current_setting('synchronous_commit'); RETURN NEW; END $$`,
		"CREATE TRIGGER say BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION say()",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Append(t.Context(), sample("one")); err != nil {
		t.Fatal(err)
	}
	var got string
	if err := db.QueryRowContext(t.Context(), "SELECT setting FROM said").Scan(&got); err != nil || got != "on" {
		t.Errorf("events are appended with synchronous_commit %q, %v", got, err)
	}
}

// TestAgentsStartTogether: one of them migrates, the others wait for it.
func TestAgentsStartTogether(t *testing.T) {
	url := storetest.StartPostgres(t, false).URL(t)
	var wg sync.WaitGroup
	for n := range 6 {
		wg.Go(func() {
			s, err := store.Open(t.Context(), store.Config{URL: url})
			if err != nil {
				t.Errorf("agent %d: %v", n, err)
				return
			}
			if _, err := s.Append(t.Context(), sample(fmt.Sprint(n))); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestLeasesFollowTheDatabasesClock: an agent whose clock is an hour ahead takes
// nobody's lease away, and one that is behind keeps none.
func TestLeasesFollowTheDatabasesClock(t *testing.T) {
	url := storetest.StartPostgres(t, false).URL(t)
	skewed := func(by time.Duration) *store.Store {
		return open(t, store.Config{
			URL: url, LeaseFor: 400 * time.Millisecond, Grace: 100 * time.Millisecond, Poll: 10 * time.Millisecond,
			Clock: func() time.Time { return time.Now().Add(by) },
		})
	}
	behind, ahead := skewed(-time.Hour), skewed(time.Hour)
	if _, err := behind.Append(t.Context(), sample("one")); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	first := leaseSoon(t, behind)
	second := leaseSoon(t, ahead)
	if waited := time.Since(began); waited < 500*time.Millisecond {
		t.Errorf("the lease was taken away after %v", waited)
	}
	if err := behind.Advance(t.Context(), first.Lease, run.Progress{}); !errors.Is(err, run.ErrLeaseLost) {
		t.Errorf("the first holder: %v", err)
	}
	if err := ahead.Advance(t.Context(), second.Lease, run.Progress{State: run.Done}); err != nil {
		t.Errorf("the second holder: %v", err)
	}
}

// TestStatementsNobodyWaitsFor: they are one transaction, whose failure is told.
func TestStatementsNobodyWaitsFor(t *testing.T) {
	s := open(t, store.Config{URL: storetest.StartPostgres(t, false).URL(t)})
	const first = "INSERT INTO counters (name, value) VALUES ('x', 1)"
	if err := s.Transact(t.Context(), first, "INSERT INTO counters (name, value) VALUES ('x', 2)"); err == nil {
		t.Error("the second of two equal keys is taken")
	}
	if err := s.Transact(t.Context(), first); err != nil {
		t.Errorf("what failed before left something behind: %v", err)
	}
}

// TestTransactionsThatBlockEachOther: PostgreSQL ends one of them, which is tried
// again.
func TestTransactionsThatBlockEachOther(t *testing.T) {
	s := open(t, store.Config{URL: storetest.StartPostgres(t, false).URL(t)})
	if err := s.Transact(t.Context(), "INSERT INTO counters (name, value) VALUES ('a', 0), ('b', 0)"); err != nil {
		t.Fatal(err)
	}
	add := func(name string) string { return "UPDATE counters SET value = value + 1 WHERE name = '" + name + "'" }
	var wg sync.WaitGroup
	for _, names := range [][2]string{{"a", "b"}, {"b", "a"}} {
		wg.Go(func() {
			err := s.Transact(t.Context(), "SET LOCAL deadlock_timeout = '20ms'", add(names[0]), "SELECT pg_sleep(0.2)", add(names[1]))
			if err != nil {
				t.Errorf("%v: %v", names, err)
			}
		})
	}
	wg.Wait()
	// Each was written once: two more are as many as fail the check.
	if err := s.Transact(t.Context(), "ALTER TABLE counters ADD CHECK (value <> 3)", add("a")); err == nil {
		t.Error("a was counted other than twice")
	}
}

// TestAnEventThatCantBeKept fails alone, though others are written with it.
func TestAnEventThatCantBeKept(t *testing.T) {
	s := open(t, store.Config{URL: storetest.StartPostgres(t, false).URL(t)})
	const bad, events = 40, 64
	if err := s.Transact(t.Context(), fmt.Sprintf(`INSERT INTO events (seq, id, vendor, name, repo_id, repo, received_at, data)
		VALUES (1000, '%s', '', '', 0, '', 0, '{}')`, sample(fmt.Sprint(bad)).ID)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range events {
		wg.Go(func() {
			if _, err := s.Append(t.Context(), sample(fmt.Sprint(n))); (err != nil) != (n == bad) {
				t.Errorf("event %d: %v", n, err)
			}
		})
	}
	wg.Wait()
}

// TestWarningOfLostData is given once, however many connections there are.
func TestWarningOfLostData(t *testing.T) {
	p := storetest.StartPostgres(t, false)
	var out lines
	s := open(t, store.Config{URL: p.URL(t), Log: zerolog.New(&out)})
	var wg sync.WaitGroup
	for n := range 32 {
		wg.Go(func() {
			if _, err := s.Append(t.Context(), sample(fmt.Sprint(n))); err != nil {
				t.Error(err)
			}
			if _, err := s.Runs(t.Context(), store.Query{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := out.count("fsync off"); n != 1 {
		t.Errorf("the warning is given %d times", n)
	}
}

// lines is a log.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, string(p))
	return len(p), nil
}

func (l *lines) count(part string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

// TestNewerSchemaIsRefusedOnPostgres: with a sentence, and nothing is changed.
func TestNewerSchemaIsRefusedOnPostgres(t *testing.T) {
	url := storetest.StartPostgres(t, false).URL(t)
	s := open(t, store.Config{URL: url})
	if err := s.Transact(t.Context(), "INSERT INTO schema_versions (version_id, is_applied) VALUES (9999, true)"); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(t.Context(), store.Config{URL: url})
	var problem *event.Problem
	if !errors.As(err, &problem) || !strings.Contains(problem.Public, "version 9999, newer than version") {
		t.Errorf("open: %v, want a problem that names both versions", err)
	}
}

// TestConnectionsAreBounded: an agent uses no more than 17, however busy it is.
func TestConnectionsAreBounded(t *testing.T) {
	url := storetest.StartPostgres(t, false).URL(t)
	s := open(t, store.Config{URL: url})
	var wg sync.WaitGroup
	for n := range 60 {
		wg.Go(func() {
			if _, err := s.Append(t.Context(), sample(fmt.Sprint(n))); err != nil {
				t.Error(err)
			}
			w := leaseSoon(t, s)
			if _, err := s.Runs(t.Context(), store.Query{}); err != nil {
				t.Error(err)
			}
			if err := s.Transact(t.Context(), "SELECT pg_sleep(0.01)"); err != nil {
				t.Error(err)
			}
			if err := s.Advance(t.Context(), w.Lease, run.Progress{State: run.Done}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := s.Transact(t.Context(), `DO $$ BEGIN
		IF (SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'pocketci') > 17 THEN RAISE EXCEPTION 'too many connections'; END IF;
		IF (SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'pocketci') < 10 THEN RAISE EXCEPTION 'the test uses too few connections'; END IF;
	END $$`); err != nil {
		t.Error(err)
	}
}
