package local_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/source/local"
)

func TestEvent(t *testing.T) {
	facts := local.Facts{
		Repo: event.Repo{Owner: "octo", Name: "hello", DefaultBranch: "main"},
		SHA:  "1111111111111111111111111111111111111111", Base: "2222222222222222222222222222222222222222",
		Branch: "feature/x", BaseRef: "main", Message: "Say hello\n\nTwice.", AuthorName: "Mona", AuthorEmail: "mona@example.com",
	}
	type want struct {
		Name, Type, Filter, Action, Ref string
		Diff                            event.Diff
	}
	tests := map[string]struct {
		q    local.Request
		want want
		// at is a place in the payload and what stands there.
		at    []string
		value any
	}{
		"a push is of the current branch": {
			local.Request{Name: "push"},
			want{"push", "push", "feature/x", "", "refs/heads/feature/x", event.DiffPush},
			[]string{"head_commit", "id"}, facts.SHA,
		},
		"a push of another branch": {
			local.Request{Name: "push", Filter: "main"},
			want{"push", "push", "main", "", "refs/heads/main", event.DiffPush},
			[]string{"ref"}, "refs/heads/main",
		},
		"a tag is the vendor's push": {
			local.Request{Name: "tag", Filter: "v1"},
			want{"tag", "push", "v1", "", "refs/tags/v1", event.DiffNone},
			[]string{"ref"}, "refs/tags/v1",
		},
		"a pull request's filter is its action": {
			local.Request{Name: "pull_request", Action: "opened"},
			want{"pull_request", "pull_request", "opened", "opened", "refs/heads/feature/x", event.DiffPull},
			[]string{"pull_request", "title"}, "Say hello",
		},
		"any other event is its action": {
			local.Request{Name: "issues", Filter: "opened"},
			want{"issues", "issues", "opened", "opened", "", event.DiffNone},
			[]string{"action"}, "opened",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := local.Event(tt.q, facts, "local:1", time.Unix(0, 0).UTC())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, want{e.Name, e.Type, e.Filter, e.Action, e.Ref, e.Diff}); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if e.SHATrust != event.Trusted || e.SenderTrust != event.Trusted || e.Status {
				t.Errorf("trust %s, %s, status %v: a local event is trusted and never reported", e.SHATrust, e.SenderTrust, e.Status)
			}
			var payload any
			if err := json.Unmarshal(e.Payload, &payload); err != nil {
				t.Fatal(err)
			}
			for _, key := range tt.at {
				payload = payload.(map[string]any)[key]
			}
			if diff := cmp.Diff(tt.value, payload); diff != "" {
				t.Errorf("payload at %v (-want +got)\n%s", tt.at, diff)
			}
		})
	}
}

func TestEventWithoutAName(t *testing.T) {
	_, err := local.Event(local.Request{}, local.Facts{}, "local:1", time.Time{})
	var p *event.Problem
	if !errors.As(err, &p) || p.Hint == "" {
		t.Fatalf("got %v, want a problem with a hint", err)
	}
}
