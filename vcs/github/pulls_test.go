package github_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/vcs/github"
	"github.com/franela/pocketci/vcs/github/githubtest"
)

// repoGit runs git in a repository's folder.
func repoGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "GIT_AUTHOR_NAME=Octo", "GIT_AUTHOR_EMAIL=o@example.com", "GIT_COMMITTER_NAME=Octo",
		"GIT_COMMITTER_EMAIL=o@example.com", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// commit makes a commit on top of parents.
func commit(t *testing.T, dir, message string, parents ...string) string {
	t.Helper()
	tree := repoGit(t, dir, "hash-object", "-t", "tree", "-w", "/dev/null")
	args := []string{"commit-tree", "-m", message}
	for _, p := range parents {
		args = append(args, "-p", p)
	}
	return repoGit(t, dir, append(args, tree)...)
}

func TestRefs(t *testing.T) {
	server, client, repo, _ := hello(t)
	dir := server.GitDir("octo/hello")
	a := commit(t, dir, "first")
	var want []event.Head
	for i := range 120 {
		ref := fmt.Sprintf("refs/heads/b%03d", i)
		repoGit(t, dir, "update-ref", ref, a)
		want = append(want, event.Head{Ref: ref, SHA: a})
	}
	repoGit(t, dir, "update-ref", "refs/pull/1/head", a)
	repoGit(t, dir, "tag", "-m", "release", "v1", a)
	want = append(want, event.Head{Ref: "refs/tags/v1", SHA: repoGit(t, dir, "rev-parse", "v1")})
	server.Rename("octo/hello", "octo/renamed")
	r := record(t, client, func(c *github.RecordConfig) { c.Share = 5 })
	for look := range 9 { // the first costs four requests, the others none
		now, got, err := r.Refs(t.Context(), repo)
		if err != nil {
			t.Fatalf("look %d: %v", look, err)
		}
		if now.FullName() != "octo/renamed" || now.ID != repo.ID {
			t.Errorf("the repository is %+v", now)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("look %d (-want +got)\n%s", look, diff)
		}
	}
	server.Remove("octo/renamed")
	server.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	if _, _, err := r.Refs(t.Context(), repo); !errors.Is(err, run.ErrRefused) {
		t.Errorf("who took the name is taken for the repository: %v", err)
	}
}

func TestPulls(t *testing.T) {
	server, client, repo, _ := hello(t)
	dir := server.GitDir("octo/hello")
	a := commit(t, dir, "first")
	var want []event.Head
	for n := 130; n > 0; n-- {
		server.AddPull("octo/hello", githubtest.Pull{Number: n, Head: "octo/hello", HeadRef: "topic", HeadSHA: a, BaseSHA: a})
		want = append(want, event.Head{Ref: fmt.Sprintf("refs/pull/%d/head", n), SHA: a, PullRequest: n})
	}
	server.AddPull("octo/hello", githubtest.Pull{Number: 131, State: "closed", HeadSHA: a})
	got, err := record(t, client, nil).Pulls(t.Context(), repo)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	server.SetOutage(githubtest.Outage{Kind: githubtest.Forbidden, Path: "/pulls"})
	var missing *github.PermissionError
	if _, err := record(t, client, nil).Pulls(t.Context(), repo); !errors.As(err, &missing) || !strings.Contains(missing.Permission, "Pull requests: read") {
		t.Errorf("%v", err)
	}
}

func TestHead(t *testing.T) {
	server, client, repo, _ := hello(t)
	dir := server.GitDir("octo/hello")
	a := commit(t, dir, "first")
	repoGit(t, dir, "update-ref", "refs/heads/feature/a#b%20c", a)
	repoGit(t, dir, "tag", "v1", a)
	server.AddPull("octo/hello", githubtest.Pull{Number: 3, Head: "octo/hello", HeadSHA: a})
	server.AddPull("octo/hello", githubtest.Pull{Number: 4, Head: "octo/hello", HeadSHA: a, State: "closed"})
	r := record(t, client, func(c *github.RecordConfig) { c.Share = 1 })
	for ref, want := range map[string]string{
		"refs/heads/feature/a#b%20c": a,
		"refs/heads/feature":         "",
		"refs/heads/gone":            "",
		"refs/tags/v1":               a,
		"refs/pull/3/head":           a,
		"refs/pull/4/head":           "",
		"refs/pull/5/head":           "",
	} {
		got, err := r.Head(t.Context(), repo, ref)
		if err != nil || got != want {
			t.Errorf("%s is at %q (%v), want %q", ref, got, err, want)
		}
	}
	for _, ref := range []string{"main", "refs/notes/x", "refs/pull/3/merge", "refs/pull/03/head"} {
		if got, err := r.Head(t.Context(), repo, ref); err == nil {
			t.Errorf("%s is at %q", ref, got)
		}
	}
	server.SetOutage(githubtest.Outage{Kind: githubtest.BadGateway})
	if got, err := r.Head(t.Context(), repo, "refs/heads/gone"); err == nil {
		t.Errorf("without an answer the ref is at %q", got)
	}
}

// TestHeadIsFreeIfUnmoved: of many late events of one ref each asks for it.
func TestHeadIsFreeIfUnmoved(t *testing.T) {
	server, client, repo, _ := hello(t)
	dir := server.GitDir("octo/hello")
	a := commit(t, dir, "first")
	b := commit(t, dir, "second", a)
	repoGit(t, dir, "update-ref", "refs/heads/main", a)
	server.AddPull("octo/hello", githubtest.Pull{Number: 3, Head: "octo/hello", HeadSHA: a, BaseSHA: a})
	r := record(t, client, nil)
	ask := func(want string) {
		t.Helper()
		for _, ref := range []string{"refs/heads/main", "refs/pull/3/head"} {
			if got, err := r.Head(t.Context(), repo, ref); err != nil || got != want {
				t.Fatalf("%s is at %q (%v)", ref, got, err)
			}
		}
	}
	for range 5 {
		ask(a)
	}
	repoGit(t, dir, "update-ref", "refs/heads/main", b)
	server.AddPull("octo/hello", githubtest.Pull{Number: 3, Head: "octo/hello", HeadSHA: b, BaseSHA: a})
	ask(b)
	answers := map[int]int{}
	for _, q := range server.Requests() {
		answers[q.Status]++
	}
	if answers[200] != 4 || answers[304] != 8 {
		t.Errorf("%v, want 4 that cost and 8 that don't", answers)
	}
	t.Run("what else is asked of the same is not taken for it", func(t *testing.T) {
		found, err := github.NewFound(github.FoundConfig{Record: r})
		if err != nil {
			t.Fatal(err)
		}
		m := event.Move{Name: "pull_request", Action: "synchronize", Ref: "refs/pull/3/head", Before: a, SHA: b}
		if e, err := found.Event(t.Context(), repo, m); err != nil || e.SHA != b {
			t.Errorf("%+v, %v", e, err)
		}
		ask(b)
	})
}

// scripted answers by path; what is not there is 404.
func scripted(t *testing.T, answers map[string]string) *github.Client {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[strings.TrimPrefix(r.URL.Path, "/api/v3")]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			body = `{"message":"Not Found"}`
		}
		fmt.Fprint(w, body)
	}))
	t.Cleanup(api.Close)
	return clientOf(t, api.URL)
}

const (
	shaTag  = "cccccccccccccccccccccccccccccccccccccccc"
	repo7   = `{"id":7,"name":"hello","full_name":"octo/hello","owner":{"login":"octo","id":2},"default_branch":"main","html_url":"https://github.com/octo/hello","extra":{"big":12345678901234567890}}`
	commitB = `{"sha":"` + shaB + `","message":"fix <it> & go","author":{"name":"Ann","email":"a@example.com","date":"2026-11-21T04:00:00Z"},
		"committer":{"name":"Bob","email":"b@example.com","date":"2026-11-21T04:30:00Z"},"tree":{"sha":"` + shaA + `"}}`
)

// TestOddRefs: GitHub matches the beginnings of names, and answers for a repository
// that is another one than was asked for are not believed.
func TestOddRefs(t *testing.T) {
	object := `"object":{"sha":"` + strings.Repeat("a", 40) + `","type":"commit"}`
	answers := map[string]string{
		"/repositories/7":                         `{"id":7,"name":"hello","full_name":"octo/hello","owner":{"login":"octo"}}`,
		"/repositories/7/git/matching-refs/heads": `[{"ref":"refs/heads/main",` + object + `},{"ref":"refs/headstrong/x",` + object + `}]`,
		"/repositories/7/git/matching-refs/tags":  `[]`,
	}
	repo := event.Repo{ID: 7, Owner: "octo", Name: "hello"}
	_, list, err := record(t, scripted(t, answers), nil).Refs(t.Context(), repo)
	if err != nil || len(list) != 1 || list[0].Ref != "refs/heads/main" {
		t.Errorf("%+v, %v", list, err)
	}
	for path, body := range map[string]string{"heads": answers["/repositories/7/git/matching-refs/heads"], "tags": "[]"} {
		answers["/repositories/8/git/matching-refs/"+path] = body
	}
	answers["/repositories/7"] = strings.Replace(answers["/repositories/7"], `"id":7`, `"id":8`, 1)
	if _, list, err := record(t, scripted(t, answers), nil).Refs(t.Context(), repo); err == nil {
		t.Errorf("another repository's: %+v", list)
	}
}

func TestIsAncestor(t *testing.T) {
	r := record(t, scripted(t, map[string]string{
		"/repositories/7/compare/" + shaA + "..." + shaB: `{"status":"ahead"}`,
		"/repositories/7/compare/" + shaB + "..." + shaA: `{"status":"behind"}`,
		"/repositories/7/compare/" + shaA + "..." + shaA: `{"status":"identical"}`,
	}), nil)
	repo := event.Repo{ID: 7, Owner: "octo", Name: "hello"}
	for _, c := range []struct {
		older, newer string
		want         bool
	}{{shaA, shaB, true}, {shaB, shaA, false}, {shaA, shaA, true}, {shaA, shaTag, false}} {
		if got, err := r.IsAncestor(t.Context(), repo, c.older, c.newer); err != nil || got != c.want {
			t.Errorf("%.4s, %.4s: %v, %v", c.older, c.newer, got, err)
		}
	}
	if _, err := r.IsAncestor(t.Context(), repo, "main", shaA); err == nil {
		t.Error("a name is no commit")
	}
}

// maker makes events of moves that were found.
func maker(t *testing.T, client *github.Client) *github.Found {
	t.Helper()
	f, err := github.NewFound(github.FoundConfig{Record: record(t, client, nil), Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var zeros = strings.Repeat("0", 40)

func TestFoundPush(t *testing.T) {
	repo := event.Repo{ID: 7, Owner: "octo", Name: "old-name"}
	answers := map[string]string{
		"/repositories/7":                                     repo7,
		"/repositories/7/git/commits/" + shaB:                 commitB,
		"/repositories/7/git/ref/tags/v1":                     `{"object":{"sha":"` + shaTag + `","type":"tag"}}`,
		"/repositories/7/git/tags/" + shaTag:                  `{"object":{"sha":"` + shaB + `","type":"commit"}}`,
		"/repositories/7/git/ref/tags/light":                  `{"object":{"sha":"` + shaB + `","type":"commit"}}`,
		"/repositories/7/git/ref/tags/a-blob":                 `{"object":{"sha":"` + shaA + `","type":"blob"}}`,
		"/repositories/7/git/ref/tags/moved":                  `{"object":{"sha":"` + shaA + `","type":"commit"}}`,
		"/repositories/7/git/ref/tags/no-sha":                 `{"object":{"sha":"x","type":"commit"}}`,
		"/repositories/7/git/ref/tags/endless":                `{"object":{"sha":"` + strings.Repeat("d", 40) + `","type":"tag"}}`,
		"/repositories/7/git/tags/" + strings.Repeat("d", 40): `{"object":{"sha":"` + strings.Repeat("d", 40) + `","type":"tag"}}`,
	}
	base := event.Event{
		Vendor: "github", Name: "push", Type: "push", Filter: "main",
		Repo: event.Repo{ID: 7, Owner: "octo", Name: "hello", DefaultBranch: "main", HTMLURL: "https://github.com/octo/hello"},
		Ref:  "refs/heads/main", SHA: shaB, BaseSHA: shaA, Diff: event.DiffPush,
		SHATrust: event.Trusted, SenderTrust: event.Trusted, Status: true, Provenance: event.Recovered, ReceivedAt: now,
	}
	tag := base
	tag.Name, tag.Filter, tag.Ref, tag.BaseSHA, tag.Diff = "tag", "v1", "refs/tags/v1", zeros, ""
	light := tag
	light.Filter, light.Ref = "light", "refs/tags/light"
	for name, c := range map[string]struct {
		move event.Move
		want event.Event
		// payload are fields that it holds.
		payload string
	}{
		"a branch": {
			event.Move{Name: "push", Ref: "refs/heads/main", Before: shaA, SHA: shaB}, base,
			`"compare":"https://github.com/octo/hello/compare/` + shaA + `...` + shaB + `"`,
		},
		"an annotated tag": {event.Move{Name: "tag", Ref: "refs/tags/v1", Before: zeros, SHA: shaTag}, tag, `"after":"` + shaTag + `"`},
		"a light tag":      {event.Move{Name: "tag", Ref: "refs/tags/light", Before: zeros, SHA: shaB}, light, `"created":true`},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := maker(t, scripted(t, answers)).Event(t.Context(), repo, c.move)
			if err != nil {
				t.Fatal(err)
			}
			c.want.ID = c.move.FoundID("github", 7)
			if diff := cmp.Diff(c.want, e, cmpopts.IgnoreFields(event.Event{}, "Payload")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			for _, part := range []string{c.payload, `"message":"fix <it> & go"`, `"timestamp":"2026-11-21T04:30:00Z"`, `"author":{"name":"Ann","email":"a@example.com"}`, `12345678901234567890`} {
				if !strings.Contains(string(e.Payload), part) {
					t.Errorf("the payload lacks %s: %s", part, e.Payload)
				}
			}
			if m, ok := event.MoveOf(e); !ok || !m.Found || m.SHA != shaB {
				t.Errorf("the move of the event is %+v", m)
			}
		})
	}
	t.Run("a commit that can't be read is known by its id", func(t *testing.T) {
		e, err := maker(t, scripted(t, map[string]string{"/repositories/7": repo7})).
			Event(t.Context(), repo, event.Move{Name: "push", Ref: "refs/heads/main", Before: shaA, SHA: shaB})
		if err != nil || !strings.Contains(string(e.Payload), `"head_commit":{"added":[],"distinct":true,"id":"`+shaB+`"`) {
			t.Errorf("%v: %s", err, e.Payload)
		}
	})
	for ref, never := range map[string]bool{"a-blob": true, "moved": false, "no-sha": false, "gone": false, "endless": false} {
		t.Run("no event of "+ref, func(t *testing.T) {
			sha := shaB
			switch ref {
			case "a-blob":
				sha = shaA
			case "endless":
				sha = strings.Repeat("d", 40)
			}
			_, err := maker(t, scripted(t, answers)).Event(t.Context(), repo, event.Move{Name: "tag", Ref: "refs/tags/" + ref, Before: zeros, SHA: sha})
			if err == nil || errors.Is(err, event.ErrMalformed) != never {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestFoundPull(t *testing.T) {
	server, client, repo, _ := hello(t)
	server.AddRepo(githubtest.Repo{Owner: "eve", Name: "hello"})
	dir := server.GitDir("octo/hello")
	a := commit(t, dir, "first")
	b := commit(t, server.GitDir("eve/hello"), "second")
	server.AddPull("octo/hello", githubtest.Pull{Number: 3, Head: "octo/hello", HeadRef: "topic", HeadSHA: a, BaseSHA: a, Login: "ann"})
	server.AddPull("octo/hello", githubtest.Pull{Number: 4, Head: "eve/hello", HeadRef: "topic", HeadSHA: b, BaseSHA: a})
	server.AddPull("octo/hello", githubtest.Pull{Number: 5, Head: "", HeadRef: "topic", HeadSHA: a, BaseSHA: a})
	server.AddPull("octo/hello", githubtest.Pull{Number: 6, State: "closed", Head: "octo/hello", HeadSHA: a, BaseSHA: a})
	f := maker(t, client)
	move := func(n int, action, sha string) event.Move {
		return event.Move{Name: "pull_request", Action: action, Ref: fmt.Sprintf("refs/pull/%d/head", n), Before: zeros, SHA: sha}
	}
	for name, c := range map[string]struct {
		move   event.Move
		trust  event.Trust
		sender string
	}{
		"opened":         {move(3, "opened", a), event.Trusted, "ann"},
		"synchronized":   {move(3, "synchronize", a), event.Trusted, "ann"},
		"of a fork":      {move(4, "opened", b), event.Untrusted, "eve"},
		"of a gone fork": {move(5, "reopened", a), event.Untrusted, "ghost"},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := f.Event(t.Context(), repo, c.move)
			if err != nil {
				t.Fatal(err)
			}
			if e.ID != c.move.FoundID("github", repo.ID) || e.Action != c.move.Action || e.Filter != c.move.Action || e.SHA != c.move.SHA ||
				e.SHATrust != c.trust || e.SenderTrust != event.TrustUnknown || e.Sender.Login != c.sender || e.Provenance != event.Recovered || !e.Status {
				t.Errorf("%+v", e)
			}
			var p struct {
				Number      int
				PullRequest struct {
					Head struct{ SHA string }
				} `json:"pull_request"`
				Before, After string
			}
			if err := json.Unmarshal(e.Payload, &p); err != nil || p.PullRequest.Head.SHA != c.move.SHA || p.Number != e.PullRequest {
				t.Errorf("%v: %s", err, e.Payload)
			}
			if (p.After == c.move.SHA) != (c.move.Action == "synchronize") {
				t.Errorf("after is %q", p.After)
			}
		})
	}
	for name, m := range map[string]event.Move{
		"moved on": move(3, "synchronize", b), "closed": move(6, "opened", a), "gone": move(9, "opened", a),
		"no pull request": {Name: "pull_request", Ref: "refs/heads/main", SHA: a},
	} {
		if _, err := f.Event(t.Context(), repo, m); err == nil || errors.Is(err, event.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := github.NewFound(github.FoundConfig{}); err == nil {
		t.Error("events of nothing")
	}
}
