package dispatch_test

import (
	"strings"
	"testing"

	"github.com/iancoleman/strcase"
	"pgregory.net/rapid"

	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/run"
)

// TestNames: a name as it is written in the source, held against one event.
func TestNames(t *testing.T) {
	tests := []struct {
		name, event string
		handles     bool
	}{
		// vendor and event fold case and separators
		{"OnGitHubPush", "push main", true},
		{"OnGITHUBPush", "push main", true},
		{"ONGithubPush", "push main", true},
		{"on_github_push", "push main", true},
		{"on_git_hub_push", "push main", true},
		{"onGithubPush", "push main", true},
		{"OnGithubpush", "push main", true},
		{"OnGithubPullrequest", "pull_request opened", true},
		{"OnGitlabPush", "push main", false},
		{"OnGithubbyPush", "push main", false},
		{"OnGithubPushes", "push main", false},
		{"OnGithubWorkflowRunCompleted", "workflow_run completed", true},
		// PR stands for PullRequest
		{"OnGithubPR", "pull_request opened", true},
		{"OnGithubPr", "pull_request opened", true},
		{"OnGithubPROpened", "pull_request opened", true},
		{"OnGithubPrOpened", "pull_request opened", true},
		{"on_github_pr_opened", "pull_request opened", true},
		{"OnGithubPRReviewRequested", "pull_request review_requested", true},
		{"OnGithubPRReview", "pull_request_review submitted", true},
		{"OnGithubPRReview", "pull_request opened", false},
		{"OnGithubPRReviewSubmitted", "pull_request_review submitted", true},
		{"on_github_pr_review", "pull_request_review submitted", true},
		{"OnGithubPRReviewComment", "pull_request_review_comment created", true},
		{"OnGithubPRClosed", "pull_request opened", false},
		{"OnGithubPush", "pull_request opened", false},
		// an event whose name begins with another's
		{"OnGithubPullRequestReview", "pull_request review_requested", false},
		{"OnGithubPullRequestReview", "pull_request_review submitted", true},
		{"OnGithubPullRequestReviewRequested", "pull_request review_requested", true},
		{"OnGithubPullRequestReviewComment", "pull_request_review_comment created", true},
		{"OnGithubPullRequestReviewComment", "pull_request_review submitted", false},
		{"OnGithubDeploymentStatus", "deployment_status created", true},
		{"OnGithubDeploymentStatus", "deployment created", false},
		// the filter is exact
		{"OnGithubPushMain", "push main", true},
		{"OnGithubPushmain", "push main", false},
		{"OnGithubPushMAIN", "push MAIN", false},
		{"OnGithubPushMain", "push Main", false},
		{"OnGithubPushMain", "push ma/in", false},
		{"OnGithubPushMain", "push ma-in", false},
		{"OnGithubPushMaIn", "push ma/in", true},
		{"OnGithubPushMain", "push main-", false},
		{"OnGithubPushMain", "push -main", false},
		{"OnGithubPushMaIn", "push ma//in", false},
		{"OnGithubPushMaIn", "push ma-/in", false},
		{"OnGithubPushMain", "push maintenance", false},
		{"OnGithubPushMaintenance", "push main", false},
		{"OnGithubPushFeatureFooBar", "push feature/foo-bar", true},
		{"OnGithubPushFeatureFooBar", "push feature_foo.bar", true},
		{"OnGithubPullRequestReadyForReview", "pull_request ready_for_review", true},
		{"OnGithubPushV1", "push v1", true},
		{"OnGithubPushV1Beta2", "push v1-beta2", true},
		{"OnGithubPushV1beta2", "push v1beta2", false},
		{"OnGithubPushV123", "push v1.2.3", false},
		{"OnGithubPushRelease10", "push release-1.0", false},
		{"OnGithubPushEte", "push été", false},
		{"OnGithubPushT", "push été", false},
		// capitals in a row lose all but the first on the way to the engine
		{"OnGithubPushMAIN", "push main", true},
		{"OnGithubPushAB", "push a/b", false},
		{"OnGithubPushAB", "push ab", true},
		{"OnGithubPushXFoo", "push x/foo", false},
		// the leftmost On that starts a word decides
		{"TestOnGithubPushMain", "push main", true},
		{"OnboardOnGithubPush", "push main", true},
		{"OnlyOnGithubPush", "push main", true},
		{"CommissionOnGithub", "push main", true},
		{"E2eOnGithubPush", "push main", true},
		{"OnGithubPushOnGithub", "push on/github", true},
		{"OnGithubPushOnGithub", "issues opened", false},
		{"OnGitlabOnGithubPush", "push main", false},
		{"OnOnGithubPush", "push main", false},
		{"On", "push main", false},
		{"OnGithub", "push main", true},
		{"OnlyGithub", "push main", false},
		{"ConditionGithub", "push main", false},
		{"CommissionGithubPush", "push main", false},
		{"CIOnGithubPush", "push main", false},
		{"GithubPush", "push main", false},
		// Dispatch is exact
		{"Dispatch", "push main", true},
		{"TestDispatch", "push main", false},
		{"DispatchOn", "push main", false},
		{"Dispatcher", "push main", false},
	}
	for _, tt := range tests {
		t.Run(tt.name+" on "+tt.event, func(t *testing.T) {
			m := match(t, input(t, tt.event, tt.name))
			if got := len(m.Calls) == 1; got != tt.handles {
				t.Errorf("%s handles it: %v; %s", m.Decisions[0].Function, got, m.Decisions[0].Reason)
			}
		})
	}
}

func TestNameHints(t *testing.T) {
	tests := map[string]struct{ event, name, hint string }{
		"a filter that no name can hold": {"push v1.2.3", "OnGithubPushV123", "v1.2.3 can't be part of a name"},
		"a prefix in capitals":           {"push main", "CIOnGithubPush", "write it CiOn"},
		"a helper":                       {"push main", "PublishOnGithub(tag:string)", "name the event or give tag a default"},
		"an unknown word":                {"push main", "Helper", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := match(t, input(t, tt.event, tt.name)).Decisions[0]
			if !strings.Contains(d.Hint, tt.hint) || (tt.hint == "") != (d.Hint == "") {
				t.Errorf("hint %q", d.Hint)
			}
		})
	}
}

// TestNamesEvent: what the report's context is made of.
func TestNamesEvent(t *testing.T) {
	for name, want := range map[string]bool{"OnGithub": false, "Dispatch": false, "OnGithubPush": true, "OnGithubPushMain": true} {
		if d := match(t, input(t, "push main", name)).Decisions[0]; d.NamesEvent != want {
			t.Errorf("%s: %v", name, d.NamesEvent)
		}
	}
}

// TestFilterThatCanBeNamed: a filter of words whose function a person writes by
// the rule is handled by that function, in Go and in Python.
func TestFilterThatCanBeNamed(t *testing.T) {
	word := rapid.StringMatching(`[a-z]{2,6}[0-9]{0,2}`)
	rapid.Check(t, func(rt *rapid.T) {
		words := rapid.SliceOfN(word, 1, 4).Draw(rt, "words")
		separator := rapid.SampledFrom([]string{"-", "_", "/", "."}).Draw(rt, "separator")
		filter := strings.Join(words, separator)
		written := "OnGithubPush"
		for _, w := range words {
			written += strings.ToUpper(w[:1]) + w[1:]
		}
		for _, name := range []string{written, "on_github_push_" + strings.Join(words, "_")} {
			if m := match(t, input(t, "push "+filter, name)); len(m.Calls) != 1 {
				rt.Errorf("%s does not handle %s: %s", name, filter, m.Decisions[0].Reason)
			}
		}
	})
}

// TestOneNameOneSpelling: two filters that one name handles differ in their
// separators only.
func TestOneNameOneSpelling(t *testing.T) {
	filter := rapid.StringMatching(`[a-zA-Z0-9_./-]{1,8}`)
	rapid.Check(t, func(rt *rapid.T) {
		name := "OnGithubPush" + rapid.StringMatching(`([A-Z][a-z]{0,3}[0-9]?){1,3}`).Draw(rt, "name")
		f := filter.Draw(rt, "filter")
		in := input(t, "push "+f, name)
		if len(match(t, in).Calls) == 0 {
			return
		}
		plain := strings.NewReplacer("-", "", "_", "", "/", "", ".", "").Replace(f)
		tail := strings.TrimPrefix(in.Table.Functions[0].Name, "onGithubPush")
		if strings.ToLower(tail) != plain {
			rt.Errorf("%s handles %q", in.Table.Functions[0].Name, f)
		}
	})
}

func FuzzName(f *testing.F) {
	f.Add("OnGithubPushMain", "push", "main")
	f.Add("onGithubPrreview", "pull_request_review", "submitted")
	f.Add("onOn", "on", "on")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, name, what, filter string) {
		in := input(t, "push main")
		in.Event.Name, in.Event.Filter = what, filter
		in.Table.Functions = []run.Function{{Name: name}, {Name: strcase.ToLowerCamel(name)}}
		m, err := dispatch.MatchEvent(in)
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Decisions) != 2 {
			t.Fatalf("%d decisions", len(m.Decisions))
		}
		for _, d := range m.Decisions {
			if d.Verdict == "" || d.Rule == "" || d.Reason == "" {
				t.Errorf("%+v", d)
			}
		}
	})
}
