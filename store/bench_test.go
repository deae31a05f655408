package store_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
	"github.com/franela/pocketci/store/storetest"
)

// backends are where benchmarks run; every commit is on disk.
func backends() map[string]func(*testing.B) store.Config {
	return map[string]func(*testing.B) store.Config{
		"sqlite":   func(b *testing.B) store.Config { return store.Config{Dir: b.TempDir()} },
		"postgres": func(b *testing.B) store.Config { return store.Config{URL: storetest.StartPostgres(b, true).URL(b)} },
	}
}

func benchStore(b *testing.B, c store.Config) *store.Store {
	b.Helper()
	s, err := store.Open(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// body is a JSON object of about that size that compresses as payloads do.
func body(size int) string {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < size {
		var id [20]byte
		for i := range id {
			id[i] = byte(r.Uint32())
		}
		fmt.Fprintf(&b, `,"commit_%d_url":"https://api.github.example/repos/octo/hello/git/commits/%s"`, b.Len(), hex.EncodeToString(id[:]))
	}
	return b.String()
}

func benchEvent(n int64, body string) event.Event {
	return event.Event{
		ID: "github:" + strconv.FormatInt(n, 10), Vendor: "github", Name: "push", Type: "push", Filter: "main",
		Repo:    event.Repo{ID: n % 50, Owner: "octo", Name: "hello", DefaultBranch: "main"},
		Sender:  event.Sender{ID: 1, Login: "octocat"},
		Ref:     "refs/heads/main",
		SHA:     "0123456789abcdef0123456789abcdef01234567",
		Status:  true,
		Payload: []byte(`{"n":` + strconv.FormatInt(n, 10) + body + `}`),
	}
}

// parallel divides b.N over clients and reports the rate and the 50th and 99th
// percentile of one call.
func parallel(b *testing.B, clients int, call func(n int64)) {
	var next atomic.Int64
	took := make([][]time.Duration, clients)
	b.ResetTimer()
	start := time.Now()
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				began := time.Now()
				call(n)
				took[c] = append(took[c], time.Since(began))
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	all := slices.Concat(took...)
	slices.Sort(all)
	b.ReportMetric(float64(b.N)/elapsed.Seconds(), "events/s")
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkAppend: events on disk per second.
func BenchmarkAppend(b *testing.B) {
	for name, config := range backends() {
		b.Run(name, func(b *testing.B) {
			for _, size := range []struct {
				name  string
				bytes int
			}{{"7KB", 7 << 10}, {"1MB", 1 << 20}} {
				text := body(size.bytes)
				for _, clients := range []int{1, 16, 64} {
					b.Run(fmt.Sprintf("%s/clients=%d", size.name, clients), func(b *testing.B) {
						s := benchStore(b, config(b))
						b.SetBytes(int64(size.bytes))
						b.ReportAllocs()
						parallel(b, clients, func(n int64) {
							if _, err := s.Append(b.Context(), benchEvent(n, text)); err != nil {
								b.Error(err)
							}
						})
					})
				}
			}
		})
	}
}

// BenchmarkWork: runs per second that are leased, advanced twice and done.
func BenchmarkWork(b *testing.B) {
	for name, config := range backends() {
		b.Run(name, func(b *testing.B) {
			for _, workers := range []int{1, 4, 16} {
				b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
					s := benchStore(b, config(b))
					parallel(b, 64, func(n int64) {
						if _, err := s.Append(b.Context(), benchEvent(n, "")); err != nil {
							b.Error(err)
						}
					})
					call := run.CallState{Call: run.Call{Function: "onGithubPush"}}
					one := 1
					parallel(b, workers, func(int64) {
						w, err := s.Lease(b.Context())
						if err != nil {
							b.Error(err)
							return
						}
						for _, p := range []run.Progress{
							{Attempt: &one, Decisions: []run.Decision{{Function: "onGithubPush"}}, Begun: []run.CallState{call}},
							{State: run.Done, Outcome: run.Success, Results: []run.Result{{Function: "onGithubPush", Outcome: run.Success, Output: "ok"}}},
						} {
							if err := s.Advance(b.Context(), w.Lease, p); err != nil {
								b.Error(err)
							}
						}
					})
				})
			}
		})
	}
}

// BenchmarkQueued appends 10,000 events of 7 KB and leases one: what a full queue
// weighs in memory, and how long the next run takes to be found.
func BenchmarkQueued(b *testing.B) {
	const queued = 10_000
	for name, config := range backends() {
		b.Run(name, func(b *testing.B) {
			s := benchStore(b, config(b))
			text := body(7 << 10)
			var wg sync.WaitGroup
			for c := range 16 {
				wg.Go(func() {
					for n := c; n < queued; n += 16 {
						if _, err := s.Append(b.Context(), benchEvent(int64(n), text)); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			weight := resident()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			for b.Loop() {
				w, err := s.Lease(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Advance(context.Background(), w.Lease, run.Progress{State: run.Queued}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(weight, "MB-resident")
			b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MB-heap")
		})
	}
}

// resident is this process's resident memory in MB, or 0 where nothing tells.
func resident() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	kb, _ := strconv.ParseFloat(fields[0], 64)
	return kb / 1024
}
