package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/franela/pocketci/store/storetest"
	"github.com/franela/pocketci/vcs/github/githubtest"
)

// cluster is agents as processes of their own, on one PostgreSQL database, with
// one GitHub and one (fake) engine.
type cluster struct {
	t     *testing.T
	gh    *githubtest.Server
	db    *storetest.Database
	pg    *sql.DB
	dir   string
	agent map[string]*member
}

// member is one agent.
type member struct {
	cmd  *exec.Cmd
	log  *bytes.Buffer
	addr string // of its deliveries and health
	data string
	gone chan struct{} // closed when it has ended
}

func startCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{
		t: t, db: storetest.StartPostgres(t, false).Database(t), dir: t.TempDir(),
		gh: githubtest.Start(t, githubtest.Config{}), agent: map[string]*member{},
	}
	c.db.Pass(time.Since(c.db.Clock.Now())) // It stands still from now on.
	var err error
	if c.pg, err = sql.Open("pgx", c.db.Config.URL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.pg.Close() })
	return c
}

// start starts an agent and waits until it answers. vars are NAME=value.
func (c *cluster) start(name string, vars []string, args ...string) *member {
	c.t.Helper()
	m := c.launch(name, vars, args...)
	c.until(name+" is up", func() bool {
		code, _, err := fetch("http://"+m.addr+"/healthz", "")
		return err == nil && code == http.StatusOK
	})
	return m
}

func (c *cluster) launch(name string, vars []string, args ...string) *member {
	c.t.Helper()
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	m := &member{addr: freeAddress(), log: new(bytes.Buffer), data: filepath.Join(c.dir, name), gone: make(chan struct{})}
	m.cmd = exec.Command(self, args...)
	m.cmd.Args[0] = "agent"
	m.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + c.dir, "GITHUB_USERNAME=" + c.gh.Login(),
		"POCKETCI_STORE=" + c.db.Config.URL, "POCKETCI_GITHUB_URL=" + c.gh.URL, "POCKETCI_API_LISTEN=off",
		"POCKETCI_LISTEN=" + m.addr, "POCKETCI_HEALTH_LISTEN=" + m.addr,
		"POCKETCI_DATA_DIR=" + m.data, "POCKETCI_LOG_FORMAT=json", "FAKE_ENGINE=" + filepath.Join(c.dir, "fake"),
	}, vars...)
	m.cmd.Stderr = m.log
	if err := m.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func() { _ = m.cmd.Wait(); close(m.gone) }()
	c.agent[name] = m
	c.t.Cleanup(func() {
		_ = m.cmd.Process.Signal(os.Interrupt)
		<-m.gone
		if c.t.Failed() {
			c.t.Logf("%s:\n%s", name, m.log.Bytes()[max(0, m.log.Len()-6000):])
		}
	})
	return m
}

func (c *cluster) receiver() *member {
	return c.start("receive", []string{"X_HUB_SIGNATURE=s3cret"}, "receive")
}

func (c *cluster) worker(name string, args ...string) *member {
	return c.start(name, []string{"GITHUB_TOKEN=" + c.gh.Token()}, append([]string{"work"}, args...)...)
}

func (c *cluster) until(what string, ok func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// repo makes a repository with a module and gives its commit.
func (c *cluster) repo(name string, functions ...string) string {
	c.t.Helper()
	c.gh.AddRepo(githubtest.Repo{Owner: "octo", Name: name})
	dir := c.t.TempDir()
	src := "package main\n\ntype Ci struct{}\n"
	for _, f := range functions {
		name, does, _ := strings.Cut(f, " ")
		src += "\nfunc (m *Ci) " + name + "(sha string) error {\n\t//fake: " + does + "\n\treturn nil\n}\n"
	}
	if err := os.MkdirAll(filepath.Join(dir, "ci"), 0o755); err != nil {
		c.t.Fatal(err)
	}
	for path, text := range map[string]string{"ci/dagger.json": `{"name": "ci", "engineVersion": "v0.21.8", "sdk": {"source": "go"}}`, "ci/main.go": src} {
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o644); err != nil {
			c.t.Fatal(err)
		}
	}
	var sha string
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"}, {"add", "."}, {"commit", "-q", "-m", "first"},
		{"push", "-q", c.gh.GitDir("octo/" + name), "HEAD:refs/heads/main"}, {"rev-parse", "HEAD"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_AUTHOR_NAME=M", "GIT_AUTHOR_EMAIL=m@x", "GIT_COMMITTER_NAME=M", "GIT_COMMITTER_EMAIL=m@x")
		out, err := cmd.CombinedOutput()
		if err != nil {
			c.t.Fatalf("git %v: %v: %s", args, err, out)
		}
		sha = strings.TrimSpace(string(out))
	}
	return sha
}

// push delivers a push to an agent.
func (c *cluster) push(to *member, name, sha string) {
	c.t.Helper()
	got, err := c.gh.Deliver(context.Background(), githubtest.Delivery{
		URL: "http://" + to.addr + "/", Secret: "s3cret", Event: "push",
		Payload: c.gh.PushPayload("octo/"+name, "refs/heads/main", githubtest.Zero, sha),
	})
	if err != nil || got.Code != http.StatusAccepted {
		c.t.Fatal(err, got)
	}
}

// status waits for the summary's state on a commit.
func (c *cluster) status(name, sha, state string) {
	c.t.Helper()
	c.until("the summary on octo/"+name+" is "+state, func() bool {
		for _, s := range c.gh.Latest(githubtest.Query{Repo: "octo/" + name, SHA: sha, Context: "pocketci (push)"}) {
			if s.State == state {
				return true
			}
		}
		return false
	})
}

// calls are those that the fake engine at a host ("" where none is named) was
// asked to make.
func (c *cluster) calls(host string) []string {
	c.t.Helper()
	names, err := called(controlOf(filepath.Join(c.dir, "fake"), host))
	if err != nil {
		c.t.Fatal(err)
	}
	return names
}

// control makes a file that the fake engine at a host obeys.
func (c *cluster) control(host, name string) {
	c.t.Helper()
	dir := controlOf(filepath.Join(c.dir, "fake"), host)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// TestReceiveAndWorkShareADatabase: each with the credentials of its half only.
func TestReceiveAndWorkShareADatabase(t *testing.T) {
	c := startCluster(t)
	r := c.receiver()
	sha := c.repo("hello", "OnGithubPush print hello")
	c.push(r, "hello", sha) // Nobody works yet: it is kept.
	_, body, err := fetch("http://"+r.addr+"/readyz", "")
	if err != nil || !strings.Contains(body, `"queued":1`) || !strings.Contains(body, "only takes deliveries") {
		t.Errorf("readyz of the receiver: %s, %v", body, err)
	}
	w := c.worker("work")
	c.status("hello", sha, "success")
	if got := c.calls(""); !slices.Equal(got, []string{"onGithubPush"}) {
		t.Errorf("called: %q", got)
	}
	if code, body, err := fetch("http://"+w.addr+"/readyz", ""); err != nil || code != http.StatusOK {
		t.Errorf("readyz of the worker: %d %s, %v", code, body, err)
	}
	got, err := c.gh.Deliver(context.Background(), githubtest.Delivery{
		URL: "http://" + w.addr + "/", Secret: "s3cret", Event: "push", Payload: c.gh.PushPayload("octo/hello", "refs/heads/main", githubtest.Zero, sha),
	})
	if err != nil || got.Code != http.StatusNotFound {
		t.Errorf("a delivery to the worker: %+v, %v; want 404", got, err)
	}
	for _, folder := range []string{"mirrors", "engine", "engine-key", "pocketci.db"} {
		if _, err := os.Stat(filepath.Join(r.data, folder)); err == nil {
			t.Errorf("the receiver has made %s", folder)
		}
	}
}

// TestAnotherAgentFinishes: of two agents the one that works is killed in the
// middle of a call. What it had finished is not called again.
func TestAnotherAgentFinishes(t *testing.T) {
	c := startCluster(t)
	r := c.receiver()
	workers := []*member{c.worker("a"), c.worker("b")}
	sha := c.repo("hello", "FastOnGithubPush print fast", "SlowOnGithubPush wait go")
	c.push(r, "hello", sha)
	c.until("one call has ended and the other is under way", func() bool {
		var results int
		err := c.pg.QueryRow("SELECT COUNT(*) FROM calls WHERE result <> ''").Scan(&results)
		return err == nil && results == 1 && len(c.calls("")) == 2
	})
	var owner string
	if err := c.pg.QueryRow("SELECT lease_owner FROM runs").Scan(&owner); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(workers, func(m *member) bool { return strings.HasSuffix(owner, fmt.Sprintf("/%d", m.cmd.Process.Pid)) })
	if i < 0 {
		t.Fatalf("the run is held by %s", owner)
	}
	if err := workers[i].cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-workers[i].gone
	c.control("", "signal-go")
	c.db.Pass(storetest.LeaseFor + storetest.Grace + time.Second)
	c.status("hello", sha, "success")
	if got, want := c.calls(""), []string{"fastOnGithubPush", "slowOnGithubPush", "slowOnGithubPush"}; !slices.Equal(got, want) {
		t.Errorf("called: %q, want %q", got, want)
	}
	var attempt int
	if err := c.pg.QueryRow("SELECT attempt FROM runs").Scan(&attempt); err != nil || attempt != 2 {
		t.Errorf("attempt %d, %v; want the second", attempt, err)
	}
}

// TestEachWorkerHasItsDataFolder: two on one would meet in the mirrors.
func TestEachWorkerHasItsDataFolder(t *testing.T) {
	c := startCluster(t)
	first := c.worker("a")
	second := c.launch("b", []string{"GITHUB_TOKEN=" + c.gh.Token(), "POCKETCI_DATA_DIR=" + first.data}, "work")
	<-second.gone
	if said := second.log.String(); second.cmd.ProcessState.ExitCode() != exitUsage || !strings.Contains(said, "data folder is in use") {
		t.Errorf("exit code %d: %s", second.cmd.ProcessState.ExitCode(), said)
	}
}

// TestSeveralEnginesAreOne: a repository stays on its engine, and another one
// takes over when that is away.
func TestSeveralEnginesAreOne(t *testing.T) {
	c := startCluster(t)
	r := c.receiver()
	c.worker("work", "--engine=tcp://a:1,tcp://b:1")
	sha := c.repo("one", "OnGithubPush print one")
	c.push(r, "one", sha)
	c.status("one", sha, "success")
	engines := []string{"tcp://a:1", "tcp://b:1"}
	home := slices.IndexFunc(engines, func(e string) bool { return len(c.calls(e)) == 1 })
	if home < 0 || len(c.calls(engines[1-home])) != 0 {
		t.Fatalf("called on a: %q, on b: %q", c.calls("tcp://a:1"), c.calls("tcp://b:1"))
	}
	c.control(engines[home], "down")
	next := c.commit("one")
	c.push(r, "one", next)
	c.status("one", next, "success")
	if got := len(c.calls(engines[1-home])); got != 1 {
		t.Errorf("the other engine was asked for %d calls, want 1", got)
	}
}

// commit adds a commit to a repository's main and gives it.
func (c *cluster) commit(name string) string {
	c.t.Helper()
	git := func(args ...string) string {
		cmd := exec.Command("git", append([]string{"--git-dir", c.gh.GitDir("octo/" + name)}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_AUTHOR_NAME=M", "GIT_AUTHOR_EMAIL=m@x", "GIT_COMMITTER_NAME=M", "GIT_COMMITTER_EMAIL=m@x")
		out, err := cmd.CombinedOutput()
		if err != nil {
			c.t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	sha := git("commit-tree", "-m", "next", "-p", "refs/heads/main", "refs/heads/main^{tree}")
	git("update-ref", "refs/heads/main", sha)
	return sha
}

// TestMoveThenServe: what SQLite held is worked off on PostgreSQL.
func TestMoveThenServe(t *testing.T) {
	c := startCluster(t)
	hook := []string{"X_HUB_SIGNATURE=s3cret", "GITHUB_TOKEN=" + c.gh.Token()}
	c.control("", "down") // No engine yet: the event waits.
	old := c.start("old", append(hook, "POCKETCI_STORE="))
	sha := c.repo("hello", "OnGithubPush print hello")
	c.push(old, "hello", sha)
	_ = old.cmd.Process.Signal(os.Interrupt)
	<-old.gone
	moved := c.launch("mover", []string{"POCKETCI_DATA_DIR=" + old.data}, "move")
	<-moved.gone
	if code := moved.cmd.ProcessState.ExitCode(); code != exitOK {
		t.Fatalf("move: exit code %d: %s", code, moved.log)
	}
	if err := os.Remove(filepath.Join(c.dir, "fake", "down")); err != nil {
		t.Fatal(err)
	}
	c.start("new", append(hook, "POCKETCI_DATA_DIR="+old.data))
	c.status("hello", sha, "success")
}
