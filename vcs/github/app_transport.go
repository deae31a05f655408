package github

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/bradleyfalzon/ghinstallation/v2"

	"github.com/franela/pocketci/run"
)

// homebound refuses to send anything to another host: what is signed with the
// App's key must not leave.
type homebound struct {
	base *url.URL
	next http.RoundTripper
}

func (h *homebound) RoundTrip(req *http.Request) (*http.Response, error) {
	if !sameHost(h.base, req.URL) {
		return nil, errLeaves
	}
	return h.next.RoundTrip(req)
}

// bearer sends a request with a token.
type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(out)
}

// installed sends a request as an installation of the App.
type installed struct {
	app *App
	id  int64
	*ghinstallation.Transport
}

func (i installed) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := i.Token(req.Context())
	if err != nil {
		return nil, i.app.refused(req.Context(), "get a token of the GitHub App", err)
	}
	resp, err := bearer{token, i.app.below}.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		i.app.drop(i.id) // the token was taken back: the next request gets another one
	}
	return resp, err
}

// via chooses as whom a request is made: as the App itself for what is its own,
// else as the installation that the path names.
func (a *App) via(req *http.Request) (http.RoundTripper, error) {
	of := concerns(strings.TrimPrefix(req.URL.Path, a.base.Path))
	switch of {
	case "":
		return nil, fmt.Errorf("%s: a GitHub App can't ask for it: %w", req.URL.Path, run.ErrRefused)
	case "app":
		return a.self(), nil
	}
	id, err := a.installation(req.Context(), of)
	if err != nil {
		return nil, err
	}
	return installed{a, id, a.transport(id)}, nil
}

// concerns is what a path of the API is about: a repository, an organization, the
// App itself, or nothing of the kind. Of a user it is asked as of an organization
// of that name.
func concerns(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if parts[0] == "users" {
		parts[0] = "orgs"
	}
	take := map[string]int{"repos": 3, "repositories": 2, "orgs": 2, "app": 1}[parts[0]]
	if take == 0 || len(parts) < take {
		return ""
	}
	return strings.Join(parts[:take], "/")
}
