package githubtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/franela/pocketci/vcs/github/githubtest"
)

// work is a working copy with one commit, pushed to owner/name's main.
func work(t *testing.T, gh *githubtest.Server, fullName string) (dir, sha string) {
	t.Helper()
	dir = t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-q", "-m", "first")
	git(t, dir, "push", "-q", withToken(gh, gh.Token())+"/"+fullName+".git", "main")
	return dir, strings.TrimSpace(git(t, dir, "rev-parse", "HEAD"))
}

func withToken(gh *githubtest.Server, token string) string {
	return strings.Replace(gh.URL, "http://", "http://x-access-token:"+token+"@", 1)
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := tryGit(t, dir, args...)
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return out
}

func tryGit(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// call makes an API request and gives code and body.
func call(t *testing.T, gh *githubtest.Server, token, method, path, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, gh.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func TestGit(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello", Private: true})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "open"})
	gh.AddToken("stranger-token", "stranger")
	_, sha := work(t, gh, "octo/hello")
	work(t, gh, "octo/open")
	list := func(url string) (string, error) { return tryGit(t, t.TempDir(), "ls-remote", url) }

	for name, c := range map[string]struct {
		url  string
		want string // part of what git says
		ok   bool
	}{
		"private with its token":      {withToken(gh, gh.Token()) + "/octo/hello.git", sha, true},
		"without .git, other case":    {withToken(gh, gh.Token()) + "/Octo/HELLO", sha, true},
		"private without credentials": {gh.URL + "/octo/hello.git", "could not read Username", false},
		"private with a stranger's":   {withToken(gh, "stranger-token") + "/octo/hello.git", "not found", false},
		"public without credentials":  {gh.URL + "/octo/open.git", "refs/heads/main", true},
		"unknown without credentials": {gh.URL + "/octo/none.git", "could not read Username", false},
		"unknown with its token":      {withToken(gh, gh.Token()) + "/octo/none.git", "not found", false},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := list(c.url)
			if (err == nil) != c.ok || !strings.Contains(out, c.want) {
				t.Errorf("got %q, %v; want %q, ok %t", out, err, c.want, c.ok)
			}
		})
	}
}

// git itself sends credentials only when asked, so this one is sent by hand.
func TestGitRefusesWrongCredentialsOfPublicRepositories(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "open"})
	if resp, body := call(t, gh, "wrong", "GET", "/octo/open.git/info/refs?service=git-upload-pack", ""); resp.StatusCode != 401 {
		t.Errorf("got %d %s, want 401", resp.StatusCode, body)
	}
}

func TestGitFetchesAnyShaBlobless(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	dir, old := work(t, gh, "octo/hello")
	git(t, dir, "commit", "-q", "--amend", "-m", "other")
	git(t, dir, "push", "-q", "-f", withToken(gh, gh.Token())+"/octo/hello.git", "main")

	mirror := t.TempDir()
	git(t, mirror, "init", "-q", "--bare")
	git(t, mirror, "fetch", "-q", "--filter=blob:none", "--no-tags", gh.URL+"/octo/hello.git", old)
	if out, err := tryGit(t, mirror, "cat-file", "-e", old+"^{commit}"); err != nil {
		t.Errorf("the replaced commit is missing: %s", out)
	}
	objects := git(t, mirror, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
	if strings.Contains(objects, "blob") {
		t.Errorf("blobs were fetched: %s", objects)
	}
}

func TestGitPushNeedsWrite(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	gh.AddToken("reader-token", "reader")
	dir, _ := work(t, gh, "octo/hello")
	out, err := tryGit(t, dir, "push", withToken(gh, "reader-token")+"/octo/hello.git", "main:other")
	if err == nil || !strings.Contains(out, "403") {
		t.Errorf("got %q, %v; want a refusal", out, err)
	}
	gh.SetRole("octo/hello", "reader", githubtest.RoleWrite)
	git(t, dir, "push", "-q", withToken(gh, "reader-token")+"/octo/hello.git", "main:other")
}

func TestRenamedRepositoryRedirects(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	r := gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	_, sha := work(t, gh, "octo/hello")
	gh.Rename("octo/hello", "octo/hallo")
	if out := git(t, t.TempDir(), "ls-remote", gh.URL+"/octo/hello.git"); !strings.Contains(out, sha) {
		t.Errorf("git was not redirected: %q", out)
	}
	resp, _ := call(t, gh, gh.Token(), "GET", "/api/v3/repos/octo/hello", "")
	if resp.StatusCode != 301 {
		t.Fatalf("got %d, want 301", resp.StatusCode)
	}
	resp, body := call(t, gh, gh.Token(), "GET", strings.TrimPrefix(resp.Header.Get("Location"), gh.URL), "")
	if resp.StatusCode != 200 || !strings.Contains(body, `"full_name":"octo/hallo"`) {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
	again := gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	if again.ID == r.ID {
		t.Error("a repository under an old name has the old id")
	}
	if resp, _ := call(t, gh, gh.Token(), "GET", "/api/v3/repos/octo/hello", ""); resp.StatusCode != 200 {
		t.Errorf("got %d for the repository under the old name, want 200", resp.StatusCode)
	}
}

func TestStatuses(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello", Private: true})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "open"})
	gh.AddToken("stranger-token", "stranger")
	_, sha := work(t, gh, "octo/hello")
	_, openSHA := work(t, gh, "octo/open")
	long := strings.Repeat("ä", 141)
	for name, c := range map[string]struct {
		token, repo, sha, body string
		code                   int
	}{
		"good":                      {gh.Token(), "octo/hello", sha, `{"state":"success","context":"c"}`, 201},
		"140 characters, not bytes": {gh.Token(), "octo/hello", sha, `{"state":"success","description":"` + long[2:] + `"}`, 201},
		"141 characters":            {gh.Token(), "octo/hello", sha, `{"state":"success","description":"` + long + `"}`, 422},
		"no such state":             {gh.Token(), "octo/hello", sha, `{"state":"skipped"}`, 422},
		"no such commit":            {gh.Token(), "octo/hello", githubtest.Zero, `{"state":"success"}`, 422},
		"not JSON":                  {gh.Token(), "octo/hello", sha, `{`, 400},
		"no such repository":        {gh.Token(), "octo/none", sha, `{"state":"success"}`, 404},
		"wrong token":               {"wrong", "octo/hello", sha, `{"state":"success"}`, 401},
		"no token":                  {"", "octo/open", openSHA, `{"state":"success"}`, 401},
		"hidden from the account":   {"stranger-token", "octo/hello", sha, `{"state":"success"}`, 404},
		"the account may only read": {"stranger-token", "octo/open", openSHA, `{"state":"success"}`, 403},
	} {
		t.Run(name, func(t *testing.T) {
			if resp, body := call(t, gh, c.token, "POST", "/api/v3/repos/"+c.repo+"/statuses/"+c.sha, c.body); resp.StatusCode != c.code {
				t.Errorf("got %d %s, want %d", resp.StatusCode, body, c.code)
			}
		})
	}
}

func TestStatusesAreListedNewestFirstInPages(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	sha := strings.Repeat("a", 40)
	for _, c := range []string{"one", "two", "three"} {
		call(t, gh, gh.Token(), "POST", "/api/v3/repos/octo/hello/statuses/"+sha, `{"state":"pending","context":"`+c+`"}`)
	}
	resp, body := call(t, gh, "", "GET", "/api/v3/repos/octo/hello/commits/"+sha+"/statuses?per_page=2", "")
	var list []struct{ Context string }
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list) != 2 || list[0].Context != "three" {
		t.Errorf("got %s, want three and two", body)
	}
	if link := resp.Header.Get("Link"); !strings.Contains(link, `page=2`) || !strings.Contains(link, `rel="next"`) {
		t.Errorf("Link is %q", link)
	}
}

func TestOutages(t *testing.T) {
	for name, c := range map[string]struct {
		outage githubtest.Outage
		code   int
		header string
	}{
		"502":       {githubtest.Outage{Kind: githubtest.BadGateway}, 502, ""},
		"secondary": {githubtest.Outage{Kind: githubtest.Secondary, RetryAfter: 7}, 403, "Retry-After: 7"},
		"primary":   {githubtest.Outage{Kind: githubtest.Primary, RetryAfter: 60}, 403, "X-Ratelimit-Remaining: 0"},
		"429":       {githubtest.Outage{Kind: githubtest.TooMany, RetryAfter: 7}, 429, "Retry-After: 7"},
		"404":       {githubtest.Outage{Kind: githubtest.NotFound}, 404, ""},
		"401":       {githubtest.Outage{Kind: githubtest.Unauthorized}, 401, ""},
		"redirect":  {githubtest.Outage{Kind: githubtest.Redirect, To: "http://elsewhere.example"}, 302, "Location: http://elsewhere.example/api/v3/user"},
	} {
		t.Run(name, func(t *testing.T) {
			gh := githubtest.Start(t, githubtest.Config{})
			c.outage.Times = 1
			gh.SetOutage(c.outage)
			resp, _ := call(t, gh, gh.Token(), "GET", "/api/v3/user", "")
			var head bytes.Buffer
			_ = resp.Header.Write(&head)
			if resp.StatusCode != c.code || !strings.Contains(head.String(), c.header) {
				t.Errorf("got %d\n%s; want %d with %q", resp.StatusCode, &head, c.code, c.header)
			}
			if resp, _ := call(t, gh, gh.Token(), "GET", "/api/v3/user", ""); resp.StatusCode != 200 {
				t.Errorf("got %d after the outage, want 200", resp.StatusCode)
			}
		})
	}
}

func TestDownHangsUp(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	gh.SetOutage(githubtest.Outage{Kind: githubtest.Down})
	req, _ := http.NewRequestWithContext(t.Context(), "GET", gh.APIURL()+"/user", nil)
	if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
		t.Errorf("got %d, want no answer", resp.StatusCode)
	}
}

func TestDownAfterWorkKeepsTheStatus(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	gh.SetOutage(githubtest.Outage{Kind: githubtest.Down, AfterWork: true})
	req, _ := http.NewRequestWithContext(t.Context(), "POST", gh.APIURL()+"/repos/octo/hello/statuses/"+strings.Repeat("a", 40), strings.NewReader(`{"state":"success"}`))
	req.Header.Set("Authorization", "token "+gh.Token())
	if _, err := http.DefaultTransport.RoundTrip(req); err == nil {
		t.Error("there was an answer")
	}
	if n := len(gh.Statuses(githubtest.Query{})); n != 1 {
		t.Errorf("%d statuses, want 1", n)
	}
}

func TestHangEndsWithTheOutage(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	gh.SetOutage(githubtest.Outage{Kind: githubtest.Hang})
	done := make(chan error, 1)
	go func() {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", gh.APIURL()+"/user", nil)
		_, err := http.DefaultTransport.RoundTrip(req)
		done <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := gh.WaitHanging(ctx, 1); err != nil {
		t.Fatal(err)
	}
	gh.ClearOutage()
	if err := <-done; err == nil {
		t.Error("got an answer, want a hang-up")
	}
}

func TestDeliverSignsAndKeeps(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	r := gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	arrived := make(chan http.Header, 2)
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("X-Hub-Signature-256") != githubtest.Sign("s", body) {
			w.WriteHeader(http.StatusUnauthorized)
		}
		arrived <- r.Header
	}))
	defer agent.Close()
	hook := gh.AddHook(githubtest.Hook{Repo: "octo/hello", URL: agent.URL, Secret: "s"})
	payload := gh.PushPayload("octo/hello", "refs/heads/main", githubtest.Zero, strings.Repeat("a", 40))
	answer, err := gh.Deliver(t.Context(), githubtest.Delivery{HookID: hook.ID, Event: "push", Payload: payload})
	if err != nil || answer.Code != 200 {
		t.Fatalf("got %+v, %v", answer, err)
	}
	if h := <-arrived; h.Get("X-GitHub-Event") != "push" || h.Get("X-GitHub-Hook-Installation-Target-Type") != "repository" {
		t.Errorf("headers are %v", h)
	}
	lost := gh.Lose(githubtest.Delivery{HookID: hook.ID, Event: "push", Payload: payload})

	path := "/api/v3/repos/" + r.FullName() + "/hooks/" + itoa(hook.ID) + "/deliveries"
	resp, body := call(t, gh, gh.Token(), "GET", path+"?per_page=1", "")
	var list []struct {
		ID         int64
		GUID       string
		StatusCode int `json:"status_code"`
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list) != 1 || list[0].GUID != lost || list[0].StatusCode != 502 {
		t.Fatalf("got %s, want the lost one first", body)
	}
	if !strings.Contains(resp.Header.Get("Link"), "cursor=") {
		t.Errorf("Link is %q, want a cursor", resp.Header.Get("Link"))
	}
	_, body = call(t, gh, gh.Token(), "GET", path+"/"+itoa(list[0].ID), "")
	if !strings.Contains(body, `"ref":"refs/heads/main"`) {
		t.Errorf("the detail lacks the payload: %s", body)
	}
	if resp, _ := call(t, gh, gh.Token(), "POST", path+"/"+itoa(list[0].ID)+"/attempts", ""); resp.StatusCode != 202 {
		t.Fatalf("got %d, want 202", resp.StatusCode)
	}
	select {
	case h := <-arrived:
		if h.Get("X-GitHub-Delivery") != lost {
			t.Errorf("the id is %s again, want %s", h.Get("X-GitHub-Delivery"), lost)
		}
	case <-time.After(time.Minute):
		t.Error("it was not delivered again")
	}
}

func itoa(n int64) string { b, _ := json.Marshal(n); return string(b) }

func TestWaitStatus(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	sha := strings.Repeat("a", 40)
	go func() {
		for _, state := range []string{"pending", "success"} {
			req, _ := http.NewRequestWithContext(t.Context(), "POST", gh.APIURL()+"/repos/octo/hello/statuses/"+sha,
				strings.NewReader(`{"state":"`+state+`","context":"c","description":"d"}`))
			req.Header.Set("Authorization", "token "+gh.Token())
			if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
				resp.Body.Close()
			}
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	st, err := gh.WaitStatus(ctx, githubtest.Query{Repo: "octo/hello", State: "success"})
	if err != nil || st.Context != "c" {
		t.Fatalf("got %+v, %v", st, err)
	}
	_, body := call(t, gh, "", "GET", "/_test/statuses?repo=octo/hello&min=1&format=text", "")
	if body != "success c d\n" {
		t.Errorf("got %q", body)
	}
	gone, give := context.WithCancelCause(t.Context())
	give(errors.New("enough"))
	if _, err := gh.WaitStatus(gone, githubtest.Query{Context: "never"}); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("got %v, want the cause", err)
	}
}
