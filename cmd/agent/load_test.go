package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/franela/pocketci/vcs/github/githubtest"
)

var loadFull = flag.Bool("load.full", false, "the load test with 10,000 deliveries in a minute instead of 500 in three seconds")

const (
	// loadRate is 10,000 deliveries in a minute.
	loadRate = 10_000 / 60
	// loadMemory is what the agent may weigh under load, in MB.
	loadMemory = 160
)

// TestLoad: deliveries that come faster than they can be worked off are taken all
// the same, while work goes on at its limit: every one is acknowledged and in the
// end done, the answer comes in time for the code host (GitHub gives up after ten
// seconds), and memory does not grow with what waits.
func TestLoad(t *testing.T) {
	n := int64(500)
	if *loadFull {
		n = 10_000
	}
	a := startAgent(t, "--max-events=4", "--max-calls=4")
	shas := a.commits(t, "OnGithubPush", 1)
	engine := filepath.Join(a.dir, "engine")
	warm := a.push(t, shas[0], shas[1])
	a.until(t, "the first event is done", func() bool { return strings.Contains(a.see(t, "/api/events/"+warm), `"state": "done"`) })
	if err := os.WriteFile(filepath.Join(engine, "latency"), []byte("40ms"), 0o600); err != nil {
		t.Fatal(err)
	}
	idle := a.resident(t)

	var next, heaviest atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	pad := strings.Repeat("x", 6<<10)
	begun := time.Now()
	var clients sync.WaitGroup
	for range 32 {
		clients.Go(func() {
			for i := next.Add(1); i <= n; i = next.Add(1) {
				time.Sleep(time.Until(begun.Add(time.Duration(i) * time.Second / loadRate)))
				d, err := post(client, a.hook, i, loadPush(a.gh, i, shas[1], pad))
				if err != nil {
					t.Errorf("delivery %d: %v", i, err)
					return
				}
				mu.Lock()
				took = append(took, d)
				mu.Unlock()
				if i%50 == 0 {
					heaviest.Store(max(heaviest.Load(), int64(a.resident(t))))
				}
			}
		})
	}
	clients.Wait()
	lasted := time.Since(begun)
	during, err := called(engine)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(engine, "latency")); err != nil {
		t.Fatal(err)
	}
	var done []string
	for deadline := time.Now().Add(10 * time.Minute); int64(len(done)) < n+1; time.Sleep(200 * time.Millisecond) {
		if done, err = called(engine); err != nil {
			t.Fatal(err)
		}
		heaviest.Store(max(heaviest.Load(), int64(a.resident(t))))
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d were called", len(done), n+1)
		}
	}
	if int64(len(done)) != n+1 {
		t.Errorf("%d calls, want %d: one each", len(done), n+1)
	}
	slices.Sort(took)
	t.Logf("%d deliveries in %s (%.0f/s): p50 %s, p99 %s, slowest %s; %d worked off meanwhile, all after %s; %0.f MB idle, %d MB at most",
		len(took), lasted.Round(time.Millisecond), float64(len(took))/lasted.Seconds(), took[len(took)/2], took[len(took)*99/100], took[len(took)-1],
		len(during)-1, time.Since(begun).Round(time.Second), idle, heaviest.Load())
	if int64(len(took)) != n || took[len(took)-1] > 10*time.Second {
		t.Errorf("%d of %d were acknowledged, the slowest after %s", len(took), n, took[len(took)-1])
	}
	if len(during) < 2 {
		t.Error("nothing was worked off while deliveries came in")
	}
	if got, most := heaviest.Load(), bearable(); got > most {
		t.Errorf("%d MB, %d are bearable", got, most)
	}
}

// bearable is what the agent may weigh, in MB. The race detector's own memory, as
// its documentation has it, is five to ten times that of the program.
func bearable() int64 {
	info, ok := debug.ReadBuildInfo()
	if ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return 5 * loadMemory
	}
	return loadMemory
}

// loadPush is a push of a commit to a branch of its own.
func loadPush(gh *githubtest.Server, i int64, sha, pad string) []byte {
	body := gh.PushPayload("octo/hello", fmt.Sprintf("refs/heads/b%d", i), githubtest.Zero, sha)
	return append(body[:len(body)-1], fmt.Sprintf(`,"pad":%q}`, pad)...)
}
