package github_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/vcs/github"
	"github.com/franela/pocketci/vcs/github/githubtest"
)

var now = time.Date(2026, 11, 21, 5, 0, 0, 0, time.UTC)

// receiver has the secret "s" unless c holds others, and a clock that stands.
func receiver(tb testing.TB, c github.Config) *github.Receiver {
	tb.Helper()
	if c.Secrets == nil {
		c.Secrets = secrets(tb, "s")
	}
	if c.Clock == nil {
		c.Clock = func() time.Time { return now }
	}
	r, err := github.NewReceiver(c)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func secrets(tb testing.TB, list string) []github.Secret {
	tb.Helper()
	s, err := github.ParseSecrets(list)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

const pushBody = `{"ref":"refs/heads/main","before":"1111111111111111111111111111111111111111",` +
	`"after":"2222222222222222222222222222222222222222","repository":{"id":7,"name":"hello","full_name":"octo/hello",` +
	`"owner":{"login":"octo"},"default_branch":"main"},"sender":{"id":3,"login":"octo","type":"User"}}`

func TestVerify(t *testing.T) {
	set := func(key, value string) func(http.Header) { return func(h http.Header) { h.Set(key, value) } }
	del := func(keys ...string) func(http.Header) {
		return func(h http.Header) {
			for _, key := range keys {
				h.Del(key)
			}
		}
	}
	for name, c := range map[string]struct {
		secrets string
		change  func(http.Header)
		body    string // instead of what was signed
		want    error
	}{
		"signed":                        {},
		"signed with the second secret": {secrets: "other,s"},
		"signature in capitals": {change: func(h http.Header) {
			h.Set("X-Hub-Signature-256", "sha256="+strings.ToUpper(h.Get("X-Hub-Signature-256")[7:]))
		}},
		"other secret":              {secrets: "other", want: event.ErrUnsigned},
		"a body with one byte more": {body: pushBody + " ", want: event.ErrUnsigned},
		"no signature":              {change: del("X-Hub-Signature-256"), want: event.ErrUnsigned},
		"empty signature":           {change: set("X-Hub-Signature-256", ""), want: event.ErrUnsigned},
		"empty digest":              {change: set("X-Hub-Signature-256", "sha256="), want: event.ErrUnsigned},
		"digest that is no hex":     {change: set("X-Hub-Signature-256", "sha256="+strings.Repeat("x", 64)), want: event.ErrUnsigned},
		"half a digest":             {change: func(h http.Header) { h.Set("X-Hub-Signature-256", h.Get("X-Hub-Signature-256")[:39]) }, want: event.ErrUnsigned},
		"another algorithm's name":  {change: func(h http.Header) { h.Set("X-Hub-Signature-256", "sha1="+h.Get("X-Hub-Signature-256")[7:]) }, want: event.ErrUnsigned},
		"signed with an empty key":  {change: set("X-Hub-Signature-256", githubtest.Sign("", []byte(pushBody))), want: event.ErrUnsigned},
		"SHA-1 alone": {change: func(h http.Header) {
			h.Del("X-Hub-Signature-256")
			h.Set("X-Hub-Signature", "sha1=5f8c4e3e1fb1c7d2d2a7e8cd7c5d0e9a1c3b5d7f")
		}, want: event.ErrUnsigned},
		"no event":                          {change: del("X-GitHub-Event"), want: event.ErrMalformed},
		"an event that is no name":          {change: set("X-GitHub-Event", "push\nx"), want: event.ErrMalformed},
		"an event like a path":              {change: set("X-GitHub-Event", "../push"), want: event.ErrMalformed},
		"no id":                             {change: del("X-GitHub-Delivery"), want: event.ErrMalformed},
		"an id that is no UUID":             {change: set("X-GitHub-Delivery", "a b"), want: event.ErrMalformed},
		"an endless id":                     {change: set("X-GitHub-Delivery", strings.Repeat("a", 65)), want: event.ErrMalformed},
		"headers come before the signature": {change: del("X-GitHub-Event", "X-Hub-Signature-256"), want: event.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			config := github.Config{}
			if c.secrets != "" {
				config.Secrets = secrets(t, c.secrets)
			}
			h, body := headers("push", "s", []byte(pushBody)), pushBody
			if c.change != nil {
				c.change(h)
			}
			if c.body != "" {
				body = c.body
			}
			err := receiver(t, config).Verify(h, []byte(body))
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			var p *event.Problem
			if c.want != nil && (!errors.As(err, &p) || p.Public == "" || p.Hint == "") {
				t.Errorf("%v has no sentence or hint for people", err)
			}
		})
	}
}

func TestSecretIsForItsRepositories(t *testing.T) {
	for name, c := range map[string]struct {
		secrets string
		want    error
	}{
		"for all":                        {"s", nil},
		"for its owner":                  {"octo/*=s", nil},
		"in another case":                {"Octo/HELLO=s", nil},
		"for everything":                 {"*/*=s", nil},
		"for another owner":              {"acme/*=s", event.ErrUnsigned},
		"for another and for all":        {"acme/*=s,s", nil},
		"another secret would have been": {"acme/*=s,octo/*=other", event.ErrUnsigned},
	} {
		t.Run(name, func(t *testing.T) {
			r := receiver(t, github.Config{Secrets: secrets(t, c.secrets)})
			h := headers("push", "s", []byte(pushBody))
			if err := r.Verify(h, []byte(pushBody)); err != nil {
				t.Fatalf("verify: %v", err)
			}
			if _, err := r.Parse(h, []byte(pushBody)); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestParseSecrets(t *testing.T) {
	for name, c := range map[string]struct {
		list string
		want []string // the globs
		err  string
	}{
		"one":                         {"s3cret", []string{""}, ""},
		"two, with a space":           {"old, new\n", []string{"", ""}, ""},
		"with globs":                  {"octo/*=a,Acme/web=b,c", []string{"octo/*", "acme/web", ""}, ""},
		"= without a slash before it": {"a=b/c", []string{""}, ""},
		"/ without = after it":        {"a/b", []string{""}, ""},
		"base64 behind a glob":        {"*/*=ab/c+d==", []string{"*/*"}, ""},
		"nothing":                     {"", nil, "X_HUB_SIGNATURE is empty"},
		"white space":                 {" \n", nil, "X_HUB_SIGNATURE is empty"},
		"a comma at the end":          {"a,", nil, "entry 2: it is empty"},
		"a glob without a secret":     {"a,octo/*=", nil, "entry 2: the secret after octo/*= is empty"},
		"base64 that reads as a glob": {"ab/cd==", nil, "entry 1: what stands before the first = reads as a glob"},
		"base64 that is no glob":      {"a+b/cd=", nil, "entry 1: what stands before the first = is no glob"},
		"a broken glob":               {"octo/[=a", nil, "entry 1: what stands before the first = is no glob"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := github.ParseSecrets(c.list)
			if c.err != "" {
				var p *event.Problem
				if !errors.As(err, &p) || !strings.Contains(p.Public, c.err) || p.Hint == "" {
					t.Fatalf("got %v, want a problem with %q and a hint", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var globs []string
			for _, s := range got {
				globs = append(globs, s.Glob())
			}
			if diff := cmp.Diff(c.want, globs); diff != "" {
				t.Errorf("globs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSecretNeverPrints(t *testing.T) {
	s := secrets(t, "octo/*=hunter2,hunter2")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if text := fmt.Sprintf(verb, s); strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") || strings.Contains(text, "104") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

func TestReceiverNeedsASecret(t *testing.T) {
	for name, c := range map[string]github.Config{
		"none":  {},
		"empty": {Secrets: []github.Secret{{}}},
	} {
		t.Run(name, func(t *testing.T) {
			if r, err := github.NewReceiver(c); err == nil {
				t.Errorf("got %v, want an error", r)
			}
		})
	}
}
