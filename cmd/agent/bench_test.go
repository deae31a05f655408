package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/franela/pocketci/vcs/github/githubtest"
	"github.com/franela/pocketci/web"
)

// running is the real program, with the fake engine, as a process of its own.
type running struct {
	gh        *githubtest.Server
	hook, api string
	dir       string
	cmd       *exec.Cmd
}

// startAgent starts the program and waits until it answers.
func startAgent(tb testing.TB, args ...string) *running {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	gh := githubtest.Start(tb, githubtest.Config{})
	a := &running{gh: gh, dir: tb.TempDir()}
	listen, api := freeAddress(), freeAddress()
	a.hook, a.api = "http://"+listen, "http://"+api
	a.cmd = exec.Command(self, args...)
	a.cmd.Args[0] = "agent"
	a.cmd.Env = append(os.Environ(),
		"GITHUB_USERNAME="+gh.Login(), "GITHUB_TOKEN="+gh.Token(), "X_HUB_SIGNATURE=s3cret",
		"POCKETCI_GITHUB_URL="+gh.URL, "POCKETCI_LISTEN="+listen, "POCKETCI_API_LISTEN="+api,
		"POCKETCI_DATA_DIR="+filepath.Join(a.dir, "data"), "POCKETCI_LOG_LEVEL=warn", "POCKETCI_LOG_FORMAT=json",
		"FAKE_ENGINE="+filepath.Join(a.dir, "engine"))
	var log bytes.Buffer
	a.cmd.Stderr = &log
	if err := a.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = a.cmd.Process.Signal(os.Interrupt)
		if err := a.cmd.Wait(); err != nil || tb.Failed() {
			tb.Logf("agent: %v\n%s", err, log.Bytes()[max(0, log.Len()-4000):])
		}
	})
	a.until(tb, "the agent is up", func() bool {
		code, _, err := fetch(a.hook+"/healthz", "")
		return err == nil && code == http.StatusOK
	})
	return a
}

// until waits for something to become true.
func (a *running) until(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// see gives an answer of the API.
func (a *running) see(tb testing.TB, path string) string {
	tb.Helper()
	token, err := os.ReadFile(filepath.Join(a.dir, "data", "api-token"))
	if err != nil {
		tb.Fatal(err)
	}
	_, body, err := fetch(a.api+path, strings.TrimSpace(string(token)))
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

// resident is the process's resident memory in MB.
func (a *running) resident(tb testing.TB) float64 {
	tb.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))
	if err != nil {
		tb.Skip("resident memory can't be read on this system:", err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				tb.Fatal(err)
			}
			return kb / 1024
		}
	}
	tb.Fatal("no VmRSS")
	return 0
}

// payload is a push whose size is about n bytes.
func payload(repo string, seq int64, n int) []byte {
	head := fmt.Sprintf(`{"ref":"refs/heads/main","before":"%040d","after":"%040x","repository":{"id":7,"name":"x","full_name":%q,"owner":{"login":"octo"},"default_branch":"main"},"sender":{"login":"mona","id":1,"type":"User"},"head_commit":{"id":"%040x"},"pad":"`,
		1, seq+1, repo, seq+1)
	return append(append([]byte(head), bytes.Repeat([]byte("x"), max(0, n-len(head)-2))...), `"}`...)
}

// post delivers and gives the time it took.
func post(client *http.Client, hook string, seq int64, body []byte) (time.Duration, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, hook+"/", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-GitHub-Event", "push")
	req.Header.Set("X-GitHub-Delivery", fmt.Sprintf("00000000-0000-4000-8000-%012d", seq))
	req.Header.Set("X-Hub-Signature-256", githubtest.Sign("s3cret", body))
	begin := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusAccepted {
		return 0, errors.New(resp.Status)
	}
	return time.Since(begin), nil
}

// BenchmarkDeliveries measures signed deliveries that are on disk when they are
// answered, over HTTP, to the real program: verified, parsed, stored with their
// payload. They are of a repository that may not trigger, so that no work on
// them is in the figures. Mark: a server that stores nothing, about 9,000/s with
// 16 clients and 7 KB; the clients share the machine.
func BenchmarkDeliveries(b *testing.B) {
	for _, size := range []int{7 << 10, 1 << 20} {
		for _, clients := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%dKB/%dclients", size>>10, clients), func(b *testing.B) {
				a := startAgent(b, "--repos=other/*")
				client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
				var seq atomic.Int64
				var mu sync.Mutex
				var took []time.Duration
				b.ResetTimer()
				var work sync.WaitGroup
				for range clients {
					work.Go(func() {
						var mine []time.Duration
						for n := seq.Add(1); n <= int64(b.N); n = seq.Add(1) {
							d, err := post(client, a.hook, n, payload("octo/x", n, size))
							if err != nil {
								b.Error(err)
								return
							}
							mine = append(mine, d)
						}
						mu.Lock()
						defer mu.Unlock()
						took = append(took, mine...)
					})
				}
				work.Wait()
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
				slices.Sort(took)
				if len(took) > 0 {
					b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
					b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
				}
			})
		}
	}
}

// module is a Go module that handles no push, or one that does.
func module(tb testing.TB, function string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range map[string]string{
		"ci/dagger.json": `{"name": "ci", "engineVersion": "v0.21.8", "sdk": {"source": "go"}}`,
		"ci/main.go":     "package main\n\ntype Ci struct{}\n\nfunc (m *Ci) " + function + "(sha string) error { return nil }\n",
	} {
		if err := os.MkdirAll(filepath.Join(dir, "ci"), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// commits makes a repository with that many commits after the first, of which
// each changes one file, and gives their shas.
func (a *running) commits(tb testing.TB, function string, n int) []string {
	tb.Helper()
	a.gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	work := module(tb, function)
	git := func(args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir = work
		cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=M", "GIT_AUTHOR_EMAIL=m@x", "GIT_COMMITTER_NAME=M", "GIT_COMMITTER_EMAIL=m@x")
		out, err := cmd.CombinedOutput()
		if err != nil {
			tb.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q", "-b", "main")
	git("add", ".")
	git("commit", "-q", "-m", "first")
	shas := []string{git("rev-parse", "HEAD")}
	for i := range n {
		if err := os.WriteFile(filepath.Join(work, "README.md"), []byte(strconv.Itoa(i)), 0o644); err != nil {
			tb.Fatal(err)
		}
		git("add", ".")
		git("commit", "-q", "-m", "next")
		shas = append(shas, git("rev-parse", "HEAD"))
	}
	git("push", "-q", a.gh.GitDir("octo/hello"), "HEAD:refs/heads/main")
	return shas
}

// push delivers a push of one commit and gives the event's id.
func (a *running) push(tb testing.TB, before, after string) string {
	tb.Helper()
	got, err := a.gh.Deliver(context.Background(), githubtest.Delivery{
		URL: a.hook + "/", Secret: "s3cret", Event: "push",
		Payload: a.gh.PushPayload("octo/hello", "refs/heads/main", before, after),
	})
	if err != nil || got.Code != http.StatusAccepted {
		tb.Fatal(err, got)
	}
	return "github:" + got.GUID
}

// BenchmarkNothingHandles measures an event from its delivery until the run is
// done, where no function handles it: fetch, diff, table, matching. No engine is
// asked after the first. Mark: 20 ms.
func BenchmarkNothingHandles(b *testing.B) {
	a := startAgent(b)
	shas := a.commits(b, "OnGithubIssues", b.N+1)
	warm := a.push(b, githubtest.Zero, shas[0])
	a.until(b, "the first event is done", func() bool { return strings.Contains(a.see(b, "/api/events/"+warm), `"done"`) })
	b.ResetTimer()
	var took time.Duration
	for i := range b.N {
		id := a.push(b, shas[i], shas[i+1])
		var e web.Event
		a.until(b, "the event is done", func() bool {
			if err := json.Unmarshal([]byte(a.see(b, "/api/events/"+id)), &e); err != nil {
				b.Fatal(err)
			}
			return e.State == "done"
		})
		took += e.EndedAt.Sub(e.ReceivedAt)
	}
	// By the agent's own clock: whoever asks all the time is in its way.
	b.ReportMetric(float64(took.Microseconds())/1000/float64(b.N), "event-ms")
}

// BenchmarkDeliveryToCall measures from a delivery until the engine is asked for
// the first call, with an engine that answers at once.
func BenchmarkDeliveryToCall(b *testing.B) {
	a := startAgent(b)
	shas := a.commits(b, "OnGithubPush", b.N+1)
	made := func() int {
		names, err := called(filepath.Join(a.dir, "engine"))
		if err != nil {
			b.Fatal(err)
		}
		return len(names)
	}
	a.push(b, githubtest.Zero, shas[0])
	a.until(b, "the first call", func() bool { return made() == 1 })
	b.ResetTimer()
	for i := range b.N {
		a.push(b, shas[i], shas[i+1])
		a.until(b, "the call", func() bool { return made() == i+2 })
	}
}

// BenchmarkMemory gives the resident memory of the real program in MB, idle and
// with 10,000 events queued. Marks: 60 and 100.
func BenchmarkMemory(b *testing.B) {
	for range b.N {
		a := startAgent(b, "--max-events=1")
		b.ReportMetric(a.resident(b), "idle-MB")
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
		var seq atomic.Int64
		var work sync.WaitGroup
		for range 16 {
			work.Go(func() {
				for n := seq.Add(1); n <= 10_000; n = seq.Add(1) {
					if _, err := post(client, a.hook, n, payload("octo/x", n, 7<<10)); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		work.Wait()
		b.ReportMetric(a.resident(b), "10000-queued-MB")
	}
}
