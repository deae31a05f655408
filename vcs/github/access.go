package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	gh "github.com/google/go-github/v62/github"

	"github.com/franela/pocketci/event"
)

// accessKept is how long an answer about an account is used again, and accessMost
// how many are kept.
const (
	accessKept = 5 * time.Minute
	accessMost = 4096
)

// CanWrite tells whether an account may write to a repository. GitHub is asked
// by login, and the numeric id in its answer must be the sender's: a login can
// change hands. Bots (their access is the operator's to list), accounts without
// id or login, and logins that nobody has may not. An answer is used again for 5
// minutes; errors are not kept. They are those of SetStatus: the caller has no
// answer then, and must not take it for a yes.
func (c *Client) CanWrite(ctx context.Context, repo event.Repo, sender event.Sender) (bool, error) {
	if sender.Bot || sender.ID == 0 || !loginShape.MatchString(sender.Login) {
		return false, nil
	}
	key := accessKey{repo.ID, sender.ID, strings.ToLower(repo.FullName() + "@" + sender.Login)}
	if may, ok := c.access.get(key, c.clock()); ok {
		return may, nil
	}
	may, err := c.askWrite(ctx, repo, sender)
	if err != nil {
		return false, err
	}
	c.access.put(key, may, c.clock())
	return may, nil
}

// loginShape is what an account of a person is called; enterprise-managed ones
// hold an underscore.
var loginShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)

func (c *Client) askWrite(ctx context.Context, repo event.Repo, sender event.Sender) (bool, error) {
	what := fmt.Sprintf("ask what %s may do in %s", sender.Login, repo.FullName())
	if err := checkRepo(repo); err != nil {
		return false, fmt.Errorf("%s: %w", what, err)
	}
	level, _, err := c.api().Repositories.GetPermissionLevel(ctx, repo.Owner, repo.Name, url.PathEscape(sender.Login))
	if err != nil {
		var e *gh.ErrorResponse
		if errors.As(err, &e) && e.Response.StatusCode == http.StatusNotFound && strings.Contains(e.Message, "is not a user") {
			return false, nil
		}
		return false, c.failed(ctx, what, err)
	}
	if level.GetUser().GetID() != sender.ID {
		return false, nil
	}
	switch level.GetPermission() {
	case "admin", "maintain", "write": // maintain and roles of an organisation's own are told as write
		return true, nil
	}
	return false, nil
}

type accessKey struct {
	repo, account int64
	names         string
}

type accessAnswer struct {
	may   bool
	until time.Time
}

// access keeps answers for a while, and not more than so many.
type access struct {
	mu      sync.Mutex
	answers map[accessKey]accessAnswer
}

func newAccess() *access { return &access{answers: map[accessKey]accessAnswer{}} }

func (a *access) get(k accessKey, now time.Time) (may, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	got, ok := a.answers[k]
	if !ok || !now.Before(got.until) {
		delete(a.answers, k)
		return false, false
	}
	return got.may, true
}

func (a *access) put(k accessKey, may bool, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.answers) >= accessMost {
		a.makeRoom(now)
	}
	a.answers[k] = accessAnswer{may, now.Add(accessKept)}
}

// makeRoom drops what is too old, and any half of the rest if that isn't enough:
// what is missed is asked again.
func (a *access) makeRoom(now time.Time) {
	for k, got := range a.answers {
		if !now.Before(got.until) {
			delete(a.answers, k)
		}
	}
	for k := range a.answers {
		if len(a.answers) <= accessMost/2 {
			return
		}
		delete(a.answers, k)
	}
}
