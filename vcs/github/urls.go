package github

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/franela/pocketci/event"
)

// DefaultURL is where repositories are if the operator says nothing else.
const DefaultURL = "https://github.com"

// URLs are the two addresses of a code host, from the operator's settings.
// Nothing of them ever comes from a payload.
type URLs struct{ web, api *url.URL }

// NewURLs reads --github-url and --github-api-url. An empty web is [DefaultURL];
// an empty api is https://api.github.com for github.com and <web>/api/v3 for any
// other host. Both must be https, or http on loopback, without credentials.
func NewURLs(web, api string) (URLs, error) {
	if web == "" {
		web = DefaultURL
	}
	u := URLs{}
	var err error
	if u.web, err = parseBase(web); err != nil {
		return URLs{}, fmt.Errorf("github url: %w", err)
	}
	if api == "" {
		api = u.web.String() + "/api/v3"
		if strings.EqualFold(u.web.Host, "github.com") {
			api = "https://api.github.com"
		}
	}
	if u.api, err = parseBase(api); err != nil {
		return URLs{}, fmt.Errorf("github api url: %w", err)
	}
	return u, nil
}

func parseBase(raw string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(strings.TrimSpace(raw), "/"))
	if err != nil {
		return nil, errors.New("it can't be read as a URL") // the cause repeats it, with what may be a password
	}
	switch {
	case u.User != nil:
		return nil, errors.New("credentials don't belong in it: set GITHUB_USERNAME and GITHUB_TOKEN")
	case u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "":
		return nil, errors.New("it has to look like https://github.example.com")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, errors.New("it has to be https: http is for loopback only, because a token goes there")
	}
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// Web is the address of the pages and of git, without a slash at the end; API
// that of the API.
func (u URLs) Web() string { return u.web.String() }

// API is the address of the API, without a slash at the end.
func (u URLs) API() string { return u.api.String() }

// Clone is where git finds a repository: the operator's address, and owner and
// name, which are refused if GitHub would not give them.
func (u URLs) Clone(r event.Repo) (string, error) {
	if !ValidName(r.Owner) || !ValidName(r.Name) {
		return "", fmt.Errorf("clone url of %q: not an owner and a name", r.FullName())
	}
	return u.web.JoinPath(r.Owner, r.Name+".git").String(), nil
}

// sameHost tells whether a URL leads to one of an address' pages.
func sameHost(base, u *url.URL) bool {
	return u.Scheme == base.Scheme && strings.EqualFold(u.Host, base.Host)
}
