package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/franela/pocketci/vcs/github/githubtest"
	"github.com/franela/pocketci/web"
)

// patience is how long an event may take: a cold module is compiled meanwhile.
const patience = 10 * time.Minute

// program builds the real agent once for all tests.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "pocketci-e2e-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "agent")
	out, err := exec.Command("go", "build", "-o", path, "../cmd/agent").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build the agent: %w: %s", err, out)
	}
	return path, err
})

// agent is the real program, with a GitHub of the tests' own and the engine at hand.
type agent struct {
	gh             *githubtest.Server
	hook, api, dir string
	cmd            *exec.Cmd
}

// start starts an agent with a GitHub of its own and waits until it answers.
func start(t testing.TB, environ []string, args ...string) *agent {
	t.Helper()
	needEngine(t)
	return launch(t, githubtest.Start(t, githubtest.Config{}), environ, args...)
}

// launch starts an agent for a GitHub and waits until it answers.
func launch(t testing.TB, gh *githubtest.Server, environ []string, args ...string) *agent {
	t.Helper()
	real := needEngine(t)
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	listen, api := free(t), free(t)
	cmd := exec.Command(path, args...)
	a := &agent{gh: gh, dir: t.TempDir(), hook: "http://" + listen, api: "http://" + api, cmd: cmd}
	cmd.Env = slices.Concat(os.Environ(), real.environ(), []string{
		"GITHUB_USERNAME=" + gh.Login(), "GITHUB_TOKEN=" + gh.Token(), "X_HUB_SIGNATURE=s3cret",
		"POCKETCI_GITHUB_URL=" + gh.URL, "POCKETCI_LISTEN=" + listen, "POCKETCI_HEALTH_LISTEN=" + listen, "POCKETCI_API_LISTEN=" + api,
		"POCKETCI_DATA_DIR=" + filepath.Join(a.dir, "data"), "POCKETCI_LOG_LEVEL=debug", "POCKETCI_LOG_FORMAT=json",
	}, environ)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		err := cmd.Wait()
		if killed(cmd) {
			err = nil
		}
		if err != nil || t.Failed() {
			t.Logf("agent: %v\n%s", err, log.Bytes()[max(0, log.Len()-20000):])
		}
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if resp, err := http.Get(a.hook + "/healthz"); err == nil {
			resp.Body.Close()
			return a
		}
		if time.Now().After(deadline) {
			t.Fatal("the agent does not answer")
		}
	}
}

// killed tells whether a test killed the agent.
func killed(cmd *exec.Cmd) bool {
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func free(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// repository is a repository on the test's GitHub and a folder to commit from.
type repository struct {
	*agent
	name, work string
	sha        string
}

// repository makes a private repository with these files on main.
func (a *agent) repository(t testing.TB, name string, files map[string]string) *repository {
	t.Helper()
	owner, short, _ := strings.Cut(name, "/")
	a.gh.AddRepo(githubtest.Repo{Owner: owner, Name: short, Private: true})
	r := &repository{agent: a, name: name, work: t.TempDir(), sha: githubtest.Zero}
	r.git(t, "init", "-q", "-b", "main")
	r.commit(t, "main", files)
	return r
}

// commit commits the files and puts the commit on a branch; it gives what was there before.
func (r *repository) commit(t testing.TB, branch string, files map[string]string) (before string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(r.work, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before = r.sha
	r.git(t, "add", "--all", "--force", ".")
	r.git(t, "commit", "-q", "--allow-empty", "-m", "a change")
	r.sha = r.git(t, "rev-parse", "HEAD")
	r.git(t, "push", "-q", "--force", r.gh.GitDir(r.name), "HEAD:refs/heads/"+branch)
	return before
}

func (r *repository) git(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = r.work
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_AUTHOR_NAME=Mona", "GIT_AUTHOR_EMAIL=mona@example.com",
		"GIT_COMMITTER_NAME=Mona", "GIT_COMMITTER_EMAIL=mona@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// push commits, delivers the push and waits for the run's end.
func (r *repository) push(t testing.TB, branch string, files map[string]string) web.Event {
	t.Helper()
	before := r.commit(t, branch, files)
	return r.deliver(t, "push", r.gh.PushPayload(r.name, "refs/heads/"+branch, before, r.sha))
}

// deliver delivers an event and waits for the run's end.
func (a *agent) deliver(t testing.TB, event string, payload []byte) web.Event {
	t.Helper()
	return a.until(t, a.hand(t, event, payload), "has ended", ended)
}

func ended(e web.Event) bool { return e.State == "done" || e.State == "recorded" }

// hand delivers an event and gives its id.
func (a *agent) hand(t testing.TB, event string, payload []byte) string {
	t.Helper()
	got, err := a.gh.Deliver(t.Context(), githubtest.Delivery{URL: a.hook + "/", Secret: "s3cret", Event: event, Payload: payload})
	if err != nil || got.Code != http.StatusAccepted {
		t.Fatalf("deliver %s: %v, %d %s", event, err, got.Code, got.Body)
	}
	return "github:" + got.GUID
}

// until waits until an event is as it should be.
func (a *agent) until(t testing.TB, id, what string, ok func(web.Event) bool) web.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		e := a.event(t, id)
		if ok(e) {
			return e
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("it is never so that %s %s: %s, waits for %q", id, what, e.State, e.WaitsFor)
		}
	}
}

// event is what the API says of an event.
func (a *agent) event(t testing.TB, id string) web.Event {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(a.dir, "data", web.TokenFile))
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.api+"/api/events/"+url.PathEscape(id), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var e web.Event
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return e
}

// goModule is a Go module in ci/ with these functions.
func goModule(functions string) map[string]string {
	return map[string]string{
		"ci/dagger.json": `{"name": "ci", "engineVersion": "v0.21.8", "sdk": {"source": "go"}}`,
		"ci/go.mod":      "module dagger/ci\n\ngo 1.26.1\n",
		"ci/main.go":     functions,
		"main.go":        "package hello\n",
	}
}
