package dispatch

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

func TestParseCommand(t *testing.T) {
	for body, want := range map[string]string{
		"/test":                      "/test",
		"/test ":                     "/test",
		"/test\r\nand more /cancel":  "/test",
		"/test lint":                 "/test lint",
		"/test\tlint  unit":          "/test lint unit",
		"/retest":                    "/retest",
		"/cancel\n":                  "/cancel",
		"/ok-to-test abc":            "/ok-to-test abc",
		"":                           "",
		" /test":                     "",
		"\n/test":                    "",
		"\u200b/test":                "",
		"\ufeff/test":                "",
		"/TEST":                      "",
		"/testing":                   "",
		"/test\u00a0lint":            "",
		"> /test":                    "",
		"please /test":               "",
		"`/test`":                    "",
		"/ok-to-test\u2028something": "",
		"/":                          "",
		"/deploy":                    "",
	} {
		got, ok := parseCommand(body)
		if text := strings.Join(append([]string{got.name}, got.args...), " "); strings.TrimSpace(text) != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", body, text, ok)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	for _, seed := range []string{"/test a", "/ok-to-test " + strings.Repeat("a", 40), "x\n/test", "/cancel\r\n", "/\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, ok := parseCommand(body)
		if !ok {
			return
		}
		line, _, _ := strings.Cut(body, "\n")
		if !strings.HasPrefix(line, got.name) {
			t.Errorf("%q: %s does not begin the first line", body, got.name)
		}
		again, ok := parseCommand(strings.Join(append([]string{got.name}, got.args...), " "))
		if diff := cmp.Diff(got, again, cmp.AllowUnexported(spoken{})); !ok || diff != "" {
			t.Errorf("%q: %s", body, diff)
		}
		if arg := argument(got.args); len(arg) > 200 || strings.ContainsFunc(arg, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q is not fit to be shown", arg)
		}
	})
}

// past makes a run of the pull request's commit.
func past(id, action string, state run.State, outcome run.Outcome, results map[string]run.Outcome) run.Run {
	r := run.Run{
		Event: event.Event{ID: id, Name: "pull_request", Action: action, Filter: action, BaseRef: "main"},
		State: state, Outcome: outcome,
	}
	for _, f := range []string{"lint", "test", "web/test"} {
		o, ok := results[f]
		if !ok {
			continue
		}
		module, name, named := strings.Cut(f, "/")
		if !named {
			module, name = "", f
		}
		r.Decisions = append(r.Decisions, run.Decision{Module: module, Function: name, Verdict: run.VerdictCalled})
		r.Calls = append(r.Calls, run.CallState{Call: run.Call{Module: module, Function: name}, Result: &run.Result{Outcome: o}})
	}
	return r
}

func TestChooseRerun(t *testing.T) {
	ok, bad := run.Success, run.Failure
	mixed := map[string]run.Outcome{"lint": ok, "test": bad, "web/test": bad}
	for name, tt := range map[string]struct {
		words string
		runs  []run.Run
		want  string // the event and its functions, or why not
	}{
		"everything":                {"/test", []run.Run{past("1", "opened", run.Done, ok, mixed)}, "1"},
		"the newest":                {"/test", []run.Run{past("2", "synchronize", run.Done, ok, mixed), past("1", "opened", run.Done, ok, mixed)}, "2"},
		"not a label's":             {"/test", []run.Run{past("2", "labeled", run.Done, ok, mixed), past("1", "opened", run.Done, ok, mixed)}, "1"},
		"one function":              {"/test lint", []run.Run{past("1", "opened", run.Done, ok, mixed)}, "1 lint"},
		"of all modules":            {"/test TEST", []run.Run{past("1", "opened", run.Done, ok, mixed)}, "1 test web/test"},
		"of one module":             {"/test web/test", []run.Run{past("1", "opened", run.Done, ok, mixed)}, "1 web/test"},
		"of a label's event":        {"/test lint", []run.Run{past("2", "labeled", run.Done, ok, map[string]run.Outcome{"lint": ok}), past("1", "opened", run.Done, ok, map[string]run.Outcome{"test": ok})}, "2 lint"},
		"one that there is not":     {"/test nope", []run.Run{past("1", "opened", run.Done, ok, mixed)}, "no function of that name"},
		"what did not succeed":      {"/retest", []run.Run{past("1", "opened", run.Done, bad, mixed)}, "1 test web/test"},
		"when all is well":          {"/retest", []run.Run{past("1", "opened", run.Done, ok, map[string]run.Outcome{"lint": ok})}, "everything succeeded"},
		"what was cancelled":        {"/retest", []run.Run{past("1", "opened", run.Done, run.Cancelled, map[string]run.Outcome{"lint": run.Cancelled})}, "1 lint"},
		"one that is not over":      {"/test", []run.Run{past("1", "opened", run.Running, "", nil)}, "has not ended yet"},
		"a re-run that is not over": {"/test lint", []run.Run{past("2", "opened", run.Queued, "", nil), past("1", "opened", run.Done, bad, mixed)}, "has not ended yet"},
		"nothing":                   {"/test", nil, "nothing ran"},
		"only what was recorded":    {"/test", []run.Run{past("1", "opened", run.Recorded, "", nil)}, "nothing ran"},
	} {
		t.Run(name, func(t *testing.T) {
			words, _ := parseCommand(tt.words)
			which, functions, err := chooseRerun(words, tt.runs)
			got := strings.Join(append([]string{which.Event.ID}, functions...), " ")
			var no *unobeyed
			if errors.As(err, &no) {
				got = no.reason
			}
			if got != tt.want && (no == nil || !strings.Contains(got, tt.want)) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	waits := past("1", "opened", run.Waiting, "", nil)
	waits.Waits = waitsApproval + "x"
	var no *unobeyed
	if _, _, err := chooseRerun(spoken{name: commandTest}, []run.Run{waits}); !errors.As(err, &no) || !strings.Contains(no.reason, "approval, which /test does not give") {
		t.Errorf("waiting for approval: %v", err)
	}
	broken := past("1", "opened", run.Done, run.Errored, nil)
	broken.Problem = &run.Problem{Public: "no module"}
	if which, functions, err := chooseRerun(spoken{name: commandRetest}, []run.Run{broken}); err != nil || which.Event.ID != "1" || functions != nil {
		t.Errorf("a run with a problem of its own: %v %v %v", which.Event.ID, functions, err)
	}
}

// TestARerunNeverHasMoreTrust: whatever the first run's sender may do by now.
func TestARerunNeverHasMoreTrust(t *testing.T) {
	for _, trust := range []event.Trust{event.Trusted, event.Untrusted, event.TrustUnknown} {
		first := run.Run{Trust: trust, Event: event.Event{
			ID: "github:1", Provenance: event.Webhook, Hook: event.Hook{ID: 3}, SHA: "a", SHATrust: event.Trusted, Payload: []byte("{}"), Sender: event.Sender{ID: 66},
		}}
		e := repeat(first, []string{"lint"})
		if trust == event.Trusted && e.SenderTrust != event.TrustUnknown {
			t.Errorf("%s: the sender is not asked for again", trust)
		}
		if trust != event.Trusted && (e.SenderTrust != event.Untrusted || e.Rerun.Trust != event.Untrusted) {
			t.Errorf("%q: %+v", trust, e)
		}
		if e.Provenance != event.Rerun || e.Hook.ID != 0 || e.Sender.ID != 66 || e.Rerun.Of != "github:1" || string(e.Payload) != "{}" {
			t.Errorf("%q: %+v", trust, e)
		}
		if first.Event.Rerun != nil || first.Event.Provenance != event.Webhook {
			t.Error("the first event was edited")
		}
	}
}
