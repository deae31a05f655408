package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/source/webhook"
	"github.com/franela/pocketci/source/webhook/webhooktest"
)

const maxBody = 4 << 10

var (
	vendor = webhooktest.Vendor{Secret: "s"}
	noon   = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
)

// door is a handler with a store behind it.
type door struct {
	*webhook.Handler
	store webhooktest.Store
	state webhook.Readiness
	log   bytes.Buffer
	now   time.Time
}

func newDoor(t testing.TB, change ...func(*webhook.Config)) *door {
	t.Helper()
	d := &door{now: noon}
	d.state.Store.Writable = true
	cfg := webhook.Config{
		Vendors: map[string]webhook.Vendor{"test": vendor}, Default: "test",
		Store:   &d.store,
		Ready:   webhook.ReadyFunc(func(context.Context) webhook.Readiness { return d.state }),
		MaxBody: maxBody,
		Clock:   func() time.Time { return d.now },
		Log:     zerolog.New(zerolog.SyncWriter(&d.log)),
	}
	for _, c := range change {
		c(&cfg)
	}
	h, err := webhook.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	d.Handler = h
	return d
}

// delivery is a genuine one, of a repository named hello.
func delivery(name, id string) *http.Request {
	return request("/", vendor, name, id, `{"repo":"hello"}`)
}

func request(path string, v webhooktest.Vendor, name, id, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header = v.Sign(name, id, []byte(body))
	return r
}

// chunked hides the body's length.
func chunked(r *http.Request) *http.Request { r.ContentLength = -1; return r }

// ask gives the answer as "202 {…}".
func (d *door) ask(r *http.Request) string {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return fmt.Sprintf("%d %s", w.Code, strings.TrimSpace(w.Body.String()))
}

func TestAnswers(t *testing.T) {
	large := `{"repo":"` + strings.Repeat("x", maxBody) + `"}`
	change := func(r *http.Request, change func(*http.Request)) *http.Request { change(r); return r }
	header := func(key, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(key, value) }
	}
	for name, tc := range map[string]struct {
		request *http.Request
		want    string
	}{
		"accepted":                   {delivery("push", "1"), `202 {"id":"test:1"}`},
		"accepted under its name":    {request("/webhooks/test", vendor, "push", "1", `{}`), `202 {"id":"test:1"}`},
		"accepted in chunks":         {chunked(delivery("push", "1")), `202 {"id":"test:1"}`},
		"accepted with a charset":    {change(delivery("push", "1"), header("Content-Type", "application/json; charset=UTF-8")), `202 {"id":"test:1"}`},
		"recorded":                   {request("/", vendor, "push", "1", `{"reason":"no repository"}`), `202 {"id":"test:1","dispatched":false,"reason":"no repository"}`},
		"recorded, not admitted":     {request("/", vendor, "push", "1", `{"repo":"foreign"}`), `202 {"id":"test:1","dispatched":false,"reason":"outside --repos"}`},
		"ping":                       {delivery("ping", "1"), `200 {"id":"test:1","dispatched":false,"reason":"ping"}`},
		"too large":                  {request("/", vendor, "push", "1", large), `413 {"error":"the body has more than 4096 bytes","hint":"code hosts send no delivery that large"}`},
		"too large in chunks":        {chunked(request("/", vendor, "push", "1", large)), `413 {"error":"the body has more than 4096 bytes","hint":"code hosts send no delivery that large"}`},
		"a form":                     {change(delivery("push", "1"), header("Content-Type", "application/x-www-form-urlencoded")), `415 {"error":"the body is not JSON (Content-Type)","hint":"in the webhook's form set Content type to application/json"}`},
		"no content type":            {change(delivery("push", "1"), header("Content-Type", "")), `415 {"error":"the body is not JSON (Content-Type)","hint":"in the webhook's form set Content type to application/json"}`},
		"another charset":            {change(delivery("push", "1"), header("Content-Type", "application/json; charset=utf-16")), `415 {"error":"the body is not JSON (Content-Type)","hint":"in the webhook's form set Content type to application/json"}`},
		"compressed":                 {change(delivery("push", "1"), header("Content-Encoding", "gzip")), `415 {"error":"the body is not JSON (Content-Type)","hint":"in the webhook's form set Content type to application/json"}`},
		"without a header":           {change(delivery("push", "1"), header(webhooktest.HeaderEvent, "")), `400 {"error":"headers are missing","hint":"send them"}`},
		"without a header in chunks": {chunked(change(delivery("push", "1"), header(webhooktest.HeaderEvent, ""))), `400 {"error":"headers are missing","hint":"send them"}`},
		"signed, but no delivery":    {request("/", vendor, "push", "1", `nonsense`), `400 {"error":"the body is not a delivery"}`},
		"unsigned":                   {change(delivery("push", "1"), header(webhooktest.HeaderSignature, "")), `401 {"error":"wrong signature","hint":"set the secret"}`},
		"signed with another secret": {request("/", webhooktest.Vendor{Secret: ""}, "push", "1", `{}`), `401 {"error":"wrong signature","hint":"set the secret"}`},
		"another vendor":             {request("/webhooks/gitlab", vendor, "push", "1", `{}`), `404 {"error":"there is nothing at this path","hint":"deliveries go to / or /webhooks/test"}`},
		"a slash too many":           {request("/webhooks/test/", vendor, "push", "1", `{}`), `404 {"error":"there is nothing at this path","hint":"deliveries go to / or /webhooks/test"}`},
		"the API is elsewhere":       {httptest.NewRequest("GET", "/api/events", nil), `404 {"error":"there is nothing at this path","hint":"deliveries go to / or /webhooks/test"}`},
		"GET":                        {httptest.NewRequest("GET", "/", nil), `405 {"error":"this path does not take that method","hint":"use POST"}`},
		"PUT":                        {httptest.NewRequest("PUT", "/webhooks/test", nil), `405 {"error":"this path does not take that method","hint":"use POST"}`},
		"POST to the health":         {httptest.NewRequest("POST", "/healthz", nil), `405 {"error":"this path does not take that method","hint":"use GET"}`},
		"health":                     {httptest.NewRequest("GET", "/healthz", nil), `200 {"status":"ok"}`},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t, func(c *webhook.Config) {
				c.Admit = func(e event.Event) event.Event {
					if e.Repo.Name == "foreign" {
						e.Reason = "outside --repos"
					}
					return e
				}
			})
			got := d.ask(tc.request)
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			stored := len(d.store.Events())
			if wanted := strings.HasPrefix(tc.want, "202"); (stored == 1) != wanted {
				t.Errorf("%d events stored after %s", stored, got)
			}
		})
	}
}

// The answers come in the order 413, 415, 400, 401: what is wrong first is said.
func TestOrderOfRefusals(t *testing.T) {
	wrong := []struct {
		code  int
		spoil func(*http.Request)
	}{
		{413, func(r *http.Request) {
			body := strings.Repeat("x", maxBody+1)
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		}},
		{415, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }},
		{400, func(r *http.Request) { r.Header.Del(webhooktest.HeaderDelivery) }},
		{401, func(r *http.Request) { r.Header.Set(webhooktest.HeaderSignature, "00") }},
	}
	for set := range 1 << len(wrong) {
		r, want := delivery("push", "1"), 202
		for i, w := range wrong {
			if set&(1<<i) == 0 {
				continue
			}
			w.spoil(r)
			if want == 202 {
				want = w.code
			}
		}
		for _, way := range []string{"known", "chunked"} {
			again := r.Clone(t.Context())
			data, _ := io.ReadAll(r.Body)
			r.Body, again.Body = io.NopCloser(bytes.NewReader(data)), io.NopCloser(bytes.NewReader(data))
			if way == "chunked" {
				chunked(again)
			}
			d := newDoor(t)
			if got := d.ask(again); !strings.HasPrefix(got, fmt.Sprint(want, " ")) {
				t.Errorf("%s, wrong %04b: got %s, want %d", way, set, got, want)
			}
			if want != 202 {
				if diff := cmp.Diff(webhook.Counts{Refused: map[int]int64{want: 1}}, d.Counts()); diff != "" {
					t.Errorf("counts (-want +got):\n%s", diff)
				}
			}
		}
	}
}

// unreadable fails the test if the body is read.
type unreadable struct{ testing.TB }

func (u unreadable) Read([]byte) (int, error) { u.Error("the body was read"); return 0, io.EOF }
func (u unreadable) Close() error             { return nil }

func TestABodyIsNotReadToBeRefused(t *testing.T) {
	for code, spoil := range map[int]func(*http.Request){
		413: func(r *http.Request) { r.ContentLength = maxBody + 1 },
		415: func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
		400: func(r *http.Request) { r.Header.Del(webhooktest.HeaderEvent) },
	} {
		r := delivery("push", "1")
		spoil(r)
		r.Body = unreadable{t}
		if got := newDoor(t).ask(r); !strings.HasPrefix(got, fmt.Sprint(code, " ")) {
			t.Errorf("got %s, want %d", got, code)
		}
	}
}

func TestTheEventIsKeptAsItCame(t *testing.T) {
	for name, r := range map[string]*http.Request{"known": delivery("push", "1"), "chunked": chunked(delivery("push", "1"))} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t)
			d.ask(r)
			want := []event.Event{{
				ID: "test:1", Vendor: "test", Name: "push", Type: "push", Repo: event.Repo{ID: 1, Owner: "octo", Name: "hello"},
				Provenance: event.Webhook, ReceivedAt: noon, Payload: json.RawMessage(`{"repo":"hello"}`),
			}}
			if diff := cmp.Diff(want, d.store.Events()); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRedeliveryIsADuplicate(t *testing.T) {
	d := newDoor(t)
	d.ask(delivery("push", "1"))
	if got, want := d.ask(delivery("push", "1")), `200 {"id":"test:1","duplicate":true}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	d.ask(delivery("ping", "2"))
	d.ask(request("/", vendor, "push", "3", `{"reason":"no"}`))
	if diff := cmp.Diff(webhook.Counts{Accepted: 1, Duplicate: 1, Ping: 1, Recorded: 1, Refused: map[int]int64{}}, d.Counts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func TestAStoreThatCannotWriteIs503(t *testing.T) {
	for name, tc := range map[string]struct {
		err         error
		want, after string
	}{
		"broken": {errors.New("disk I/O error at /var/lib/secret"),
			`503 {"error":"the event could not be stored","hint":"deliver it again later; the agent's log has the cause"}`, "10"},
		"full": {fmt.Errorf("append: %w", event.ErrFull),
			`503 {"error":"there is no room left to store the event","hint":"make room where the agent keeps its data, then deliver it again"}`, "60"},
		"in its own words": {&event.Problem{Public: "the store is being moved", Hint: "wait", Err: errors.New("x")},
			`503 {"error":"the store is being moved","hint":"wait"}`, "10"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t)
			d.store.Before = func(context.Context, event.Event) error { return tc.err }
			w := httptest.NewRecorder()
			d.ServeHTTP(w, delivery("push", "1"))
			if got := fmt.Sprintf("%d %s", w.Code, strings.TrimSpace(w.Body.String())); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if got := w.Header().Get("Retry-After"); got != tc.after {
				t.Errorf("Retry-After %q, want %s", got, tc.after)
			}
			if d.Counts().Refused[503] != 1 {
				t.Errorf("counts %+v", d.Counts())
			}
		})
	}
}

func TestAClientThatLeavesDoesNotStopTheStore(t *testing.T) {
	d := newDoor(t)
	ctx, leave := context.WithCancel(t.Context())
	d.store.Before = func(ctx context.Context, _ event.Event) error {
		leave()
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("the store has no time limit")
		}
		return ctx.Err()
	}
	if got := d.ask(delivery("push", "1").WithContext(ctx)); got != `202 {"id":"test:1"}` {
		t.Errorf("got %s", got)
	}
}

func TestAStoreThatHangsIs503(t *testing.T) {
	d := newDoor(t, func(c *webhook.Config) { c.StoreTime = time.Millisecond })
	d.store.Before = func(ctx context.Context, _ event.Event) error { <-ctx.Done(); return context.Cause(ctx) }
	if got := d.ask(delivery("push", "1")); !strings.HasPrefix(got, "503 ") {
		t.Errorf("got %s, want 503", got)
	}
	if !strings.Contains(d.log.String(), "the store did not answer in time") {
		t.Errorf("log: %s", d.log.String())
	}
}

func TestBytesInFlightAreBounded(t *testing.T) {
	d := newDoor(t, func(c *webhook.Config) { c.MaxInFlight = 2*maxBody + 2 })
	big := func(id string) *http.Request {
		return request("/", vendor, "push", id, `{"repo":"`+strings.Repeat("x", maxBody-20)+`"}`)
	}
	inside, done := make(chan struct{}), make(chan struct{})
	d.store.Before = func(context.Context, event.Event) error { inside <- struct{}{}; <-done; return nil }
	answers := make(chan string)
	for i := range 2 {
		go func() { answers <- d.ask(big(fmt.Sprint(i))) }()
		<-inside
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, big("third"))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("the third one got %d %s %v, want 503 with Retry-After", w.Code, w.Body, w.Header())
	}
	close(done)
	for range 2 {
		if got := <-answers; !strings.HasPrefix(got, "202 ") {
			t.Errorf("one of the first two got %s", got)
		}
	}
	d.store.Before = nil
	for i := range 10 { // what was refused or answered gives its bytes back
		if got := d.ask(big(fmt.Sprint("later", i))); !strings.HasPrefix(got, "202 ") {
			t.Errorf("afterwards: %s", got)
		}
	}
}

func TestABodyThatGrowsGivesItsBytesBack(t *testing.T) {
	const large = 1 << 20
	d := newDoor(t, func(c *webhook.Config) { c.MaxBody, c.MaxInFlight = large, 2*large+2 })
	for i := range 10 {
		r := request("/", vendor, "push", fmt.Sprint(i), `{"repo":"`+strings.Repeat("x", large-20)+`"}`)
		if i%2 == 1 {
			chunked(r)
		}
		if got := d.ask(r); !strings.HasPrefix(got, "202 ") {
			t.Fatalf("delivery %d: %s", i, got)
		}
	}
}

func TestReadiness(t *testing.T) {
	d := newDoor(t)
	d.state = webhook.Readiness{
		Store:  webhook.StoreState{Writable: true, Queued: 2, FreeBytes: -1},
		Engine: webhook.EngineState{Problem: "no engine at the given address"},
		Outbox: webhook.OutboxState{Waiting: 3, LimitedUntil: noon},
	}
	want := `200 {"ready":true,"store":{"writable":true,"queued":2,"waiting":0,"running":0,"wal_bytes":0,"free_bytes":-1},` +
		`"engine":{"reachable":false,"problem":"no engine at the given address"},` +
		`"outbox":{"waiting":3,"dead":0,"failing":0,"limited_until":"2026-05-01T12:00:00Z"}}`
	if got := d.ask(httptest.NewRequest("GET", "/readyz", nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	d.state.Store.Writable = false
	if got := d.ask(httptest.NewRequest("GET", "/readyz", nil)); got != want {
		t.Errorf("looked again within a second: %s", got)
	}
	d.now = d.now.Add(time.Second)
	if got := d.ask(httptest.NewRequest("GET", "/readyz", nil)); !strings.HasPrefix(got, `503 {"ready":false,`) {
		t.Errorf("got %s, want 503 without a writable store", got)
	}
}

func TestTheLogHoldsNoControlCharactersAndDoesNotFill(t *testing.T) {
	d := newDoor(t)
	for range 1000 {
		r := delivery("push", "1")
		r.Header.Set(webhooktest.HeaderSignature, "00")
		r.Header.Set("User-Agent", "x\x1b[2J\u009b\u202e\r\n{\"level\":\"fake\"}"+strings.Repeat("y", 10_000))
		d.ask(r)
	}
	d.now = d.now.Add(time.Second)
	r := delivery("push", "1")
	r.Header.Set(webhooktest.HeaderSignature, "00")
	d.ask(r)
	lines := strings.Split(strings.TrimSpace(d.log.String()), "\n")
	if len(lines) != 21 {
		t.Errorf("%d lines, want a burst of 20 and one a second later", len(lines))
	}
	for _, line := range lines {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil || len(line) > 1000 {
			t.Fatalf("line of %d bytes: %v", len(line), err)
		}
		agent, _ := entry["user_agent"].(string)
		if strings.ContainsAny(agent, "\x1b\u009b\u202e\r\n") {
			t.Errorf("user agent %q", agent)
		}
	}
	if !strings.Contains(lines[20], `"more_like_it":980`) {
		t.Errorf("last line %s does not tell of the 980 that were left out", lines[20])
	}
	if n := d.Counts().Refused[401]; n != 1001 {
		t.Errorf("%d counted, want 1001", n)
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	for name, change := range map[string]func(*webhook.Config){
		"no store":           func(c *webhook.Config) { c.Store = nil },
		"no readiness":       func(c *webhook.Config) { c.Ready = nil },
		"no default vendor":  func(c *webhook.Config) { c.Default = "github" },
		"no room for a body": func(c *webhook.Config) { c.MaxInFlight = 2 * maxBody },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := newDoor(t).Config
			change(&cfg)
			if _, err := webhook.New(cfg); err == nil {
				t.Error("no error")
			}
		})
	}
}
