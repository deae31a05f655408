package status_test

import (
	"strings"
	"testing"
	"time"

	"github.com/franela/pocketci/report/status"
	"github.com/franela/pocketci/run"
)

// TestStrangersWordsAreNotReported: whatever an approved commit of a fork makes
// functions say, and however they end, the commit shows our own words.
func TestStrangersWordsAreNotReported(t *testing.T) {
	const words = "see https://evil.example"
	for outcome, want := range map[run.Outcome]string{
		run.Success:   "succeeded in 1s",
		run.Failure:   "failed; the API has what it says",
		run.TimedOut:  "timed out after 1s",
		run.Errored:   "error of the agent; its log has the cause",
		run.Cancelled: "cancelled by mona",
	} {
		r := done(call(labeled(""), "testOnGithubPullRequest", result(outcome, time.Second, words)), outcome)
		r.Approval = &run.Approval{SHA: sha}
		if outcome == run.Cancelled {
			r.Note = "cancelled by mona"
		}
		reports, _ := status.Plan(r, later)
		if len(reports) != 2 {
			t.Fatalf("%s: %d reports", outcome, len(reports))
		}
		if got := reports[0].Status.Description; got != want {
			t.Errorf("%s: %q, want %q", outcome, got, want)
		}
		for _, report := range reports {
			if strings.Contains(report.Status.Description, "evil") {
				t.Errorf("%s: %q", outcome, report.Status.Description)
			}
		}
		r.Approval = nil
		reports, _ = status.Plan(r, later)
		if outcome == run.Failure && reports[0].Status.Description != words {
			t.Errorf("the repository's own: %q", reports[0].Status.Description)
		}
	}
}
