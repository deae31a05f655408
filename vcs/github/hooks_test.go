package github_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store/storetest"
	"github.com/franela/pocketci/vcs/github"
	"github.com/franela/pocketci/vcs/github/githubtest"
)

// record reads from a server; change may alter how.
func record(t *testing.T, client *github.Client, change func(*github.RecordConfig)) *github.Record {
	t.Helper()
	c := github.RecordConfig{Client: client}
	if change != nil {
		change(&c)
	}
	r, err := github.NewRecord(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// known is a webhook as the store knows it.
func known(h githubtest.Hook, repo event.Repo) event.KnownHook {
	k := event.KnownHook{Vendor: "github", Repo: repo, Hook: event.Hook{ID: h.ID, TargetType: "repository", TargetID: repo.ID}}
	switch {
	case h.Org != "":
		k.TargetType, k.TargetID = "organization", 0
	case h.AppID != 0:
		k.TargetType, k.TargetID = "integration", h.AppID
	}
	return k
}

// all goes through the pages of a hook's deliveries.
func all(t *testing.T, r *github.Record, h event.KnownHook) (list []event.Delivery, pages int) {
	t.Helper()
	for cursor := ""; ; {
		page, next, err := r.Deliveries(t.Context(), h, cursor)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		list = append(list, page...)
		if cursor = next; cursor == "" {
			return list, pages
		}
	}
}

func TestDeliveries(t *testing.T) {
	for name, hook := range map[string]githubtest.Hook{
		"of a repository":    {Repo: "octo/hello"},
		"of an organization": {Org: "octo"},
		"of an app":          {AppID: 1},
	} {
		t.Run(name, func(t *testing.T) {
			server, client, repo, clock := hello(t)
			app := client
			if hook.AppID != 0 {
				w := newAppWorld(t)
				server, app, repo, clock, hook.AppID = w.server, w.client, w.hello, w.clock, w.made.ID
			}
			hook := server.AddHook(hook)
			lose := func() string {
				clock.add(time.Second)
				return server.Lose(githubtest.Delivery{HookID: hook.ID, Event: "push", Payload: []byte(pushBody)})
			}
			lose()
			clock.add(72 * time.Hour)
			var want []string
			for range 230 {
				want = append([]string{lose()}, want...)
			}
			r := record(t, client, func(c *github.RecordConfig) { c.App = app })
			list, pages := all(t, r, known(hook, repo))
			var got []string
			for _, d := range list {
				got = append(got, d.GUID)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the last 72 hours, newest first (-want +got)\n%s", diff)
			}
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			if first := list[0]; first.Type != "push" || first.Code != 502 || !first.At.Equal(clock.now()) || first.ID == 0 {
				t.Errorf("%+v", first)
			}
		})
	}
}

func TestDeliveriesOfARenamedRepository(t *testing.T) {
	server, client, repo, _ := hello(t)
	hook := server.AddHook(githubtest.Hook{Repo: "octo/hello"})
	server.Lose(githubtest.Delivery{HookID: hook.ID, Event: "push", Payload: []byte(pushBody)})
	server.Rename("octo/hello", "octo/renamed")
	if list, _ := all(t, record(t, client, nil), known(hook, repo)); len(list) != 1 {
		t.Errorf("%d deliveries", len(list))
	}
}

// TestDeliveriesWhenTheNameIsTakenOver: the webhook is its repository's, not its name's.
func TestDeliveriesWhenTheNameIsTakenOver(t *testing.T) {
	server, client, repo, _ := hello(t)
	hook := server.AddHook(githubtest.Hook{Repo: "octo/hello"})
	server.Lose(githubtest.Delivery{HookID: hook.ID, Event: "push", Payload: []byte(pushBody)})
	server.Rename("octo/hello", "octo/renamed")
	server.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	if list, _ := all(t, record(t, client, nil), known(hook, repo)); len(list) != 1 {
		t.Errorf("%d deliveries", len(list))
	}
}

// TestFindHooksOnAllPages: a repository may have more webhooks than a page holds.
func TestFindHooksOnAllPages(t *testing.T) {
	server, client, _, _ := hello(t)
	for range 100 {
		server.AddHook(githubtest.Hook{Repo: "octo/hello", URL: "https://other.example/"})
	}
	ours := server.AddHook(githubtest.Hook{Repo: "octo/hello", URL: "https://ci.example/"})
	list, err := record(t, client, nil).FindHooks(t.Context(), "octo/hello", 0, "https://ci.example/")
	if err != nil || len(list) != 1 || list[0].ID != ours.ID {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestFindHooksOnlyOfTheWeb: a list may hold what delivers no events.
func TestFindHooksOnlyOfTheWeb(t *testing.T) {
	const config = `"config":{"url":"https://ci.example/"}`
	client := scripted(t, map[string]string{
		"/users/octo":      `{"id":9,"login":"octo","type":"Organization"}`,
		"/orgs/octo/hooks": `[{"id":1,"name":"email",` + config + `},{"id":2,"name":"web",` + config + `}]`,
	})
	list, err := record(t, client, nil).FindHooks(t.Context(), "octo", 0, "https://ci.example")
	if err != nil || len(list) != 1 || list[0].ID != 2 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestUnchangedIsFree(t *testing.T) {
	server, client, repo, clock := hello(t)
	hook := server.AddHook(githubtest.Hook{Repo: "octo/hello"})
	lose := func() {
		server.Lose(githubtest.Delivery{HookID: hook.ID, Event: "push", Payload: []byte(pushBody)})
	}
	lose()
	r := record(t, client, func(c *github.RecordConfig) { c.Share = 2 })
	h := known(hook, repo)
	for range 5 {
		if list, _ := all(t, r, h); len(list) != 1 {
			t.Fatalf("%d deliveries", len(list))
		}
	}
	lose()
	if list, _ := all(t, r, h); len(list) != 2 {
		t.Fatalf("%d deliveries after one more", len(list))
	}
	lose()
	_, _, err := r.Deliveries(t.Context(), h, "")
	var limit *run.RetryAfter
	if !errors.As(err, &limit) || !limit.Until.Equal(clock.now().Add(time.Hour)) {
		t.Fatalf("the share of two is used up, and the error is %v", err)
	}
	clock.add(time.Hour)
	if list, _ := all(t, r, h); len(list) != 3 {
		t.Errorf("%d deliveries an hour later", len(list))
	}
	answers := map[int]int{}
	for _, q := range server.Requests() {
		answers[q.Status]++
	}
	if diff := cmp.Diff(map[int]int{200: 3, 304: 4}, answers); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestPayloadsLeaveRoomForLists: many missed deliveries don't keep what was missed
// meanwhile from being noticed.
func TestPayloadsLeaveRoomForLists(t *testing.T) {
	server, client, repo, clock := hello(t)
	hook := server.AddHook(githubtest.Hook{Repo: "octo/hello"})
	lose := func() int64 {
		server.Lose(githubtest.Delivery{HookID: hook.ID, Event: "push", Payload: []byte(pushBody)})
		sent := server.Deliveries()
		return sent[len(sent)-1].ID
	}
	r := record(t, client, func(c *github.RecordConfig) { c.Share = 10 })
	h := known(hook, repo)
	fetch := func() error {
		_, _, _, err := r.Delivery(t.Context(), h, lose())
		return err
	}
	for i := range 8 {
		if err := fetch(); err != nil {
			t.Fatalf("payload %d: %v", i, err)
		}
		clock.add(time.Minute)
	}
	var limit *run.RetryAfter
	if err := fetch(); !errors.As(err, &limit) || !limit.Ours || !limit.Until.Equal(clock.now().Add(52*time.Minute)) {
		t.Errorf("the ninth payload: %v", err)
	}
	for i := range 2 {
		if _, _, err := r.Deliveries(t.Context(), h, ""); err != nil {
			t.Errorf("list %d: %v", i, err)
		}
		lose() // else the list has not changed, and is free
	}
	if _, _, err := r.Deliveries(t.Context(), h, ""); !errors.As(err, &limit) || !limit.Ours {
		t.Errorf("the third list: %v", err)
	}
}

// TestShareOutlivesTheAgent: whoever starts, or works beside, asks for what is left.
func TestShareOutlivesTheAgent(t *testing.T) {
	db := storetest.SQLite(t)
	store := db.Open(t)
	server := githubtest.Start(t, githubtest.Config{Clock: db.Clock.Now})
	at := server.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	hook := server.AddHook(githubtest.Hook{Repo: "octo/hello"})
	urls, err := github.NewURLs(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := github.NewClient(github.ClientConfig{URLs: urls, Token: github.StaticToken(server.Token()), Clock: db.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	agent := func() *github.Record {
		return record(t, c, func(c *github.RecordConfig) { c.Share, c.Permits = 4, store })
	}
	list := func(r *github.Record) error {
		_, _, err := r.Deliveries(t.Context(), known(hook, event.Repo{ID: at.ID, Owner: "octo", Name: "hello"}), "")
		return err
	}
	lose := func() {
		db.Pass(time.Minute)
		server.Lose(githubtest.Delivery{HookID: hook.ID, Event: "push", Payload: []byte(pushBody)})
	}
	one := agent()
	for range 5 { // all but the first one are free; that the last one was is told with the next
		if err := list(one); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		lose()
		if err := list(agent()); err != nil {
			t.Fatal(err)
		}
	}
	lose()
	refused := func(name string, err error) {
		t.Helper()
		var limit *run.RetryAfter
		if !errors.As(err, &limit) || !limit.Ours || limit.Until.Sub(db.Clock.Now()) > time.Hour || !limit.Until.After(db.Clock.Now()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused("a new one", list(agent()))
	if err := list(one); err != nil {
		t.Errorf("what cost nothing was not given back: %v", err)
	}
	lose()
	refused("one that was there", list(one))
	refused("a new one, again", list(agent()))
	db.Pass(time.Hour)
	if err := list(agent()); err != nil {
		t.Errorf("an hour later: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := list(one); err == nil || errors.Is(err, run.ErrRefused) {
		t.Errorf("without a store: %v", err)
	}
}

// TestShareIsAQuarter of what GitHub grants, which is not 5,000 for everybody.
func TestShareIsAQuarter(t *testing.T) {
	clock := newClock()
	server := githubtest.Start(t, githubtest.Config{Clock: clock.now, RateLimit: 40})
	at := server.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	hook := server.AddHook(githubtest.Hook{Repo: "octo/hello"})
	for name, c := range map[string]struct{ share, want int }{"by itself": {0, 10}, "unless it is set": {3, 3}} {
		t.Run(name, func(t *testing.T) {
			r := record(t, client(t, server, server.Token(), clock), func(c2 *github.RecordConfig) { c2.Share = c.share })
			asked := 0
			for {
				server.Lose(githubtest.Delivery{HookID: hook.ID, Event: "push", Payload: []byte(pushBody)})
				_, _, err := r.Deliveries(t.Context(), known(hook, event.Repo{ID: at.ID, Owner: "octo", Name: "hello"}), "")
				var limit *run.RetryAfter
				if errors.As(err, &limit) && limit.Ours {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				asked++
			}
			if asked != c.want {
				t.Errorf("%d requests in an hour, want %d", asked, c.want)
			}
		})
	}
}

// TestNoTimeIsNoList: a list that can't be put in time is not taken for read.
func TestNoTimeIsNoList(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `[{"id":1,"guid":"a-1","event":"push","status_code":200,"delivered_at":null}]`)
	}))
	defer api.Close()
	list, _, err := record(t, clientOf(t, api.URL), nil).Deliveries(t.Context(), known(githubtest.Hook{ID: 3}, event.Repo{ID: 7, Owner: "o", Name: "n"}), "")
	if err == nil || errors.Is(err, run.ErrRefused) {
		t.Errorf("%v, %v", list, err)
	}
}

func TestDelivery(t *testing.T) {
	server, client, repo, _ := hello(t)
	hook := server.AddHook(githubtest.Hook{Repo: "octo/hello", Secret: "s"})
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		fmt.Fprint(w, `{"id":"github:first","duplicate":true}`)
	}))
	defer receiver.Close()
	got, err := server.Deliver(t.Context(), githubtest.Delivery{URL: receiver.URL, HookID: hook.ID, Event: "push", Payload: []byte(pushBody)})
	if err != nil {
		t.Fatal(err)
	}
	r := record(t, client, nil)
	h := known(hook, repo)
	list, _ := all(t, r, h)
	headers, payload, answer, err := r.Delivery(t.Context(), h, list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if headers.Get("X-GitHub-Delivery") != got.GUID || headers.Get("X-GitHub-Event") != "push" {
		t.Errorf("%v", headers)
	}
	if string(answer) != `{"id":"github:first","duplicate":true}` {
		t.Errorf("answered %s", answer)
	}
	var sent, kept any
	if json.Unmarshal([]byte(pushBody), &sent) != nil || json.Unmarshal(payload, &kept) != nil || !cmp.Equal(sent, kept) {
		t.Errorf("the payload is %s", payload)
	}
	if _, _, _, err := r.Delivery(t.Context(), h, 1); !errors.Is(err, run.ErrRefused) {
		t.Errorf("a forgotten delivery: %v", err)
	}
}

// TestUnreadableHooks: what can't be read says why, and what has to be granted.
func TestUnreadableHooks(t *testing.T) {
	server, client, repo, clock := hello(t)
	hook := server.AddHook(githubtest.Hook{Repo: "octo/hello"})
	server.SetRole("octo/hello", server.Login(), githubtest.RoleWrite)
	ask := func(h event.KnownHook) error {
		_, _, err := record(t, client, nil).Deliveries(t.Context(), h, "")
		return err
	}
	enterprise := known(hook, repo)
	enterprise.TargetType = "business"
	for name, c := range map[string]struct {
		hook       event.KnownHook
		public     string
		permission string
	}{
		"without permission": {known(hook, repo), "deliveries of webhook " + fmt.Sprint(hook.ID) + " of octo/hello", "Webhooks: read"},
		"of an app, without its key": {
			event.KnownHook{Hook: event.Hook{TargetType: "integration"}}, "as the App", "key",
		},
		"of what has no API": {enterprise, `"business"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := ask(c.hook)
			var p *event.Problem
			if !errors.Is(err, run.ErrRefused) || !errors.As(err, &p) || !strings.Contains(p.Public, c.public) {
				t.Fatalf("%v", err)
			}
			var missing *github.PermissionError
			if errors.As(err, &missing) != (c.permission != "") {
				t.Fatalf("%v", err)
			}
			if missing != nil && (!strings.Contains(missing.Permission, c.permission) || !strings.Contains(p.Hint, c.permission)) {
				t.Errorf("%+v, hint %q", missing, p.Hint)
			}
		})
	}
	t.Run("a limit is no refusal", func(t *testing.T) {
		server.SetOutage(githubtest.Outage{Kind: githubtest.Secondary, RetryAfter: 60, Times: 1})
		var limit *run.RetryAfter
		if err := ask(known(hook, repo)); !errors.As(err, &limit) || !limit.Until.Equal(clock.now().Add(time.Minute)) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a broken gateway is no refusal", func(t *testing.T) {
		server.SetOutage(githubtest.Outage{Kind: githubtest.BadGateway, Times: 1})
		if err := ask(known(hook, repo)); err == nil || errors.Is(err, run.ErrRefused) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a name that is none is not asked for", func(t *testing.T) {
		before := len(server.Requests())
		h := event.KnownHook{Hook: event.Hook{ID: 1, TargetType: "organization"}, Repo: event.Repo{Owner: "../.."}}
		if err := ask(h); !errors.Is(err, run.ErrRefused) || len(server.Requests()) != before {
			t.Errorf("%v, %d requests", err, len(server.Requests())-before)
		}
	})
}

func TestPermissionIsGitHubsWord(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Accepted-GitHub-Permissions", "repository_hooks=read")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"message":"Resource not accessible by personal access token"}`)
	}))
	defer api.Close()
	_, _, err := record(t, clientOf(t, api.URL), nil).Deliveries(t.Context(), known(githubtest.Hook{ID: 3}, event.Repo{ID: 7, Owner: "o", Name: "n"}), "")
	var missing *github.PermissionError
	if !errors.As(err, &missing) || !strings.Contains(missing.Permission, "repository_hooks=read") {
		t.Errorf("%v", err)
	}
}

// TestScopesAreGitHubsWord: what a classic token lacks.
func TestScopesAreGitHubsWord(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Accepted-OAuth-Scopes", "admin:org_hook")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"message":"Not Found"}`)
	}))
	defer api.Close()
	h := event.KnownHook{Hook: event.Hook{ID: 3, TargetType: "organization"}, Repo: event.Repo{Owner: "octo"}}
	_, _, err := record(t, clientOf(t, api.URL), nil).Deliveries(t.Context(), h, "")
	var missing *github.PermissionError
	if !errors.As(err, &missing) || !strings.Contains(missing.Permission, "one of the scopes admin:org_hook") {
		t.Errorf("%v", err)
	}
}

// clientOf is a client of a server that is not a githubtest.
func clientOf(t *testing.T, address string) *github.Client {
	t.Helper()
	urls, err := github.NewURLs(address, "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := github.NewClient(github.ClientConfig{URLs: urls, Token: github.StaticToken("t"), Clock: newClock().now})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOddDeliveriesAreLeftOut(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		const at = `"delivered_at":"2026-11-21T05:00:00Z"`
		fmt.Fprint(w, `[{"id":3,"guid":"../x","event":"push",`+at+`},{"id":2,"guid":"a-1","event":"Push!",`+at+`},{"id":0,"guid":"a-1","event":"push",`+at+`},
			{"id":1,"guid":"a-1","event":"push","status_code":200,"delivered_at":"2026-11-21T05:00:00.25Z","more":[]}]`)
	}))
	defer api.Close()
	list, _ := all(t, record(t, clientOf(t, api.URL), nil), known(githubtest.Hook{ID: 3}, event.Repo{ID: 7, Owner: "o", Name: "n"}))
	want := []event.Delivery{{ID: 1, GUID: "a-1", Type: "push", Code: 200, At: now.Add(250 * time.Millisecond)}}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestRecovered(t *testing.T) {
	headersOf := func(secret string) http.Header { return headers("push", secret, []byte(pushBody)) }
	hook := event.KnownHook{Hook: event.Hook{ID: 3, TargetType: "repository", TargetID: 7}}
	r := receiver(t, github.Config{})
	var spaced bytes.Buffer
	if err := json.Indent(&spaced, []byte(pushBody), "", "  "); err != nil {
		t.Fatal(err)
	}
	e, err := r.Recovered(hook, headersOf("s"), spaced.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	want, err := r.Parse(headersOf("s"), []byte(pushBody))
	if err != nil {
		t.Fatal(err)
	}
	want.Provenance, want.Hook = event.Recovered, hook.Hook
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("as it was delivered, recovered (-want +got)\n%s", diff)
	}
	t.Run("a signature that fits nothing does not matter", func(t *testing.T) {
		e, err := r.Recovered(hook, headersOf("another"), spaced.Bytes())
		if err != nil || !bytes.Equal(e.Payload, spaced.Bytes()) {
			t.Errorf("%v, %s", err, e.Payload)
		}
	})
	foreign := hook
	foreign.TargetID = 8
	org := event.KnownHook{Hook: event.Hook{ID: 3, TargetType: "organization", TargetID: 4}}
	withOrg := []byte(strings.Replace(pushBody, `{"ref"`, `{"organization":{"id":4},"ref"`, 1))
	for name, c := range map[string]struct {
		hook    event.KnownHook
		secrets string
		body    []byte
		want    error
	}{
		"another repository's payload":              {foreign, "s", []byte(pushBody), event.ErrMalformed},
		"the organization's payload":                {org, "s", withOrg, nil},
		"another organization's payload":            {org, "s", []byte(strings.Replace(string(withOrg), "4", "5", 1)), event.ErrMalformed},
		"a payload without an organization":         {org, "s", []byte(pushBody), event.ErrMalformed},
		"an app's hook is for all":                  {event.KnownHook{Hook: event.Hook{TargetType: "integration"}}, "s", []byte(pushBody), nil},
		"a repository that a secret is for":         {hook, "octo/*=s", []byte(pushBody), nil},
		"a repository that no secret is for":        {hook, "acme/*=s", []byte(pushBody), event.ErrUnsigned},
		"no object":                                 {hook, "s", []byte(`[]`), event.ErrMalformed},
		"nothing":                                   {hook, "s", nil, event.ErrMalformed},
		"a payload that is not of the event's kind": {hook, "s", []byte(`{"repository":{"id":7,"full_name":"octo/hello"}}`), event.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			r := receiver(t, github.Config{Secrets: secrets(t, c.secrets)})
			if _, err := r.Recovered(c.hook, headersOf("s"), c.body); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestFindHooks(t *testing.T) {
	server, client, repo, _ := hello(t)
	org := server.AddUser(githubtest.User{Login: "octo", Type: "Organization"})
	ours := server.AddHook(githubtest.Hook{Repo: "octo/hello", URL: "https://ci.example/webhooks/github/"})
	server.AddHook(githubtest.Hook{Repo: "octo/hello", URL: "https://other.example/webhooks/github"})
	orgs := server.AddHook(githubtest.Hook{Org: "octo", URL: "https://ci.example/webhooks/github"})
	inRepo := func(id int64) event.KnownHook {
		return event.KnownHook{
			Vendor: "github", Hook: event.Hook{ID: id, TargetType: "repository", TargetID: repo.ID},
			Repo: event.Repo{ID: repo.ID, Owner: "octo", Name: "hello"},
		}
	}
	inOrg := event.KnownHook{Vendor: "github", Hook: event.Hook{ID: orgs.ID, TargetType: "organization", TargetID: org.ID}, Repo: event.Repo{Owner: "octo"}}
	for name, c := range map[string]struct {
		of, address string
		id          int64
		want        []event.KnownHook
	}{
		"a repository's, by id":          {of: "octo/hello", id: 99, want: []event.KnownHook{inRepo(99)}},
		"a repository's, by address":     {of: "octo/hello", address: "https://CI.example/webhooks/github", want: []event.KnownHook{inRepo(ours.ID)}},
		"an organization's, by address":  {of: "octo", address: "https://ci.example/webhooks/github", want: []event.KnownHook{inOrg}},
		"an organization's, by id":       {of: "octo", id: orgs.ID, want: []event.KnownHook{inOrg}},
		"the app's":                      {of: "app", want: []event.KnownHook{{Vendor: "github", Hook: event.Hook{TargetType: "integration"}}}},
		"none delivers to that address":  {of: "octo/hello", address: "https://ci.example/"},
		"http is another address":        {of: "octo/hello", address: "http://ci.example/webhooks/github"},
		"an address that is none is not": {of: "octo/hello", address: "%"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := record(t, client, nil).FindHooks(t.Context(), c.of, c.id, c.address)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(event.Repo{}, "DefaultBranch", "HTMLURL")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	for _, of := range []string{"", "..", "octo/..", "octo/hello/x", "octo hello"} {
		if _, err := record(t, client, nil).FindHooks(t.Context(), of, 1, ""); err == nil {
			t.Errorf("%q was looked up", of)
		}
	}
	server.SetRole("octo/hello", server.Login(), githubtest.RoleRead)
	var missing *github.PermissionError
	if _, err := record(t, client, nil).FindHooks(t.Context(), "octo/hello", 0, "https://x.example"); !errors.As(err, &missing) {
		t.Errorf("%v", err)
	}
}

func TestNewRecordNeedsAClient(t *testing.T) {
	if _, err := github.NewRecord(github.RecordConfig{}); err == nil {
		t.Error("a record of nobody")
	}
}
