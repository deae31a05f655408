package status_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/report/status"
	"github.com/franela/pocketci/report/status/statustest"
	"github.com/franela/pocketci/run"
)

// bench is a sender between a store and a code host. It runs in a bubble of
// synctest: time passes when everything waits.
type bench struct {
	*testing.T
	store  *statustest.Store
	host   *statustest.Host
	log    lockedLog
	sender *status.Sender
}

// lockedLog is a log that can be read while it is written.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newBench(t *testing.T, change ...func(*status.Config)) *bench {
	b := &bench{T: t, store: &statustest.Store{}, host: &statustest.Host{}}
	b.start(change...)
	return b
}

func (b *bench) start(change ...func(*status.Config)) {
	cfg := status.Config{
		Runs: b.store, Outbox: b.store, Watch: b.store, Statuses: b.host, Permits: b.store,
		Random: func() float64 { return 0 },
		Log:    zerolog.New(&b.log),
	}
	for _, c := range change {
		c(&cfg)
	}
	sender, err := status.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	if err := sender.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.sender = sender
}

func (b *bench) stop() {
	if err := b.sender.Stop(context.Background()); err != nil {
		b.Error(err)
	}
}

// pass lets time pass and waits until everything waits again.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// finished is a finished run of a push, seq n, to the repository with that id.
func finished(n int64, repo int64, outcome run.Outcome) run.Run {
	r := labeled(run.Running)
	r.Seq, r.Event.ID = n, fmt.Sprintf("github:%d", n)
	r.Event.Repo = event.Repo{ID: repo, Owner: "octo", Name: fmt.Sprintf("r%d", repo)}
	r.Event.SHA = fmt.Sprintf("%040d", n)
	r.Begun = time.Now()
	return done(call(r, "test", result(outcome, time.Second, "no")), outcome)
}

func TestSendsWhatARunComesTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		r := labeled(run.Running)
		r.Begun = time.Now()
		b.store.Put(r)
		pass(9 * time.Second)
		if n := len(b.host.Tried()); n != 0 {
			t.Errorf("%d statuses within ten seconds", n)
		}
		pass(2 * time.Second)
		b.store.Put(call(r, "test"))
		pass(time.Second)
		want := map[string]string{
			"pocketci/test":           "pending: running",
			"pocketci (pull_request)": "pending: 1 called: running",
		}
		if diff := cmp.Diff(want, b.host.Shows("octo/hello", sha)); diff != "" {
			t.Errorf("while it runs (-want +got):\n%s", diff)
		}
		b.store.Put(done(call(r, "test", result(run.Success, time.Second, "")), run.Success))
		pass(time.Second)
		want = map[string]string{
			"pocketci/test":           "success: succeeded in 1s",
			"pocketci (pull_request)": "success: 1 called: succeeded",
		}
		if diff := cmp.Diff(want, b.host.Shows("octo/hello", sha)); diff != "" {
			t.Errorf("at its end (-want +got):\n%s", diff)
		}
		if n := len(b.host.Tried()); n != 5 {
			t.Errorf("%d requests, want 5: one per state", n)
		}
		b.stop()
	})
}

func TestAShortRunSendsOnlyItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		r := labeled(run.Running)
		r.Begun = time.Now()
		b.store.Put(call(r, "test"))
		pass(5 * time.Second)
		b.store.Put(done(call(r, "test", result(run.Success, time.Second, "")), run.Success))
		pass(time.Minute)
		for _, s := range b.host.Tried() {
			if s.Status.State == run.StatusPending {
				t.Errorf("sent %+v", s)
			}
		}
		if n := len(b.host.Tried()); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
		b.stop()
	})
}

func TestDownMeansLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		var up atomic.Bool
		b.host.Fail = func(context.Context, statustest.Sent) error {
			if !up.Load() {
				return errors.New("502 bad gateway")
			}
			return nil
		}
		for i := range int64(3) {
			b.store.Put(finished(i+1, 1, run.Success))
		}
		pass(30 * time.Minute)
		if h := b.sender.Health(); h.Failing != 1 || h.LastError == "" {
			t.Errorf("health %+v while GitHub is down", h)
		}
		if n := len(b.host.Tried()); n > 60 {
			t.Errorf("%d requests in half an hour at a host that is down", n)
		}
		up.Store(true)
		pass(10 * time.Minute)
		if n := b.store.Waiting(); n != 0 {
			t.Errorf("%d rows wait after it came back", n)
		}
		if h := b.sender.Health(); h != (status.Health{}) {
			t.Errorf("health %+v after it came back", h)
		}
		b.stop()
	})
}

func TestALimitHoldsEverythingUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		until := time.Now().Add(17 * time.Minute)
		b.host.Fail = func(_ context.Context, s statustest.Sent) error {
			if s.At.Before(until) {
				return fmt.Errorf("set status: %w", &run.RetryAfter{Until: until, Err: errors.New("403 secondary limit")})
			}
			return nil
		}
		b.store.Put(finished(1, 1, run.Success))
		pass(time.Second)
		before := len(b.host.Tried())
		b.store.Put(finished(2, 2, run.Success))
		pass(15 * time.Minute)
		if n := len(b.host.Tried()); n != before {
			t.Errorf("%d more requests while limited", n-before)
		}
		if h := b.sender.Health(); !h.LimitedUntil.Equal(until) {
			t.Errorf("health %+v, want limited until %s", h, until)
		}
		pass(3 * time.Minute)
		if n := b.store.Waiting(); n != 0 {
			t.Errorf("%d rows wait after the limit", n)
		}
		if b.host.Listed() != 0 {
			t.Error("listed statuses: a limited request has no effect, there is no doubt")
		}
		b.stop()
	})
}

func TestAnAbsurdLimitIsBounded(t *testing.T) {
	for name, off := range map[string]time.Duration{"in the past": -time.Hour, "in a year": 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				var once atomic.Bool
				b.host.Fail = func(context.Context, statustest.Sent) error {
					if once.CompareAndSwap(false, true) {
						return &run.RetryAfter{Until: time.Now().Add(off), Err: errors.New("429")}
					}
					return nil
				}
				b.store.Put(finished(1, 1, run.Success))
				pass(500 * time.Millisecond)
				if n := len(b.host.Tried()); n > 2 {
					t.Errorf("%d requests at once", n)
				}
				pass(time.Hour + 2*time.Second)
				if n := b.store.Waiting(); n != 0 {
					t.Errorf("%d rows wait after an hour", n)
				}
				b.stop()
			})
		})
	}
}

func TestRefusedForGoodIsADeadLetterAndBlocksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.host.Fail = func(_ context.Context, s statustest.Sent) error {
			if s.Repo == "octo/r1" {
				return fmt.Errorf("set status: 404 Not Found: %w", run.ErrRefused)
			}
			return nil
		}
		b.store.Put(finished(1, 1, run.Failure))
		b.store.Put(finished(2, 2, run.Success))
		pass(time.Hour)
		if n := len(b.host.Tried()); n != 4 {
			t.Errorf("%d requests, want 4: a refused one is not tried again", n)
		}
		dead := 0
		for _, r := range b.store.Rows() {
			if r.Dead != "" {
				dead++
				if want := "set status: 404 Not Found: refused for good"; r.Dead != want || r.Repo.ID != 1 {
					t.Errorf("%d dead of %q, want %q", r.Repo.ID, r.Dead, want)
				}
			} else if r.SentVersion != r.Version {
				t.Errorf("%s is not sent", r.Key)
			}
		}
		if dead != 2 {
			t.Errorf("%d dead letters, want 2", dead)
		}
		b.stop()
	})
}

func TestOneRepositoryThatHangsDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.host.Fail = func(ctx context.Context, s statustest.Sent) error {
			if s.Repo == "octo/r1" {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		for i := range int64(30) {
			b.store.Put(finished(i+1, 1, run.Failure))
		}
		pass(time.Second)
		b.store.Put(finished(99, 2, run.Success))
		pass(2 * time.Second)
		if got := len(b.host.Taken()); got != 2 {
			t.Errorf("%d statuses of the other repository arrived within two seconds, want 2", got)
		}
		pass(time.Hour)
		tried := 0
		for _, s := range b.host.Tried() {
			if s.Repo == "octo/r1" {
				tried++
			}
		}
		if tried > 60 {
			t.Errorf("%d requests in an hour to a repository that hangs", tried)
		}
		if err := b.sender.Stop(b.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestBudgetDelaysAndLosesNothingFailuresFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *status.Config) { c.Budget = status.Budget{PerMinute: 10, PerHour: 30} })
		for i := range int64(15) {
			b.store.Put(finished(i+1, i, run.Success))
		}
		pass(10 * time.Second)
		if n := len(b.host.Taken()); n != 10 {
			t.Errorf("%d statuses in the first minute, want 10", n)
		}
		for i := range int64(3) {
			b.store.Put(finished(100+i, 50+i, run.Failure))
		}
		pass(time.Minute)
		failures := 0
		for _, s := range b.host.Taken()[10:20] {
			if s.Status.State == run.StatusFailure {
				failures++
			}
		}
		if failures != 6 {
			t.Errorf("%d of 6 failures are among the first after the pause", failures)
		}
		pass(30 * time.Minute)
		if n := len(b.host.Taken()); n != 30 {
			t.Errorf("%d statuses in the first hour, want 30", n)
		}
		pass(time.Hour)
		if n := b.store.Waiting(); n != 0 || len(b.host.Taken()) != 36 {
			t.Errorf("%d rows wait, %d sent; want none and 36", n, len(b.host.Taken()))
		}
		b.stop()
	})
}

func TestOnlyTheNewestStateIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		limited := time.Now().Add(10 * time.Minute)
		b.host.Fail = func(context.Context, statustest.Sent) error {
			if time.Now().Before(limited) {
				return &run.RetryAfter{Until: limited, Err: errors.New("limited")}
			}
			return nil
		}
		r := labeled(run.Running)
		r.Begun = time.Now()
		b.store.Put(call(r, "test"))
		pass(time.Minute)
		b.store.Put(done(call(r, "test", result(run.Failure, time.Minute, "no")), run.Failure))
		pass(10 * time.Minute)
		for _, s := range b.host.Taken() {
			if s.Status.State != run.StatusFailure {
				t.Errorf("sent %s %s, which was not the newest any more", s.Status.Context, s.Status.State)
			}
		}
		if n := len(b.host.Taken()); n != 2 {
			t.Errorf("%d statuses, want 2", n)
		}
		b.stop()
	})
}

func TestInDoubtIsListedBeforeItIsSentAgain(t *testing.T) {
	for name, arrives := range map[string]bool{"it had arrived": true, "it had not": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				var once atomic.Bool
				fail := func(context.Context, statustest.Sent) error {
					if once.CompareAndSwap(false, true) {
						return errors.New("connection reset")
					}
					return nil
				}
				if b.host.Fail = fail; arrives {
					b.host.Fail, b.host.FailAfter = nil, fail
				}
				r := done(labeled(""), run.Success)
				b.store.Put(r)
				pass(time.Minute)
				if b.host.Listed() != 1 {
					t.Errorf("listed %d times, want once", b.host.Listed())
				}
				if n := len(b.host.Taken()); n != 1 {
					t.Errorf("the status arrived %d times, want once", n)
				}
				if n := b.store.Waiting(); n != 0 {
					t.Errorf("%d rows wait", n)
				}
				b.stop()
			})
		})
	}
}

func TestAfterACrashInTheMiddleOfARequestItIsListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		// The status arrives, and the agent dies before it hears so: the request
		// is cut off and nothing can be written back.
		b.host.FailAfter = func(ctx context.Context, _ statustest.Sent) error {
			<-ctx.Done()
			b.store.Break(run.ErrLeaseLost)
			return ctx.Err()
		}
		b.store.Put(done(labeled(""), run.Success))
		pass(time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := b.sender.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stop: %v, want that it was cut short", err)
		}
		b.store.Break(nil)
		b.store.Forget()
		b.host.FailAfter = nil
		b.start()
		pass(time.Minute)
		if b.host.Listed() != 1 || len(b.host.Taken()) != 1 || b.store.Waiting() != 0 {
			t.Errorf("listed %d times, %d statuses, %d rows wait; want 1, 1, 0", b.host.Listed(), len(b.host.Taken()), b.store.Waiting())
		}
		b.stop()
	})
}

func TestASkipKeepsAnotherEventsFailure(t *testing.T) {
	for name, order := range map[string][2]int64{"the skip is newer": {1, 2}, "the skip is older": {2, 1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				failed := done(call(labeled(""), "test", result(run.Failure, time.Second, "no")), run.Failure)
				failed.Seq, failed.Event.ID = order[0], "github:failed"
				b.store.Put(failed)
				pass(time.Second)
				// Long undecided, then nothing to do.
				skip := labeled(run.Running)
				skip.Seq, skip.Event.ID, skip.Begun = order[1], "github:skip", time.Now()
				b.store.Put(skip)
				pass(time.Minute)
				b.store.Put(done(decide(skip, "test", run.VerdictSkipped, "none"), run.Success))
				pass(time.Minute)
				want := map[string]string{
					"pocketci/test":           "failure: no",
					"pocketci (pull_request)": "failure: 1 called: 1 failed",
				}
				if diff := cmp.Diff(want, b.host.Shows("octo/hello", sha)); diff != "" {
					t.Errorf("the commit shows (-want +got):\n%s", diff)
				}
				b.stop()
			})
		})
	}
}

func TestTextsAreScrubbedBeforeTheyAreCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const secret = "hunter2hunter2"
		b := newBench(t, func(c *status.Config) {
			c.Scrub = strings.NewReplacer(secret, "***", "hunt one\nhunt two", "***").Replace
			c.TargetURL = func(r run.Run) string { return "https://ci.example/" + r.Event.ID }
		})
		b.host.Fail = func(_ context.Context, s statustest.Sent) error {
			if s.Status.Context == "pocketci/dead" {
				return fmt.Errorf("the host repeats %s: %w", secret, run.ErrRefused)
			}
			return nil
		}
		r := labeled("")
		for name, text := range map[string]string{
			"whole": "no " + secret, "cut": strings.Repeat("x", 130) + secret, "hidden": "hun\x00ter2\x1b[1mhunter2", "dead": "x",
			"two lines": "no hunt one\nhunt two",
		} {
			r = call(r, name, result(run.Failure, time.Second, text))
		}
		r.Problem = &run.Problem{Public: "no hunt one\nhunt two"}
		b.store.Put(done(r, run.Errored))
		pass(time.Second)
		for _, row := range b.store.Rows() {
			if all := fmt.Sprint(row); strings.Contains(all, "hunt") {
				t.Errorf("row %s", all)
			}
			if row.Status.TargetURL != "https://ci.example/github:1" {
				t.Errorf("target %q", row.Status.TargetURL)
			}
		}
		b.stop()
		if strings.Contains(b.log.String(), "hunt") {
			t.Errorf("log: %s", b.log.String())
		}
	})
}

// TestABugMetByOneRun keeps no other from being reported, and is told.
func TestABugMetByOneRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *status.Config) {
			c.TargetURL = func(r run.Run) string {
				if r.Seq == 1 {
					panic("no link for hunter2")
				}
				return ""
			}
			c.Scrub = strings.NewReplacer("hunter2", "***").Replace
		})
		b.store.Put(finished(1, 1, run.Success))
		b.store.Put(finished(2, 2, run.Success))
		pass(time.Second)
		want := map[string]string{"pocketci (pull_request)": "error: internal error of pocketci; the agent's log has the stack"}
		if diff := cmp.Diff(want, b.host.Shows("octo/r1", fmt.Sprintf("%040d", 1))); diff != "" {
			t.Errorf("its own (-want +got)\n%s", diff)
		}
		if got := b.host.Shows("octo/r2", fmt.Sprintf("%040d", 2)); !strings.HasPrefix(got["pocketci (pull_request)"], "success") {
			t.Errorf("the other's: %v", got)
		}
		b.stop()
		if log := b.log.String(); strings.Contains(log, "hunter2") || strings.Count(log, "can't plan a run's reports") != 1 {
			t.Errorf("log: %s", log)
		}
	})
}

func TestAStoreThatFailsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mended atomic.Bool
		b := newBench(t)
		b.host.FailAfter = func(context.Context, statustest.Sent) error {
			if !mended.Load() {
				b.store.Break(errors.New("disk I/O error"))
			}
			return nil
		}
		b.store.Put(done(labeled(""), run.Success))
		pass(time.Minute)
		if lines := strings.Count(b.log.String(), "\n"); lines == 0 || lines > 60 {
			t.Errorf("%d lines in the log for a minute without a store", lines)
		}
		mended.Store(true)
		b.store.Break(nil)
		pass(5 * time.Minute)
		if len(b.host.Taken()) != 1 || b.store.Waiting() != 0 {
			t.Errorf("%d statuses, %d rows wait; want 1 and 0", len(b.host.Taken()), b.store.Waiting())
		}
		b.stop()
	})
}

func TestStopSendsWhatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *status.Config) { c.Watch = nil })
		b.host.Fail = func(context.Context, statustest.Sent) error { time.Sleep(time.Second); return nil }
		pass(100 * time.Millisecond)
		b.store.Put(finished(1, 1, run.Success))
		b.stop()
		if n := len(b.host.Taken()); n != 2 {
			t.Errorf("%d statuses after Stop, want 2", n)
		}
		b.stop() // twice is harmless
	})
}

func TestStopBeforeStartIsHarmless(t *testing.T) {
	s, err := status.New(status.Config{Runs: &statustest.Store{}, Outbox: &statustest.Store{}, Statuses: &statustest.Host{}, Permits: &statustest.Store{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	whole := status.Config{Runs: &statustest.Store{}, Outbox: &statustest.Store{}, Statuses: &statustest.Host{}, Permits: &statustest.Store{}}
	for name, change := range map[string]func(*status.Config){
		"no runs":           func(c *status.Config) { c.Runs = nil },
		"no outbox":         func(c *status.Config) { c.Outbox = nil },
		"no code host":      func(c *status.Config) { c.Statuses = nil },
		"no budget":         func(c *status.Config) { c.Permits = nil },
		"a negative budget": func(c *status.Config) { c.Budget.PerHour = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			c := whole
			change(&c)
			if _, err := status.New(c); err == nil {
				t.Error("no error")
			}
		})
	}
}
