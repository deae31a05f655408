package status_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/report/status"
	"github.com/franela/pocketci/report/status/statustest"
	"github.com/franela/pocketci/run"
)

// small is a budget that is soon used up.
func small(c *status.Config) { c.Budget = status.Budget{PerMinute: 10, PerHour: 30} }

// oddAndEven are two credentials, by repository.
func oddAndEven(c *status.Config) {
	c.Account = func(r event.Repo) string { return []string{"even", "odd"}[r.ID%2] }
}

// beside starts another agent's sender on the same store and host.
func (b *bench) beside(change ...func(*status.Config)) *bench {
	other := &bench{T: b.T, store: b.store, host: b.host}
	other.start(change...)
	return other
}

func TestAgentsShareABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, small)
		other := b.beside(small)
		for i := range int64(40) {
			b.store.Put(finished(i+1, i, run.Success))
		}
		pass(50 * time.Second)
		if n := len(b.host.Taken()); n != 10 {
			t.Errorf("%d statuses in the first minute, want 10", n)
		}
		pass(59 * time.Minute)
		if n := len(b.host.Taken()); n != 30 {
			t.Errorf("%d statuses in the first hour, want 30", n)
		}
		b.stop()
		pass(time.Hour)
		if n := len(b.host.Taken()); n != 60 {
			t.Errorf("%d statuses in two hours, of which one agent worked one; want 60", n)
		}
		other.stop()
	})
}

func TestCredentialsHaveBudgetsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, small, oddAndEven)
		for i := range int64(50) {
			b.store.Put(finished(i+1, 1+2*(i%25), run.Failure))
		}
		pass(5 * time.Second)
		for i := range int64(4) {
			b.store.Put(finished(100+i, 2, run.Success))
		}
		pass(2 * time.Second)
		odd, even := 0, 0
		for _, s := range b.host.Taken() {
			if s.Repo == "octo/r2" {
				even++
			} else {
				odd++
			}
		}
		if odd != 10 || even != 8 {
			t.Errorf("%d and %d statuses, want 10, which is all of one credential, and 8, which is all there is for the other", odd, even)
		}
		b.stop()
	})
}

func TestALimitIsOneCredentialsAndAllAgents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, oddAndEven)
		until := time.Now().Add(10 * time.Minute)
		b.host.Fail = func(_ context.Context, s statustest.Sent) error {
			if s.Repo != "octo/r2" && s.At.Before(until) {
				return &run.RetryAfter{Until: until, Err: errors.New("403 secondary limit")}
			}
			return nil
		}
		b.store.Put(finished(1, 1, run.Failure))
		pass(time.Second)
		tried := len(b.host.Tried())
		b.stop()
		other := b.beside(oddAndEven)
		b.store.Put(finished(2, 3, run.Failure))
		b.store.Put(finished(3, 2, run.Success))
		pass(5 * time.Minute)
		if n := len(b.host.Tried()) - tried; n != 2 {
			t.Errorf("%d requests while one credential was limited, want the two of the other", n)
		}
		if h := other.sender.Health(); !h.LimitedUntil.Equal(until) {
			t.Errorf("health %+v, want limited until %s", h, until)
		}
		pass(6 * time.Minute)
		if n := b.store.Waiting(); n != 0 {
			t.Errorf("%d rows wait after the limit", n)
		}
		other.stop()
	})
}

// TestWhatWaitsIsLeftAlone: what can't be sent now is not taken and put back all
// the time.
func TestWhatWaitsIsLeftAlone(t *testing.T) {
	tests := map[string]struct {
		change []func(*status.Config)
		fail   error
		// several: there is more than one credential.
		several bool
	}{
		"for the budget":                    {change: []func(*status.Config){small}},
		"for the budget of one of many":     {change: []func(*status.Config){small, oddAndEven}, several: true},
		"for the code host":                 {fail: errors.New("502 bad gateway")},
		"for a limit":                       {fail: &run.RetryAfter{Until: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), Err: errors.New("403")}},
		"for a limit of one of several":     {change: []func(*status.Config){oddAndEven}, several: true, fail: &run.RetryAfter{Until: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), Err: errors.New("403")}},
		"for an answer that does not come":  {fail: context.DeadlineExceeded},
		"for a repository that is answered": {},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, tt.change...)
				b.host.Fail = func(ctx context.Context, _ statustest.Sent) error {
					if errors.Is(tt.fail, context.DeadlineExceeded) {
						<-ctx.Done()
					}
					return tt.fail
				}
				for i := range int64(400) {
					b.store.Put(finished(i+1, 1+2*(i%150), run.Failure))
				}
				pass(30 * time.Minute)
				tried := len(b.host.Tried())
				most := 8*tried + 10 // as many as may be in flight, for each that is sent
				if tt.several {
					most += 300 // those of each repository once: whose credential is for it is not known before
				}
				if n := b.store.Claims(); n > most {
					t.Errorf("%d rows were taken for %d requests", n, tried)
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				_ = b.sender.Stop(ctx)
			})
		})
	}
}

func TestNothingIsSentWithoutABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := &noPermits{}
		broken.away.Store(true)
		b := newBench(t, func(c *status.Config) { broken.Permits, c.Permits = c.Permits, broken })
		b.store.Put(finished(1, 1, run.Success))
		pass(time.Minute)
		if n := len(b.host.Tried()); n != 0 {
			t.Errorf("%d requests though nobody can say how many are left", n)
		}
		if n := strings.Count(b.log.String(), "can't say what may be sent"); n < 2 || n > 30 {
			t.Errorf("logged %d times in a minute", n)
		}
		broken.away.Store(false)
		pass(time.Minute)
		if n := b.store.Waiting(); n != 0 {
			t.Errorf("%d rows wait", n)
		}
		b.stop()
	})
}

// noPermits fails while the database is away.
type noPermits struct {
	status.Permits
	away atomic.Bool
}

func (p *noPermits) Permit(ctx context.Context, credential string, n int, rates []run.Rate, ended []run.Permit) (run.Permit, error) {
	if p.away.Load() {
		return run.Permit{}, errors.New("the database is away")
	}
	return p.Permits.Permit(ctx, credential, n, rates, ended)
}
