package web_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/web"
)

func TestTheDetailTellsWhoApprovedAndWhoAsked(t *testing.T) {
	mona := event.Sender{ID: 5, Login: "mona"}
	r := run.Run{
		Event:    event.Event{ID: "github:2:rerun", Rerun: &event.RerunOf{Of: "github:1", Asked: "github:2", By: mona, Functions: []string{"test"}}},
		Approval: &run.Approval{By: mona, PullRequest: 7, SHA: "aa", BaseRef: "main", BaseSHA: "bb", EventID: "github:3", At: time.Unix(0, 0)},
		Command:  &run.Command{Name: "/test", By: mona, Verdict: run.CommandRefused, Reason: "no", Started: "x"},
		Calls:    []run.CallState{{Result: &run.Result{From: "github:1"}}},
	}
	var b bytes.Buffer
	if err := web.Encode(&b, web.Detail(r, nil)); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{
		`"approval": { "by": { "id": 5, "login": "mona", "bot": false }, "pull_request": 7, "sha": "aa", "base_ref": "main", "base_sha": "bb", "event": "github:3", "approved_at": "1970-01-01T00:00:00Z" }`,
		`"command": { "name": "/test", "by": { "id": 5, "login": "mona", "bot": false }, "verdict": "refused", "reason": "no", "started": "x" }`,
		`"rerun": { "of": "github:1", "asked": "github:2", "by": { "id": 5, "login": "mona", "bot": false }, "functions": [ "test" ] }`,
		`"from": "github:1"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %s in\n%s", want, text)
		}
	}
	b.Reset()
	if err := web.Encode(&b, web.Detail(run.Run{}, nil)); err != nil {
		t.Fatal(err)
	}
	for _, absent := range []string{"approval", "command", "rerun"} {
		if strings.Contains(b.String(), absent) {
			t.Errorf("%s is told where there is none", absent)
		}
	}
}
