package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"modernc.org/sqlite"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

func openInternal(t *testing.T, c Config) *Store {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func numbered(n int) event.Event {
	return event.Event{
		ID: fmt.Sprint("github:", n), Vendor: "github", Name: "push", Type: "push",
		Repo: event.Repo{ID: 1, Owner: "octo", Name: "hello"}, Payload: fmt.Appendf(nil, `{"n":%d}`, n),
	}
}

func (s *Store) sql(t *testing.T, query string, args ...any) {
	t.Helper()
	err := s.do(t.Context(), false, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestGroups hands in events and steps while the writer is busy, so that they
// are one group. What can't be written fails alone.
func TestGroups(t *testing.T) {
	tests := map[string]struct{ bad, transactions int }{
		"all are good":  {bad: -1, transactions: 2},
		"one event bad": {bad: 3, transactions: 12},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := openInternal(t, Config{})
			s.sql(t, "INSERT INTO events (seq, id, vendor, name, repo_id, repo, received_at, data) VALUES (1000, ?, '', '', 0, '', 0, '{}')",
				numbered(tt.bad).ID)
			transactions, release := s.hold(t)
			const n = 8
			errs := make([]error, n)
			var wg sync.WaitGroup
			for i := range n {
				wg.Go(func() { _, errs[i] = s.Append(t.Context(), numbered(i)) })
			}
			var lost, written error
			wg.Go(func() { lost = s.Advance(t.Context(), run.Lease{EventID: "nobody's"}, run.Progress{}) })
			wg.Go(func() { written = s.AcceptRepository(t.Context(), "github", "octo/hello", 1) })
			release(n + 2)
			wg.Wait()
			good := 0
			for i, err := range errs {
				if (err != nil) != (i == tt.bad) {
					t.Errorf("event %d: %v", i, err)
				}
				if err == nil {
					good++
				}
			}
			if !errors.Is(lost, ErrLeaseLost) || written != nil {
				t.Errorf("steps: %v, %v", lost, written)
			}
			if got := transactions(); got != tt.transactions {
				t.Errorf("%d transactions, want %d", got, tt.transactions)
			}
			runs, err := s.Runs(t.Context(), Query{})
			if err != nil || len(runs) != good || runs[0].Seq != int64(good) {
				t.Errorf("%d runs, %v", len(runs), err)
			}
		})
	}
}

// hold keeps the writer busy with one transaction until release, which first
// waits for n ops to be in line.
func (s *Store) hold(t *testing.T) (transactions func() int, release func(n int)) {
	var count atomic.Int64
	entered, free := make(chan struct{}), make(chan struct{})
	begin := s.writer.begin
	s.writer.begin = func(ctx context.Context) (transaction, error) {
		if count.Add(1) == 1 {
			close(entered)
			<-free
		}
		return begin(ctx)
	}
	probed := make(chan error, 1)
	go func() { probed <- s.probe(t.Context()) }()
	<-entered
	return func() int { return int(count.Load()) }, func(n int) {
		look := time.NewTicker(time.Millisecond)
		defer look.Stop()
		for len(s.writer.ops) < n { // There is no signal for it.
			<-look.C
		}
		close(free)
		if err := <-probed; err != nil {
			t.Error(err)
		}
	}
}

// TestSettingsHoldOnEachConnection reads them back from readers and the writer.
func TestSettingsHoldOnEachConnection(t *testing.T) {
	s := openInternal(t, Config{Readers: 3})
	if n := s.read.Stats().MaxOpenConnections; n != 3 {
		t.Errorf("%d readers at once, want 3", n)
	}
	want := map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000", "auto_vacuum": "2"}
	var conns []*sql.Conn
	for range 3 {
		conn, err := s.read.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		for name, value := range want {
			var got string
			if err := conn.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got); err != nil || got != value {
				t.Errorf("reader: %s is %q, %v", name, got, err)
			}
		}
		if _, err := conn.ExecContext(t.Context(), "DELETE FROM seen"); err == nil {
			t.Error("a reader writes")
		}
	}
	for _, conn := range conns {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	err := s.do(t.Context(), false, func(ctx context.Context, tx tx) error {
		for name, value := range want {
			var got string
			if _, err := tx.one(ctx, []any{&got}, "PRAGMA "+name); err != nil || got != value {
				t.Errorf("writer: %s is %q, %v", name, got, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestSettingThatDoesNotHold: a connection without it is not used.
func TestSettingThatDoesNotHold(t *testing.T) {
	base, err := sqlite.NewConnector("file:" + t.TempDir() + "/x.db")
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector{base, []pragma{{"synchronous", "OFF", "2"}}})
	defer func() { _ = db.Close() }()
	if err := db.PingContext(t.Context()); err == nil || !strings.Contains(err.Error(), `synchronous is "0", not "2"`) {
		t.Errorf("got %v", err)
	}
}

// TestUnreadableRunStopsNobody: it is ended, left out of lists, and the others go on.
func TestUnreadableRunStopsNobody(t *testing.T) {
	damages := map[string]string{
		"event":     "UPDATE events SET data = '{' WHERE seq = 1",
		"payload":   "UPDATE payloads SET data = 'x' WHERE seq = 1",
		"decisions": "INSERT INTO decisions (seq, data) VALUES (1, 'x')",
		"call":      "INSERT INTO calls (seq, module, function, n, data) VALUES (1, '', 'f', 0, '{')",
		"result":    "INSERT INTO calls (seq, module, function, n, data, result) VALUES (1, '', 'f', 0, '{}', '{')",
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			s := openInternal(t, Config{})
			for n := range 2 {
				if _, err := s.Append(t.Context(), numbered(n)); err != nil {
					t.Fatal(err)
				}
			}
			s.sql(t, damage)
			w, err := s.Lease(t.Context())
			if err != nil || w.Lease.EventID != "github:1" {
				t.Fatalf("leased %q, %v", w.Lease.EventID, err)
			}
			var state, outcome string
			found, err := s.reads().one(t.Context(), []any{&state, &outcome}, "SELECT state, outcome FROM runs WHERE seq = 1")
			if err != nil || !found || state != "done" || outcome != "error" {
				t.Errorf("the damaged run is %q, %q, %v", state, outcome, err)
			}
			runs, err := s.Unreported(t.Context(), time.Now(), 10)
			if err != nil || len(runs) == 0 || runs[len(runs)-1].Seq != 2 {
				t.Errorf("%d runs to report, %v", len(runs), err)
			}
		})
	}
}

// TestLogIsEmptied: readers that overlap keep SQLite from starting its log anew;
// once they are gone it is cut back.
func TestLogIsEmptied(t *testing.T) {
	var seconds atomic.Int64 // The log is looked at once a second.
	clock := func() time.Time { return time.Unix(seconds.Load(), 0) }
	s := openInternal(t, Config{walLimit: 1 << 20, Clock: clock})
	reader, err := s.read.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := reader.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM events").Scan(&n); err != nil {
		t.Fatal(err)
	}
	grow := func(from, to int) {
		for n := from; n < to; n++ {
			e := numbered(n)
			e.Payload = make([]byte, 100<<10)
			_, _ = rand.Read(e.Payload)
			if _, err := s.Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
	}
	grow(0, 30)
	grown, err := os.Stat(s.file + "-wal")
	if err != nil || grown.Size() < 2<<20 {
		t.Fatalf("the log did not grow: %v, %v", grown, err)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	seconds.Add(1)
	grow(30, 32)
	info, err := os.Stat(s.file + "-wal")
	if err != nil || info.Size() > 1<<20 {
		t.Errorf("the log keeps %d bytes of %d, %v", info.Size(), grown.Size(), err)
	}
}

// TestLogIsEmptiedThoughReadersOverlap: there always is one, so that SQLite by
// itself never starts its log anew.
func TestLogIsEmptiedThoughReadersOverlap(t *testing.T) {
	var seconds atomic.Int64
	s := openInternal(t, Config{walLimit: 1 << 20, Clock: func() time.Time { return time.Unix(seconds.Add(1), 0) }})
	done := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() {
		var last *sql.Tx
		for ended := false; !ended; {
			select {
			case <-done:
				ended = true
			default:
			}
			next, err := s.read.BeginTx(context.Background(), nil)
			if err != nil {
				t.Error(err)
				return
			}
			var n int
			if err := next.QueryRowContext(context.Background(), "SELECT COUNT(*) FROM events").Scan(&n); err != nil {
				t.Error(err)
			}
			if last != nil {
				_ = last.Rollback()
			}
			last = next
		}
		_ = last.Rollback()
	})
	var most int64
	for n := range 200 {
		e := numbered(n)
		e.Payload = make([]byte, 100<<10)
		_, _ = rand.Read(e.Payload)
		if _, err := s.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(s.file + "-wal"); err == nil {
			most = max(most, info.Size())
		}
	}
	close(done)
	readers.Wait()
	if most > 4<<20 {
		t.Errorf("the log grew to %d bytes while 20 MB were written", most)
	}
}

// TestAReadHasAnEnd: one that goes on and on is broken off, and its connection
// serves others.
func TestAReadHasAnEnd(t *testing.T) {
	s := openInternal(t, Config{Readers: 1, readTime: 50 * time.Millisecond})
	err := s.view(t.Context(), func(ctx context.Context, t tx) error {
		var n int
		_, err := t.one(ctx, []any{&n}, "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT COUNT(*) FROM c")
		return err
	})
	if !errors.Is(err, errReadTime) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Runs(t.Context(), Query{}); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

func TestRebind(t *testing.T) {
	d := dialect{numbered: true}
	for query, want := range map[string]string{
		"SELECT 1":             "SELECT 1",
		"a = ? AND b IN (?,?)": "a = $1 AND b IN ($2,$3)",
		"?":                    "$1",
	} {
		if diff := cmp.Diff(want, d.rebind(query)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", query, diff)
		}
	}
}

// TestPermitsDontPileUp: what no rate counts any more is forgotten.
func TestPermitsDontPileUp(t *testing.T) {
	now := time.Unix(1e9, 0)
	s := openInternal(t, Config{Clock: func() time.Time { return now }})
	rates := []run.Rate{{N: 80, Within: time.Minute}, {N: 500, Within: time.Hour}}
	for range 1000 {
		p, err := s.Permit(t.Context(), "octocat", 1, rates, nil)
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(max(time.Second, p.Wait))
	}
	var n int
	if _, err := s.reads().one(t.Context(), []any{&n}, "SELECT COUNT(*) FROM permits"); err != nil || n == 0 || n > 500 {
		t.Errorf("%d permits are remembered, %v", n, err)
	}
}

// TestLine: whoever leaves while work is looked for gets an answer all the same, and
// who got nothing stays, before those who came later.
func TestLine(t *testing.T) {
	l := line{asked: make(signal, 1)}
	leaving, leave := context.WithCancelCause(t.Context())
	served, gone, staying := l.join(t.Context()), l.join(leaving), l.join(t.Context())
	next := l.next()
	later := l.join(t.Context())
	if len(next) != 3 {
		t.Fatalf("work is looked for for %d, want 3", len(next))
	}
	leave(errEnded)
	if l.leave(gone) {
		t.Error("one for whom work is looked for has left without an answer")
	}
	l.settle(next, []taken{{id: "one"}}, nil)
	if a := <-served.got; a.id != "one" || a.err != nil {
		t.Errorf("the first got %q, %v", a.id, a.err)
	}
	select {
	case a := <-gone.got:
		if !errors.Is(a.err, errEnded) {
			t.Errorf("who left got %v", a.err)
		}
	default:
		t.Error("who left got no answer")
	}
	if got := l.next(); len(got) != 2 || got[0] != staying || got[1] != later {
		t.Errorf("%d wait, want the one that got nothing before the one that came later", len(got))
	}
}

var errEnded = errors.New("it is over")
