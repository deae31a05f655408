package githubtest_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strconv"
	"testing"
	"time"

	"github.com/franela/pocketci/vcs/github/githubtest"
)

// signed is a JSON web token of an App, issued some time ago or to come, good for
// a time from now on.
func signed(t *testing.T, app githubtest.App, algorithm string, issued, expires time.Duration) string {
	t.Helper()
	block, _ := pem.Decode([]byte(app.Key))
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	text := part(map[string]string{"alg": algorithm, "typ": "JWT"}) + "." + part(map[string]any{
		"iss": strconv.FormatInt(app.ID, 10), "iat": time.Now().Add(issued).Unix(), "exp": time.Now().Add(expires).Unix(),
	})
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestWhoIsAnApp(t *testing.T) {
	gh := githubtest.Start(t, githubtest.Config{})
	app, err := gh.AddApp("one")
	if err != nil {
		t.Fatal(err)
	}
	other, err := gh.AddApp("two")
	if err != nil {
		t.Fatal(err)
	}
	foreign := app
	foreign.Key = other.Key
	for name, c := range map[string]struct {
		token string
		code  int
	}{
		"signed":                 {signed(t, app, "RS256", 0, 9*time.Minute), 200},
		"by another App's key":   {signed(t, foreign, "RS256", 0, 9*time.Minute), 401},
		"for too long":           {signed(t, app, "RS256", 0, 11*time.Minute), 401},
		"expired":                {signed(t, app, "RS256", -time.Hour, -time.Minute), 401},
		"issued in the future":   {signed(t, app, "RS256", time.Minute, 9*time.Minute), 401},
		"with another algorithm": {signed(t, app, "none", 0, 9*time.Minute), 401},
		"an account's token":     {gh.Token(), 401},
		"nobody":                 {"", 401},
	} {
		t.Run(name, func(t *testing.T) {
			if resp, body := call(t, gh, c.token, "GET", "/api/v3/app", ""); resp.StatusCode != c.code {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
		})
	}
}

func TestWhatATokenIsGoodFor(t *testing.T) {
	now := time.Now()
	gh := githubtest.Start(t, githubtest.Config{Clock: func() time.Time { return now }, ContentPerMinute: 1})
	hello := gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello", Private: true})
	gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "other", Private: true})
	gh.AddRepo(githubtest.Repo{Owner: "cat", Name: "pics", Private: true})
	app, err := gh.AddApp("one")
	if err != nil {
		t.Fatal(err)
	}
	octo, cat := gh.Install(app, "octo", "hello", "other"), gh.Install(app, "cat", "pics")
	self := signed(t, app, "RS256", 0, time.Minute)
	token := func(installation int64, ask string, code int) string {
		t.Helper()
		resp, body := call(t, gh, self, "POST", "/api/v3/app/installations/"+itoa(installation)+"/access_tokens", ask)
		if resp.StatusCode != code {
			t.Fatalf("%s: %d %s", ask, resp.StatusCode, body)
		}
		return decode[struct{ Token string }](t, body).Token
	}
	try := func(token, method, path string, code int) {
		t.Helper()
		body := ""
		if method == "POST" {
			body = `{"state": "success"}`
		}
		if resp, text := call(t, gh, token, method, "/api/v3/"+path, body); resp.StatusCode != code {
			t.Errorf("%s %s: %d %s, want %d", method, path, resp.StatusCode, text, code)
		}
	}
	const sha = "0123456789012345678901234567890123456789"
	whole := token(octo, "", 201)
	try(whole, "POST", "repos/octo/hello/statuses/"+sha, 201)
	try(whole, "POST", "repos/octo/hello/statuses/"+sha, 403) // one a minute
	try(token(cat, "", 201), "POST", "repos/cat/pics/statuses/"+sha, 201)
	try(whole, "GET", "repos/cat/pics", 404)
	try(whole, "GET", "repositories/"+itoa(hello.ID)+"/hooks", 403)
	now = now.Add(time.Minute)

	narrow := token(octo, `{"repository_ids": [`+itoa(hello.ID)+`], "permissions": {"contents": "read", "metadata": "read"}}`, 201)
	try(narrow, "GET", "repos/octo/hello", 200)
	try(narrow, "GET", "repos/octo/hello/branches", 200)
	try(narrow, "GET", "repositories/"+itoa(hello.ID)+"/pulls", 403)
	try(narrow, "GET", "repos/octo/hello/commits/"+sha+"/statuses", 403)
	try(narrow, "POST", "repos/octo/hello/statuses/"+sha, 403)
	try(narrow, "GET", "repos/octo/other", 404)
	token(octo, `{"permissions": {"administration": "write"}}`, 422)
	token(octo, `{"permissions": {"contents": "write"}}`, 422)
	token(octo, `{"repository_ids": [4711]}`, 422)

	gh.Suspend(octo, true)
	try(whole, "GET", "repos/octo/hello", 403)
	token(octo, "", 403)
	gh.Suspend(octo, false)
	try(whole, "GET", "repos/octo/hello", 200)
	now = now.Add(time.Hour)
	try(whole, "GET", "repos/octo/hello", 401)
}
