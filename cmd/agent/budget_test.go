package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/report/status"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
	"github.com/franela/pocketci/vcs/github"
	"github.com/franela/pocketci/vcs/github/githubtest"
)

// spender is an agent with what it sends to the code host, in a store.
func spender(t *testing.T, s *store.Store, creds config.Credentials) *agent {
	t.Helper()
	a := &agent{store: s, creds: creds}
	if creds.AppID != 0 {
		a.app = &github.App{}
	}
	a.makeBudget(world{clock: time.Now, trial: trial{budget: status.Budget{PerMinute: 10, PerHour: 100}}})
	return a
}

func openStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// left is how many statuses may be sent about a repository.
func (a *agent) left(t *testing.T, repo event.Repo) int {
	t.Helper()
	credential := ""
	if a.budget.account != nil {
		credential = a.budget.account(repo)
	}
	p, err := a.budget.Permit(t.Context(), credential, 1000, a.budget.statuses.Rates(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p.N
}

func TestWhoseBudgetCounts(t *testing.T) {
	octo, cat := event.Repo{ID: 1, Owner: "octo", Name: "a"}, event.Repo{ID: 2, Owner: "cat", Name: "b"}
	mona, hubot := config.Credentials{Username: "mona", Token: "1"}, config.Credentials{Username: "hubot", Token: "2"}
	app := config.Credentials{AppID: 5}
	tests := map[string]struct {
		first, second config.Credentials
		repo          event.Repo
		left          int
	}{
		"the same account's, whatever the repository": {mona, mona, cat, 0},
		"its other token":              {mona, config.Credentials{Username: "Mona", Token: "3"}, octo, 0},
		"another account's":            {mona, hubot, octo, 8},
		"an App's installation":        {app, app, event.Repo{ID: 3, Owner: "Octo", Name: "c"}, 0},
		"another installation of it":   {app, app, cat, 8},
		"another App's":                {app, config.Credentials{AppID: 6}, octo, 8},
		"an App's beside an account's": {mona, app, octo, 8},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			if n := spender(t, s, tt.first).left(t, octo); n != 8 {
				t.Errorf("%d of 10 are for statuses, want 8", n)
			}
			if n := spender(t, s, tt.second).left(t, tt.repo); n != tt.left {
				t.Errorf("%d are left, want %d", n, tt.left)
			}
		})
	}
}

// TestReadingHasABudgetOfItsOwn: what is looked up in the background is counted for
// all agents of the store, by account or App, and apart from what is sent.
func TestReadingHasABudgetOfItsOwn(t *testing.T) {
	s := openStore(t)
	octo := event.Repo{ID: 1, Owner: "octo", Name: "a"}
	take := func(creds config.Credentials) int {
		t.Helper()
		permits := spender(t, s, creds).recordConfig().Permits
		if permits == nil {
			t.Fatal("it is not counted")
		}
		p, err := permits.Permit(t.Context(), "", 10, []run.Rate{{N: 15, Within: time.Hour}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return p.N
	}
	mona, app := config.Credentials{Username: "mona"}, config.Credentials{AppID: 5}
	for _, c := range []struct {
		creds config.Credentials
		want  int
	}{{mona, 10}, {config.Credentials{Username: "Mona", Token: "other"}, 5}, {mona, 0}, {config.Credentials{Username: "hubot"}, 10}, {app, 10}, {app, 5}} {
		if got := take(c.creds); got != c.want {
			t.Errorf("%+v: %d, want %d", c.creds, got, c.want)
		}
	}
	if n := spender(t, s, mona).left(t, octo); n != 8 {
		t.Errorf("%d are left to be sent, want 8", n)
	}
}

// replier counts what is answered.
type replier struct {
	sent int
	err  error
}

func (r *replier) Reply(context.Context, event.Repo, run.Reply) error { r.sent++; return r.err }

func (r *replier) Replied(context.Context, event.Repo, run.Reply) (bool, error) { return false, nil }

func TestAnswersCount(t *testing.T) {
	octo := event.Repo{ID: 1, Owner: "octo", Name: "a"}
	a := spender(t, openStore(t), config.Credentials{Username: "mona"})
	host := &replier{}
	s := answers{host, a.budget, time.Now, zerolog.Nop()}
	if err := s.Reply(t.Context(), octo, run.Reply{}); err != nil {
		t.Fatal(err)
	}
	if n := a.left(t, octo); n != 7 {
		t.Errorf("%d are left for statuses after an answer, want 7", n)
	}
	for range 2 { // what statuses leave
		if err := s.Reply(t.Context(), octo, run.Reply{}); err != nil {
			t.Fatal(err)
		}
	}
	var limit *run.RetryAfter
	if err := s.Reply(t.Context(), octo, run.Reply{}); !errors.As(err, &limit) || !limit.Until.After(time.Now()) || host.sent != 3 {
		t.Errorf("%v, %d answers; want three, and then to wait", err, host.sent)
	}
}

func TestAnAnswerThatIsLimitedHoldsStatuses(t *testing.T) {
	octo := event.Repo{ID: 1, Owner: "octo", Name: "a"}
	a := spender(t, openStore(t), config.Credentials{AppID: 5})
	host := &replier{err: &run.RetryAfter{Until: time.Now().Add(time.Minute), Err: errors.New("403")}}
	s := answers{host, a.budget, time.Now, zerolog.Nop()}
	if err := s.Reply(t.Context(), octo, run.Reply{}); !errors.Is(err, host.err) {
		t.Errorf("got %v", err)
	}
	if n := a.left(t, octo); n != 0 {
		t.Errorf("%d statuses may be sent by a credential that is limited", n)
	}
}

// TestAgentsShareTheBudget: two agents on one database together send no more than
// one account may. The database's clock stands still.
func TestAgentsShareTheBudget(t *testing.T) {
	c := startCluster(t)
	r := c.receiver()
	c.worker("a", "--max-events=1")
	c.worker("b", "--max-events=1")
	var functions []string
	for i := range 45 {
		functions = append(functions, fmt.Sprintf("Part%02dOnGithubPush print", i))
	}
	for _, name := range []string{"one", "two"} {
		c.push(r, name, c.repo(name, functions...))
	}
	count := func(query string) (n int) {
		if err := c.pg.QueryRow("SELECT COALESCE(SUM(n), 0) FROM (" + query + ") AS q (n)").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	most := status.DefaultBudget().PerMinute - leaveMinute
	sent := func() int { return len(c.gh.Statuses(githubtest.Query{})) }
	c.until("all is called, and as much is reported as may be", func() bool {
		return count("SELECT 1 FROM runs WHERE state = 'done'") == 2 && count("SELECT 1 FROM reports") == 92 &&
			count("SELECT n FROM permits") == most && count("SELECT 1 FROM reports WHERE version = sent_version") >= most
	})
	if got := sent(); got != most {
		t.Errorf("%d statuses were sent in a minute, want %d", got, most)
	}
}
