package e2e_test

import (
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store/storetest"
	"github.com/franela/pocketci/vcs/github/githubtest"
	"github.com/franela/pocketci/web"
)

const twoCalls = `package main

import (
	"context"
	"dagger/ci/internal/dagger"
	"fmt"
	"time"
)

type Ci struct{}

func (m *Ci) QuickOnGithubPush(sha string) string {
	return sha
}

// SlowOnGithubPush is still at it when its agent is killed.
func (m *Ci) SlowOnGithubPush(ctx context.Context, eventTrigger *dagger.File) (string, error) {
	said, err := eventTrigger.Contents(ctx)
	if err != nil {
		return "", err
	}
	fmt.Println("slow begins")
	select {
	case <-time.After(15 * time.Second):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	return said, nil
}
`

// cluster is one agent that receives and two that work, on one database.
type cluster struct {
	*agent
	db      *sql.DB
	workers []*agent
}

func startCluster(t *testing.T) *cluster {
	needEngine(t)
	url := storetest.StartPostgres(t, true).URL(t)
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	gh := githubtest.Start(t, githubtest.Config{})
	environ := []string{"POCKETCI_STORE=" + url}
	c := &cluster{db: db, agent: launch(t, gh, environ, "receive")}
	for range 2 {
		c.workers = append(c.workers, launch(t, gh, environ, "work", "--max-events=1"))
	}
	return c
}

// holder gives the worker that works on the only run that is under way.
func (c *cluster) holder(t *testing.T) *agent {
	t.Helper()
	var owner string
	if err := c.db.QueryRowContext(t.Context(), "SELECT lease_owner FROM runs WHERE state = $1", string(run.Running)).Scan(&owner); err != nil {
		t.Fatal(err)
	}
	for _, w := range c.workers {
		if strings.HasSuffix(owner, fmt.Sprintf("/%d", w.cmd.Process.Pid)) {
			return w
		}
	}
	t.Fatalf("nobody knows %q", owner)
	return nil
}

func called(function, outcome string) func(web.Event) bool {
	return func(e web.Event) bool {
		for _, c := range e.Calls {
			if c.Function == function && c.Outcome == outcome {
				return true
			}
		}
		return false
	}
}

// TestWorkerIsKilled: another worker finishes what one began that is killed in the
// middle of a call. What had a result is not called again, the other is, and its
// function can tell.
func TestWorkerIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it waits for a lease to end")
	}
	c := startCluster(t)
	r := c.repository(t, "octo/hello", goModule(twoCalls))
	id := c.hand(t, "push", c.gh.PushPayload(r.name, "refs/heads/main", githubtest.Zero, r.sha))
	c.until(t, id, "has one of its results", called("quickOnGithubPush", "success"))
	killed := time.Now()
	if err := c.holder(t).cmd.Process.Signal(os.Kill); err != nil {
		t.Fatal(err)
	}
	e := c.until(t, id, "has ended", ended)
	t.Logf("ended %s after the kill", time.Since(killed).Round(time.Second))
	if e.Outcome != "success" || e.Attempt != 2 || len(e.Calls) != 2 {
		t.Fatalf("got %+v", e)
	}
	quick, slow := call(t, e, "quickOnGithubPush"), call(t, e, "slowOnGithubPush")
	if quick.Attempt != 1 || slow.Attempt != 2 || !strings.Contains(slow.Value, `"attempt":2`) {
		t.Errorf("quick %+v, slow %+v", quick, slow)
	}
	if _, err := c.gh.WaitStatus(soon(t), githubtest.Query{Repo: r.name, SHA: r.sha, Context: "pocketci (push)", State: "success", Contains: "2 called"}); err != nil {
		t.Error(err)
	}
}

// TestSupersededElsewhere: a newer push to a pull request ends the call of the
// older one, though the newer event is in another worker's hands.
func TestSupersededElsewhere(t *testing.T) {
	c := startCluster(t)
	r := c.repository(t, "octo/hello", goModule(functions("OnGithubPush")))
	base := r.sha
	offered := func(text, action string) string {
		files := goModule(strings.ReplaceAll(twoCalls, "OnGithubPush", "OnGithubPullRequest"))
		files["README.md"] = text
		r.commit(t, "topic", files)
		c.gh.AddPull(r.name, githubtest.Pull{Number: 7, Head: r.name, HeadRef: "topic", HeadSHA: r.sha, BaseSHA: base})
		return c.hand(t, "pull_request", c.gh.PullRequestPayload(r.name, 7, action, "octo"))
	}
	older := offered("1", "opened")
	c.until(t, older, "has one of its results", called("quickOnGithubPullRequest", "success"))
	oldSHA := r.sha
	newer := offered("2", "synchronize")

	e := c.until(t, older, "has ended", ended)
	if slow := call(t, e, "slowOnGithubPullRequest"); e.Outcome != "cancelled" || slow.Outcome != "cancelled" {
		t.Errorf("the older run: %s, its call: %+v", e.Outcome, slow)
	}
	query := githubtest.Query{Repo: r.name, SHA: oldSHA, Context: "pocketci/slow-on-github-pull-request", State: "error", Contains: "superseded by " + r.sha}
	if _, err := c.gh.WaitStatus(soon(t), query); err != nil {
		t.Error(err)
	}
	if e := c.until(t, newer, "has ended", ended); e.Outcome != "success" {
		t.Errorf("the newer run: %+v", e)
	}
}
