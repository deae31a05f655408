package github_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/vcs/github"
	"github.com/franela/pocketci/vcs/github/githubtest"
)

// appWorld is an App that is installed in octo/hello and octo/world, and not in
// octo/secret or at cat's.
type appWorld struct {
	server *githubtest.Server
	made   githubtest.App
	app    *github.App
	client *github.Client
	clock  *clock
	hello  event.Repo
	world  event.Repo
	secret event.Repo
	cat    event.Repo
	id     int64
}

func newAppWorld(t *testing.T) *appWorld {
	t.Helper()
	w := &appWorld{clock: newClock()}
	// Tokens are good by the real clock, which ghinstallation goes by.
	at := time.Now()
	w.clock.t.Store(&at)
	w.server = githubtest.Start(t, githubtest.Config{Clock: w.clock.now})
	add := func(owner, name string) event.Repo {
		r := w.server.AddRepo(githubtest.Repo{Owner: owner, Name: name, Private: true})
		return event.Repo{ID: r.ID, Owner: owner, Name: name}
	}
	w.hello, w.world, w.secret, w.cat = add("octo", "hello"), add("octo", "world"), add("octo", "secret"), add("cat", "pics")
	var err error
	if w.made, err = w.server.AddApp("pocketci-app"); err != nil {
		t.Fatal(err)
	}
	w.id = w.server.Install(w.made, "octo", "hello", "world")
	urls, err := github.NewURLs(w.server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if w.app, err = github.NewApp(github.AppConfig{URLs: urls, ID: w.made.ID, Key: w.made.Key, HTTP: web, Clock: w.clock.now}); err != nil {
		t.Fatal(err)
	}
	if w.client, err = github.NewClient(github.ClientConfig{URLs: urls, App: w.app, HTTP: web, Clock: w.clock.now, Log: zerolog.New(zerolog.NewTestWriter(t))}); err != nil {
		t.Fatal(err)
	}
	return w
}

const appSHA = "0123456789012345678901234567890123456789"

func (w *appWorld) report(t *testing.T, repo event.Repo) error {
	t.Helper()
	return w.client.SetStatus(t.Context(), repo, appSHA, run.Status{Context: "pocketci (push)", State: run.StatusSuccess})
}

func TestAppReports(t *testing.T) {
	w := newAppWorld(t)
	for _, repo := range []event.Repo{w.hello, w.world, w.hello} {
		if err := w.report(t, repo); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.server.Issued()); n != 1 {
		t.Errorf("%d tokens were asked for; want one, for the installation", n)
	}
	for _, s := range w.server.Statuses(githubtest.Query{}) {
		if s.Creator != "pocketci-app[bot]" {
			t.Errorf("a status is %s's", s.Creator)
		}
	}
}

func TestAppOfSeveralOwners(t *testing.T) {
	w := newAppWorld(t)
	if err := w.report(t, w.cat); !errors.Is(err, run.ErrRefused) {
		t.Fatalf("not installed: %v", err)
	}
	var p *event.Problem
	if err := w.report(t, w.cat); !errors.As(err, &p) || !strings.Contains(p.Public, "not installed there") {
		t.Errorf("not installed: %v", err)
	}
	asked := len(w.server.Requests())
	if err := w.report(t, w.cat); !errors.Is(err, run.ErrRefused) || len(w.server.Requests()) != asked {
		t.Errorf("asked again at once: %v", err)
	}
	w.server.Install(w.made, "cat", "pics")
	w.clock.add(time.Minute)
	for _, repo := range []event.Repo{w.cat, w.hello} {
		if err := w.report(t, repo); err != nil {
			t.Error(err)
		}
	}
	if n := len(w.server.Issued()); n != 2 {
		t.Errorf("%d tokens for two installations", n)
	}
}

func TestAppIsUninstalledAndInstalledAgain(t *testing.T) {
	w := newAppWorld(t)
	if err := w.report(t, w.hello); err != nil {
		t.Fatal(err)
	}
	w.server.Uninstall(w.id)
	if err := w.report(t, w.hello); err == nil || errors.Is(err, run.ErrRefused) {
		t.Errorf("with a token that was taken back: %v; want an error that may pass", err)
	}
	if err := w.report(t, w.hello); !errors.Is(err, run.ErrRefused) {
		t.Errorf("uninstalled: %v", err)
	}
	w.server.Install(w.made, "octo", "hello")
	w.clock.add(time.Minute)
	if err := w.report(t, w.hello); err != nil {
		t.Error(err)
	}
}

func TestAppFollowsARename(t *testing.T) {
	w := newAppWorld(t)
	w.server.Rename("octo/hello", "octo/renamed")
	if err := w.report(t, w.hello); err != nil {
		t.Error(err)
	}
}

func TestCheckoutTokensAreNarrow(t *testing.T) {
	w := newAppWorld(t)
	get := func(repo event.Repo) string {
		t.Helper()
		token, err := w.app.CheckoutToken(t.Context(), repo)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	hello, world := get(w.hello), get(w.world)
	if hello == world {
		t.Fatal("two repositories have one token")
	}
	if again := get(w.hello); again != hello {
		t.Error("a token that is good for long is not used again")
	}
	want := map[string][]int64{hello: {w.hello.ID}, world: {w.world.ID}}
	for _, issued := range w.server.Issued() {
		if diff := cmp.Diff(want[issued.Token], issued.Repositories); diff != "" {
			t.Errorf("reaches (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(map[string]string{"contents": "read"}, issued.Permissions); diff != "" {
			t.Errorf("may (-want +got)\n%s", diff)
		}
	}
	for repo, code := range map[string]int{"hello": http.StatusOK, "world": http.StatusNotFound} {
		if got := statusOf(t, w.server.APIURL()+"/repos/octo/"+repo+"/branches", hello); got != code {
			t.Errorf("to read octo/%s is answered %d, want %d", repo, got, code)
		}
	}
	with := client(t, w.server, hello, w.clock)
	if err := with.SetStatus(t.Context(), w.hello, appSHA, run.Status{Context: "x", State: run.StatusSuccess}); err == nil {
		t.Error("it can be written with")
	}
	w.clock.add(31 * time.Minute)
	if renewed := get(w.hello); renewed == hello {
		t.Error("a token with less than half an hour is given out")
	}
	for name, repo := range map[string]event.Repo{
		"not among those that were chosen": w.secret, "of another owner": w.cat,
		"another one under a known name": {ID: w.secret.ID, Owner: "octo", Name: "hello"},
	} {
		if token, err := w.app.CheckoutToken(t.Context(), repo); !errors.Is(err, run.ErrRefused) {
			t.Errorf("%s: %q, %v", name, token, err)
		}
	}
	for _, repo := range []event.Repo{{Owner: "octo", Name: "hello"}, {ID: 1, Owner: "../x", Name: "y"}} {
		if _, err := w.app.CheckoutToken(t.Context(), repo); err == nil {
			t.Errorf("%+v has a token", repo)
		}
	}
}

// statusOf is how a request with a token is answered.
func statusOf(t *testing.T, address, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

func TestTokensAreRenewed(t *testing.T) {
	w := newAppWorld(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	w.clock.add(-59*time.Minute - 30*time.Second) // a token is good for half a minute
	must(w.report(t, w.hello))
	must(w.report(t, w.hello))
	if n := len(w.server.Issued()); n != 2 {
		t.Errorf("%d tokens for two requests, the first of which had a token that ends soon", n)
	}
	w.clock.add(59*time.Minute + 30*time.Second)
	must(w.report(t, w.hello))
	// The code host's clock is ahead of ours.
	w.clock.add(time.Hour)
	if err := w.report(t, w.hello); err == nil || errors.Is(err, run.ErrRefused) {
		t.Errorf("with an expired token: %v; want an error that may pass", err)
	}
	must(w.report(t, w.hello))
}

func TestAppIsSuspended(t *testing.T) {
	w := newAppWorld(t)
	w.server.Suspend(w.id, true)
	ask := map[string]func() error{
		"report":   func() error { return w.report(t, w.hello) },
		"checkout": func() error { _, err := w.app.CheckoutToken(t.Context(), w.hello); return err },
	}
	for name, do := range ask {
		var p *event.Problem
		if err := do(); !errors.As(err, &p) || p.Public != "the GitHub App's installation is suspended" || !errors.Is(err, run.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.server.Suspend(w.id, false)
	for name, do := range ask {
		if err := do(); err != nil {
			t.Errorf("%s, not suspended any more: %v", name, err)
		}
	}
}

func TestAppMayNotDoEverything(t *testing.T) {
	w := newAppWorld(t)
	w.server.Grant(w.made, map[string]string{"metadata": "read", "statuses": "read"})
	if err := w.report(t, w.hello); !errors.Is(err, run.ErrRefused) || !strings.Contains(err.Error(), "Resource not accessible by integration") {
		t.Errorf("report: %v", err)
	}
	var p *event.Problem
	if _, err := w.app.CheckoutToken(t.Context(), w.hello); !errors.As(err, &p) || !strings.Contains(p.Hint, "contents: read") {
		t.Errorf("checkout: %v", err)
	}
}

func TestInstallationsHaveLimitsOfTheirOwn(t *testing.T) {
	w := newAppWorld(t)
	w.server.Install(w.made, "cat", "pics")
	w.server.SetOutage(githubtest.Outage{Kind: githubtest.Secondary, Path: "octo/"})
	var limited *run.RetryAfter
	if err := w.report(t, w.hello); !errors.As(err, &limited) {
		t.Errorf("got %v", err)
	}
	if err := w.report(t, w.cat); err != nil {
		t.Errorf("another installation: %v", err)
	}
}

func TestAppIsLimited(t *testing.T) {
	for _, path := range []string{"installation", "access_tokens"} {
		t.Run(path, func(t *testing.T) {
			w := newAppWorld(t)
			w.server.SetOutage(githubtest.Outage{Kind: githubtest.Secondary, Path: path})
			var limited *run.RetryAfter
			if err := w.report(t, w.hello); !errors.As(err, &limited) || !limited.Until.After(w.clock.now()) {
				t.Errorf("report: %v", err)
			}
			if _, err := w.app.CheckoutToken(t.Context(), w.hello); !errors.As(err, &limited) {
				t.Errorf("token: %v", err)
			}
			w.server.ClearOutage()
			if err := w.report(t, w.hello); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAppAsksForNothingElse(t *testing.T) {
	w := newAppWorld(t)
	if _, err := w.client.Repository(t.Context(), w.hello.ID); err != nil {
		t.Errorf("by its id: %v", err)
	}
	if _, err := w.client.Repository(t.Context(), w.cat.ID); !errors.Is(err, run.ErrRefused) {
		t.Errorf("by the id of another's: %v", err)
	}
	// Of an organization it is asked as its installation.
	record, err := github.NewRecord(github.RecordConfig{Client: w.client, App: w.client})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := record.FindHooks(t.Context(), "octo", 5, ""); err != nil || len(got) != 1 || got[0].TargetType != "organization" || got[0].TargetID == 0 {
		t.Errorf("an organization: %+v, %v", got, err)
	}
}

func TestAppInParallel(t *testing.T) {
	w := newAppWorld(t)
	w.server.Install(w.made, "cat", "pics")
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			repo := []event.Repo{w.hello, w.world, w.cat}[i%3]
			if err := w.report(t, repo); err != nil {
				t.Error(err)
			}
			if _, err := w.app.CheckoutToken(t.Context(), repo); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(w.server.Issued()); n > 5 {
		t.Errorf("%d tokens; two installations and three repositories need five", n)
	}
}

// TestAppKeyStaysAtHome: what is signed goes to the API's host alone, whatever it
// redirects to.
func TestAppKeyStaysAtHome(t *testing.T) {
	key := newAppWorld(t).made.Key
	for name, leaves := range map[string]string{"when an installation is looked for": "/installation", "when a token is asked for": "/access_tokens"} {
		t.Run(name, func(t *testing.T) {
			seen := make(chan string, 8)
			evil := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("Authorization") }))
			defer evil.Close()
			home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, leaves) {
					http.Redirect(w, r, evil.URL+r.URL.Path, http.StatusTemporaryRedirect)
					return
				}
				_, _ = w.Write([]byte(`{"id": 9}`))
			}))
			defer home.Close()
			urls, err := github.NewURLs(home.URL, "")
			if err != nil {
				t.Fatal(err)
			}
			app, err := github.NewApp(github.AppConfig{URLs: urls, ID: 5, Key: key})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := app.CheckoutToken(t.Context(), event.Repo{ID: 1, Owner: "octo", Name: "hello"}); err == nil {
				t.Error("a token comes from nowhere")
			}
			select {
			case got := <-seen:
				t.Errorf("another host was sent %q", got)
			default:
			}
		})
	}
}

func TestAppKeys(t *testing.T) {
	urls, err := github.NewURLs("", "")
	if err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	one := text("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key), nil)
	der8, err8 := x509.MarshalPKCS8PrivateKey(key)
	derC, errC := x509.MarshalPKCS8PrivateKey(curve)
	tests := map[string]struct{ key, problem string }{
		"as GitHub gives it out": {one, ""},
		"PKCS #8":                {text("PRIVATE KEY", der8, err8), ""},
		"in one line":            {strings.ReplaceAll(one, "\n", `\n`), ""},
		"with space around":      {"\n  " + one + "\n", ""},
		"another kind of key":    {text("PRIVATE KEY", derC, errC), "it is no RSA key"},
		"a public key":           {text("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey), nil), "it holds no private key"},
		"no PEM":                 {"canary-key", "it is not PEM"},
		"nothing":                {"", "it is not PEM"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := github.NewApp(github.AppConfig{URLs: urls, ID: 5, Key: tt.key})
			var p *event.Problem
			switch {
			case tt.problem == "" && err != nil:
				t.Error(err)
			case tt.problem != "" && (!errors.As(err, &p) || !strings.HasSuffix(p.Public, tt.problem) || strings.Contains(err.Error(), "canary")):
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := github.NewApp(github.AppConfig{URLs: urls, Key: one}); err == nil {
		t.Error("an App without an id")
	}
}

func TestAnswersAreAskedForAgain(t *testing.T) {
	server, c, repo, clock := hello(t)
	other := client(t, server, "other-token", clock)
	server.AddToken("other-token", "octo")
	list := func(c *github.Client, want int) int {
		t.Helper()
		got, err := c.Statuses(t.Context(), repo, appSHA)
		if err != nil || len(got) != want {
			t.Fatalf("%d statuses, %v; want %d", len(got), err, want)
		}
		all := server.Requests()
		return all[len(all)-1].Status
	}
	set := func(context string) {
		t.Helper()
		if err := c.SetStatus(t.Context(), repo, appSHA, run.Status{Context: context, State: run.StatusSuccess}); err != nil {
			t.Fatal(err)
		}
	}
	set("a")
	got := []int{list(c, 1), list(c, 1), list(other, 1), list(c, 1)}
	set("b")
	got = append(got, list(c, 2), list(c, 2), list(other, 2))
	if diff := cmp.Diff([]int{200, 304, 200, 304, 200, 304, 200}, got); diff != "" {
		t.Errorf("answered (-want +got)\n%s", diff)
	}
	server.RevokeToken("other-token")
	if _, err := other.Statuses(t.Context(), repo, appSHA); err == nil {
		t.Error("an answer is given out that the code host does not confirm")
	}
}
