package github

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// TokenFunc gives the token for one request. It is asked each time, so that a
// token can be rotated, or be an App's that lives for an hour.
type TokenFunc func(context.Context) (string, error)

// StaticToken is a token that stays.
func StaticToken(token string) TokenFunc {
	return func(context.Context) (string, error) { return token, nil }
}

// Credentials are what git needs for the operator's code host, and for no other.
type Credentials struct {
	urls     URLs
	username string
	token    TokenFunc
}

// NewCredentials binds a user name and a token to a code host. GitHub takes any
// user name beside a token.
func NewCredentials(urls URLs, username string, token TokenFunc) *Credentials {
	return &Credentials{urls: urls, username: username, token: token}
}

// ErrForeignHost: credentials were asked for an address that is not the operator's.
var ErrForeignHost = errors.New("not the configured code host")

// For gives user name and token for a URL of the code host, and ErrForeignHost
// for any other: another scheme or port is another host, too.
func (c *Credentials) For(ctx context.Context, rawURL string) (username, token string, err error) {
	u, err := url.Parse(rawURL)
	if err != nil || !sameHost(c.urls.web, u) {
		return "", "", fmt.Errorf("credentials of %s: %w", c.urls.web.Host, ErrForeignHost)
	}
	token, err = c.token(ctx)
	if err != nil {
		return "", "", fmt.Errorf("credentials of %s: %w", c.urls.web.Host, err)
	}
	return c.username, token, nil
}

// Origin is where git and the engine get a repository's commit from, with the
// credentials for it. ref may be empty.
func (c *Credentials) Origin(ctx context.Context, r event.Repo, ref, sha string) (run.Origin, error) {
	address, err := c.urls.Clone(r)
	if err != nil {
		return run.Origin{}, err
	}
	username, token, err := c.For(ctx, address)
	if err != nil {
		return run.Origin{}, err
	}
	return run.Origin{URL: address, Ref: ref, SHA: sha, Username: username, Token: token}, nil
}
