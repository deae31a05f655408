package run_test

import (
	"testing"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// TestAnApprovalCoversExactlyWhatItIsFor: each difference alone is one too many.
func TestAnApprovalCoversExactlyWhatItIsFor(t *testing.T) {
	a := run.Approval{RepoID: 7, PullRequest: 9, SHA: "aa", BaseRef: "main", BaseSHA: "bb"}
	e := event.Event{Repo: event.Repo{ID: 7}, PullRequest: 9, SHA: "aa", BaseRef: "main"}
	for name, tt := range map[string]struct {
		change func(*run.Approval, *event.Event)
		want   bool
	}{
		"the same":                {func(*run.Approval, *event.Event) {}, true},
		"a commit alone":          {func(_ *run.Approval, e *event.Event) { e.PullRequest, e.BaseRef = 0, "" }, true},
		"a base that moved on":    {func(_ *run.Approval, e *event.Event) { e.BaseSHA = "cc" }, true},
		"another commit":          {func(_ *run.Approval, e *event.Event) { e.SHA = "ab" }, false},
		"another commit alone":    {func(_ *run.Approval, e *event.Event) { e.SHA, e.PullRequest, e.BaseRef = "ab", 0, "" }, false},
		"no commit":               {func(a *run.Approval, e *event.Event) { a.SHA, e.SHA = "", "" }, false},
		"another repository":      {func(_ *run.Approval, e *event.Event) { e.Repo.ID = 8 }, false},
		"another pull request":    {func(_ *run.Approval, e *event.Event) { e.PullRequest = 10 }, false},
		"another branch":          {func(_ *run.Approval, e *event.Event) { e.BaseRef = "old" }, false},
		"a base that's not known": {func(a *run.Approval, _ *event.Event) { a.BaseSHA = "" }, false},
	} {
		approval, about := a, e
		tt.change(&approval, &about)
		if got := approval.Covers(about); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
