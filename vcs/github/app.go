package github

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	gh88 "github.com/google/go-github/v88/github"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// AppConfig is what an [App] is made with.
type AppConfig struct {
	// URLs are the code host's addresses.
	URLs URLs
	// ID is the GitHub App's, Key its private key in PEM.
	ID  int64
	Key string
	// HTTP sends the requests; nil: a client of our own that gives up after 30 seconds.
	HTTP *http.Client
	// Clock tells when what is known grows old; nil: time.Now.
	Clock func() time.Time
}

// App is a GitHub App as a credential: it finds out by which of its installations
// a request can be made, and gets tokens for it. It is safe for concurrent use.
type App struct {
	id   int64
	key  *rsa.PrivateKey
	base *url.URL
	// bare sends what it gets; below is the same with answers that are kept.
	bare, below http.RoundTripper
	timeout     time.Duration
	clock       func() time.Time

	mu sync.Mutex
	// found are installations by who or what they are looked up for.
	found map[string]found
	// whole are the installations' own transports, narrow those for one repository.
	whole  map[int64]*ghinstallation.Transport
	narrow map[int64]*narrow
}

// found is the answer to the question for an installation.
type found struct {
	id    int64
	err   error
	until time.Time
}

// narrow are tokens for one repository.
type narrow struct {
	installation int64
	transport    *ghinstallation.Transport
}

const (
	// foundFor is how long an installation stays known, and missedFor how long it is
	// known that there is none: somebody who installs the App does not wait long.
	foundFor  = time.Hour
	missedFor = time.Minute
	// narrowLeast is how long a token for a checkout is good at least; GitHub's are
	// good for an hour.
	narrowLeast = 30 * time.Minute
	// appMost is how many answers and tokens are kept.
	appMost = 4096
)

// NewApp makes an App. What is wrong with the key is an *event.Problem.
func NewApp(c AppConfig) (*App, error) {
	if c.URLs.api == nil || c.ID <= 0 {
		return nil, errors.New("github app: no address or no id")
	}
	key, err := parseKey(c.Key)
	if err != nil {
		return nil, &event.Problem{
			Public: "the GitHub App's private key can't be read: " + err.Error(),
			Hint:   "it is the .pem file that GitHub gives out once, when a key is made in the App's settings",
		}
	}
	a := &App{
		id: c.ID, key: key, base: c.URLs.api, timeout: requestTimeout, clock: c.Clock,
		found: map[string]found{}, whole: map[int64]*ghinstallation.Transport{}, narrow: map[int64]*narrow{},
	}
	if a.clock == nil {
		a.clock = time.Now
	}
	a.bare = http.DefaultTransport
	if c.HTTP != nil {
		a.timeout = c.HTTP.Timeout
		if c.HTTP.Transport != nil {
			a.bare = c.HTTP.Transport
		}
	}
	a.bare = &homebound{a.base, a.bare}
	a.below = newConditional(a.bare)
	return a, nil
}

// parseKey reads an RSA key in PEM, as GitHub gives it out, or in PKCS #8.
func parseKey(text string) (*rsa.PrivateKey, error) {
	// Variables that hold lines often hold them like this.
	if !strings.Contains(text, "\n") {
		text = strings.ReplaceAll(text, `\n`, "\n")
	}
	block, _ := pem.Decode([]byte(strings.TrimSpace(text)))
	if block == nil {
		return nil, errors.New("it is not PEM")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("it holds no private key")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("it is no RSA key")
	}
	return key, nil
}

// self signs requests as the App itself. Each transport has one of its own: they
// are written to.
func (a *App) self() *ghinstallation.AppsTransport {
	t := ghinstallation.NewAppsTransportFromPrivateKey(a.bare, a.id, a.key)
	t.BaseURL = a.base.String()
	return t
}

// CheckoutToken gives a token that reads the contents of one repository and can do
// nothing else, good for half an hour at least. Errors are those of SetStatus.
func (a *App) CheckoutToken(ctx context.Context, repo event.Repo) (string, error) {
	if err := checkRepo(repo); err != nil || repo.ID <= 0 {
		return "", fmt.Errorf("token for %q: it has no id or no valid name", repo.FullName())
	}
	id, err := a.installation(ctx, "repos/"+repo.FullName())
	if err != nil {
		return "", err
	}
	for range 2 {
		t := a.narrowed(repo.ID, id)
		token, err := t.Token(ctx)
		if err != nil {
			a.forget(repo.ID)
			return "", a.refused(ctx, "get a token for "+repo.FullName(), err)
		}
		if until, _, err := t.Expiry(); err == nil && until.Sub(a.clock()) >= narrowLeast {
			return token, nil
		}
		a.forget(repo.ID)
	}
	return "", fmt.Errorf("get a token for %s: it expires too soon; is this machine's clock right?", repo.FullName())
}

// narrowed is the transport for one repository.
func (a *App) narrowed(repo, installation int64) *ghinstallation.Transport {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.narrow[repo]
	if n == nil || n.installation != installation {
		if len(a.narrow) >= appMost {
			clear(a.narrow)
		}
		n = &narrow{installation, ghinstallation.NewFromAppsTransport(a.self(), installation)}
		n.transport.InstallationTokenOptions = &gh88.InstallationTokenOptions{
			RepositoryIDs: []int64{repo},
			Permissions:   &gh88.InstallationPermissions{Contents: gh88.Ptr("read")},
		}
		a.narrow[repo] = n
	}
	return n.transport
}

func (a *App) forget(repo int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.narrow, repo)
}

// transport gets tokens for all that an installation may do.
func (a *App) transport(id int64) *ghinstallation.Transport {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.whole[id]
	if t == nil {
		t = ghinstallation.NewFromAppsTransport(a.self(), id)
		a.whole[id] = t
	}
	return t
}

// drop forgets an installation's token, and what it was found for.
func (a *App) drop(id int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.whole, id)
	for of, f := range a.found {
		if f.id == id {
			delete(a.found, of)
		}
	}
}

// installation finds the installation by which something can be asked for: a
// repository (repos/owner/name, repositories/id) or an organization (orgs/name).
func (a *App) installation(ctx context.Context, of string) (int64, error) {
	a.mu.Lock()
	had, ok := a.found[of]
	a.mu.Unlock()
	if ok && a.clock().Before(had.until) {
		return had.id, had.err
	}
	id, err := a.findInstallation(ctx, of)
	keep := foundFor
	switch {
	case errors.Is(err, run.ErrRefused):
		keep = missedFor
	case err != nil:
		return 0, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.found) >= appMost {
		clear(a.found)
	}
	a.found[of] = found{id, err, a.clock().Add(keep)}
	return id, err
}

func (a *App) findInstallation(ctx context.Context, of string) (int64, error) {
	what := "find the GitHub App's installation for " + of
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base.String()+"/"+of+"/installation", nil)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	client := &http.Client{Transport: a.self(), Timeout: a.timeout, CheckRedirect: checkRedirect(a.base)}
	resp, err := client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	if resp.StatusCode != http.StatusOK {
		return 0, a.meant(what, resp, body)
	}
	var w struct {
		ID int64 `json:"id"`
	}
	if err := json.Unmarshal(body, &w); err != nil || w.ID <= 0 {
		return 0, fmt.Errorf("%s: the answer is not what GitHub documents", what)
	}
	return w.ID, nil
}

// refused is what an error of getting a token means.
func (a *App) refused(ctx context.Context, what string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%s: %w", what, cause)
	}
	var e *ghinstallation.HTTPError
	if !errors.As(err, &e) || e.Response == nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer func() { _ = e.Response.Body.Close() }()
	body, readErr := io.ReadAll(io.LimitReader(e.Response.Body, 1<<20))
	if readErr != nil {
		return fmt.Errorf("%s: %w", what, errors.Join(err, readErr))
	}
	return a.meant(what, e.Response, body)
}

// meant says what an answer to the App means, as [Client.failed] does.
func (a *App) meant(what string, resp *http.Response, body []byte) error {
	var w struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(body, &w) // what is no JSON has no message
	message := printable(w.Message)
	if message == "" {
		message = http.StatusText(resp.StatusCode)
	}
	err := fmt.Errorf("%s: github answers %d: %s", what, resp.StatusCode, message)
	if until, ok := limit(resp, message, a.clock()); ok {
		return &run.RetryAfter{Until: until, Err: err}
	}
	switch refused := fmt.Errorf("%w: %w", err, run.ErrRefused); resp.StatusCode {
	case http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity:
		if strings.Contains(message, "suspended") {
			return &event.Problem{
				Public: "the GitHub App's installation is suspended",
				Hint:   "who owns the account, or the App, can lift that in its settings, under GitHub Apps",
				Err:    refused,
			}
		}
		return &event.Problem{
			Public: "the GitHub App may not do this: it is not installed there, or was not granted the permission",
			Hint:   "install it for the repository, with contents: read, commit statuses: write, pull requests: read and write",
			Err:    refused,
		}
	}
	return err
}
