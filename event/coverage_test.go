package event_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestCoverageInOneLine(t *testing.T) {
	window := event.Span{From: noon.Add(-72 * time.Hour), To: noon}
	hook := event.HookCoverage{Hook: event.Hook{ID: 12, TargetType: "repository"}, Of: "octo/hello"}
	unreadable, said, away, awayBefore := hook, hook, hook, hook
	said.Problem = "may not read webhook 12 of octo/hello"
	unreadable.Problem = "the credential may not read it"
	away.Unread = event.Span{From: noon.Add(-80 * time.Hour), To: noon.Add(-70 * time.Hour)}
	awayBefore.Unread = event.Span{From: noon.Add(-90 * time.Hour), To: noon.Add(-80 * time.Hour)}
	for want, c := range map[string]event.Coverage{
		"72 h: 0 events, 0 delivered, 0 recovered, 0 gaps":           {Span: window},
		"72 h: 1,204 events, 1,201 delivered, 3 recovered, 0 gaps":   {Span: window, Events: 1204, Delivered: 1201, Recovered: 3},
		"72 h: 1 event, 0 delivered, 0 recovered, 1 gap":             {Span: window, Events: 1, Gaps: 1},
		"1 h: 2 events, 1 delivered, 0 recovered, 0 gaps, 1 refused": {Span: event.Span{From: noon.Add(-time.Hour), To: noon}, Events: 2, Delivered: 1, Refused: 1},
		"72 h: 3,000 events, 0 delivered, 1,000 recovered, 2,000 gaps (1,990 to be fetched)": {
			Span: window, Events: 3000, Recovered: 1000, Gaps: 2000, Pending: 1990,
		},
		"72 h: 1,000,000 events, 999 delivered, 0 recovered, 100 gaps": {Span: window, Events: 1_000_000, Delivered: 999, Gaps: 100},
		"72 h: 0 events, 0 delivered, 0 recovered, 0 gaps; 2 moves found without a delivery": {
			Span: window, Found: 2,
		},
		"72 h: 0 events, 0 delivered, 0 recovered, 0 gaps; webhook 12 of octo/hello: the credential may not read it": {
			Span: window, Hooks: []event.HookCoverage{hook, unreadable, awayBefore},
		},
		"72 h: 0 events, 0 delivered, 0 recovered, 0 gaps; may not read webhook 12 of octo/hello": {
			Span: window, Hooks: []event.HookCoverage{said},
		},
		"72 h: 0 events, 0 delivered, 0 recovered, 0 gaps; webhook 12 of octo/hello: nobody knows what was delivered from 2026-11-18T04:00:00Z to 2026-11-18T14:00:00Z": {
			Span: window, Hooks: []event.HookCoverage{away},
		},
		"72 h: 0 events, 0 delivered, 0 recovered, 0 gaps; webhook 3 of the App: no key; refs of octo/hello: no permission": {
			Span: window, Hooks: []event.HookCoverage{{Hook: event.Hook{ID: 3}, Problem: "no key"}},
			Repositories: []event.RepoCoverage{{Name: "octo/hello", Problem: "no permission"}, {Name: "octo/other"}},
		},
	} {
		if got := c.String(); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

// TestCoverageAsJSON is what the API shows.
func TestCoverageAsJSON(t *testing.T) {
	c := event.Coverage{
		Span: event.Span{From: noon.Add(-72 * time.Hour), To: noon}, Events: 3, Delivered: 1, Recovered: 1, Gaps: 1, Found: 1,
		Hooks: []event.HookCoverage{{
			Vendor: "github", Hook: event.Hook{ID: 12, TargetType: "repository", TargetID: 7}, Of: "octo/hello",
			Events: 3, Delivered: 1, Recovered: 1, Gaps: 1, ReadAt: noon, Problem: "no permission", Hint: "grant it",
		}},
		Repositories: []event.RepoCoverage{{Vendor: "github", ID: 7, Name: "octo/hello", ReadAt: noon}},
	}
	got, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
 "from": "2026-11-18T12:00:00Z",
 "to": "2026-11-21T12:00:00Z",
 "events": 3,
 "delivered": 1,
 "recovered": 1,
 "refused": 0,
 "gaps": 1,
 "pending": 0,
 "found": 1,
 "hooks": [
  {
   "vendor": "github",
   "id": 12,
   "target_type": "repository",
   "target_id": 7,
   "of": "octo/hello",
   "events": 3,
   "delivered": 1,
   "recovered": 1,
   "refused": 0,
   "gaps": 1,
   "read_at": "2026-11-21T12:00:00Z",
   "error": "no permission",
   "hint": "grant it"
  }
 ],
 "repositories": [
  {
   "vendor": "github",
   "id": 7,
   "name": "octo/hello",
   "read_at": "2026-11-21T12:00:00Z"
  }
 ]
}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
