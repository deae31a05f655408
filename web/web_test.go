package web_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/web"
	"github.com/franela/pocketci/web/webtest"
)

var update = flag.Bool("update", false, "write the golden files anew")

const token = "0123456789abcdef0123456789abcdef"

var (
	noon  = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	hello = event.Repo{ID: 1296269, Owner: "octo", Name: "hello", DefaultBranch: "main", HTMLURL: "https://github.com/octo/hello"}
)

// pushed is a finished run with everything in it.
func pushed() run.Run {
	const sha = "3f2a9c1d0e4b5a6978879695a4b3c2d1e0f90817"
	return run.Run{
		Seq: 42,
		Event: event.Event{
			ID: "github:72d3162e-cc78-11e3-81ab-4c9367dc0958", Vendor: "github", Name: "push", Type: "push", Filter: "main",
			Repo: hello, Sender: event.Sender{ID: 583231, Login: "octocat"},
			Ref: "refs/heads/main", SHA: sha, BaseSHA: "9d1c0ffee0e4b5a6978879695a4b3c2d1e0f9081", Diff: event.DiffPush,
			Status: true, Provenance: event.Webhook, ReceivedAt: noon,
		},
		State: run.Done, Attempt: 1, Trust: event.Trusted, SHA: sha, Changed: 3, Outcome: run.Failure,
		Begun: noon.Add(40 * time.Millisecond), Ended: noon.Add(14*time.Second + 900*time.Millisecond), Version: 9,
		Decisions: []run.Decision{
			{Function: "testOnGithubPushMain", Verdict: run.VerdictCalled, Rule: "most-specific", NamesEvent: true,
				Reason: "the name holds vendor, event and filter", Source: run.Location{File: "main.go", Line: 21, Column: 1},
				Compared: []run.Comparison{{What: "filter", Value: "main", Wanted: "Main", Accepted: true}}},
			{Function: "testOnGithub", Verdict: run.VerdictNotChosen, Rule: "most-specific",
				Reason: "testOnGithubPushMain is more specific", ReplacedBy: "testOnGithubPushMain", Source: run.Location{File: "main.go", Line: 9}},
			{Function: "docsOnGithubPush", Verdict: run.VerdictSkipped, Rule: "on-changes", NamesEvent: true,
				Reason:   "none of 3 changed files matches docs/**",
				Compared: []run.Comparison{{What: "onChanges", Value: "3 files", Wanted: "docs/**"}}},
		},
		Calls: []run.CallState{{
			Call: run.Call{Function: "testOnGithubPushMain", Attempt: 1,
				Constructor: []run.Arg{{Name: "token", Kind: run.ArgSecret, Secret: "ghToken"}},
				Args: []run.Arg{
					{Name: "src", Kind: run.ArgSource},
					{Name: "filter", Kind: run.ArgValue, Value: json.RawMessage(`"main"`)},
					{Name: "docs", Kind: run.ArgDirectory, Path: "/docs", Ignore: []string{"**/*.tmp"}},
				}},
			Begun: noon.Add(2 * time.Second),
			Result: &run.Result{Function: "testOnGithubPushMain", Outcome: run.Failure, Error: "tests failed: 3 of 10",
				Output: "=== RUN   TestHello\n--- FAIL: TestHello <0.01s>\n", Cut: 120_000,
				Begun: noon.Add(2500 * time.Millisecond), Ended: noon.Add(14*time.Second + 750*time.Millisecond), Attempt: 1},
		}},
	}
}

func reports() []run.Report {
	sha := pushed().SHA
	return []run.Report{
		{SHA: sha, Attempts: 1, Sent: noon.Add(15 * time.Second), NotBefore: noon.Add(10 * time.Second),
			Status: run.Status{Context: "pocketci (push)", State: run.StatusFailure, Description: "1 called, 1 skipped: 1 failed"}},
		{SHA: sha, Attempts: 1, Sent: noon.Add(1 * time.Second),
			Status: run.Status{Context: "pocketci/docs-on-github-push", State: run.StatusSuccess, Skip: true, Description: "skipped: none of 3 changed files matches docs/**"}},
		{SHA: sha, Attempts: 1, Dead: "403 Resource not accessible by personal access token: refused for good",
			Status: run.Status{Context: "pocketci/test-on-github-push-main", State: run.StatusFailure, Description: "tests failed: 3 of 10"}},
	}
}

// waiting waits for approval, recorded is not dispatched.
func waiting() run.Run {
	return run.Run{
		Seq: 43, State: run.Waiting, Waits: "approval of 77aa9c1d0e4b5a6978879695a4b3c2d1e0f90817", Trust: event.Untrusted, Begun: noon.Add(time.Minute),
		Event: event.Event{
			ID: "github:8a1b2c3d-cc78-11e3-9f4b-4c9367dc0958", Vendor: "github", Name: "pull_request", Type: "pull_request", Action: "opened", Filter: "opened",
			Repo: hello, Sender: event.Sender{ID: 99, Login: "stranger"}, Ref: "refs/pull/7/head", SHA: "77aa9c1d0e4b5a6978879695a4b3c2d1e0f90817",
			BaseRef: "main", BaseSHA: pushed().SHA, PullRequest: 7, Provenance: event.Webhook, ReceivedAt: noon.Add(time.Minute),
		},
	}
}

func recorded() run.Run {
	return run.Run{
		Seq: 44, State: run.Recorded,
		Event: event.Event{
			ID: "github:9c2d3e4f-cc78-11e3-8d21-4c9367dc0958", Vendor: "github", Name: "status", Type: "status", Filter: "success",
			Repo: hello, Sender: event.Sender{ID: 1, Login: "pocketci-bot", Bot: true}, SHA: pushed().SHA,
			Reason: "a status of our own", Provenance: event.Webhook, ReceivedAt: noon.Add(2 * time.Minute),
		},
	}
}

// office is an API and what is behind it.
type office struct {
	http.Handler
	reader *webtest.Reader
	log    bytes.Buffer
}

func newOffice(t testing.TB, change ...func(*web.Config)) *office {
	t.Helper()
	o := &office{reader: &webtest.Reader{
		All:     []run.Run{pushed(), waiting(), recorded()},
		Reports: map[string][]run.Report{pushed().Event.ID: reports()},
	}}
	covered := event.Coverage{
		Span: event.Span{From: noon.Add(-72 * time.Hour), To: noon}, Events: 1204, Delivered: 1201, Recovered: 3, Found: 4,
		Hooks: []event.HookCoverage{
			{
				Vendor: "github", Hook: event.Hook{ID: 4711, TargetType: "repository", TargetID: hello.ID}, Of: "octo/hello",
				Events: 1204, Delivered: 1201, Recovered: 3, ReadAt: noon.Add(-2 * time.Minute),
			},
			{
				Vendor: "github", Hook: event.Hook{ID: 4712, TargetType: "organization", TargetID: 9919}, Of: "octo",
				Problem: "GitHub does not show the deliveries of webhook 4712 of octo: it is gone, or the agent's credential may not read it",
				Hint:    "the agent's credential needs the organization permission \"Webhooks: read\" (classic tokens: admin:org_hook) of an owner of the organization",
			},
		},
		Repositories: []event.RepoCoverage{{Vendor: "github", ID: hello.ID, Name: "octo/hello", ReadAt: noon.Add(-4 * time.Minute)}},
	}
	cfg := web.Config{
		Reader: o.reader,
		Status: webtest.Status{
			Version: "v0.1.0", StartedAt: noon,
			Deliveries: web.Deliveries{Accepted: 1204, Recorded: 31, Duplicate: 2, Ping: 1, Refused: map[int]int64{401: 3}},
			Store:      web.Store{Writable: true, Waiting: 1, WALBytes: 4 << 20, FreeBytes: 12 << 30},
			Engine:     web.Engine{Problem: "no engine can be reached"},
			Outbox:     web.Outbox{Waiting: 4, Dead: 1, Failing: 1, LastError: "502 Bad Gateway", LimitedUntil: noon.Add(time.Hour)},
			Coverage:   &covered, Covered: covered.String(),
		},
		Token: token, Listen: "127.0.0.1:8081", Log: zerolog.New(zerolog.SyncWriter(&o.log)),
	}
	for _, c := range change {
		c(&cfg)
	}
	h, err := web.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	o.Handler = h
	return o
}

// get asks as somebody who may.
func get(path string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = "127.0.0.1:8081"
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func (o *office) ask(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	o.ServeHTTP(w, r)
	return w
}

func TestAnswersAreAsTheGoldenFilesSay(t *testing.T) {
	for file, path := range map[string]string{
		"events.json":         "/api/events?limit=2",
		"event.json":          "/api/events/github:72d3162e-cc78-11e3-81ab-4c9367dc0958",
		"event_waiting.json":  "/api/events/github%3A8a1b2c3d-cc78-11e3-9f4b-4c9367dc0958",
		"event_recorded.json": "/api/events/github:9c2d3e4f-cc78-11e3-8d21-4c9367dc0958",
		"event_unknown.json":  "/api/events/github:none",
		"status.json":         "/api/status",
	} {
		t.Run(file, func(t *testing.T) {
			w := newOffice(t).ask(get(path))
			golden := filepath.Join("testdata", file)
			if *update {
				if err := os.WriteFile(golden, w.Body.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), w.Body.String()); diff != "" {
				t.Errorf("%s (-want +got; -update writes it anew):\n%s", path, diff)
			}
			if wanted := map[bool]int{true: 404, false: 200}[file == "event_unknown.json"]; w.Code != wanted {
				t.Errorf("%s: %d, want %d", path, w.Code, wanted)
			}
		})
	}
}

func TestListPages(t *testing.T) {
	o := newOffice(t)
	var numbers []int64
	pages := 0
	for path := "/api/events?limit=1"; path != ""; pages++ {
		var page struct {
			Events []struct{ Run int64 }
			Next   *json.Number
		}
		w := o.ask(get(path))
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil {
			t.Fatalf("%s: %v", w.Body, err)
		}
		for _, e := range page.Events {
			numbers = append(numbers, e.Run)
		}
		path = ""
		if page.Next != nil {
			path = "/api/events?limit=1&before=" + page.Next.String()
		}
	}
	if diff := cmp.Diff([]int64{44, 43, 42}, numbers); diff != "" || pages != 3 {
		t.Errorf("%d pages (-want +got):\n%s", pages, diff)
	}
}

func TestListAsksForWhatIsWanted(t *testing.T) {
	for query, want := range map[string]web.Query{
		"":                    {Limit: 51},
		"limit=200&before=44": {Limit: 201, Before: 44},
		"repository=Octo/Hello.js&event=pull_request&state=waiting": {Limit: 51, Repository: "Octo/Hello.js", Event: "pull_request", State: "waiting"},
		"repository=octo%2Fhello":                                   {Limit: 51, Repository: "octo/hello"},
	} {
		o := newOffice(t)
		if w := o.ask(get("/api/events?" + query)); w.Code != 200 {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
			continue
		}
		if diff := cmp.Diff([]web.Query{want}, o.reader.Asked); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}

func TestAnEmptyListIsAList(t *testing.T) {
	w := newOffice(t).ask(get("/api/events?state=running"))
	if got, want := w.Body.String(), "{\n  \"events\": []\n}\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAQueryThatIsNotUnderstoodIsRefused(t *testing.T) {
	for query, want := range map[string]string{
		"limit=0":              "limit is not a number from 1 to 200",
		"limit=201":            "limit is not a number from 1 to 200",
		"limit=x":              "limit is not a number from 1 to 200",
		"before=-1":            "before is not the number of a run",
		"repository=hello":     "repository is not owner/name",
		"repository=a/b/c":     "repository is not owner/name",
		"event=Push":           "event is not the name of an event",
		"state=finished":       "state is not one that a run can be in",
		"repo=octo/hello":      "there is no parameter repo",
		"limit=1&limit=2":      "limit is given 2 times",
		"%zz":                  "the query can't be read",
		"a%1b%5b2J%e2%80%ae=x": "there is no parameter a\ufffd[2J\ufffd",
	} {
		o := newOffice(t)
		w := o.ask(get("/api/events?" + query))
		var got struct{ Error, Hint string }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if w.Code != 400 || got.Error != want || got.Hint == "" {
			t.Errorf("%s: %d %+v, want 400 %q with a hint", query, w.Code, got, want)
		}
		if len(o.reader.Asked) != 0 {
			t.Errorf("%s: the store was asked", query)
		}
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("limit=1&before=2&repository=a/b&event=push&state=done")
	f.Add("limit=%31&state=%00")
	f.Fuzz(func(t *testing.T, raw string) {
		r := get("/api/events")
		r.URL.RawQuery = raw
		o := newOffice(t)
		w := o.ask(r)
		if w.Code != 200 && w.Code != 400 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%q: %d %s", raw, w.Code, w.Body)
		}
		for _, q := range o.reader.Asked {
			if q.Limit < 2 || q.Limit > 201 || q.Before < 0 || strings.ContainsAny(q.Repository+q.Event+q.State, "\x00'\"%;") {
				t.Errorf("%q: asked for %+v", raw, q)
			}
		}
	})
}

func TestPathsAndMethods(t *testing.T) {
	for _, tc := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/", 404}, {"GET", "/api", 404}, {"GET", "/api/events/", 404}, {"GET", "/api/events/a/b", 404}, {"GET", "/favicon.ico", 404},
		{"POST", "/api/events", 405}, {"DELETE", "/api/events/github:1", 405}, {"OPTIONS", "/api/status", 405},
		{"HEAD", "/api/status", 200},
	} {
		r := get(tc.path)
		r.Method = tc.method
		w := newOffice(t).ask(r)
		if w.Code != tc.want {
			t.Errorf("%s %s: %d, want %d", tc.method, tc.path, w.Code, tc.want)
		}
		if tc.want == 405 && w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s %s: Allow %q", tc.method, tc.path, w.Header().Get("Allow"))
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s: %s", tc.method, tc.path, w.Body)
		}
	}
}

func TestAnIDMayHoldASlash(t *testing.T) {
	o := newOffice(t)
	r := pushed()
	r.Event.ID = "local:a/b c"
	o.reader.All = []run.Run{r}
	if w := o.ask(get("/api/events/local%3Aa%2Fb%20c")); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestAStoreThatCannotBeReadIs503AndTheCauseIsForTheLog(t *testing.T) {
	for _, path := range []string{"/api/events", "/api/events/github:1"} {
		o := newOffice(t)
		o.reader.Err = errors.New("open /var/lib/pocketci: disk I/O error")
		w := o.ask(get(path))
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "disk") {
			t.Errorf("%s: %d %v %s", path, w.Code, w.Header(), w.Body)
		}
		if !strings.Contains(o.log.String(), "disk I/O error") {
			t.Errorf("log: %s", o.log.String())
		}
	}
}

func TestDetailOfACallThatIsUnderWay(t *testing.T) {
	r := pushed()
	r.State, r.Outcome, r.Calls[0].Result = run.Running, "", nil
	got := web.Detail(r, nil)
	c := got.Calls[0]
	if c.Outcome != "" || c.DurationMS != nil || !c.EndedAt.IsZero() || !c.StartedAt.Equal(noon.Add(2*time.Second)) || c.Attempt != 1 {
		t.Errorf("got %+v", c)
	}
	if got.Reports == nil || got.Outcome != "" {
		t.Errorf("got %+v", got)
	}
}

func TestDetailIsReadBackAsItWasWritten(t *testing.T) {
	want := web.Detail(pushed(), reports())
	var data bytes.Buffer
	if err := web.Encode(&data, want); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(data.String(), `\u003c`) {
		t.Error("HTML's characters are escaped")
	}
	var got web.Event
	if err := json.Unmarshal(data.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
