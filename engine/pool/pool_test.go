package pool_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/engine/pool"
	"github.com/franela/pocketci/run"
)

// fake is a host that does as it is told.
type fake struct {
	name string

	mu            sync.Mutex
	open, opened  int
	tables, pings int
	err           error // what every question is answered with
	call          error // what every call ends with
}

func (f *fake) set(err error)     { f.mu.Lock(); defer f.mu.Unlock(); f.err = err }
func (f *fake) setCall(err error) { f.mu.Lock(); defer f.mu.Unlock(); f.call = err }

func (f *fake) Ping(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pings++
	return f.err
}

func (f *fake) Table(context.Context, run.Source) (run.Table, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tables++
	return run.Table{Name: f.name}, f.err
}

func (f *fake) start(context.Context) (pool.Session, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened++
	if f.err != nil {
		return nil, f.err
	}
	f.open++
	return &session{host: f}, nil
}

// session is one of a fake's.
type session struct {
	host *fake
	once sync.Once
}

func (s *session) Call(context.Context, run.Call) (run.Result, error) {
	s.host.mu.Lock()
	defer s.host.mu.Unlock()
	return run.Result{Value: s.host.name}, s.host.call
}

func (s *session) Close() error {
	s.once.Do(func() { s.host.mu.Lock(); defer s.host.mu.Unlock(); s.host.open-- })
	return nil
}

// bench is a pool of fakes under a clock that stands still.
type bench struct {
	t     *testing.T
	pool  *pool.Pool[*fake]
	fakes map[string]*fake
	now   time.Time
}

func start(t *testing.T, c pool.Config, names ...string) *bench {
	b := &bench{t: t, fakes: map[string]*fake{}, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	c.Clock, c.Log = func() time.Time { return b.now }, zerolog.Nop()
	var hosts []pool.Named[*fake]
	for _, name := range names {
		b.fakes[name] = &fake{name: name}
		hosts = append(hosts, pool.Named[*fake]{Name: name, Host: b.fakes[name]})
	}
	var err error
	if b.pool, err = pool.New(hosts, c); err != nil {
		t.Fatal(err)
	}
	return b
}

// opens opens a session and says where; the error is in its place.
func (b *bench) opens(repo int64) (pool.Session, string) {
	b.t.Helper()
	where := ""
	s, err := b.pool.Open(b.t.Context(), run.Source{RepoID: repo}, func(ctx context.Context, f *fake) (pool.Session, error) {
		where = f.name
		return f.start(ctx)
	})
	if err != nil {
		return nil, err.Error()
	}
	return s, where
}

// home is where a repository's events go when nothing is in their way.
func (b *bench) home(repo int64) string {
	b.t.Helper()
	s, where := b.opens(repo)
	b.end(s)
	return where
}

func (b *bench) end(s pool.Session) {
	b.t.Helper()
	if err := s.Close(); err != nil {
		b.t.Fatal(err)
	}
}

// other is the host of two that is not this one.
func (b *bench) other(name string) string {
	for other := range b.fakes {
		if other != name {
			return other
		}
	}
	return ""
}

var (
	errAway = fmt.Errorf("dial: %w", run.ErrNoEngine)
	errLost = fmt.Errorf("502: %w", run.ErrEngineLost)
)

func TestARepositoryStaysOnItsHost(t *testing.T) {
	b := start(t, pool.Config{}, "tcp://a:1", "tcp://b:1", "tcp://c:1", "tcp://d:1")
	counts, homes := map[string]int{}, map[int64]string{}
	for repo := range int64(400) {
		homes[repo] = b.home(repo)
		counts[homes[repo]]++
		if again := b.home(repo); again != homes[repo] {
			t.Fatalf("repository %d went to %s, then to %s", repo, homes[repo], again)
		}
	}
	for name := range b.fakes {
		if counts[name] < 50 {
			t.Errorf("%s got %d of 400 repositories", name, counts[name])
		}
	}
	// One host fewer: only its repositories move. The order of names doesn't count.
	fewer := start(t, pool.Config{}, "tcp://d:1", "tcp://b:1", "tcp://a:1")
	for repo, home := range homes {
		if now := fewer.home(repo); home != "tcp://c:1" && now != home {
			t.Errorf("repository %d moved from %s to %s though its host is still there", repo, home, now)
		}
	}
}

func TestTheTableIsAskedOfTheSameHost(t *testing.T) {
	b := start(t, pool.Config{Sessions: 1}, "a", "b", "c")
	for repo := range int64(30) {
		s, home := b.opens(repo) // A busy host's tables still are the warm ones.
		table, err := b.pool.Table(t.Context(), run.Source{RepoID: repo})
		if err != nil || table.Name != home {
			t.Errorf("repository %d: table of %s, %v; its host is %s", repo, table.Name, err, home)
		}
		b.end(s)
	}
}

func TestABusyHostSpillsOver(t *testing.T) {
	b := start(t, pool.Config{Sessions: 2}, "a", "b")
	home := b.home(7)
	var sessions []pool.Session
	for i, want := range []string{home, home, b.other(home), b.other(home)} {
		s, got := b.opens(7)
		if got != want {
			t.Errorf("session %d is on %s, want %s", i, got, want)
		}
		sessions = append(sessions, s)
	}
	b.end(sessions[2])
	if s, got := b.opens(7); got != b.other(home) {
		t.Errorf("with all places taken but one the session is on %s", got)
	} else {
		b.end(s)
	}
	sessions[2], _ = b.opens(7)
	// All are busy: nobody waits, the one with the fewest sessions gets it.
	more, first := b.opens(7)
	last, second := b.opens(7)
	if first == second {
		t.Errorf("both sessions too many are on %s", first)
	}
	for _, s := range append(sessions, more, last) {
		b.end(s)
		b.end(s) // Twice counts once.
	}
	if got := b.home(7); got != home {
		t.Errorf("when all is over the next one is on %s, want %s", got, home)
	}
	for name, f := range b.fakes {
		if f.open != 0 {
			t.Errorf("%d sessions are left on %s", f.open, name)
		}
	}
}

func TestSessionsThatOpenTogetherKeepTheBound(t *testing.T) {
	b := start(t, pool.Config{Sessions: 4}, "a", "b")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := b.pool.Open(t.Context(), run.Source{RepoID: 7}, func(ctx context.Context, f *fake) (pool.Session, error) { return f.start(ctx) }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for name, f := range b.fakes {
		if f.open != 4 {
			t.Errorf("%s has %d sessions, want 4", name, f.open)
		}
	}
}

func TestCallsMakeAHostBusyToo(t *testing.T) {
	b := start(t, pool.Config{Calls: 1}, "a", "b")
	home := b.home(7)
	s, err := b.pool.Open(t.Context(), run.Source{RepoID: 7}, func(context.Context, *fake) (pool.Session, error) {
		return slow(func() {
			if _, got := b.opens(7); got != b.other(home) {
				t.Errorf("while a call is made on %s the next session is on %s", home, got)
			}
		}), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Call(t.Context(), run.Call{}); err != nil {
		t.Fatal(err)
	}
	if got := b.home(7); got != home {
		t.Errorf("after the call the next session is on %s, want %s", got, home)
	}
}

// slow is a session in whose call something else happens.
type slow func()

func (s slow) Call(context.Context, run.Call) (run.Result, error) { s(); return run.Result{}, nil }
func (slow) Close() error                                         { return nil }

func TestAHostThatIsAwayIsLeftAlone(t *testing.T) {
	b := start(t, pool.Config{Rest: 10 * time.Second, RestMost: time.Minute}, "a", "b")
	home := b.home(7)
	b.fakes[home].set(errAway)
	opened := b.fakes[home].opened
	for range 5 {
		if got := b.home(7); got != b.other(home) {
			t.Fatalf("the session is on %s, want the other one", got)
		}
	}
	if n := b.fakes[home].opened - opened; n != 1 {
		t.Errorf("a host that is away was asked %d times, want 1", n)
	}
	b.now = b.now.Add(13 * time.Second) // 10 s and a fifth are over.
	b.home(7)
	if n := b.fakes[home].opened - opened; n != 2 {
		t.Errorf("after its time it was asked %d times in all, want 2", n)
	}
	b.now = b.now.Add(13 * time.Second) // Now it is twice as long.
	b.home(7)
	if n := b.fakes[home].opened - opened; n != 2 {
		t.Errorf("within its second time it was asked %d times in all, want 2", n)
	}
	b.fakes[home].set(nil)
	b.now = b.now.Add(12 * time.Second)
	if got := b.home(7); got != home {
		t.Errorf("the host is back, but the session is on %s", got)
	}
	// It works again, so its next failure is a first one.
	b.fakes[home].set(errAway)
	b.home(7)
	b.fakes[home].set(nil)
	b.now = b.now.Add(13 * time.Second)
	if got := b.home(7); got != home {
		t.Errorf("after one more failure the session is on %s", got)
	}
}

func TestTheTableTooLeavesAHostAlone(t *testing.T) {
	b := start(t, pool.Config{}, "a", "b")
	home := b.home(7)
	b.fakes[home].set(errAway)
	for range 3 {
		if table, err := b.pool.Table(t.Context(), run.Source{RepoID: 7}); err != nil || table.Name != b.other(home) {
			t.Fatalf("table of %s, %v", table.Name, err)
		}
	}
	if n := b.fakes[home].tables; n != 1 {
		t.Errorf("a host that is away was asked %d times, want 1", n)
	}
}

func TestLostWorkIsNotPutToTheNextHost(t *testing.T) {
	b := start(t, pool.Config{}, "a", "b")
	home := b.home(7)
	b.fakes[home].set(errLost)
	other := b.fakes[b.other(home)]
	if _, got := b.opens(7); !strings.Contains(got, "502") {
		t.Errorf("a host that went away while it opened a session: %s", got)
	}
	if other.opened != 0 {
		t.Error("the work that lost one host was put to the next one")
	}
	if got := b.home(7); got != b.other(home) {
		t.Errorf("the next session is on %s, want the other host", got)
	}
}

func TestAHostLostInACallIsLeftAloneOnce(t *testing.T) {
	b := start(t, pool.Config{Rest: 10 * time.Second}, "a", "b")
	s, home := b.opens(7)
	b.fakes[home].setCall(errLost)
	for range 8 { // Eight calls of one session, one failure.
		if _, err := s.Call(t.Context(), run.Call{}); !errors.Is(err, run.ErrEngineLost) {
			t.Fatal(err)
		}
	}
	b.end(s)
	if got := b.home(7); got != b.other(home) {
		t.Errorf("the next session is on %s, want the other host", got)
	}
	b.now = b.now.Add(13 * time.Second)
	if got := b.home(7); got != home {
		t.Errorf("after one failure's time the session is on %s, want %s", got, home)
	}
}

func TestOtherErrorsSayNothingAboutTheHost(t *testing.T) {
	ended, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("superseded"))
	for name, c := range map[string]struct {
		ctx context.Context
		err error
	}{
		"the module is at fault":    {context.Background(), errors.New("the module can't be built")},
		"the caller went away":      {ended, errAway},
		"a call that was cancelled": {ended, errLost},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, pool.Config{}, "a", "b")
			home := b.home(7)
			b.fakes[home].set(c.err)
			_, err := b.pool.Open(c.ctx, run.Source{RepoID: 7}, func(ctx context.Context, f *fake) (pool.Session, error) { return f.start(ctx) })
			if !errors.Is(err, c.err) {
				t.Errorf("error %v, want %v", err, c.err)
			}
			b.fakes[home].set(nil)
			if got := b.home(7); got != home {
				t.Errorf("the next session is on %s, want %s", got, home)
			}
		})
	}
}

func TestAllAway(t *testing.T) {
	b := start(t, pool.Config{Rest: time.Minute}, "a", "b", "c")
	for _, f := range b.fakes {
		f.set(errAway)
	}
	for range 2 {
		_, err := b.pool.Open(t.Context(), run.Source{RepoID: 7}, func(ctx context.Context, f *fake) (pool.Session, error) { return f.start(ctx) })
		if !errors.Is(err, run.ErrNoEngine) {
			t.Fatalf("error %v, want run.ErrNoEngine", err)
		}
		if err := b.pool.Ping(t.Context()); !errors.Is(err, run.ErrNoEngine) {
			t.Fatalf("ping: %v, want run.ErrNoEngine", err)
		}
	}
	// Nobody is left to be asked instead: the first one that is back is used.
	b.fakes["b"].set(nil)
	if got := b.home(7); got != "b" {
		t.Errorf("the session is on %s, want b", got)
	}
	if err := b.pool.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, hosts := range map[string][]pool.Named[*fake]{
		"no host":        nil,
		"one name twice": {{Name: "a", Host: &fake{}}, {Name: "a", Host: &fake{}}},
	} {
		if _, err := pool.New(hosts, pool.Config{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
