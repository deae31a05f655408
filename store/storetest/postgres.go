package storetest

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver named pgx
)

var errTooLong = errors.New("the test waited too long")

// Postgres is a PostgreSQL server of a test's own.
type Postgres struct {
	socket, server string
	as             *syscall.SysProcAttr
	durable        bool
	cmd            *exec.Cmd
	db             *sql.DB
	count          atomic.Int64
}

// StartPostgres starts a server that listens on a Unix socket only, and ends it
// with the test. It takes initdb and postgres from PATH or from where Debian
// puts them, and skips the test, saying so, where there are none. PostgreSQL
// refuses to run as root: root starts it as postgres or nobody.
//
// durable keeps fsync on; without it the server is faster and as correct, until
// its machine crashes.
func StartPostgres(t testing.TB, durable bool) *Postgres {
	t.Helper()
	initdb, server := binary("initdb"), binary("postgres")
	if initdb == "" || server == "" {
		t.Skip("SKIPPED: there is no PostgreSQL here (initdb, postgres); install Debian's postgresql to run this test")
	}
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	as := account(t, dir)

	cmd := exec.CommandContext(t.Context(), initdb, "-D", filepath.Join(dir, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	cmd.Dir, cmd.SysProcAttr = dir, as
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	p := &Postgres{socket: dir, server: server, as: as, durable: durable}
	p.serve(t)
	t.Cleanup(func() { p.end(t) })
	p.db, err = sql.Open("pgx", p.url(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.db.Close() })
	p.await(t)
	return p
}

// await asks until the server answers: there is nothing else to wait on.
func (p *Postgres) await(t testing.TB) {
	ctx := soon(t)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := p.db.PingContext(ctx)
		if err == nil {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("PostgreSQL does not answer: %v", err)
		}
	}
}

// Stop ends the server at once, as a crash does.
func (p *Postgres) Stop(t testing.TB) {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	_ = p.cmd.Wait()
	p.cmd = nil
}

// Start starts the server again.
func (p *Postgres) Start(t testing.TB) {
	t.Helper()
	p.serve(t)
	p.await(t)
}

func (p *Postgres) serve(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(p.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	fsync := "off"
	if p.durable {
		fsync = "on"
	}
	p.cmd = exec.Command(p.server, "-D", filepath.Join(p.socket, "data"), "-k", p.socket,
		"-c", "listen_addresses=", "-c", "fsync="+fsync, "-c", "max_connections=200")
	p.cmd.Dir, p.cmd.SysProcAttr, p.cmd.Stdout, p.cmd.Stderr = p.socket, p.as, log, log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func (p *Postgres) log() string { return filepath.Join(p.socket, "log") }

// end stops the server quickly but cleanly, and says what it said if the test failed.
func (p *Postgres) end(t testing.TB) {
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(syscall.SIGINT)
		_ = p.cmd.Wait()
	}
	if t.Failed() {
		out, _ := os.ReadFile(p.log())
		t.Logf("PostgreSQL said:\n%s", out)
	}
}

// Database makes an empty one: a schema with a clock_timestamp of its own, which
// is found before PostgreSQL's.
func (p *Postgres) Database(t testing.TB) *Database {
	t.Helper()
	clock := NewClock()
	schema := fmt.Sprintf("t%d", p.count.Add(1))
	p.exec(t, "CREATE SCHEMA "+schema)
	p.exec(t, "CREATE TABLE "+schema+".test_clock (now timestamptz)")
	p.exec(t, "INSERT INTO "+schema+".test_clock VALUES ('"+stamp(clock.Now())+"')")
	p.exec(t, "CREATE FUNCTION "+schema+".clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT now FROM "+schema+".test_clock'")
	c := config(t, clock)
	c.URL = p.url(url.Values{"search_path": {schema + ",pg_catalog"}})
	return &Database{
		Config: c,
		Clock:  clock,
		Shared: true,
		pass:   func(now time.Time) { p.exec(t, "UPDATE "+schema+".test_clock SET now = '"+stamp(now)+"'") },
	}
}

// URL is a database of the server's whose clock is PostgreSQL's own.
func (p *Postgres) URL(t testing.TB) string {
	t.Helper()
	schema := fmt.Sprintf("t%d", p.count.Add(1))
	p.exec(t, "CREATE SCHEMA "+schema)
	return p.url(url.Values{"search_path": {schema}})
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.999999-07") }

func (p *Postgres) exec(t testing.TB, query string) {
	t.Helper()
	if _, err := p.db.ExecContext(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func (p *Postgres) url(params url.Values) string {
	if params == nil {
		params = url.Values{}
	}
	params.Set("host", p.socket)
	params.Set("sslmode", "disable")
	return "postgres://postgres@/postgres?" + params.Encode()
}

// binary finds a program of PostgreSQL's.
func binary(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// account is whom the server runs as: nobody else, except for root, who gives
// the folder to postgres or nobody.
func account(t testing.TB, dir string) *syscall.SysProcAttr {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, gid := number(t, u.Uid), number(t, u.Gid)
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			t.Fatal(err)
		}
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	}
	t.Skip("SKIPPED: PostgreSQL refuses to run as root, and there is no user postgres or nobody")
	return nil
}

func number(t testing.TB, s string) uint32 {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}
