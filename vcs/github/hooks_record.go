package github

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	gh "github.com/google/go-github/v62/github"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// DefaultShare is a quarter of the 5,000 requests an hour that GitHub grants a
// token ("Rate limits for the REST API").
const DefaultShare = 1250

// RecordConfig is what a [Record] is made with.
type RecordConfig struct {
	// Client reads with the agent's token.
	Client *Client
	// App reads as the GitHub App itself, by its key; nil: there is none, and
	// deliveries of the App's webhook can't be read.
	App *Client
	// Share is how many requests may be made in any hour, so that what is looked
	// up in the background leaves room for what somebody waits for; 0: a quarter of
	// what GitHub's answers say that the token is granted, and DefaultShare before
	// the first one. Answers that nothing has changed are free at GitHub and not
	// counted. Payloads of deliveries, of which there may be many, leave a fifth of
	// it to the lists.
	Share int
	// Permits counts them for all who share it; nil: they are counted in this
	// process alone, from zero.
	Permits Permits
	// Keep is how many bytes of answers are kept to ask whether they have changed;
	// 0: 16 MiB.
	Keep int
}

// Record is what GitHub itself has on record: which deliveries its webhooks made,
// and where refs and pull requests stand. It is safe for concurrent use.
//
// It neither waits nor retries. When its share is used up, it says until when by
// a *run.RetryAfter, as for GitHub's own limits.
type Record struct {
	client, app *Client
	share       *share
	// follows tells that the share is a quarter of what GitHub grants.
	follows bool
	kept    *kept
}

// NewRecord makes a Record.
func NewRecord(c RecordConfig) (*Record, error) {
	if c.Client == nil {
		return nil, errors.New("github record: no client")
	}
	follows := c.Share <= 0
	if follows {
		c.Share = DefaultShare
	}
	if c.Keep <= 0 {
		c.Keep = 16 << 20
	}
	return &Record{client: c.Client, app: c.App, share: &share{most: c.Share, permits: c.Permits}, follows: follows, kept: newKept(c.Keep)}, nil
}

// PermissionError says what has to be granted to the agent's credential, in the
// words of GitHub's settings or of its answer. It wraps run.ErrRefused.
type PermissionError struct {
	Permission string
	Err        error
}

// Error names the permission and the cause.
func (e *PermissionError) Error() string { return "missing: " + e.Permission + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *PermissionError) Unwrap() error { return e.Err }

// unreadable is a Problem around a PermissionError, or around err alone where
// nothing can be granted.
func unreadable(public, needs string, err error) error {
	p := &event.Problem{Public: public, Err: err}
	if needs != "" {
		p.Hint = "the agent's credential needs " + needs
		p.Err = &PermissionError{Permission: needs, Err: err}
	}
	return p
}

// ask is one question to the API.
type ask struct {
	client *Client
	path   string
	// keep the answer, and ask whether it has changed the next time.
	keep bool
	// shared: it counts against the share; bulk: there may be many of its kind.
	shared, bulk bool
	// what is read, for people; needs is what has to be granted for it.
	what, needs string
}

// link is where an answer goes on.
type link struct {
	cursor string
	page   int
}

// get asks the API, and decodes the answer unless it is the one that is kept.
func get[T any](ctx context.Context, r *Record, a ask, decode func([]byte) (T, error)) (T, link, error) {
	var none T
	key := a.path
	if a.client == r.app {
		key = "app " + key
	}
	had, _ := r.kept.get(key)
	value, ok := had.value.(T)
	req, err := a.client.api().NewRequest(http.MethodGet, a.path, nil)
	if err != nil {
		return none, link{}, fmt.Errorf("read %s: %w", a.what, err)
	}
	if ok {
		req.Header.Set("If-None-Match", had.tag)
	}
	permit, err := r.take(ctx, a)
	if err != nil {
		return none, link{}, err
	}
	var body bytes.Buffer
	resp, err := a.client.api().Do(ctx, req, &body)
	r.follow(a, resp)
	free := ok && resp != nil && resp.StatusCode == http.StatusNotModified
	if a.shared {
		r.share.end(permit, free)
	}
	if free {
		return value, had.link, nil
	}
	if err != nil {
		return none, link{}, a.failed(ctx, err)
	}
	value, err = decode(body.Bytes())
	if err != nil {
		return none, link{}, fmt.Errorf("read %s: the answer is not what GitHub documents: %w", a.what, err)
	}
	to := link{cursor: resp.Cursor, page: resp.NextPage}
	if tag := resp.Header.Get("ETag"); a.keep && tag != "" {
		r.kept.put(key, answer{tag: tag, value: value, link: to, size: body.Len()})
	}
	return value, to, nil
}

// take counts a request against the share, or says by a *run.RetryAfter until when
// there is none left.
func (r *Record) take(ctx context.Context, a ask) (run.Permit, error) {
	if !a.shared {
		return run.Permit{}, nil
	}
	now := a.client.clock()
	permit, until, err := r.share.take(ctx, now, a.bulk)
	if err != nil {
		return permit, fmt.Errorf("read %s: %w", a.what, err)
	}
	if !until.IsZero() {
		return permit, &run.RetryAfter{Until: until, Ours: true, Err: fmt.Errorf("read %s: the share of background requests is used up", a.what)}
	}
	return permit, nil
}

// follow sets the share by what an answer says that the token is granted.
func (r *Record) follow(a ask, resp *gh.Response) {
	if r.follows && resp != nil && resp.Rate.Limit > 0 && a.client == r.client {
		r.share.resize(resp.Rate.Limit / 4)
	}
}

// failed is [Client.failed], which in addition names what has to be granted.
// GitHub answers 404 where it does not want to say that there is something.
func (a ask) failed(ctx context.Context, err error) error {
	known := a.client.failed(ctx, "read "+a.what, err)
	resp, _ := answered(err)
	if resp == nil || !errors.Is(known, run.ErrRefused) {
		return known
	}
	known = &refusedAs{code: resp.StatusCode, err: known}
	if a.needs == "" || resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusNotFound {
		return known
	}
	needs := a.needs
	if asked := resp.Header.Get("X-Accepted-GitHub-Permissions"); asked != "" {
		needs += " (GitHub asks for " + printable(asked) + ")"
	} else if asked := resp.Header.Get("X-Accepted-OAuth-Scopes"); asked != "" { // of a classic token
		needs += " (GitHub asks for one of the scopes " + printable(asked) + ")"
	}
	public := "the agent's credential may not read " + a.what
	if resp.StatusCode == http.StatusNotFound {
		public = "GitHub does not show " + a.what + ": it is gone, or the agent's credential may not read it"
	}
	return unreadable(public, needs, known)
}

// refusedAs is a refusal, and with which status.
type refusedAs struct {
	code int
	err  error
}

func (e *refusedAs) Error() string { return e.err.Error() }
func (e *refusedAs) Unwrap() error { return e.err }

// absent tells the answer that there is no such thing.
func absent(err error) bool {
	var e *refusedAs
	return errors.As(err, &e) && e.code == http.StatusNotFound
}

// printable keeps control characters of an answer out of what people see.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1
		}
		return c
	}, s)
}

func escape(s string) string { return url.QueryEscape(s) }
