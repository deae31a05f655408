package status_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/report/status"
	"github.com/franela/pocketci/run"
)

const sha = "3f2a9c1d0e4b5a6978879695a4b3c2d1e0f90817"

var (
	begun = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	later = begun.Add(time.Minute)
	hello = event.Repo{ID: 7, Owner: "octo", Name: "hello", DefaultBranch: "main"}
)

// labeled is a run for a pull_request event that was labeled.
func labeled(state run.State) run.Run {
	return run.Run{
		Seq: 3,
		Event: event.Event{
			ID: "github:1", Vendor: "github", Name: "pull_request", Filter: "labeled", Action: "labeled",
			Repo: hello, SHA: sha, Status: true, SHATrust: event.Trusted, ReceivedAt: begun.Add(-time.Second),
		},
		State: state, Begun: begun, Version: 1,
	}
}

// decide adds a decision on a function whose name holds the event.
func decide(r run.Run, function string, v run.Verdict, reason string) run.Run {
	r.Decisions = append(r.Decisions[:len(r.Decisions):len(r.Decisions)],
		run.Decision{Function: function, Verdict: v, Reason: reason, NamesEvent: true})
	return r
}

// call adds a function that was called, and its result unless it has none.
func call(r run.Run, function string, results ...run.Result) run.Run {
	r = decide(r, function, run.VerdictCalled, "")
	c := run.CallState{Call: run.Call{Function: function, Attempt: 1}, Begun: begun}
	for _, res := range results {
		res.Function = function
		c.Result = &res
	}
	r.Calls = append(r.Calls[:len(r.Calls):len(r.Calls)], c)
	return r
}

func result(o run.Outcome, took time.Duration, message string) run.Result {
	return run.Result{Outcome: o, Error: message, Begun: begun, Ended: begun.Add(took)}
}

func done(r run.Run, o run.Outcome) run.Run {
	r.State, r.Outcome, r.Ended = run.Done, o, later
	return r
}

// line is a report on one line: "[pending after 10s, skip] pocketci (push): text".
func line(r run.Report) string {
	var flags []string
	flags = append(flags, string(r.Status.State))
	if !r.NotBefore.IsZero() {
		flags[0] += " after " + r.NotBefore.Sub(begun).String()
	}
	if r.Status.Skip {
		flags = append(flags, "skip")
	}
	return "[" + strings.Join(flags, ", ") + "] " + r.Status.Context + ": " + r.Status.Description
}

func lines(rows []run.Report) []string {
	var all []string
	for _, r := range rows {
		all = append(all, line(r))
	}
	return all
}

func TestPlan(t *testing.T) {
	ok := result(run.Success, 3200*time.Millisecond, "")
	bad := result(run.Failure, time.Second, "tests failed: 3 of 10\nmore of it\n")
	for name, tc := range map[string]struct {
		run  run.Run
		want []string
	}{
		"one of three failed and one is skipped": {
			run: done(decide(call(call(call(labeled(""), "testOnGithubPullRequest", bad), "lintOnGithubPullRequest", ok), "vetOnGithubPullRequest", ok),
				"docsOnGithubPullRequest", run.VerdictSkipped, "none of 3 changed files matches **/*.go"), run.Failure),
			want: []string{
				"[failure] pocketci/test-on-github-pull-request: tests failed: 3 of 10",
				"[success] pocketci/lint-on-github-pull-request: succeeded in 3.2s",
				"[success] pocketci/vet-on-github-pull-request: succeeded in 3.2s",
				"[success, skip] pocketci/docs-on-github-pull-request: skipped: none of 3 changed files matches **/*.go",
				"[failure] pocketci (pull_request): 3 called, 1 skipped: 1 failed",
			},
		},
		"all succeeded": {
			run: done(call(call(labeled(""), "a", ok), "b", result(run.Success, 83*time.Second+400*time.Millisecond, "")), run.Success),
			want: []string{
				"[success] pocketci/a: succeeded in 3.2s",
				"[success] pocketci/b: succeeded in 1m23s",
				"[success] pocketci (pull_request): 2 called: all succeeded",
			},
		},
		"one succeeded, from the engine's cache": {
			run: done(call(labeled(""), "a", run.Result{Outcome: run.Success, Cached: true, Begun: begun, Ended: begun.Add(4 * time.Millisecond)}), run.Success),
			want: []string{
				"[success] pocketci/a: succeeded in 100ms (cached)",
				"[success] pocketci (pull_request): 1 called: succeeded",
			},
		},
		"no function handles it": {
			run:  done(decide(labeled(""), "onGithubPush", run.VerdictNotHandled, "another event"), run.Success),
			want: []string{"[success, skip] pocketci (pull_request): no function handles labeled"},
		},
		"no function handles it, in the dispatcher's words": {
			run:  done(func() run.Run { r := labeled(""); r.Note = "no function handles labeled of octo/hello"; return r }(), run.Success),
			want: []string{"[success, skip] pocketci (pull_request): no function handles labeled of octo/hello"},
		},
		"only skipped": {
			run: done(decide(labeled(""), "a", run.VerdictSkipped, "skipped: none of 1 changed file matches *.md"), run.Success),
			want: []string{
				"[success, skip] pocketci/a: skipped: none of 1 changed file matches *.md",
				"[success, skip] pocketci (pull_request): 0 called, 1 skipped",
			},
		},
		"not chosen and not handled have no context": {
			run: done(call(decide(decide(labeled(""), "dispatch", run.VerdictNotChosen, ""), "publish", run.VerdictNotHandled, ""), "a", ok), run.Success),
			want: []string{
				"[success] pocketci/a: succeeded in 3.2s",
				"[success] pocketci (pull_request): 1 called: succeeded",
			},
		},
		"a function that can't be called as written": {
			run: done(call(decide(labeled(""), "a", run.VerdictError, "token: no value for a required parameter"), "b", ok), run.Errored),
			want: []string{
				"[error] pocketci/a: token: no value for a required parameter",
				"[success] pocketci/b: succeeded in 3.2s",
				"[error] pocketci (pull_request): 1 called: 1 error",
			},
		},
		"nothing but errors is not a skip": {
			run: done(decide(decide(labeled(""), "a", run.VerdictError, "x"), "b", run.VerdictError, ""), run.Errored),
			want: []string{
				"[error] pocketci/a: x",
				"[error] pocketci/b: the function can't be called as it is written",
				"[error] pocketci (pull_request): 0 called: 2 errors",
			},
		},
		"timed out, in the dispatcher's words": {
			run: done(call(labeled(""), "a", result(run.TimedOut, time.Hour+80*time.Millisecond, "timed out after 1h0m0s")), run.TimedOut),
			want: []string{
				"[failure] pocketci/a: timed out after 1h0m0s",
				"[failure] pocketci (pull_request): 1 called: 1 failed",
			},
		},
		"timed out, without words": {
			run: done(call(labeled(""), "a", result(run.TimedOut, time.Hour+80*time.Millisecond, "context deadline exceeded")), run.TimedOut),
			want: []string{
				"[failure] pocketci/a: timed out after 1h0m0s",
				"[failure] pocketci (pull_request): 1 called: 1 failed",
			},
		},
		"failed without a word": {
			run: done(call(labeled(""), "a", result(run.Failure, time.Second, " \n ")), run.Failure),
			want: []string{
				"[failure] pocketci/a: failed",
				"[failure] pocketci (pull_request): 1 called: 1 failed",
			},
		},
		"the engine is lost for good": {
			run: func() run.Run {
				const why = "lost: the engine went away three times"
				r := done(call(call(labeled(""), "a", ok), "b", result(run.Errored, time.Second, why)), run.Errored)
				r.Problem = &run.Problem{Public: why}
				return r
			}(),
			want: []string{
				"[success] pocketci/a: succeeded in 3.2s",
				"[error] pocketci/b: lost: the engine went away three times",
				"[error] pocketci (pull_request): lost: the engine went away three times; 2 called: 1 error",
			},
		},
		"decided, but ended before the call": {
			run: func() run.Run {
				r := done(decide(labeled(""), "a", run.VerdictCalled, ""), run.Errored)
				r.Problem = &run.Problem{Public: "internal error of pocketci"}
				return r
			}(),
			want: []string{
				"[error] pocketci/a: internal error of pocketci",
				"[error] pocketci (pull_request): internal error of pocketci; 1 called: 1 error",
			},
		},
		"configuration": {
			run: func() run.Run {
				r := done(labeled(""), run.Errored)
				r.Problem = &run.Problem{Public: `pocketci.yaml:3:1: unknown key "pathes"`, Hint: `did you mean "paths"?`}
				return r
			}(),
			want: []string{`[error] pocketci (pull_request): pocketci.yaml:3:1: unknown key "pathes"`},
		},
		"a module that can't be loaded, under its name": {
			run: func() run.Run {
				r := done(call(labeled(""), "a", ok), run.Errored)
				r.Problem = &run.Problem{Module: "api", Public: "services/api/ci: no dagger.json"}
				return r
			}(),
			want: []string{
				"[success] pocketci/a: succeeded in 3.2s",
				"[error] pocketci (pull_request): api: services/api/ci: no dagger.json; 1 called: succeeded",
			},
		},
		"superseded": {
			run: func() run.Run {
				r := done(call(call(labeled(""), "a", ok), "b", result(run.Cancelled, time.Second, "")), run.Cancelled)
				r.Note = "superseded by 9d1c"
				return r
			}(),
			want: []string{
				"[success] pocketci/a: succeeded in 3.2s",
				"[error] pocketci/b: superseded by 9d1c",
				"[error] pocketci (pull_request): superseded by 9d1c; 2 called: 1 cancelled",
			},
		},
		"cancelled before anything was called": {
			run:  done(labeled(""), run.Cancelled),
			want: []string{"[error] pocketci (pull_request): cancelled"},
		},
		"an outcome that isn't a success is never shown as one": {
			run: done(call(labeled(""), "a", ok), run.Errored),
			want: []string{
				"[success] pocketci/a: succeeded in 3.2s",
				"[error] pocketci (pull_request): 1 called: succeeded",
			},
		},
		"running": {
			run: decide(decide(call(call(labeled(run.Running), "a", bad), "b"), "c", run.VerdictCalled, ""), "d", run.VerdictSkipped, "no"),
			want: []string{
				"[failure] pocketci/a: tests failed: 3 of 10",
				"[pending after 10s] pocketci/b: running",
				"[pending after 10s] pocketci/c: waiting for its turn",
				"[success, skip] pocketci/d: skipped: no",
				"[pending after 10s] pocketci (pull_request): 3 called, 1 skipped: running",
			},
		},
		"decided, and there is nothing to call": {
			run:  decide(labeled(run.Running), "a", run.VerdictNotHandled, ""),
			want: []string{"[pending after 10s, skip] pocketci (pull_request): finishing"},
		},
		"not decided after ten seconds": {
			run:  labeled(run.Running),
			want: []string{"[pending after 10s, skip] pocketci (pull_request): starting"},
		},
		"waiting for approval: at once": {
			run: func() run.Run {
				r := labeled(run.Waiting)
				r.Waits, r.Begun = "approval of "+sha, later
				return r
			}(),
			want: []string{"[pending, skip] pocketci (pull_request): waiting for approval of " + sha},
		},
		"waiting for an engine": {
			run: func() run.Run {
				r := decide(labeled(run.Waiting), "a", run.VerdictCalled, "")
				r.Waits = "an engine"
				return r
			}(),
			want: []string{
				"[pending after 10s] pocketci/a: waiting for an engine",
				"[pending after 10s] pocketci (pull_request): waiting for an engine",
			},
		},
		"sent back into the queue": {
			run: call(call(labeled(run.Queued), "a", ok), "b"),
			want: []string{
				"[success] pocketci/a: succeeded in 3.2s",
				"[pending after 10s] pocketci/b: waiting for its turn",
				"[pending after 10s] pocketci (pull_request): waiting for its turn",
			},
		},
		"names that hold no event carry it; modules have a folder": {
			run: func() run.Run {
				r := done(labeled(""), run.Success)
				r.Event.Name, r.Event.Filter = "push", "main"
				for _, d := range []run.Decision{
					{Function: "dispatch"}, {Function: "onGithub"}, {Function: "onGithubPrreview", NamesEvent: true},
					{Module: "api", Function: "testOnGithubPush", NamesEvent: true}, {Module: "web", Function: "auditOnGithub"},
				} {
					d.Verdict = run.VerdictSkipped
					r.Decisions = append(r.Decisions, d)
				}
				return r
			}(),
			want: []string{
				"[success, skip] pocketci/dispatch (push): skipped: nothing to do",
				"[success, skip] pocketci/on-github (push): skipped: nothing to do",
				"[success, skip] pocketci/on-github-prreview: skipped: nothing to do",
				"[success, skip] pocketci/api/test-on-github-push: skipped: nothing to do",
				"[success, skip] pocketci/web/audit-on-github (push): skipped: nothing to do",
				"[success, skip] pocketci (push): 0 called, 5 skipped",
			},
		},
		"an event without status": {
			run: func() run.Run { r := done(labeled(""), run.Success); r.Event.Status = false; return r }(),
		},
		"a commit that is not known": {
			run: func() run.Run { r := done(labeled(""), run.Errored); r.Event.SHA = ""; return r }(),
		},
		"recorded at the door": {
			run: func() run.Run {
				r := labeled(run.Recorded)
				r.Begun, r.Ended, r.Note = time.Time{}, begun, "outside --repos"
				return r
			}(),
		},
		"recorded soon after it was begun": {
			run: func() run.Run {
				r := labeled(run.Recorded)
				r.Ended, r.Note = begun.Add(2*time.Second), "no pocketci.yaml and no module"
				return r
			}(),
		},
		"recorded after it was pending": {
			run: func() run.Run {
				r := labeled(run.Recorded)
				r.Ended, r.Note = begun.Add(12*time.Second), "no pocketci.yaml and no module"
				return r
			}(),
			want: []string{"[success, skip] pocketci (pull_request): no pocketci.yaml and no module"},
		},
		"recorded after it waited for approval": {
			run: func() run.Run {
				r := labeled(run.Recorded)
				r.Ended, r.Note = begun.Add(2*time.Second), "no pocketci.yaml and no module"
				r.Event.SHATrust, r.Trust = event.Untrusted, event.Untrusted
				return r
			}(),
			want: []string{"[success, skip] pocketci (pull_request): no pocketci.yaml and no module"},
		},
		"queued and not begun": {
			run: func() run.Run { r := labeled(run.Queued); r.Begun = time.Time{}; return r }(),
		},
	} {
		t.Run(name, func(t *testing.T) {
			rows, again := status.Plan(tc.run, later)
			if diff := cmp.Diff(tc.want, lines(rows)); diff != "" {
				t.Errorf("reports (-want +got):\n%s", diff)
			}
			if !again.IsZero() {
				t.Errorf("again at %s, want never", again)
			}
			for _, r := range rows {
				if r.Repo != hello || r.SHA != sha || r.Seq != 3 {
					t.Errorf("row %s is of %v@%s, seq %d", r.Status.Context, r.Repo, r.SHA, r.Seq)
				}
			}
		})
	}
}

func TestPlanComesBackForWhatIsNotDecidedWithinTenSeconds(t *testing.T) {
	due := begun.Add(10 * time.Second)
	starting := labeled(run.Running)
	engine := labeled(run.Waiting)
	engine.Waits = "an engine"
	unbegun := engine
	unbegun.Begun = time.Time{}
	for name, tc := range map[string]struct {
		run  run.Run
		due  time.Time
		want string
	}{
		"running":                       {starting, due, "starting"},
		"waiting for an engine":         {engine, due, "waiting for an engine"},
		"waiting since it was received": {unbegun, due.Add(-time.Second), "waiting for an engine"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, again := status.Plan(tc.run, tc.due.Add(-time.Nanosecond))
			if len(rows) != 0 || !again.Equal(tc.due) {
				t.Errorf("before: %v, again %s; want nothing, again %s", lines(rows), again, tc.due)
			}
			rows, again = status.Plan(tc.run, tc.due)
			if len(rows) != 1 || rows[0].Status.Description != tc.want || !again.IsZero() {
				t.Errorf("then: %v, again %s; want %q", lines(rows), again, tc.want)
			}
		})
	}
}

func TestPlanReportsOnTheCommitThatWasCheckedOut(t *testing.T) {
	r := done(labeled(""), run.Success)
	r.SHA = strings.Repeat("a", 40)
	rows, _ := status.Plan(r, later)
	if len(rows) != 1 || rows[0].SHA != r.SHA {
		t.Errorf("got %v, want one report on %s", rows, r.SHA)
	}
}

func TestPlanSaysTheSameWhileCallsComeBack(t *testing.T) {
	r := call(call(call(labeled(run.Running), "a"), "b"), "c")
	before, _ := status.Plan(r, later)
	r.Calls[0].Result = &run.Result{Function: "a", Outcome: run.Failure, Error: "no"}
	after, _ := status.Plan(r, later)
	if diff := cmp.Diff(before[len(before)-1], after[len(after)-1]); diff != "" {
		t.Errorf("the summary changed: a request for nothing (-before +after):\n%s", diff)
	}
}

// Whatever a run holds, what is planned can be sent, and a finished run leaves
// nothing pending.
func FuzzPlan(f *testing.F) {
	f.Add("testOnGithubPush", "api", "push", "tests failed: 3 of 10\n", "waits", uint8(0), uint8(0), uint8(0), true)
	f.Add("été", "", "pull_request", "\x1b[31mno\x1b[0m\r\n\x00\U0001F41B", "approval of x", uint8(3), uint8(4), uint8(2), false)
	f.Add(strings.Repeat("long", 100), strings.Repeat("m", 100), "a\nb", strings.Repeat("é", 200), "", uint8(4), uint8(1), uint8(1), false)
	f.Fuzz(func(t *testing.T, function, module, name, text, waits string, state, outcome, verdict uint8, begunCall bool) {
		r := labeled([]run.State{run.Queued, run.Waiting, run.Running, run.Done, run.Recorded}[state%5])
		outcomes := []run.Outcome{run.Success, run.Failure, run.TimedOut, run.Errored, run.Cancelled}
		r.Event.Name, r.Waits, r.Note = name, waits, text
		d := run.Decision{Module: module, Function: function, Reason: text,
			Verdict: []run.Verdict{run.VerdictCalled, run.VerdictSkipped, run.VerdictError, run.VerdictNotChosen}[verdict%4]}
		r.Decisions = []run.Decision{d}
		if begunCall {
			c := run.CallState{Call: run.Call{Module: module, Function: function}}
			if outcome%6 < 5 {
				c.Result = &run.Result{Outcome: outcomes[outcome%6], Error: text}
			}
			r.Calls = []run.CallState{c}
		}
		if r.State == run.Done {
			r.Outcome, r.Ended = outcomes[outcome%5], later
		}
		rows, _ := status.Plan(r, later)
		for _, row := range rows {
			checkSendable(t, row.Status)
			if r.State == run.Done && row.Status.State == run.StatusPending {
				t.Errorf("%s is left pending", row.Status.Context)
			}
		}
		if r.State == run.Done && len(rows) == 0 {
			t.Error("a finished run has no summary")
		}
	})
}
