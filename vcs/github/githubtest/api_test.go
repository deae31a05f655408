package githubtest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/vcs/github/githubtest"
)

// decode reads an answer's body.
func decode[T any](t *testing.T, body string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return v
}

func TestPermission(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "open"})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "closed", Private: true})
	gh.SetRole("octo/open", "maintainer", githubtest.RoleMaintain)
	gh.SetRole("octo/open", "triager", githubtest.RoleTriage)
	stranger := gh.AddUser(githubtest.User{Login: "stranger"})
	gh.AddToken("stranger-token", "stranger")
	type level struct {
		Permission string
		RoleName   string `json:"role_name"`
		User       struct{ ID int64 }
	}
	for name, c := range map[string]struct {
		token, repo, login string
		code               int
		permission, role   string
	}{
		"owner":             {gh.Token(), "octo/open", "octo", 200, "admin", "admin"},
		"maintainer":        {gh.Token(), "octo/open", "maintainer", 200, "write", "maintain"},
		"triager":           {gh.Token(), "octo/open", "Triager", 200, "read", "triage"},
		"stranger, public":  {gh.Token(), "octo/open", "stranger", 200, "read", "read"},
		"stranger, private": {gh.Token(), "octo/closed", "stranger", 200, "none", "none"},
		"nobody":            {gh.Token(), "octo/open", "nobody", 404, "", ""},
		"by a stranger":     {"stranger-token", "octo/open", "octo", 403, "", ""},
		"without a token":   {"", "octo/open", "octo", 401, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := call(t, gh, c.token, "GET", "/api/v3/repos/"+c.repo+"/collaborators/"+c.login+"/permission", "")
			got := decode[level](t, body)
			if resp.StatusCode != c.code || got.Permission != c.permission || got.RoleName != c.role {
				t.Errorf("got %d %s; want %d %s %s", resp.StatusCode, body, c.code, c.permission, c.role)
			}
			if c.login == "stranger" && got.User.ID != stranger.ID {
				t.Errorf("the user's id is %d, want %d", got.User.ID, stranger.ID)
			}
		})
	}
}

func TestUsers(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	for path, want := range map[string]int{"/user": 200, "/users/" + gh.Login(): 200, "/users/nobody": 404, "/nothing/here": 404} {
		if resp, body := call(t, gh, gh.Token(), "GET", "/api/v3"+path, ""); resp.StatusCode != want {
			t.Errorf("%s: got %d %s, want %d", path, resp.StatusCode, body, want)
		}
	}
	if resp, _ := call(t, gh, "", "GET", "/api/v3/user", ""); resp.StatusCode != 401 {
		t.Errorf("got %d without a token, want 401", resp.StatusCode)
	}
	gh.RevokeToken(gh.Token())
	if resp, _ := call(t, gh, gh.Token(), "GET", "/api/v3/user", ""); resp.StatusCode != 401 {
		t.Errorf("got %d with a revoked token, want 401", resp.StatusCode)
	}
}

func TestComments(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	c := gh.AddComment("octo/hello", 5, "alice", "/test")
	if resp, body := call(t, gh, gh.Token(), "POST", "/api/v3/repos/octo/hello/issues/5/comments", `{"body":"no"}`); resp.StatusCode != 201 {
		t.Fatalf("got %d %s, want 201", resp.StatusCode, body)
	}
	if resp, _ := call(t, gh, gh.Token(), "POST", "/api/v3/repos/octo/hello/issues/5/comments", `{"body":""}`); resp.StatusCode != 422 {
		t.Errorf("got %d for an empty comment, want 422", resp.StatusCode)
	}
	gh.AddComment("octo/hello", 6, "bob", "elsewhere")
	type comment struct {
		ID   int64
		Body string
		User struct{ Login string }
	}
	_, body := call(t, gh, "", "GET", "/api/v3/repos/octo/hello/issues/5/comments", "")
	list := decode[[]comment](t, body)
	if len(list) != 2 || list[0].User.Login != "alice" || list[1].User.Login != gh.Login() {
		t.Errorf("got %s", body)
	}
	gh.EditComment(c.ID, "/test all")
	_, body = call(t, gh, "", "GET", "/api/v3/repos/octo/hello/issues/comments/"+itoa(c.ID), "")
	if got := decode[comment](t, body); got.Body != "/test all" {
		t.Errorf("got %s, want the edited text", body)
	}
	if got := gh.Comments("octo/hello"); len(got) != 3 {
		t.Errorf("%d comments, want 3", len(got))
	}
	payload := decode[struct {
		Action  string
		Comment comment
		Issue   struct {
			Number      int
			PullRequest any `json:"pull_request"`
		}
	}](t, string(gh.CommentPayload(c)))
	if payload.Action != "created" || payload.Comment.ID != c.ID || payload.Issue.Number != 5 || payload.Issue.PullRequest != nil {
		t.Errorf("the payload is %+v", payload)
	}
}

func TestPullRequests(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	fork := gh.AddRepo(githubtest.Repo{Owner: "mallory", Name: "hello", ForkOf: 1})
	dir, base := work(t, gh, "octo/hello")
	git(t, dir, "commit", "-q", "--allow-empty", "-m", "patch")
	head := strings.TrimSpace(git(t, dir, "rev-parse", "HEAD"))
	git(t, dir, "push", "-q", withToken(gh, gh.Token())+"/mallory/hello.git", "HEAD:refs/heads/patch")
	gh.AddPull("octo/hello", githubtest.Pull{Number: 1, State: "closed", Head: "octo/hello", HeadRef: "x", HeadSHA: base, BaseSHA: base})
	gh.AddPull("octo/hello", githubtest.Pull{Number: 2, Head: "mallory/hello", HeadRef: "patch", HeadSHA: head, BaseSHA: base})
	gh.AddPull("octo/hello", githubtest.Pull{Number: 3, HeadRef: "gone", HeadSHA: base, BaseSHA: base})

	type side struct {
		Ref, SHA string
		Repo     *struct{ ID int64 }
	}
	type pull struct {
		Number     int
		Head, Base side
	}
	_, body := call(t, gh, "", "GET", "/api/v3/repos/octo/hello/pulls", "")
	list := decode[[]pull](t, body)
	if len(list) != 2 || list[0].Number != 3 || list[0].Head.Repo != nil || list[1].Head.Repo.ID != fork.ID || list[1].Base.Ref != "main" {
		t.Errorf("open ones are %s", body)
	}
	_, body = call(t, gh, "", "GET", "/api/v3/repos/octo/hello/pulls?state=all", "")
	if list := decode[[]pull](t, body); len(list) != 3 {
		t.Errorf("%d of all, want 3", len(list))
	}
	if resp, _ := call(t, gh, "", "GET", "/api/v3/repos/octo/hello/pulls/9", ""); resp.StatusCode != 404 {
		t.Errorf("got %d, want 404", resp.StatusCode)
	}
	// The fork's commit is served from the base's address, by ref and by sha.
	other := t.TempDir()
	git(t, other, "init", "-q", "--bare")
	git(t, other, "fetch", "-q", gh.URL+"/octo/hello.git", "refs/pull/2/head")
	git(t, other, "fetch", "-q", gh.URL+"/octo/hello.git", head)
	got := decode[struct {
		Action      string
		PullRequest pull `json:"pull_request"`
		Sender      struct{ Login string }
	}](t, string(gh.PullRequestPayload("octo/hello", 2, "opened", "")))
	if got.Action != "opened" || got.PullRequest.Head.SHA != head || got.Sender.Login != "mallory" {
		t.Errorf("the payload is %+v", got)
	}
}

func TestRefs(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	dir, sha := work(t, gh, "octo/hello")
	git(t, dir, "tag", "-a", "-m", "one", "v1")
	git(t, dir, "push", "-q", withToken(gh, gh.Token())+"/octo/hello.git", "v1", "HEAD:refs/heads/a/b")
	type ref struct {
		Ref    string
		Object struct{ SHA, Type string }
	}
	_, body := call(t, gh, "", "GET", "/api/v3/repos/octo/hello/git/matching-refs/heads", "")
	var names []string
	for _, r := range decode[[]ref](t, body) {
		names = append(names, r.Ref+" "+r.Object.SHA)
	}
	if diff := cmp.Diff([]string{"refs/heads/a/b " + sha, "refs/heads/main " + sha}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, body = call(t, gh, "", "GET", "/api/v3/repos/octo/hello/git/ref/tags/v1", "")
	if r := decode[ref](t, body); r.Object.Type != "tag" || r.Object.SHA == sha {
		t.Errorf("got %s, want the tag object", body)
	}
	if resp, _ := call(t, gh, "", "GET", "/api/v3/repos/octo/hello/git/ref/tags/v", ""); resp.StatusCode != 404 {
		t.Errorf("got %d for half a name, want 404", resp.StatusCode)
	}
	_, body = call(t, gh, "", "GET", "/api/v3/repos/octo/hello/branches?per_page=1&page=2", "")
	if list := decode[[]struct{ Name string }](t, body); len(list) != 1 || list[0].Name != "main" {
		t.Errorf("the second branch is %s", body)
	}
	p := decode[struct {
		After      string
		HeadCommit struct{ ID string } `json:"head_commit"`
	}](t, string(gh.PushPayload("octo/hello", "refs/tags/v1", githubtest.Zero, strings.TrimSpace(git(t, dir, "rev-parse", "v1")))))
	if p.HeadCommit.ID != sha || p.After == sha {
		t.Errorf("the annotated tag's push is %+v", p)
	}
}

func TestLimits(t *testing.T) {
	now := time.Date(2026, 11, 21, 5, 0, 0, 0, time.UTC)
	gh := githubtest.Start(t, githubtest.Config{RateLimit: 3, ContentPerMinute: 1, Clock: func() time.Time { return now }})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	comment := func() *http.Response {
		resp, _ := call(t, gh, gh.Token(), "POST", "/api/v3/repos/octo/hello/issues/1/comments", `{"body":"x"}`)
		return resp
	}
	if resp := comment(); resp.StatusCode != 201 || resp.Header.Get("X-RateLimit-Remaining") != "2" {
		t.Errorf("got %d with %s remaining", resp.StatusCode, resp.Header.Get("X-RateLimit-Remaining"))
	}
	if resp := comment(); resp.StatusCode != 403 || resp.Header.Get("Retry-After") != "61" {
		t.Errorf("got %d, Retry-After %s; want the secondary limit", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	now = now.Add(time.Minute)
	if resp := comment(); resp.StatusCode != 201 {
		t.Errorf("got %d after a minute, want 201", resp.StatusCode)
	}
	if resp := comment(); resp.StatusCode != 403 || resp.Header.Get("X-RateLimit-Remaining") != "0" {
		t.Errorf("got %d, want the primary limit", resp.StatusCode)
	}
	now = now.Add(time.Hour)
	if resp := comment(); resp.StatusCode != 201 {
		t.Errorf("got %d after the reset, want 201", resp.StatusCode)
	}
}

func TestUnchangedAnswersAreFree(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	resp, _ := call(t, gh, gh.Token(), "GET", "/api/v3/user", "")
	req, _ := http.NewRequestWithContext(t.Context(), "GET", gh.APIURL()+"/user", nil)
	req.Header.Set("Authorization", "Bearer "+gh.Token())
	req.Header.Set("If-None-Match", resp.Header.Get("ETag"))
	again, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Body.Close()
	if again.StatusCode != 304 || again.Header.Get("X-RateLimit-Used") != resp.Header.Get("X-RateLimit-Used") {
		t.Errorf("got %d, used %s", again.StatusCode, again.Header.Get("X-RateLimit-Used"))
	}
}

func TestCombinedStatus(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	sha := strings.Repeat("a", 40)
	combined := func() string {
		_, body := call(t, gh, "", "GET", "/api/v3/repos/octo/hello/commits/"+sha+"/status", "")
		return decode[struct{ State string }](t, body).State
	}
	for _, step := range []struct{ state, context, want string }{
		{"success", "a", "success"}, {"pending", "b", "pending"}, {"error", "c", "failure"}, {"success", "c", "pending"}, {"success", "b", "success"},
	} {
		call(t, gh, gh.Token(), "POST", "/api/v3/repos/octo/hello/statuses/"+sha, `{"state":"`+step.state+`","context":"`+step.context+`"}`)
		if got := combined(); got != step.want {
			t.Errorf("after %s of %s: %s, want %s", step.state, step.context, got, step.want)
		}
	}
}

func TestHooksOfOrganisationsAndApps(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	org := gh.AddHook(githubtest.Hook{Org: "octo", URL: "http://127.0.0.1:1"})
	made, err := gh.AddApp("checker")
	if err != nil {
		t.Fatal(err)
	}
	app := gh.AddHook(githubtest.Hook{AppID: made.ID, URL: "http://127.0.0.1:1"})
	payload := gh.Payload("octo/hello", "alice", map[string]any{"action": "created", "starred_at": nil})
	one := gh.Lose(githubtest.Delivery{HookID: org.ID, Event: "star", Payload: payload})
	two := gh.Lose(githubtest.Delivery{HookID: app.ID, Event: "star", Payload: payload})
	type delivery struct {
		ID           int64
		GUID, Event  string
		Action       string
		RepositoryID int64 `json:"repository_id"`
		StatusCode   int   `json:"status_code"`
		Request      struct{ Headers map[string]string }
	}
	for name, c := range map[string]struct{ token, path, guid, target string }{
		"organisation": {gh.Token(), "/orgs/octo/hooks/" + itoa(org.ID), one, "organization"},
		"App":          {signed(t, made, "RS256", 0, time.Minute), "/app/hook", two, "integration"},
	} {
		t.Run(name, func(t *testing.T) {
			_, body := call(t, gh, c.token, "GET", "/api/v3"+c.path+"/deliveries", "")
			list := decode[[]delivery](t, body)
			if len(list) != 1 || list[0].GUID != c.guid || list[0].Action != "created" || list[0].RepositoryID == 0 || list[0].StatusCode != 502 {
				t.Fatalf("got %s", body)
			}
			_, body = call(t, gh, c.token, "GET", "/api/v3"+c.path+"/deliveries/"+itoa(list[0].ID), "")
			if d := decode[delivery](t, body); d.Request.Headers["X-Github-Hook-Installation-Target-Type"] != c.target {
				t.Errorf("the headers are %v", d.Request.Headers)
			}
		})
	}
	_, body := call(t, gh, gh.Token(), "GET", "/api/v3/orgs/octo/hooks", "")
	if list := decode[[]struct{ ID int64 }](t, body); len(list) != 1 || list[0].ID != org.ID {
		t.Errorf("the organisation's hooks are %s", body)
	}
}

func TestDeliveriesAreForgotten(t *testing.T) {
	now := time.Date(2026, 11, 21, 5, 0, 0, 0, time.UTC)
	gh := githubtest.Start(t, githubtest.Config{Clock: func() time.Time { return now }})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	hook := gh.AddHook(githubtest.Hook{Repo: "octo/hello"})
	gh.Lose(githubtest.Delivery{HookID: hook.ID, Event: "ping", Payload: []byte("{}")})
	count := func() int {
		_, body := call(t, gh, gh.Token(), "GET", "/api/v3/repos/octo/hello/hooks/"+itoa(hook.ID)+"/deliveries", "")
		return len(decode[[]any](t, body))
	}
	now = now.Add(72*time.Hour - time.Second)
	if n := count(); n != 1 {
		t.Errorf("%d within 72 hours, want 1", n)
	}
	now = now.Add(time.Second)
	if n := count(); n != 0 {
		t.Errorf("%d after 72 hours, want 0", n)
	}
}

func TestControl(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusAccepted) }))
	defer agent.Close()
	sha := strings.Repeat("a", 40)
	for _, c := range []struct {
		method, path, body string
		code               int
		want               string
	}{
		{"POST", "/_test/repos?repo=octo/hello&private=1&id=7", "", 201, `"id":7`},
		{"POST", "/_test/repos?repo=octo", "", 400, "owner/name"},
		{"POST", "/_test/roles?repo=octo/hello&login=alice&role=write", "", 204, ""},
		{"POST", "/_test/roles?repo=octo/none&login=alice&role=write", "", 404, "no repository"},
		{"POST", "/_test/comments?repo=octo/hello&number=3&login=alice", "/test", 201, `"body":"/test"`},
		{"PUT", "/_test/outage?kind=404&times=1", "", 204, ""},
		{"POST", "/api/v3/repos/octo/hello/statuses/" + sha, `{"state":"success","context":"a"}`, 404, ""},
		{"POST", "/api/v3/repos/octo/hello/statuses/" + sha, `{"state":"pending","context":"a","description":"x"}`, 201, ""},
		{"POST", "/api/v3/repos/octo/hello/statuses/" + sha, `{"state":"success","context":"a","description":"y"}`, 201, ""},
		{"GET", "/_test/statuses?repo=octo/hello&all=1&format=text", "", 200, "pending a x\nsuccess a y\n"},
		{"GET", "/_test/statuses?context=a", "", 200, `"description":"y"`},
		{"GET", "/_test/statuses?min=1&context=b&timeout=1ms", "", 504, "not within 1ms"},
		{"POST", "/_test/deliver?event=push&secret=s&guid=g1&url=" + url.QueryEscape(agent.URL), "{}", 200, `"code":202`},
		{"GET", "/_test/deliveries", "", 200, `"guid":"g1"`},
		{"GET", "/_test/requests", "", 200, "/statuses/" + sha},
		{"PUT", "/_test/outage", `{"kind":"502"}`, 204, ""},
		{"GET", "/api/v3/user", "", 502, "Unicorn"},
		{"DELETE", "/_test/outage", "", 204, ""},
		{"GET", "/api/v3/user", "", 200, ""},
		{"POST", "/_test/rename?repo=octo/hello&to=octo/hallo", "", 204, ""},
		{"GET", "/api/v3/repos/octo/hello", "", 301, "/repositories/7"},
		{"DELETE", "/_test/repos?repo=octo/hallo", "", 204, ""},
		{"GET", "/api/v3/repos/octo/hallo", "", 404, ""},
	} {
		resp, body := call(t, gh, gh.Token(), c.method, c.path, c.body)
		if resp.StatusCode != c.code || !strings.Contains(body, c.want) {
			t.Fatalf("%s %s: got %d %s, want %d with %q", c.method, c.path, resp.StatusCode, body, c.code, c.want)
		}
	}
}
