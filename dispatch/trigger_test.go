package dispatch_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/event"
)

// opened is an event with a value in every field.
func opened() event.Event {
	return event.Event{
		ID: "github:72d3162e-cc78-11e3-81ab-4c9367dc0958", Vendor: "github", Name: "pull_request", Type: "pull_request",
		Filter: "opened", Action: "opened",
		Repo:   event.Repo{ID: 186853002, Owner: "octo", Name: "hello", DefaultBranch: "main", HTMLURL: "https://github.com/octo/hello"},
		Sender: event.Sender{ID: 21031067, Login: "octocat"},
		Ref:    "refs/pull/2/head", SHA: "ec26c3e57ca3a959ca5aad62de7213c562f8c821",
		BaseRef: "main", BaseSHA: "f95f852bd8fca8fcc58a9a2d6c842781e32a215e", PullRequest: 2,
		ReceivedAt: time.Date(2026, 1, 2, 4, 4, 5, 6, time.FixedZone("", 3600)),
		Payload:    json.RawMessage(`{ "action":"opened", "big":12345678901234567890123, "html":"<a href=\"x\">&</a>", "float":1.0e+2, "dup":1,"dup":2 }`),
	}
}

func TestTriggerGolden(t *testing.T) {
	tests := map[string]struct {
		event event.Event
		facts dispatch.TriggerFacts
	}{
		"pull_request": {opened(), dispatch.TriggerFacts{
			SHA: "ec26c3e57ca3a959ca5aad62de7213c562f8c821", Trust: event.Trusted, Attempt: 2,
			HasDiff: true, Changes: []string{"<b>&.md", "gone.go", "ü \"q\".txt"}, Deleted: []string{"gone.go"},
		}},
		"no_diff": {
			event.Event{
				ID: "github:1", Vendor: "github", Name: "star", Type: "star", Filter: "created", Action: "created",
				Repo: event.Repo{ID: 1, Owner: "octo", Name: "hello", DefaultBranch: "trunk"}, ReceivedAt: time.Unix(0, 0),
			},
			dispatch.TriggerFacts{SHA: "aa", Trust: event.Untrusted, Attempt: 1, Changes: []string{"ignored"}},
		},
		"nothing_changed": {
			event.Event{ID: "local:1", Vendor: "github", Name: "push", Type: "push", ReceivedAt: time.Unix(0, 0), Payload: json.RawMessage("{}\n")},
			dispatch.TriggerFacts{SHA: "aa", Trust: event.Trusted, Attempt: 1, HasDiff: true},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := dispatch.Trigger(tt.event, tt.facts)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "trigger_"+name+".json")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if !json.Valid(got) || !utf8.Valid(got) {
				t.Errorf("not one JSON value in UTF-8: %s", got)
			}
			if len(tt.event.Payload) > 0 && !bytes.Contains(got, tt.event.Payload) {
				t.Errorf("the payload was touched: %s", got)
			}
		})
	}
}

// TestTriggerFields: exactly the documented fields.
func TestTriggerFields(t *testing.T) {
	file, err := dispatch.Trigger(opened(), dispatch.TriggerFacts{})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal(file, &got); err != nil {
		t.Fatal(err)
	}
	fields := []string{
		"version", "id", "attempt", "vendor", "event", "event_type", "action", "filter", "repository_name", "repo_name", "repository",
		"ref", "sha", "base_ref", "base_sha", "pull_request", "sender", "trust", "changes", "deleted", "received_at", "payload",
	}
	for _, f := range fields {
		if _, ok := got[f]; !ok {
			t.Errorf("%s is missing", f)
		}
		delete(got, f)
	}
	for f := range got {
		t.Errorf("%s is not documented", f)
	}
}

func TestTriggerWithoutPayload(t *testing.T) {
	for name, payload := range map[string]string{
		"empty": "", "blank": " ", "no JSON": "payload=x", "two values": "{}{}", "closing brace": `{}}`,
		"byte order mark": "\ufeff{}", "not UTF-8": "{\"a\":\"\xff\"}", "cut off": `{"a":`,
	} {
		t.Run(name, func(t *testing.T) {
			e := opened()
			e.Payload = json.RawMessage(payload)
			file, err := dispatch.Trigger(e, dispatch.TriggerFacts{})
			if err != nil {
				t.Fatal(err)
			}
			var got struct{ Payload any }
			if err := json.Unmarshal(file, &got); err != nil || got.Payload != nil {
				t.Errorf("%v, %s", err, file)
			}
		})
	}
}

// FuzzTrigger: the file is one JSON object, whatever the payload and the names are.
func FuzzTrigger(f *testing.F) {
	f.Add(`{"a":1}`, "main", "a.go")
	f.Add(`{"a":1}, "payload":{}`, "\xff", "\u2028<")
	f.Fuzz(func(t *testing.T, payload, filter, changed string) {
		e := opened()
		e.Payload, e.Filter = json.RawMessage(payload), filter
		file, err := dispatch.Trigger(e, dispatch.TriggerFacts{HasDiff: true, Changes: []string{changed}})
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Version int
			Payload json.RawMessage
			Changes []string
		}
		dec := json.NewDecoder(bytes.NewReader(file))
		if err := dec.Decode(&got); err != nil || got.Version != 1 || len(got.Changes) != 1 || dec.More() {
			t.Fatalf("%v: %s", err, file)
		}
		if json.Valid([]byte(payload)) && utf8.ValidString(payload) && !bytes.Contains(file, []byte(payload)) {
			t.Errorf("the payload %q was touched: %s", payload, file)
		}
	})
}
