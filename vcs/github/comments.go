package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// wireRemark is a comment at an issue or a pull request, in a payload and in the API.
type wireRemark struct {
	ID       int64     `json:"id"`
	Body     string    `json:"body"`
	User     *wireUser `json:"user"`
	IssueURL string    `json:"issue_url"`
	Created  time.Time `json:"created_at"`
	Updated  time.Time `json:"updated_at"`
}

// convert: a comment whose author is gone, or that names no issue, is nobody's.
func (w *wireRemark) convert() (run.Comment, error) {
	u, err := url.Parse(w.IssueURL)
	if err != nil {
		return run.Comment{}, fmt.Errorf("comment %d: its issue's address can't be read", w.ID)
	}
	number, err := strconv.Atoi(u.Path[strings.LastIndexByte(u.Path, '/')+1:])
	if w.ID <= 0 || w.User == nil || w.User.ID <= 0 || err != nil || number <= 0 {
		return run.Comment{}, fmt.Errorf("comment %d: it has no author or no issue", w.ID)
	}
	return run.Comment{
		ID: w.ID, PullRequest: number, Body: w.Body, At: w.Created.UTC(),
		Author: event.Sender{ID: w.User.ID, Login: w.User.Login, Bot: w.User.bot()},
		Edited: !w.Updated.Equal(w.Created),
	}, nil
}

// Said gives the comment that an event brings: one that was just written at a
// pull request. ok is false for everything else, an edited comment too. What it
// gives is what the payload says; see [Client.Comment].
func Said(e event.Event) (c run.Comment, ok bool) {
	if e.Vendor != Vendor || e.Type != "issue_comment" || e.Action != "created" || e.PullRequest <= 0 {
		return run.Comment{}, false
	}
	var w struct {
		Comment *wireRemark `json:"comment"`
	}
	if err := json.Unmarshal(e.Payload, &w); err != nil || w.Comment == nil {
		return run.Comment{}, false
	}
	if w.Comment.IssueURL == "" { // old servers leave it out
		w.Comment.IssueURL = "/" + strconv.Itoa(e.PullRequest)
	}
	c, err := w.Comment.convert()
	return c, err == nil && c.PullRequest == e.PullRequest
}

// Comment gives a comment at an issue or a pull request as it is now. Errors are
// those of SetStatus; run.ErrRefused also means that there is none (any more).
func (c *Client) Comment(ctx context.Context, repo event.Repo, id int64) (run.Comment, error) {
	what := fmt.Sprintf("read comment %d of %s", id, repo.FullName())
	var w wireRemark
	if err := c.call(ctx, what, http.MethodGet, repo, "issues/comments/"+strconv.FormatInt(id, 10), nil, &w); err != nil {
		return run.Comment{}, err
	}
	got, err := w.convert()
	if err == nil && got.ID != id {
		err = errors.New("the answer is another one")
	}
	if err != nil {
		return run.Comment{}, fmt.Errorf("%s: %w", what, err)
	}
	return got, nil
}

// Pull gives a pull request as it is now. Errors are those of Comment.
func (c *Client) Pull(ctx context.Context, repo event.Repo, number int) (run.Pull, error) {
	what := fmt.Sprintf("read pull request %d of %s", number, repo.FullName())
	var w struct {
		Number int      `json:"number"`
		State  string   `json:"state"`
		Head   wirePart `json:"head"`
		Base   wirePart `json:"base"`
	}
	if err := c.call(ctx, what, http.MethodGet, repo, "pulls/"+strconv.Itoa(number), nil, &w); err != nil {
		return run.Pull{}, err
	}
	if w.Number != number || !ValidSHA(w.Head.SHA) || w.Base.Repo == nil || w.Base.Ref == "" {
		return run.Pull{}, fmt.Errorf("%s: the answer is another one, or lacks its head or base", what)
	}
	p := run.Pull{Number: number, Open: w.State == "open", HeadSHA: w.Head.SHA, BaseRepo: w.Base.Repo.ID, BaseRef: w.Base.Ref}
	if r := w.Head.Repo; r != nil {
		p.HeadRepo = r.ID
		p.HeadOwner = event.Sender{ID: r.Owner.ID, Login: r.Owner.Login, Bot: r.Owner.bot() || r.Owner.Type == "Organization"}
	}
	return p, nil
}

// wirePart is a pull request's head or base, with whose repository it is. The
// repository is null if it is gone.
type wirePart struct {
	Ref  string    `json:"ref"`
	SHA  string    `json:"sha"`
	Repo *wireRepo `json:"repo"`
}

// Tip gives the commit that a branch (its short name) points at now. Errors are
// those of Comment.
func (c *Client) Tip(ctx context.Context, repo event.Repo, branch string) (string, error) {
	what := fmt.Sprintf("read branch %q of %s", branch, repo.FullName())
	var w struct {
		Ref    string `json:"ref"`
		Object struct {
			SHA  string `json:"sha"`
			Type string `json:"type"`
		} `json:"object"`
	}
	if err := c.call(ctx, what, http.MethodGet, repo, "git/ref/heads/"+escapePath(branch), nil, &w); err != nil {
		return "", err
	}
	if w.Ref != heads+branch || w.Object.Type != "commit" || !ValidSHA(w.Object.SHA) {
		return "", fmt.Errorf("%s: the answer is another one", what)
	}
	return w.Object.SHA, nil
}

// MayWrite is [Client.CanWrite] asked afresh, of the repository with this id
// whatever it is called: for what must not rest on an answer that is minutes old.
func (c *Client) MayWrite(ctx context.Context, repo event.Repo, account event.Sender) (bool, error) {
	if account.Bot || account.ID <= 0 || !loginShape.MatchString(account.Login) {
		return false, nil
	}
	what := fmt.Sprintf("ask what %s may do in %s", account.Login, repo.FullName())
	var w struct {
		Permission string    `json:"permission"`
		User       *wireUser `json:"user"`
	}
	err := c.call(ctx, what, http.MethodGet, repo, "collaborators/"+account.Login+"/permission", nil, &w)
	switch {
	case err != nil && errors.Is(err, run.ErrRefused) && strings.Contains(err.Error(), "is not a user"):
		return false, nil // the login is nobody's any more
	case err != nil:
		return false, err
	case w.User == nil || w.User.ID != account.ID || w.User.bot():
		return false, nil
	}
	return w.Permission == "admin" || w.Permission == "write" || w.Permission == "maintain", nil
}

// Reply writes a comment at a pull request. A mark that nobody sees tells
// [Client.Replied] of it. Errors are those of SetStatus.
func (c *Client) Reply(ctx context.Context, repo event.Repo, r run.Reply) error {
	what := fmt.Sprintf("answer at %s#%d", repo.FullName(), r.PullRequest)
	body := map[string]string{"body": r.Text + "\n\n" + replyMark(r)}
	return c.call(ctx, what, http.MethodPost, repo, fmt.Sprintf("issues/%d/comments", r.PullRequest), body, &struct{}{})
}

// Replied tells whether a reply is there already. It looks at comments that were
// changed since the reply was first begun. Errors are those of SetStatus.
func (c *Client) Replied(ctx context.Context, repo event.Repo, r run.Reply) (bool, error) {
	what := fmt.Sprintf("look for our answer at %s#%d", repo.FullName(), r.PullRequest)
	since := url.QueryEscape(r.At.Add(-time.Minute).UTC().Format(time.RFC3339)) // their clock need not be ours
	for page := 1; page <= maxReplyPages; page++ {
		var list []wireRemark
		path := fmt.Sprintf("issues/%d/comments?since=%s&per_page=100&page=%d", r.PullRequest, since, page)
		if err := c.call(ctx, what, http.MethodGet, repo, path, nil, &list); err != nil {
			return false, err
		}
		for _, w := range list {
			if strings.Contains(w.Body, replyMark(r)) {
				return true, nil
			}
		}
		if len(list) < 100 {
			break
		}
	}
	return false, nil
}

// maxReplyPages bounds how many pages of comments are looked through.
const maxReplyPages = 20

// replyMark is what a reply is known by. Markdown does not show it.
func replyMark(r run.Reply) string {
	return "<!-- pocketci answers " + strings.ReplaceAll(url.QueryEscape(r.EventID), "--", "%2D%2D") + " -->"
}

// call sends one request about a repository, which is found by its id: whoever
// took its name over is not taken for it.
func (c *Client) call(ctx context.Context, what, method string, repo event.Repo, path string, body, into any) error {
	if err := checkRepo(repo); err != nil || repo.ID <= 0 {
		return fmt.Errorf("%s: the repository has no id or no valid name", what)
	}
	client := c.api()
	req, err := client.NewRequest(method, fmt.Sprintf("repositories/%d/%s", repo.ID, path), body)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	var answer bytes.Buffer
	if _, err := client.Do(ctx, req, limitedWriter{&answer}); err != nil {
		return c.failed(ctx, what, err)
	}
	if err := json.Unmarshal(answer.Bytes(), into); err != nil {
		return fmt.Errorf("%s: the answer is not what GitHub sends: %w", what, err)
	}
	return nil
}

// maxAnswer is more than GitHub answers to any request of call: a hundred of the
// longest comments.
const maxAnswer = 32 << 20

var errTooLong = errors.New("the answer is too long")

// limitedWriter holds answers to a size.
type limitedWriter struct{ to *bytes.Buffer }

func (w limitedWriter) Write(p []byte) (int, error) {
	if w.to.Len()+len(p) > maxAnswer {
		return 0, errTooLong
	}
	return w.to.Write(p)
}
