package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/franela/pocketci/internal/fault"
	"github.com/franela/pocketci/vcs/github/githubtest"
)

// victim is an agent whose process is started as often as a test likes, over one
// data folder.
type victim struct {
	*running
	env []string
	// ended is closed when the process that was started last has ended.
	ended chan struct{}
	log   *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newVictim makes one that is not started; its data are in dir.
func newVictim(t *testing.T, dir string, env ...string) *victim {
	t.Helper()
	gh := githubtest.Start(t, githubtest.Config{})
	listen, api := freeAddress(), freeAddress()
	v := &victim{running: &running{gh: gh, dir: t.TempDir(), hook: "http://" + listen, api: "http://" + api}, log: &lockedBuffer{}}
	if dir != "" {
		v.dir = dir
	}
	v.env = append(os.Environ(),
		"GITHUB_USERNAME="+gh.Login(), "GITHUB_TOKEN="+gh.Token(), "X_HUB_SIGNATURE=s3cret",
		"POCKETCI_GITHUB_URL="+gh.URL, "POCKETCI_LISTEN="+listen, "POCKETCI_API_LISTEN="+api,
		"POCKETCI_DATA_DIR="+filepath.Join(v.dir, "data"), "POCKETCI_LOG_LEVEL=info", "POCKETCI_LOG_FORMAT=json",
		"FAKE_ENGINE="+v.engineDir(t))
	v.env = append(v.env, env...)
	t.Cleanup(func() {
		if t.Failed() {
			text := v.log.String()
			t.Logf("agent:\n%s", text[max(0, len(text)-6000):])
		}
	})
	return v
}

// engineDir is the fake engine's folder, which is never where the data are.
func (v *victim) engineDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(filepath.Dir(v.dir), "engine")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// start starts the process; it is killed with the test.
func (v *victim) start(t *testing.T, env ...string) {
	t.Helper()
	v.cmd = program(t)()
	v.cmd.Env = append(append([]string(nil), v.env...), env...)
	v.cmd.Stderr = v.log
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, ended := v.cmd, make(chan struct{})
	v.ended = ended
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
}

// up waits until the process answers, or has ended.
func (v *victim) up(t *testing.T) bool {
	t.Helper()
	v.until(t, "the agent is up, or has ended", func() bool {
		code, _, err := fetch(v.hook+"/healthz", "")
		return v.dead() || err == nil && code == http.StatusOK
	})
	return !v.dead()
}

func (v *victim) dead() bool {
	select {
	case <-v.ended:
		return true
	default:
		return false
	}
}

// state is a run as the API shows it; empty while it can't be seen.
func (v *victim) state(t *testing.T, id string) (s struct {
	State, Outcome string
	Attempt        int
	Problem        struct{ Error string }
}) {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(v.dir, "data", "api-token"))
	if err != nil {
		return s
	}
	if _, body, err := fetch(v.api+"/api/events/"+id, strings.TrimSpace(string(token))); err == nil {
		_ = json.Unmarshal([]byte(body), &s)
	}
	return s
}

// vitals are what /readyz and the API's status tell of the store and of what was refused.
type vitals struct {
	Store struct {
		WALBytes  int64 `json:"wal_bytes"`
		FreeBytes int64 `json:"free_bytes"`
	}
	Deliveries struct{ Refused map[int]int }
}

func (v *victim) vitals(t *testing.T) (ready, status vitals) {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(v.dir, "data", "api-token"))
	if err != nil {
		t.Fatal(err)
	}
	for url, into := range map[string]*vitals{v.hook + "/readyz": &ready, v.api + "/api/status": &status} {
		_, body, err := fetch(url, strings.TrimSpace(string(token)))
		if err == nil {
			err = json.Unmarshal([]byte(body), into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return ready, status
}

// deliver posts a push and gives the answer's code and the event's id.
func (v *victim) deliver(t *testing.T, guid, before, after string) (int, string) {
	t.Helper()
	got, err := v.gh.Deliver(context.Background(), githubtest.Delivery{
		URL: v.hook + "/", Secret: "s3cret", Event: "push", GUID: guid,
		Payload: v.gh.PushPayload("octo/hello", "refs/heads/main", before, after),
	})
	if err != nil {
		t.Fatal(err)
	}
	return got.Code, "github:" + got.GUID
}

// calls counts what the engine was asked for.
func (v *victim) calls(t *testing.T) int {
	t.Helper()
	names, err := called(v.engineDir(t))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// hang lets the engine hang; what it gives ends that.
func (v *victim) hang(t *testing.T) (end func()) {
	t.Helper()
	file := filepath.Join(v.engineDir(t), "hang")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// stop stops the process for a while. That it is stopped is known by itself: a
// process that is stopped does not answer.
func (v *victim) stop(t *testing.T, d time.Duration) {
	t.Helper()
	if err := v.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	<-time.After(d)
	if err := v.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

// TestAStoppedAgent: stopped for longer than half its lease it cancels its call
// and makes it again, at no cost; stopped for less it goes on.
func TestAStoppedAgent(t *testing.T) {
	v := newVictim(t, "", fault.LeaseVariable+"=4s")
	shas := v.commits(t, "OnGithubPush", 0)
	end := v.hang(t)
	v.start(t)
	v.up(t)
	_, id := v.deliver(t, "", githubtest.Zero, shas[0])
	v.until(t, "the call", func() bool { return v.calls(t) == 1 })
	v.stop(t, 300*time.Millisecond)
	v.until(t, "the agent answers", func() bool { return v.state(t, id).State == "running" })
	if n := v.calls(t); n != 1 {
		t.Errorf("%d calls after a short stop; want the one", n)
	}
	v.stop(t, 2500*time.Millisecond)
	v.until(t, "the call is made again", func() bool { return v.calls(t) == 2 })
	end()
	v.until(t, "the run is done", func() bool { return v.state(t, id).State == "done" })
	if s := v.state(t, id); s.Outcome != "success" || s.Attempt != 1 || v.calls(t) != 2 {
		t.Errorf("%+v after %d calls; want success at the first attempt after 2", s, v.calls(t))
	}
	if !strings.Contains(v.log.String(), "the lease was not renewed for half its time") {
		t.Error("the log does not say why")
	}
}

// TestAPoisonedEvent: an event that brings the agent down each time ends as a
// dead letter that the commit shows, and holds up no other.
func TestAPoisonedEvent(t *testing.T) {
	const guid = "00000000-0000-4000-8000-00000000dead"
	v := newVictim(t, "", fault.LeaseVariable+"=900ms",
		fault.PointVariable+"="+fault.TreeKnown+":1", fault.EventVariable+"=github:"+guid)
	shas := v.commits(t, "OnGithubPush", 1)
	// Both are taken in before the first death.
	v.start(t, fault.PointVariable+"=", "POCKETCI_MAX_EVENTS=1")
	v.up(t)
	end := v.hang(t)
	_, before := v.deliver(t, "", githubtest.Zero, shas[0])
	v.until(t, "the agent is busy", func() bool { return v.calls(t) == 1 })
	_, poison := v.deliver(t, guid, shas[0], shas[1])
	_ = v.cmd.Process.Kill()
	<-v.ended
	end()

	deaths := 0
	for v.state(t, poison).State != "done" {
		v.start(t)
		if v.up(t) {
			v.until(t, "it dies or is done", func() bool { return v.dead() || v.state(t, poison).State == "done" })
		}
		if v.dead() {
			deaths++
		}
		if deaths > 10 {
			t.Fatal("it dies and dies")
		}
	}
	s := v.state(t, poison)
	if want := "dead letter: pocketci ended or stood still 5 times while it worked on this event"; s.Outcome != "error" || s.Problem.Error != want || deaths != 5 {
		t.Errorf("%+v after %d deaths; want %q after 5", s, deaths, want)
	}
	v.until(t, "the commit shows it", func() bool {
		got := v.gh.Latest(githubtest.Query{SHA: shas[1], Context: "pocketci (push)", State: "error", Contains: "dead letter"})
		return len(got) == 1
	})
	v.until(t, "the other one is done", func() bool { return v.state(t, before).Outcome == "success" })
}

// TestABrokenDisk: after a write that failed nothing is acknowledged any more;
// what was acknowledged before is there when the agent is started anew.
func TestABrokenDisk(t *testing.T) {
	v := newVictim(t, "")
	v.commits(t, "OnGithubIssues", 0)
	v.start(t, fault.SizeVariable+"=1500000")
	v.up(t)
	post := func(n int) (int, string) {
		pad := make([]byte, 30<<10) // random: payloads are stored packed
		_, _ = rand.Read(pad)
		got, err := v.gh.Deliver(t.Context(), githubtest.Delivery{
			URL: v.hook + "/", Secret: "s3cret", Event: "issues",
			Payload: v.gh.Payload("octo/hello", v.gh.Login(), map[string]any{"action": "opened", "n": n, "pad": hex.EncodeToString(pad)}),
		})
		if err != nil {
			t.Fatal(err)
		}
		return got.Code, "github:" + got.GUID
	}
	var accepted []string
	code, id := post(0)
	for n := 1; code == http.StatusAccepted; n++ {
		accepted = append(accepted, id)
		if n > 1000 {
			t.Fatal("the disk does not break")
		}
		code, id = post(n)
	}
	if code != http.StatusServiceUnavailable || len(accepted) == 0 {
		t.Fatalf("%d after %d deliveries; want 503 after some", code, len(accepted))
	}
	if again, _ := post(-1); again != http.StatusServiceUnavailable {
		t.Errorf("the next delivery: %d; want 503", again)
	}
	v.until(t, "it says that it is not ready", func() bool {
		code, _, err := fetch(v.hook+"/readyz", "")
		return err == nil && code == http.StatusServiceUnavailable
	})
	ready, status := v.vitals(t)
	if ready.Store.WALBytes <= 0 || ready.Store.FreeBytes <= 0 || status.Deliveries.Refused[http.StatusServiceUnavailable] != 2 {
		t.Errorf("readyz %+v, status %+v; want the log's size, the free space, 2 refused", ready, status)
	}
	_ = v.cmd.Process.Kill()
	<-v.ended
	v.start(t)
	v.up(t)
	for _, id := range accepted {
		v.until(t, id+" is done", func() bool { return v.state(t, id).Outcome == "success" })
	}
	t.Logf("%d deliveries were answered with 202 before the disk broke; all were worked off", len(accepted))
}
