package run_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/run"
)

func TestApply(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	one, call := 1, run.Call{Function: "onGithub"}
	begun := run.CallState{Call: call, Begun: now}
	failed := run.Result{Function: "onGithub", Outcome: run.Failure, Error: "no"}
	late := run.Result{Function: "onGithub", Outcome: run.Success}
	decided := []run.Decision{{Function: "onGithub", Verdict: run.VerdictCalled}}

	tests := map[string]struct {
		had   run.Run
		steps []run.Progress
		want  run.Run
	}{
		"nothing leaves everything": {
			had:   run.Run{State: run.Running, SHA: "a", Attempt: 2},
			steps: []run.Progress{{}},
			want:  run.Run{State: run.Running, SHA: "a", Attempt: 2, Version: 1},
		},
		"decisions are written once": {
			steps: []run.Progress{{Decisions: decided}, {Decisions: []run.Decision{{Function: "other"}}}},
			want:  run.Run{Decisions: decided, Version: 2},
		},
		"a result is final": {
			steps: []run.Progress{{Attempt: &one, Begun: []run.CallState{begun}}, {Results: []run.Result{failed}}, {Begun: []run.CallState{begun}, Results: []run.Result{late}}},
			want:  run.Run{Attempt: 1, Calls: []run.CallState{{Call: call, Begun: now, Result: &failed}}, Version: 3},
		},
		"waiting ends with the next state": {
			steps: []run.Progress{{State: run.Waiting, Waits: "engine"}, {State: run.Queued}},
			want:  run.Run{State: run.Queued, Version: 2},
		},
		"done has an end": {
			steps: []run.Progress{{State: run.Done, Outcome: run.Success, Note: "1 called"}},
			want:  run.Run{State: run.Done, Outcome: run.Success, Note: "1 called", Ended: now, Version: 1},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := tt.had
			for _, p := range tt.steps {
				got = got.Apply(p, now)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
