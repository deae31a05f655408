package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	gh "github.com/google/go-github/v62/github"
	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
)

// ClientConfig is what a [Client] is made with.
type ClientConfig struct {
	// URLs are the code host's addresses.
	URLs URLs
	// Token is asked for each request. App is what requests are made as instead.
	Token TokenFunc
	App   *App
	// HTTP sends the requests; nil: a client of our own that gives up after 30
	// seconds. Its CheckRedirect is not used.
	HTTP *http.Client
	// Clock tells when limits end and answers grow old; nil: time.Now.
	Clock func() time.Time
	// Log gets one line for each answer, at debug level.
	Log zerolog.Logger
}

// Client speaks to GitHub's API. The token goes to the API's own host only: a
// redirect to any other is an error. Safe for concurrent use.
type Client struct {
	http   *http.Client
	base   *url.URL
	clock  func() time.Time
	access *access
}

// requestTimeout bounds one request of a client that was not given one.
const requestTimeout = 30 * time.Second

// NewClient makes a Client.
func NewClient(c ClientConfig) (*Client, error) {
	if c.URLs.api == nil || (c.Token == nil) == (c.App == nil) {
		return nil, errors.New("github client: no address, or not one credential")
	}
	client := &http.Client{Timeout: requestTimeout}
	if c.HTTP != nil {
		client = &http.Client{Transport: c.HTTP.Transport, Timeout: c.HTTP.Timeout, Jar: c.HTTP.Jar}
	}
	if client.Transport == nil {
		client.Transport = http.DefaultTransport
	}
	clock := c.Clock
	if clock == nil {
		clock = time.Now
	}
	base := *c.URLs.api
	client.Transport = &transport{base: &base, via: c.via(client.Transport), clock: clock, log: c.Log}
	client.CheckRedirect = checkRedirect(&base)
	root := base
	root.Path += "/" // go-github resolves against a folder
	return &Client{http: client, base: &root, clock: clock, access: newAccess()}, nil
}

// via is how requests get their credential and are sent.
func (c ClientConfig) via(next http.RoundTripper) func(*http.Request) (http.RoundTripper, error) {
	if c.App != nil {
		return c.App.via
	}
	below := newConditional(next)
	return func(req *http.Request) (http.RoundTripper, error) {
		token, err := c.Token(req.Context())
		return bearer{token, below}, err
	}
}

// api is go-github over our HTTP client. It is made anew for each call: what it
// remembers of limits goes by the machine's clock and outlives a rotated token.
func (c *Client) api() *gh.Client {
	client := gh.NewClient(c.http)
	client.BaseURL = c.base
	client.UserAgent = "pocketci"
	return client
}

// Repository gives a repository by its id, with the name that it has now.
// Errors are those of SetStatus.
func (c *Client) Repository(ctx context.Context, id int64) (event.Repo, error) {
	r, _, err := c.api().Repositories.GetByID(ctx, id)
	if err != nil {
		return event.Repo{}, c.failed(ctx, fmt.Sprintf("look up repository %d", id), err)
	}
	repo := event.Repo{
		ID: r.GetID(), Owner: r.GetOwner().GetLogin(), Name: r.GetName(),
		DefaultBranch: r.GetDefaultBranch(), HTMLURL: r.GetHTMLURL(),
	}
	if repo.ID != id || !ValidName(repo.Owner) || !ValidName(repo.Name) {
		return event.Repo{}, fmt.Errorf("look up repository %d: the answer is another one, or has no valid name", id)
	}
	return repo, nil
}

// checkRepo keeps a name that was not validated out of an API path.
func checkRepo(r event.Repo) error {
	if !ValidName(r.Owner) || !ValidName(r.Name) {
		return fmt.Errorf("%q is no repository", r.FullName())
	}
	return nil
}
