package github_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/vcs/github"
)

func TestURLs(t *testing.T) {
	for name, c := range map[string]struct {
		web, api         string
		wantWeb, wantAPI string
		err              string
	}{
		"nothing":               {"", "", "https://github.com", "https://api.github.com", ""},
		"github.com":            {"https://github.com/", "", "https://github.com", "https://api.github.com", ""},
		"GitHub.com":            {"https://GitHub.com", "", "https://GitHub.com", "https://api.github.com", ""},
		"an own server":         {"https://git.example", "", "https://git.example", "https://git.example/api/v3", ""},
		"in a folder":           {"https://example.com/git/", "", "https://example.com/git", "https://example.com/git/api/v3", ""},
		"its API given":         {"https://git.example", "https://api.git.example/", "https://git.example", "https://api.git.example", ""},
		"http on loopback":      {"http://127.0.0.1:8080", "", "http://127.0.0.1:8080", "http://127.0.0.1:8080/api/v3", ""},
		"http on localhost":     {"http://localhost:1", "", "http://localhost:1", "http://localhost:1/api/v3", ""},
		"http on ::1":           {"http://[::1]:1", "", "http://[::1]:1", "http://[::1]:1/api/v3", ""},
		"http elsewhere":        {"http://git.example", "", "", "", "github url: it has to be https"},
		"http that looks local": {"http://127.0.0.1.evil.example", "", "", "", "github url: it has to be https"},
		"http for the API":      {"https://git.example", "http://git.example", "", "", "github api url: it has to be https"},
		"with a password":       {"https://me:hunter2@git.example", "", "", "", "credentials don't belong in it"},
		"with a query":          {"https://git.example?x=1", "", "", "", "it has to look like"},
		"no host":               {"https://", "", "", "", "it has to look like"},
		"not even a URL":        {"https://me:hunter2@%zz", "", "", "", "can't be read"},
		"ssh":                   {"git@github.com:octo/hello", "", "", "", "github url"},
		"a file":                {"file:///etc", "", "", "", "it has to look like"},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := github.NewURLs(c.web, c.api)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("got %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if u.Web() != c.wantWeb || u.API() != c.wantAPI {
				t.Errorf("got %s and %s, want %s and %s", u.Web(), u.API(), c.wantWeb, c.wantAPI)
			}
		})
	}
}

func TestCloneURL(t *testing.T) {
	u, err := github.NewURLs("https://git.example/base", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ owner, repo, want string }{
		"good":         {"octo", "hello.world_1-2", "https://git.example/base/octo/hello.world_1-2.git"},
		"dots inside":  {"octo", "..hello", "https://git.example/base/octo/..hello.git"},
		"a dash first": {"octo", "-hello", "https://git.example/base/octo/-hello.git"},
		"climbing":     {"..", "hello", ""},
		"a slash":      {"octo", "a/../../b", ""},
		"a host":       {"octo@evil.example", "hello", ""},
		"a query":      {"octo", "hello?x", ""},
		"nothing":      {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := u.Clone(event.Repo{Owner: c.owner, Name: c.repo})
			if got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	u, err := github.NewURLs("https://git.example", "")
	if err != nil {
		t.Fatal(err)
	}
	c := github.NewCredentials(u, "me", github.StaticToken("hunter2"))
	for address, ok := range map[string]bool{
		"https://git.example/octo/hello.git":      true,
		"https://GIT.example/octo/hello.git":      true,
		"http://git.example/octo/hello.git":       false,
		"https://git.example:8443/octo/hello.git": false,
		"https://git.example.evil.example/x":      false,
		"https://git.example@evil.example/x":      false,
		"//git.example/x":                         false,
		"":                                        false,
		"https://%zz":                             false,
	} {
		username, token, err := c.For(t.Context(), address)
		if ok && (err != nil || username != "me" || token != "hunter2") {
			t.Errorf("%q: got %q, %v; want credentials", address, username, err)
		}
		if !ok && (!errors.Is(err, github.ErrForeignHost) || token != "") {
			t.Errorf("%q: got %q, %v; want none", address, username, err)
		}
	}
	got, err := c.Origin(t.Context(), event.Repo{Owner: "octo", Name: "hello"}, "refs/heads/main", shaA)
	want := run.Origin{URL: "https://git.example/octo/hello.git", Ref: "refs/heads/main", SHA: shaA, Username: "me", Token: "hunter2"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := c.Origin(t.Context(), event.Repo{Owner: "..", Name: "hello"}, "", shaA); err == nil {
		t.Error("a name that climbs has an origin")
	}
	gone := errors.New("gone")
	c = github.NewCredentials(u, "me", func(context.Context) (string, error) { return "", gone })
	if _, err := c.Origin(t.Context(), event.Repo{Owner: "octo", Name: "hello"}, "", shaA); !errors.Is(err, gone) {
		t.Errorf("got %v, want the token's error", err)
	}
}
