package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/dispatch/dispatchtest"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
	"github.com/franela/pocketci/store/storetest"
)

// crew is workers on one database, each with a store of its own, whose checkouts
// take no time: what is left is the store, the dispatcher and the calls.
type crew struct {
	b    *testing.B
	url  string
	done atomic.Int64
	end  chan struct{}
	want int64
	// atOnce is how many events a worker works on at once, call how long a call takes.
	atOnce int
	call   time.Duration
}

// countingRecorder tells of each run that has ended.
type countingRecorder struct {
	*store.Store
	crew *crew
}

func (r countingRecorder) Advance(ctx context.Context, l run.Lease, p run.Progress) error {
	err := r.Store.Advance(ctx, l, p)
	if err == nil && p.State == run.Done && r.crew.done.Add(1) == r.crew.want {
		close(r.crew.end)
	}
	return err
}

func startCrew(b *testing.B) *crew {
	return &crew{b: b, url: storetest.StartPostgres(b, true).URL(b), end: make(chan struct{}), atOnce: 16}
}

func (c *crew) open(leaseFor time.Duration) *store.Store {
	c.b.Helper()
	s, err := store.Open(c.b.Context(), store.Config{URL: c.url, LeaseFor: leaseFor, Grace: leaseFor / 2, Log: zerolog.Nop()})
	if err != nil {
		c.b.Fatal(err)
	}
	c.b.Cleanup(func() { _ = s.Close() })
	return s
}

// fill keeps n events of 50 repositories, each on a branch of its own.
func (c *crew) fill(s *store.Store, n int) {
	c.b.Helper()
	c.want = int64(n)
	var next atomic.Int64
	failed := make(chan error, 16)
	for range 16 {
		go func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				_, err := s.Append(context.Background(), event.Event{
					ID: fmt.Sprint("github:", i), Vendor: "github", Name: "push", Type: "push", Filter: "main",
					Repo:   event.Repo{ID: i%50 + 1, Owner: "octo", Name: fmt.Sprint("r", i%50), DefaultBranch: "main"},
					Sender: event.Sender{ID: 1, Login: "mona"}, SHATrust: event.Trusted, SenderTrust: event.Trusted,
					Ref: fmt.Sprint("refs/heads/b", i), SHA: fmt.Sprintf("%040x", i), Status: true, ReceivedAt: time.Now(),
					Payload: fmt.Appendf(nil, `{"n":%d}`, i),
				})
				if err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range 16 {
		if err := <-failed; err != nil {
			c.b.Fatal(err)
		}
	}
}

// work starts a worker on a store.
func (c *crew) work(s *store.Store) {
	d := dispatch.New(dispatch.Config{
		Queue: s, Recorder: countingRecorder{s, c}, Identities: s, Order: s, Stops: s, Slots: s,
		Repositories: &dispatchtest.Repositories{Tree: run.Tree{SHA: "0123456789012345678901234567890123456789", Files: dispatchtest.Files{MapFS: fstest.MapFS{}}}},
		Permissions:  &dispatchtest.Operator{Writers: []string{"mona"}},
		Policy:       &dispatchtest.Operator{Asked: run.Settings{Modules: []run.Module{{Path: "ci", Depth: 1}}}},
		Strangers:    &dispatchtest.Operator{},
		Engine:       &dispatchtest.Engine{Module: run.Table{Name: "ci", Functions: []run.Function{{Name: "onGithubPush"}}}, Do: c.do},
		MaxEvents:    c.atOnce, MaxCalls: 64, CallTimeout: time.Minute,
		Scrub: func(s string) string { return s }, Clock: time.Now, Log: zerolog.Nop(),
	})
	d.Start(c.b.Context())
	c.b.Cleanup(func() { d.Stop(context.Background()) })
}

// do is a call: it takes its time, and no processor.
func (c *crew) do(ctx context.Context, _ dispatch.Spec, _ run.Call) (run.Result, error) {
	if c.call > 0 {
		over := time.NewTimer(c.call)
		defer over.Stop()
		select {
		case <-over.C:
		case <-ctx.Done():
			return run.Result{}, context.Cause(ctx)
		}
	}
	return run.Result{Outcome: run.Success}, nil
}

func (c *crew) wait() {
	c.b.Helper()
	select {
	case <-c.end:
	case <-time.After(5 * time.Minute):
		c.b.Fatalf("%d of %d runs have ended", c.done.Load(), c.want)
	}
}

// BenchmarkWorkers measures events per second, from the queue to the end of the
// run with its decision and call on disk, of 1, 2 and 4 agents on one PostgreSQL
// database, whose calls take no time. Mark: 1,000/s.
func BenchmarkWorkers(b *testing.B) { benchmarkWorkers(b, 16, 0) }

// BenchmarkWorkersThatWait is the same with calls of 20 ms and 4 events at once on
// each agent, so that neither agents nor PostgreSQL are short of processor: it
// shows whether agents stand in each other's way. Mark: 0.8 of linear.
func BenchmarkWorkersThatWait(b *testing.B) { benchmarkWorkers(b, 4, 20*time.Millisecond) }

func benchmarkWorkers(b *testing.B, atOnce int, call time.Duration) {
	for _, workers := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("%dagents", workers), func(b *testing.B) {
			c := startCrew(b)
			c.atOnce, c.call = atOnce, call
			c.fill(c.open(time.Minute), b.N)
			var stores []*store.Store
			for range workers {
				stores = append(stores, c.open(time.Minute))
			}
			b.ResetTimer()
			for _, s := range stores {
				c.work(s)
			}
			c.wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkRescue measures how long one agent takes for 1,000 events that a
// killed one held, from the moment on at which the leases and the grace after
// them are over (90 seconds after the kill, as agents are set).
func BenchmarkRescue(b *testing.B) {
	const held, leaseFor = 1000, 2 * time.Second
	for range b.N {
		b.StopTimer()
		c := startCrew(b)
		killed := c.open(leaseFor)
		c.fill(killed, held)
		for range held {
			if _, err := killed.Lease(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		time.Sleep(leaseFor + leaseFor/2) // The database's own clock: nothing tells.
		rescuer := c.open(time.Minute)
		b.StartTimer()
		c.work(rescuer)
		c.wait()
		b.StopTimer()
	}
	b.ReportMetric(held*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
