package github_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/vcs/github"
	"github.com/franela/pocketci/vcs/github/githubtest"
)

// said makes the event of a payload.
func said(t *testing.T, body []byte) event.Event {
	t.Helper()
	e, err := github.Convert(http.Header{"X-Github-Event": {"issue_comment"}, "X-Github-Delivery": {"1"}}, body, github.Own{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestACommentIsWhatThePayloadAndTheAPISay(t *testing.T) {
	server, client, repo, clock := hello(t)
	server.AddPull("octo/hello", githubtest.Pull{Number: 7, Head: "octo/hello", HeadRef: "topic", HeadSHA: shaA})
	c := server.AddComment("octo/hello", 7, "mona", "/test\r\nplease")
	mona := server.AddUser(githubtest.User{Login: "mona"})
	want := run.Comment{ID: c.ID, PullRequest: 7, Author: event.Sender{ID: mona.ID, Login: "mona"}, Body: "/test\r\nplease", At: now.Truncate(time.Second)}

	got, ok := github.Said(said(t, server.CommentPayload(c)))
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("payload: %v (-want +got)\n%s", ok, diff)
	}
	got, err := client.Comment(t.Context(), repo, c.ID)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("API: %v (-want +got)\n%s", err, diff)
	}

	clock.add(time.Minute)
	server.EditComment(c.ID, "/cancel")
	got, err = client.Comment(t.Context(), repo, c.ID)
	if err != nil || !got.Edited || got.Body != "/cancel" {
		t.Errorf("edited: %+v, %v", got, err)
	}
	server.DeleteComment(c.ID)
	if _, err := client.Comment(t.Context(), repo, c.ID); !errors.Is(err, run.ErrRefused) {
		t.Errorf("deleted: %v", err)
	}
}

func TestWhatIsNoComment(t *testing.T) {
	server, _, _, _ := hello(t)
	server.AddPull("octo/hello", githubtest.Pull{Number: 7, Head: "octo/hello", HeadRef: "topic", HeadSHA: shaA})
	onPull := server.CommentPayload(server.AddComment("octo/hello", 7, "mona", "/test"))
	edit := func(change func(map[string]any)) []byte {
		var m map[string]any
		if err := json.Unmarshal(onPull, &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, body := range map[string][]byte{
		"at an issue":       server.CommentPayload(server.AddComment("octo/hello", 8, "mona", "/test")),
		"edited":            edit(func(m map[string]any) { m["action"] = "edited" }),
		"without an author": edit(func(m map[string]any) { m["comment"].(map[string]any)["user"] = nil }),
		"without an id":     edit(func(m map[string]any) { m["comment"].(map[string]any)["id"] = 0 }),
		"at another pull request": edit(func(m map[string]any) {
			m["comment"].(map[string]any)["issue_url"] = "https://x/repos/octo/hello/issues/9"
		}),
		"with a body of other kind": edit(func(m map[string]any) { m["comment"].(map[string]any)["body"] = 7 }),
	} {
		if c, ok := github.Said(said(t, body)); ok {
			t.Errorf("%s: %+v", name, c)
		}
	}
	review := said(t, onPull)
	review.Type = "pull_request_review_comment"
	if c, ok := github.Said(review); ok {
		t.Errorf("a review's comment: %+v", c)
	}
}

func TestPullAndTip(t *testing.T) {
	server, client, repo, _ := hello(t)
	eve := server.AddUser(githubtest.User{Login: "eve"})
	fork := server.AddRepo(githubtest.Repo{Owner: "eve", Name: "hello"})
	server.AddPull("octo/hello", githubtest.Pull{Number: 7, Head: "eve/hello", HeadRef: "topic", HeadSHA: shaA, BaseRef: "release/1"})
	want := run.Pull{
		Number: 7, Open: true, HeadSHA: shaA, HeadRepo: fork.ID, HeadOwner: event.Sender{ID: eve.ID, Login: "eve"}, BaseRepo: repo.ID, BaseRef: "release/1",
	}
	got, err := client.Pull(t.Context(), repo, 7)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	server.AddPull("octo/hello", githubtest.Pull{Number: 7, State: "closed", Head: "", HeadRef: "topic", HeadSHA: shaA})
	got, err = client.Pull(t.Context(), repo, 7)
	if err != nil || got.Open || got.HeadRepo != 0 || got.HeadOwner != (event.Sender{}) {
		t.Errorf("closed, its fork deleted: %+v, %v", got, err)
	}
	if _, err := client.Pull(t.Context(), repo, 8); !errors.Is(err, run.ErrRefused) {
		t.Errorf("none: %v", err)
	}
	if _, err := client.Tip(t.Context(), repo, "gone"); !errors.Is(err, run.ErrRefused) {
		t.Errorf("no branch: %v", err)
	}
}

// TestMayWriteIsAskedAfresh: with the id that was approved by, of the repository
// with this id, and never from memory.
func TestMayWriteIsAskedAfresh(t *testing.T) {
	server, client, repo, _ := hello(t)
	mona := server.AddUser(githubtest.User{Login: "mona"})
	account := event.Sender{ID: mona.ID, Login: "mona"}
	may := func() bool {
		t.Helper()
		got, err := client.MayWrite(t.Context(), repo, account)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, step := range []struct {
		role githubtest.Role
		want bool
	}{{githubtest.RoleRead, false}, {githubtest.RoleWrite, true}, {githubtest.RoleTriage, false}, {githubtest.RoleMaintain, true}, {githubtest.RoleAdmin, true}, {githubtest.RoleNone, false}} {
		server.SetRole("octo/hello", "mona", step.role)
		if got := may(); got != step.want {
			t.Errorf("%s: %v", step.role, got)
		}
	}
	server.SetRole("octo/hello", "mona", githubtest.RoleWrite)
	server.RenameUser("mona", "lisa")
	if may() {
		t.Error("a login that is nobody's may write")
	}
	server.SetRole("octo/hello", "mona", githubtest.RoleAdmin) // somebody else took the login
	if may() {
		t.Error("whoever took the login over may write")
	}
	server.Rename("octo/hello", "octo/moved")
	account.Login = "lisa"
	if !may() {
		t.Error("the renamed repository is not found by its id")
	}
	server.SetRole("octo/moved", "lisa", githubtest.RoleRead)
	server.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	server.SetRole("octo/hello", "lisa", githubtest.RoleAdmin) // of whoever has the name now
	if may() {
		t.Error("the repository that took the name over was asked for")
	}
	if got, err := client.MayWrite(t.Context(), repo, event.Sender{ID: 1, Login: "app[bot]", Bot: true}); got || err != nil {
		t.Errorf("a bot: %v, %v", got, err)
	}
	if _, err := client.MayWrite(t.Context(), event.Repo{Owner: "octo", Name: "hello"}, account); err == nil {
		t.Error("a repository without an id is asked for by its name")
	}
}

func TestReplyIsFoundAgain(t *testing.T) {
	server, client, repo, clock := hello(t)
	r := run.Reply{EventID: "github:a-->b", RepoID: repo.ID, PullRequest: 7, Text: "no", At: clock.now()}
	found := func(r run.Reply) bool {
		t.Helper()
		got, err := client.Replied(t.Context(), repo, r)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for range 120 {
		server.AddComment("octo/hello", 7, "mona", "talk")
	}
	if found(r) {
		t.Error("found before it was sent")
	}
	if err := client.Reply(t.Context(), repo, r); err != nil {
		t.Fatal(err)
	}
	if !found(r) {
		t.Error("not found")
	}
	other := r
	other.EventID = "github:a"
	if found(other) {
		t.Error("another one's is taken for it")
	}
	all := server.Comments("octo/hello")
	last := all[len(all)-1]
	if last.Login != server.Login() || !strings.HasPrefix(last.Body, "no\n\n<!-- ") || strings.Count(last.Body, "-->") != 1 {
		t.Errorf("the reply: %+v", last)
	}
	server.SetOutage(githubtest.Outage{Kind: githubtest.Secondary, RetryAfter: 9})
	var limited *run.RetryAfter
	if err := client.Reply(t.Context(), repo, r); !errors.As(err, &limited) {
		t.Errorf("a limit: %v", err)
	}
}
