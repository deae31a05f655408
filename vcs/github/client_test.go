package github_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/vcs/github"
	"github.com/franela/pocketci/vcs/github/githubtest"
)

// clock stands until it is moved.
type clock struct{ t atomic.Pointer[time.Time] }

func newClock() *clock {
	c := &clock{}
	at := now
	c.t.Store(&at)
	return c
}

func (c *clock) now() time.Time      { return *c.t.Load() }
func (c *clock) add(d time.Duration) { at := c.now().Add(d); c.t.Store(&at) }

// hello is octo/hello on a server, private, and a client of it.
func hello(t *testing.T) (*githubtest.Server, *github.Client, event.Repo, *clock) {
	t.Helper()
	clock := newClock()
	server := githubtest.Start(t, githubtest.Config{Clock: clock.now})
	r := server.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello", Private: true})
	return server, client(t, server, server.Token(), clock), event.Repo{ID: r.ID, Owner: "octo", Name: "hello"}, clock
}

func client(t *testing.T, server *githubtest.Server, token string, c *clock) *github.Client {
	t.Helper()
	urls, err := github.NewURLs(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	client, err := github.NewClient(github.ClientConfig{
		URLs: urls, Token: github.StaticToken(token), Clock: c.now,
		HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, Log: zerolog.New(zerolog.NewTestWriter(t)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestSetStatus(t *testing.T) {
	server, client, repo, _ := hello(t)
	long := strings.Repeat("ä", 150)
	in := run.Status{Context: "pocketci (push)", State: run.StatusFailure, Description: long, TargetURL: "https://ci.example/1"}
	if err := client.SetStatus(t.Context(), repo, shaA, in); err != nil {
		t.Fatal(err)
	}
	got := server.Statuses(githubtest.Query{})
	if len(got) != 1 {
		t.Fatalf("%d statuses, want 1", len(got))
	}
	if d := got[0].Description; utf8.RuneCountInString(d) != 140 || !strings.HasSuffix(d, "ä…") {
		t.Errorf("the description is %d characters: %q", utf8.RuneCountInString(d), d)
	}
	got[0].Description = ""
	want := githubtest.Status{
		ID: got[0].ID, Repo: "octo/hello", RepoID: repo.ID, SHA: shaA, Context: "pocketci (push)", State: "failure",
		TargetURL: "https://ci.example/1", Creator: server.Login(), At: now,
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStatusesAreTheNewestOfAllPages(t *testing.T) {
	_, client, repo, _ := hello(t)
	for i := range 205 {
		s := run.Status{Context: fmt.Sprintf("c%d", i%103), State: run.StatusPending, Description: fmt.Sprint(i)}
		if err := client.SetStatus(t.Context(), repo, shaA, s); err != nil {
			t.Fatal(err)
		}
	}
	got, err := client.Statuses(t.Context(), repo, shaA)
	if err != nil || len(got) != 103 {
		t.Fatalf("%d statuses, %v; want 103", len(got), err)
	}
	for _, s := range got {
		want := map[bool]int{true: 103, false: 0}[s.Context != "c102"]
		var n int
		fmt.Sscanf(s.Context, "c%d", &n)
		if s.Description != fmt.Sprint(n+want) || s.State != run.StatusPending {
			t.Errorf("%s is %+v, want description %d", s.Context, s, n+want)
		}
	}
	if got, err := client.Statuses(t.Context(), repo, shaB); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v for a commit without any", got, err)
	}
}

func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		outage  githubtest.Outage
		refused bool
		until   time.Duration // from now; 0: no limit
	}{
		"secondary limit with a time":    {githubtest.Outage{Kind: githubtest.Secondary, RetryAfter: 90}, false, 90 * time.Second},
		"secondary limit without a time": {githubtest.Outage{Kind: githubtest.Secondary}, false, time.Minute},
		"primary limit":                  {githubtest.Outage{Kind: githubtest.Primary, RetryAfter: 1800}, false, 30 * time.Minute},
		"too many requests":              {githubtest.Outage{Kind: githubtest.TooMany, RetryAfter: 5}, false, 5 * time.Second},
		"404":                            {githubtest.Outage{Kind: githubtest.NotFound}, true, 0},
		"403 that is no limit":           {githubtest.Outage{Kind: githubtest.Forbidden}, true, 0},
		"422":                            {githubtest.Outage{Kind: githubtest.Unprocessable}, true, 0},
		"410":                            {githubtest.Outage{Kind: "410"}, true, 0},
		"401":                            {githubtest.Outage{Kind: githubtest.Unauthorized}, false, 0},
		"500":                            {githubtest.Outage{Kind: "500"}, false, 0},
		"502 with a page":                {githubtest.Outage{Kind: githubtest.BadGateway}, false, 0},
		"down":                           {githubtest.Outage{Kind: githubtest.Down}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			server, client, repo, _ := hello(t)
			ask := map[string]func() error{
				"set": func() error {
					return client.SetStatus(t.Context(), repo, shaA, run.Status{State: "success", Context: "c"})
				},
				"list": func() error { _, err := client.Statuses(t.Context(), repo, shaA); return err },
				"access": func() error {
					_, err := client.CanWrite(t.Context(), repo, event.Sender{ID: 1, Login: "alice"})
					return err
				},
				"lookup": func() error { _, err := client.Repository(t.Context(), repo.ID); return err },
			}
			for what, do := range ask {
				server.SetOutage(c.outage)
				err := do()
				if err == nil {
					t.Fatalf("%s: no error", what)
				}
				if errors.Is(err, run.ErrRefused) != c.refused {
					t.Errorf("%s: %v: refused for good is %t, want %t", what, err, !c.refused, c.refused)
				}
				var limit *run.RetryAfter
				if errors.As(err, &limit) != (c.until > 0) || c.until > 0 && !limit.Until.Equal(now.Add(c.until)) {
					t.Errorf("%s: %v, want a limit of %s", what, err, c.until)
				}
				if strings.Contains(err.Error(), server.Token()) {
					t.Errorf("%s: the error holds the token", what)
				}
				server.ClearOutage()
				if err := do(); what != "access" && err != nil {
					t.Errorf("%s: %v after the outage", what, err)
				}
			}
		})
	}
}

func TestStatusesThatGitHubRefuses(t *testing.T) {
	server, own, repo, clock := hello(t)
	server.AddToken("stranger-token", "stranger")
	ok := run.Status{State: run.StatusSuccess, Context: "c"}
	for name, c := range map[string]struct {
		client  *github.Client
		repo    event.Repo
		sha     string
		status  run.Status
		refused bool
	}{
		"a state that is none":    {own, repo, shaA, run.Status{State: "great", Context: "c"}, true},
		"a sha that is none":      {own, repo, "main", ok, true},
		"a sha that climbs":       {own, repo, "../" + shaA, ok, true},
		"a name that climbs":      {own, event.Repo{ID: 1, Owner: "..", Name: "hello"}, shaA, ok, true},
		"no such repository":      {own, event.Repo{ID: 1, Owner: "octo", Name: "none"}, shaA, ok, true},
		"a stranger's token":      {client(t, server, "stranger-token", clock), repo, shaA, ok, true},
		"a token that is no more": {client(t, server, "old", clock), repo, shaA, ok, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.client.SetStatus(t.Context(), c.repo, c.sha, c.status)
			if err == nil || errors.Is(err, run.ErrRefused) != c.refused {
				t.Errorf("got %v, want refused for good: %t", err, c.refused)
			}
		})
	}
	if n := len(server.Statuses(githubtest.Query{})); n != 0 {
		t.Errorf("%d statuses were taken", n)
	}
}

func TestRenamedRepositoryIsFound(t *testing.T) {
	server, client, repo, _ := hello(t)
	server.Rename("octo/hello", "acme/hallo")
	if err := client.SetStatus(t.Context(), repo, shaA, run.Status{State: "success", Context: "c"}); err != nil {
		t.Errorf("set under the old name: %v", err)
	}
	if list, err := client.Statuses(t.Context(), repo, shaA); err != nil || len(list) != 1 {
		t.Errorf("listed under the old name: %v, %v", list, err)
	}
	got, err := client.Repository(t.Context(), repo.ID)
	want := event.Repo{ID: repo.ID, Owner: "acme", Name: "hallo", DefaultBranch: "main", HTMLURL: server.URL + "/acme/hallo"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestTokenStaysOnItsHost(t *testing.T) {
	server, client, repo, _ := hello(t)
	var asked atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer elsewhere.Close()
	server.SetOutage(githubtest.Outage{Kind: githubtest.Redirect, To: elsewhere.URL})
	if _, err := client.Statuses(t.Context(), repo, shaA); err == nil {
		t.Error("listing was led elsewhere")
	}
	if err := client.SetStatus(t.Context(), repo, shaA, run.Status{State: "success", Context: "c"}); err == nil {
		t.Error("a status was led elsewhere")
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the other host was asked %d times", n)
	}
}

// On 302 net/http would send a GET in the status' place, and its 200 would pass
// for success.
func TestRedirectedStatusIsNotSet(t *testing.T) {
	server, client, repo, _ := hello(t)
	server.SetOutage(githubtest.Outage{Kind: githubtest.Redirect, Method: "POST", To: server.URL})
	if err := client.SetStatus(t.Context(), repo, shaA, run.Status{State: "success", Context: "c"}); err == nil {
		t.Error("no error")
	}
	for _, r := range server.Requests() {
		if r.Method != "POST" {
			t.Errorf("%s %s was sent instead", r.Method, r.Path)
		}
	}
}

func TestCancelTellsItsCause(t *testing.T) {
	server, client, repo, _ := hello(t)
	server.SetOutage(githubtest.Outage{Kind: githubtest.Hang})
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if err := client.SetStatus(ctx, repo, shaA, run.Status{State: "success"}); !errors.Is(err, enough) {
		t.Errorf("got %v, want the cause", err)
	}
}

func TestCanWrite(t *testing.T) {
	server, own, repo, _ := hello(t)
	open := server.AddRepo(githubtest.Repo{Owner: "octo", Name: "open"})
	for login, role := range map[string]githubtest.Role{
		"reader": githubtest.RoleRead, "triager": githubtest.RoleTriage, "writer": githubtest.RoleWrite,
		"maintainer": githubtest.RoleMaintain, "boss": githubtest.RoleAdmin,
	} {
		server.SetRole("octo/hello", login, role)
	}
	id := func(login string) int64 { return server.AddUser(githubtest.User{Login: login}).ID }
	for name, c := range map[string]struct {
		sender event.Sender
		repo   event.Repo
		want   bool
	}{
		"admin":                        {event.Sender{ID: id("boss"), Login: "boss"}, repo, true},
		"maintain":                     {event.Sender{ID: id("maintainer"), Login: "maintainer"}, repo, true},
		"write":                        {event.Sender{ID: id("writer"), Login: "writer"}, repo, true},
		"write, in another case":       {event.Sender{ID: id("writer"), Login: "Writer"}, repo, true},
		"triage":                       {event.Sender{ID: id("triager"), Login: "triager"}, repo, false},
		"read":                         {event.Sender{ID: id("reader"), Login: "reader"}, repo, false},
		"stranger":                     {event.Sender{ID: id("stranger"), Login: "stranger"}, repo, false},
		"stranger, public":             {event.Sender{ID: id("stranger"), Login: "stranger"}, event.Repo{ID: open.ID, Owner: "octo", Name: "open"}, false},
		"a writer's login, another id": {event.Sender{ID: 424242, Login: "writer"}, repo, false},
		"a writer's id, another login": {event.Sender{ID: id("writer"), Login: "stranger"}, repo, false},
		"nobody":                       {event.Sender{ID: 5, Login: "nobody-at-all"}, repo, false},
		"no sender":                    {event.Sender{}, repo, false},
		"no id":                        {event.Sender{Login: "writer"}, repo, false},
		"a bot":                        {event.Sender{ID: id("writer"), Login: "writer", Bot: true}, repo, false},
		"a login that climbs":          {event.Sender{ID: id("writer"), Login: "../writer"}, repo, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := own.CanWrite(t.Context(), c.repo, c.sender)
			if err != nil || got != c.want {
				t.Errorf("got %t, %v; want %t", got, err, c.want)
			}
		})
	}
}

func TestCanWriteWithoutTheRightToAsk(t *testing.T) {
	server, _, repo, clock := hello(t)
	server.AddToken("reader-token", "reader")
	server.SetRole("octo/hello", "reader", githubtest.RoleRead)
	may, err := client(t, server, "reader-token", clock).CanWrite(t.Context(), repo, event.Sender{ID: 1, Login: "writer"})
	if err == nil || may {
		t.Errorf("got %t, %v; want an error", may, err)
	}
}

func TestAccessIsAskedAgainAfterMinutes(t *testing.T) {
	server, client, repo, clock := hello(t)
	server.SetRole("octo/hello", "alice", githubtest.RoleWrite)
	alice := event.Sender{ID: server.AddUser(githubtest.User{Login: "alice"}).ID, Login: "alice"}
	may := func() bool {
		t.Helper()
		ok, err := client.CanWrite(t.Context(), repo, alice)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	asked := func() int {
		n := 0
		for _, r := range server.Requests() {
			if strings.HasSuffix(r.Path, "/permission") {
				n++
			}
		}
		return n
	}
	if first, second := may(), may(); !first || !second || asked() != 1 {
		t.Errorf("may write: %v, then %v; asked %d times, want true twice and once", first, second, asked())
	}
	server.SetRole("octo/hello", "alice", githubtest.RoleRead)
	clock.add(5*time.Minute - time.Second)
	if !may() {
		t.Error("the answer was not kept for 5 minutes")
	}
	clock.add(time.Second)
	if may() || asked() != 2 {
		t.Errorf("may still write after it was taken away; asked %d times", asked())
	}
	server.SetOutage(githubtest.Outage{Kind: githubtest.Down})
	clock.add(5 * time.Minute)
	if _, err := client.CanWrite(t.Context(), repo, alice); err == nil {
		t.Error("an old answer was used while GitHub is down")
	}
	server.ClearOutage()
	server.SetRole("octo/hello", "alice", githubtest.RoleAdmin)
	if !may() {
		t.Error("the failure was kept")
	}
}

func TestRenamedAccountIsAnotherOne(t *testing.T) {
	server, client, repo, _ := hello(t)
	server.SetRole("octo/hello", "alice", githubtest.RoleWrite)
	alice := server.AddUser(githubtest.User{Login: "alice"})
	server.RenameUser("alice", "alice-old")
	mallory := server.AddUser(githubtest.User{Login: "alice"})
	if may, err := client.CanWrite(t.Context(), repo, event.Sender{ID: mallory.ID, Login: "alice"}); err != nil || may {
		t.Errorf("who took the login may write: %v", err)
	}
	if may, err := client.CanWrite(t.Context(), repo, event.Sender{ID: alice.ID, Login: "alice-old"}); err != nil || !may {
		t.Errorf("who gave it up may not: %v", err)
	}
}

func TestNewClientNeedsAddressAndToken(t *testing.T) {
	urls, err := github.NewURLs("", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]github.ClientConfig{
		"no address": {Token: github.StaticToken("t")},
		"no token":   {URLs: urls},
	} {
		if _, err := github.NewClient(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTokenThatCannotBeHad(t *testing.T) {
	server, _, repo, _ := hello(t)
	urls, err := github.NewURLs(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("key file is gone")
	client, err := github.NewClient(github.ClientConfig{URLs: urls, Token: func(context.Context) (string, error) { return "", gone }})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.SetStatus(t.Context(), repo, shaA, run.Status{State: "success"}); !errors.Is(err, gone) {
		t.Errorf("got %v, want the token's error", err)
	}
}
