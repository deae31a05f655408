package dispatch_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/iancoleman/strcase"
	"pgregory.net/rapid"

	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// fn reads a function as the tables write it: Name, or Name(param="default",
// param=["a","b"], param:type, param?:type). The engine's casing is applied, as
// the engine does.
func fn(t testing.TB, s string) run.Function {
	t.Helper()
	name, params, _ := strings.Cut(strings.TrimSuffix(s, ")"), "(")
	f := run.Function{Name: strcase.ToLowerCamel(name), Returns: run.Type{Kind: run.KindVoid}}
	for _, p := range strings.Split(params, "; ") {
		if p == "" {
			continue
		}
		f.Params = append(f.Params, param(t, p))
	}
	return f
}

func param(t testing.TB, s string) run.Param {
	t.Helper()
	if name, value, ok := strings.Cut(s, "="); ok {
		p := run.Param{Name: name, Type: run.Type{Kind: run.KindString}, Default: json.RawMessage(value)}
		if strings.HasPrefix(value, "[") {
			p.Type = run.Type{Kind: run.KindList, Elem: &run.Type{Kind: run.KindString}}
		}
		return p
	}
	name, typ, ok := strings.Cut(s, ":")
	if !ok {
		t.Fatalf("parameter %q", s)
	}
	name, optional := strings.CutSuffix(name, "?")
	p := run.Param{Name: name, Optional: optional, Type: typeOf(typ)}
	return p
}

func typeOf(s string) run.Type {
	if elem, ok := strings.CutPrefix(s, "[]"); ok {
		e := typeOf(elem)
		return run.Type{Kind: run.KindList, Elem: &e}
	}
	switch s {
	case "string", "integer", "boolean", "float":
		return run.Type{Kind: run.Kind(s)}
	}
	if enum, ok := strings.CutPrefix(s, "enum "); ok {
		typ := run.Type{Kind: run.KindEnum, Name: "Some"}
		for m := range strings.SplitSeq(enum, " ") {
			member, value, _ := strings.Cut(m, "/")
			typ.Members, typ.Values = append(typ.Members, member), append(typ.Values, value)
		}
		return typ
	}
	return run.Type{Kind: run.KindObject, Name: s}
}

func table(t testing.TB, functions ...string) run.Table {
	t.Helper()
	var table run.Table
	for _, f := range functions {
		table.Functions = append(table.Functions, fn(t, f))
	}
	return table
}

// happened reads an event as the tables write it: name and filter.
func happened(s string) event.Event {
	name, filter, _ := strings.Cut(s, " ")
	e := event.Event{
		ID: "github:1", Vendor: "github", Name: name, Type: name, Filter: filter, Action: filter,
		Repo: event.Repo{ID: 1, Owner: "octo", Name: "hello", DefaultBranch: "main"},
	}
	switch {
	case name == "push":
		e.Action, e.Ref, e.Diff = "", "refs/heads/"+filter, event.DiffPush
	case strings.HasPrefix(name, "pull_request"):
		e.PullRequest, e.BaseRef, e.Ref, e.Diff = 7, "main", "refs/pull/7/head", event.DiffPull
	}
	return e
}

// input is an event with a diff of one file where such events have one.
func input(t testing.TB, what string, functions ...string) dispatch.Input {
	e := happened(what)
	in := dispatch.Input{Event: e, SHA: "3f2a", Table: table(t, functions...)}
	if e.Diff != event.DiffNone {
		in.HasDiff, in.Changes = true, []string{"README.md"}
	}
	return in
}

func match(t testing.TB, in dispatch.Input) dispatch.Match {
	t.Helper()
	m, err := dispatch.MatchEvent(in)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func called(m dispatch.Match) []string {
	names := []string{}
	for _, c := range m.Calls {
		names = append(names, c.Function)
	}
	return names
}

func decision(t testing.TB, m dispatch.Match, function string) run.Decision {
	t.Helper()
	function = strcase.ToLowerCamel(function)
	i := slices.IndexFunc(m.Decisions, func(d run.Decision) bool { return d.Function == function })
	if i < 0 {
		t.Fatalf("no decision about %s", function)
	}
	return m.Decisions[i]
}

// TestTable is the table of the design, row by row.
func TestTable(t *testing.T) {
	tests := []struct {
		module, event, called string
	}{
		{"Dispatch, OnGithub, OnGithubPullRequest, OnGithubPullRequestOpened", "pull_request opened", "OnGithubPullRequestOpened"},
		{"Dispatch, OnGithub, LintOnGithubPullRequest, TestOnGithubPullRequest", "pull_request opened", "LintOnGithubPullRequest, TestOnGithubPullRequest"},
		{`TestOnGithubPushMain, LintOnGithubPushMain, PublishOnGithubPush(filter="main")`, "push main", "TestOnGithubPushMain, LintOnGithubPushMain, PublishOnGithubPush"},
		{"OnGithubPushMain, LintOnGithubPush", "push main", "OnGithubPushMain, LintOnGithubPush"},
		{"OnGithubPush, LintOnGithubPushMain", "push main", "OnGithubPush, LintOnGithubPushMain"},
		{"OnGithub, AuditOnGithub, TestOnGithubPush", "push main", "AuditOnGithub, TestOnGithubPush"},
		{"OnGithubPushMain", "push MAIN", ""},
		{"OnGithubPushMain", "push ma/in", ""},
		{"OnGithubPushMain", "push main-", ""},
		{`TestOnGithubPullRequest(onChanges="**/*.go"), OnGithub, Dispatch`, "pull_request opened", ""},
		{`OnGithubPullRequest(filter="synchronize,closed"), Dispatch`, "pull_request opened", "Dispatch"},
		{"OnGithubPullRequestReviewRequested, OnGithubPullRequestReview", "pull_request review_requested", "OnGithubPullRequestReviewRequested"},
		{"OnGithubPullRequest, OnGithubPullRequestReview", "pull_request_review submitted", "OnGithubPullRequestReview"},
		{`Dispatch(vendor="gitlab")`, "push main", ""},
		{"TestDispatch, OnGithubIssues", "push main", ""},
	}
	for _, tt := range tests {
		t.Run(tt.module+" on "+tt.event, func(t *testing.T) {
			m := match(t, input(t, tt.event, strings.Split(tt.module, ", ")...))
			want := []string{}
			for name := range strings.SplitSeq(tt.called, ", ") {
				if name != "" {
					want = append(want, strcase.ToLowerCamel(name))
				}
			}
			if diff := cmp.Diff(want, called(m)); diff != "" {
				t.Errorf("called (-want +got)\n%s", diff)
			}
		})
	}
	t.Run("the skipped one is said to be skipped", func(t *testing.T) {
		m := match(t, input(t, "pull_request opened", `TestOnGithubPullRequest(onChanges="**/*.go")`, "OnGithub", "Dispatch"))
		if d := decision(t, m, "TestOnGithubPullRequest"); d.Verdict != run.VerdictSkipped {
			t.Errorf("%+v", d)
		}
	})
}

// TestDecisions: who is decided how, by which rule, and in favour of whom.
func TestDecisions(t *testing.T) {
	type want struct {
		verdict            run.Verdict
		rule, reason, for_ string
	}
	tests := map[string]struct {
		event    string
		module   []string
		function string
		want     want
	}{
		"most specific": {
			"pull_request opened", []string{"OnGithubPullRequest", "OnGithubPullRequestOpened"}, "OnGithubPullRequestOpened",
			want{run.VerdictCalled, dispatch.RuleMostSpecific, "its name is for pull_request opened", ""},
		},
		"less specific": {
			"pull_request opened", []string{"OnGithubPullRequest", "OnGithubPullRequestOpened"}, "OnGithubPullRequest",
			want{run.VerdictNotChosen, dispatch.RuleMostSpecific, "onGithubPullRequestOpened is more specific", "onGithubPullRequestOpened"},
		},
		"catch-all with a handler": {
			"push main", []string{"OnGithub", "LintOnGithubPush"}, "OnGithub",
			want{run.VerdictNotChosen, dispatch.RuleCatchAll, "lintOnGithubPush handles push main", "lintOnGithubPush"},
		},
		"catch-all alone": {
			"star created", []string{"OnGithub", "LintOnGithubPush", "Dispatch"}, "OnGithub",
			want{run.VerdictCalled, dispatch.RuleCatchAll, "no other function handles star created", ""},
		},
		"Dispatch after the catch-all": {
			"star created", []string{"OnGithub", "Dispatch"}, "Dispatch",
			want{run.VerdictNotChosen, dispatch.RuleDispatch, "onGithub handles star created", "onGithub"},
		},
		"Dispatch alone": {
			"public", []string{"Dispatch"}, "Dispatch",
			want{run.VerdictCalled, dispatch.RuleDispatch, "nothing else handles public", ""},
		},
		"a prefixed name without event": {
			"push main", []string{"AuditOnGithub"}, "AuditOnGithub",
			want{run.VerdictCalled, dispatch.RuleMostSpecific, "its name is for every event of github", ""},
		},
		"no trigger": {
			"push main", []string{"Build"}, "Build",
			want{run.VerdictNotHandled, dispatch.RuleNotTrigger, "its name has no OnGithub", ""},
		},
		"another vendor": {
			"push main", []string{"OnGitlabPush"}, "OnGitlabPush",
			want{run.VerdictNotHandled, dispatch.RuleName, "its name is not for github", ""},
		},
		"another event": {
			"push main", []string{"OnGithubIssues"}, "OnGithubIssues",
			want{run.VerdictNotHandled, dispatch.RuleName, "its name is not for push", ""},
		},
		"another filter": {
			"push dev", []string{"OnGithubPushMain"}, "OnGithubPushMain",
			want{run.VerdictNotHandled, dispatch.RuleName, "its name is for Main and not for dev", ""},
		},
		"default refuses": {
			"push dev", []string{`OnGithubPush(filter="main")`}, "OnGithubPush",
			want{run.VerdictNotHandled, dispatch.RuleDefault, "its default of filter (main) does not accept dev", ""},
		},
		"bad glob": {
			"push dev", []string{`OnGithubPush(filter="[")`, "OnGithub"}, "OnGithubPush",
			want{run.VerdictError, dispatch.RuleGlob, "default of filter: [: not a valid glob (is a bracket or brace left open?)", ""},
		},
		"nothing takes the place of a bad glob": {
			"push dev", []string{`OnGithubPush(filter="[")`, "OnGithub"}, "OnGithub",
			want{run.VerdictNotChosen, dispatch.RuleCatchAll, "onGithubPush handles push dev", "onGithubPush"},
		},
		"a bad glob where another default refuses anyway": {
			"push dev", []string{`Dispatch(filter="["; vendor="gitlab")`}, "Dispatch",
			want{run.VerdictNotHandled, dispatch.RuleDefault, "its default of vendor (gitlab) does not accept github", ""},
		},
		"bad glob of onChanges": {
			"push dev", []string{`OnGithubPush(onChanges="{a")`}, "OnGithubPush",
			want{run.VerdictError, dispatch.RuleGlob, "default of onChanges: {a: not a valid glob (is a bracket or brace left open?)", ""},
		},
		"a default that is no text": {
			"push dev", []string{`OnGithubPush(filter=3)`}, "OnGithubPush",
			want{run.VerdictError, dispatch.RuleGlob, "default of filter: the default is neither a string nor a list of strings", ""},
		},
		"skipped": {
			"push dev", []string{`OnGithubPush(onChanges="**/*.go")`}, "OnGithubPush",
			want{run.VerdictSkipped, dispatch.RuleOnChanges, "the one changed file doesn't match **/*.go", ""},
		},
		"helper": {
			"push dev", []string{"PublishOnGithub(tag:string)"}, "PublishOnGithub",
			want{run.VerdictNotHandled, dispatch.RuleHelper, "it names no event, needs tag and takes nothing of the event: a helper", ""},
		},
		"no helper: it takes something of ours": {
			"push dev", []string{"PublishOnGithub(tag:string; sha:string)"}, "PublishOnGithub",
			want{run.VerdictError, dispatch.RuleArgument, "parameter tag (string) is required and nothing fills it", ""},
		},
		"no helper: it names the event": {
			"push dev", []string{"PublishOnGithubPush(tag:string)"}, "PublishOnGithubPush",
			want{run.VerdictError, dispatch.RuleArgument, "parameter tag (string) is required and nothing fills it", ""},
		},
		"no helper: no prefix": {
			"push dev", []string{"OnGithub(tag:string)"}, "OnGithub",
			want{run.VerdictError, dispatch.RuleArgument, "parameter tag (string) is required and nothing fills it", ""},
		},
		"no helper: everything may be left out": {
			"push dev", []string{"PublishOnGithub(tag?:string)"}, "PublishOnGithub",
			want{run.VerdictCalled, dispatch.RuleMostSpecific, "its name is for every event of github", ""},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := match(t, input(t, tt.event, tt.module...))
			d := decision(t, m, tt.function)
			got := want{d.Verdict, d.Rule, d.Reason, d.ReplacedBy}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if (d.Verdict == run.VerdictCalled) != slices.Contains(called(m), d.Function) {
				t.Errorf("%s is %s, called are %v", d.Function, d.Verdict, called(m))
			}
		})
	}
}

func TestDecisionsAreCompleteAndInOrder(t *testing.T) {
	in := input(t, "push main", "Build", "OnGithubPushMain", "OnGithub", "Dispatch", `LintOnGithubPush(filter="dev")`)
	in.Module.Name = "api"
	in.Table.Functions[1].Source = run.Location{File: "main.go", Line: 12, Column: 1}
	got := match(t, in).Decisions
	want := []run.Decision{
		{Module: "api", Function: "build", Verdict: run.VerdictNotHandled, Rule: dispatch.RuleNotTrigger, Reason: "its name has no OnGithub"},
		{
			Module: "api", Function: "onGithubPushMain", Verdict: run.VerdictCalled, Rule: dispatch.RuleMostSpecific,
			Reason: "its name is for push main", NamesEvent: true, Source: run.Location{File: "main.go", Line: 12, Column: 1},
			Compared: []run.Comparison{
				{What: "vendor", Value: "github", Wanted: "Github", Accepted: true},
				{What: "event", Value: "push", Wanted: "Push", Accepted: true},
				{What: "filter", Value: "main", Wanted: "Main", Accepted: true},
			},
		},
		{
			Module: "api", Function: "onGithub", Verdict: run.VerdictNotChosen, Rule: dispatch.RuleCatchAll,
			Reason: "onGithubPushMain handles push main", ReplacedBy: "onGithubPushMain",
			Compared: []run.Comparison{{What: "vendor", Value: "github", Wanted: "Github", Accepted: true}},
		},
		{
			Module: "api", Function: "dispatch", Verdict: run.VerdictNotChosen, Rule: dispatch.RuleDispatch,
			Reason: "onGithubPushMain handles push main", ReplacedBy: "onGithubPushMain",
		},
		{
			Module: "api", Function: "lintOnGithubPush", Verdict: run.VerdictNotHandled, Rule: dispatch.RuleDefault,
			Reason: "its default of filter (dev) does not accept main", NamesEvent: true,
			Compared: []run.Comparison{
				{What: "vendor", Value: "github", Wanted: "Github", Accepted: true},
				{What: "event", Value: "push", Wanted: "Push", Accepted: true},
				{What: "filter", Value: "main", Wanted: "dev"},
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestAlerts: an event that reaches only names that hold it.
func TestAlerts(t *testing.T) {
	in := input(t, "dependabot_alert created", "OnGithub", "AuditOnGithub", "Dispatch", "SecureOnGithubDependabotAlert", "OnGithubDependabotAlertCreated")
	in.Event.NamedOnly = true
	m := match(t, in)
	if diff := cmp.Diff([]string{"secureOnGithubDependabotAlert", "onGithubDependabotAlertCreated"}, called(m)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	in.Table = table(t, "OnGithub", "AuditOnGithub", "Dispatch")
	m = match(t, in)
	if len(m.Calls) != 0 {
		t.Errorf("called %v", called(m))
	}
	for _, d := range m.Decisions {
		if d.Verdict != run.VerdictNotHandled || d.Rule != dispatch.RuleNamedOnly {
			t.Errorf("%+v", d)
		}
	}
}

func TestGating(t *testing.T) {
	const goOnly = `OnGithubPush(onChanges="**/*.go")`
	tests := map[string]struct {
		function string
		paths    []string
		noDiff   bool
		changes  []string
		verdict  run.Verdict
		rule     string
		reason   string
	}{
		"a file is accepted":             {function: goOnly, changes: []string{"a.md", "cmd/x.go"}, verdict: run.VerdictCalled, rule: dispatch.RuleMostSpecific},
		"a file at the root is accepted": {function: goOnly, changes: []string{"x.go"}, verdict: run.VerdictCalled, rule: dispatch.RuleMostSpecific},
		"none is":                        {function: goOnly, changes: []string{"a.md", "b", "go"}, verdict: run.VerdictSkipped, rule: dispatch.RuleOnChanges, reason: "none of 3 changed files matches **/*.go"},
		"nothing changed":                {function: goOnly, verdict: run.VerdictSkipped, rule: dispatch.RuleOnChanges, reason: "no file changed; it wants **/*.go"},
		"no diff":                        {function: goOnly, noDiff: true, verdict: run.VerdictCalled, rule: dispatch.RuleMostSpecific},
		"no default":                     {function: "OnGithubPush(onChanges?:string)", changes: []string{"a"}, verdict: run.VerdictCalled, rule: dispatch.RuleMostSpecific},
		"a list":                         {function: `OnGithubPush(onChanges=["**/*.go","go.{mod,sum}"])`, changes: []string{"go.sum"}, verdict: run.VerdictCalled, rule: dispatch.RuleMostSpecific},
		"excluded":                       {function: `OnGithubPush(onChanges="**, !docs/**")`, changes: []string{"docs/a.md"}, verdict: run.VerdictSkipped, rule: dispatch.RuleOnChanges, reason: `the one changed file doesn't match **,!docs/**`},
		"one beside the excluded":        {function: `OnGithubPush(onChanges="!docs/**")`, changes: []string{"docs/a.md", "x"}, verdict: run.VerdictCalled, rule: dispatch.RuleMostSpecific},
		"the star stops at a slash":      {function: `OnGithubPush(onChanges="*.go")`, changes: []string{"cmd/x.go"}, verdict: run.VerdictSkipped, rule: dispatch.RuleOnChanges, reason: "the one changed file doesn't match *.go"},
		"the module's paths":             {function: "OnGithubPush", paths: []string{"**/**.go"}, changes: []string{"a/b.go"}, verdict: run.VerdictCalled, rule: dispatch.RuleMostSpecific},
		"none of the module's paths":     {function: "OnGithubPush", paths: []string{"api/**"}, changes: []string{"a", "b"}, verdict: run.VerdictSkipped, rule: dispatch.RulePaths, reason: "none of 2 changed files matches api/**"},
		"paths without a diff":           {function: "OnGithubPush", paths: []string{"api/**"}, noDiff: true, verdict: run.VerdictCalled, rule: dispatch.RuleMostSpecific},
		"paths gate Dispatch too":        {function: "Dispatch", paths: []string{"api/**"}, changes: []string{"a", "b"}, verdict: run.VerdictSkipped, rule: dispatch.RulePaths, reason: "none of 2 changed files matches api/**"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(t, "push main", tt.function)
			in.HasDiff, in.Changes, in.Module.Paths = !tt.noDiff, tt.changes, tt.paths
			d := match(t, in).Decisions[0]
			if d.Verdict != tt.verdict || d.Rule != tt.rule || tt.reason != "" && d.Reason != tt.reason {
				t.Errorf("%s by %s: %q", d.Verdict, d.Rule, d.Reason)
			}
		})
	}
}

// TestBranchesApart: names fold two branches into one; the filter keeps them apart.
func TestBranchesApart(t *testing.T) {
	const apart = `OnGithubPush(filter="foo/bar")`
	for filter, want := range map[string][]string{"foo/bar": {"onGithubPush"}, "foo-bar": {}} {
		if diff := cmp.Diff(want, called(match(t, input(t, "push "+filter, apart)))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", filter, diff)
		}
		if got := called(match(t, input(t, "push "+filter, "OnGithubPushFooBar"))); len(got) != 1 {
			t.Errorf("%s: called %v", filter, got)
		}
	}
}

func TestDefaults(t *testing.T) {
	tests := []struct {
		function, event string
		accepted        bool
	}{
		{`Dispatch(vendor="GitHub")`, "push main", true},
		{`Dispatch(vendor="git*")`, "push main", true},
		{`Dispatch(vendor="!github")`, "push main", false},
		{`Dispatch(vendor="!gitlab")`, "push main", true},
		{`Dispatch(vendor=["gitlab","github"])`, "push main", true},
		{`Dispatch(vendor="")`, "push main", true},
		{`Dispatch(vendor=null)`, "push main", true},
		{`Dispatch(vendor=[])`, "push main", true},
		{`Dispatch(vendor=" , ")`, "push main", true},
		{`Dispatch(event="push, pull_request")`, "pull_request opened", true},
		{`Dispatch(event="PullRequest")`, "pull_request opened", true},
		{`Dispatch(event="pull-request")`, "pull_request opened", true},
		{`Dispatch(event="PR")`, "pull_request opened", true},
		{`Dispatch(event="PR")`, "pull_request_review submitted", false},
		{`Dispatch(event="pr_review")`, "pull_request_review submitted", true},
		{`Dispatch(event="pull_request*")`, "pull_request_review submitted", true},
		{`Dispatch(event="pull_request_{review,review_comment}")`, "pull_request_review_comment created", true},
		{`Dispatch(event="!PR*")`, "pull_request opened", false},
		{`Dispatch(event="[A-P]ush")`, "push main", true},
		{`Dispatch(event="push")`, "pull_request opened", false},
		{`Dispatch(filter="main")`, "push main", true},
		{`Dispatch(filter="MAIN")`, "push main", false},
		{`Dispatch(filter="main")`, "push MAIN", false},
		{`Dispatch(filter="release/*")`, "push release/v1", true},
		{`Dispatch(filter="release/*")`, "push release/v1/rc", false},
		{`Dispatch(filter="release/**")`, "push release/v1/rc", true},
		{`Dispatch(filter="*")`, "push feature/x", false},
		{`Dispatch(filter="v1.{2,3}.*, main")`, "push v1.3.0", true},
		{`Dispatch(filter="v[1,2].0")`, "push v2.0", true},
		{`Dispatch(filter="**, !main")`, "push main", false},
		{`Dispatch(filter="!main, **")`, "push main", false},
		{`Dispatch(filter="!main")`, "push dev", true},
		{`Dispatch(filter="!main, dev")`, "push topic", false},
		{`Dispatch(filter=["a,b"])`, "push a,b", true},
		{`Dispatch(filter="a\\,b")`, "push a,b", true},
		{`Dispatch(filter="a,b")`, "push a,b", false},
		{`Dispatch(filter="été")`, "push été", true},
		{`Dispatch(filter="*")`, "public", true},
		{`Dispatch(filter="main")`, "public", false},
		{`Dispatch(baseBranch="main")`, "pull_request opened", true},
		{`Dispatch(baseBranch="dev")`, "pull_request opened", false},
		{`Dispatch(baseBranch="dev")`, "push main", true},
		{`Dispatch(baseBranch="dev")`, "issues opened", true},
		{`Dispatch(action="closed")`, "pull_request opened", true},
	}
	for _, tt := range tests {
		t.Run(tt.function+" on "+tt.event, func(t *testing.T) {
			m := match(t, input(t, tt.event, tt.function))
			if got := len(m.Calls) == 1; got != tt.accepted {
				t.Errorf("accepted: %v; %s", got, m.Decisions[0].Reason)
			}
		})
	}
}

func TestEnumDefault(t *testing.T) {
	in := input(t, "pull_request opened", "OnGithubPullRequest(filter:enum OPENED/opened CLOSED/closed)")
	in.Table.Functions[0].Params[0].Default = json.RawMessage(`"CLOSED"`)
	if m := match(t, in); len(m.Calls) != 0 {
		t.Errorf("called %v", called(m))
	}
	in.Table.Functions[0].Params[0].Default = json.RawMessage(`"OPENED"`)
	if m := match(t, in); len(m.Calls) != 1 {
		t.Errorf("not called: %+v", m.Decisions)
	}
}

// TestModuleErrors: what all functions need is the module's error, and only if
// there was something to call.
func TestModuleErrors(t *testing.T) {
	tests := map[string]struct {
		constructor string
		paths       []string
		rule        string
		public      string
	}{
		"constructor needs what nothing fills": {
			constructor: "token:string", rule: dispatch.RuleConstructor,
			public: "constructor: parameter token (string) is required and nothing fills it",
		},
		"constructor has one of ours of another type": {
			constructor: "eventTrigger?:string", rule: dispatch.RuleConstructor,
			public: "constructor: parameter eventTrigger (string) must be a File",
		},
		"paths hold a bad glob": {
			paths: []string{"a/[", "b"}, rule: dispatch.RulePaths,
			public: "paths of the module: a/[: not a valid glob (is a bracket or brace left open?)",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(t, "push main", "OnGithubPush", "LintOnGithubPush(x:string)", "OnGithubIssues")
			if tt.constructor != "" {
				in.Table.Constructor = []run.Param{param(t, tt.constructor)}
			}
			in.Module.Paths = tt.paths
			m, err := dispatch.MatchEvent(in)
			var p *event.Problem
			if !errors.As(err, &p) || p.Public != tt.public || p.Hint == "" {
				t.Fatalf("error %v", err)
			}
			if len(m.Calls) != 0 {
				t.Errorf("called %v", called(m))
			}
			if d := decision(t, m, "OnGithubPush"); d.Verdict != run.VerdictError || d.Rule != tt.rule || d.Reason != tt.public {
				t.Errorf("%+v", d)
			}
			in.Table.Functions = in.Table.Functions[2:]
			if _, err := dispatch.MatchEvent(in); err != nil {
				t.Errorf("nothing to call, and yet %v", err)
			}
		})
	}
}

func TestErrorsDoNotStopOthers(t *testing.T) {
	m := match(t, input(t, "push main", "LintOnGithubPush(tag:string)", "TestOnGithubPush", `BuildOnGithubPush(filter="{")`))
	if diff := cmp.Diff([]string{"testOnGithubPush"}, called(m)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestNothingLessSpecific: whatever happens to those that are called, adding
// conditions that skip or break a function never lets another one be called.
func TestNothingLessSpecific(t *testing.T) {
	names := []string{
		"Dispatch", "OnGithub", "OnGithubPush", "OnGithubPushMain", "TestOnGithub", "TestOnGithubPush",
		"TestOnGithubPushMain", "LintOnGithubIssues", "Helper", "OnGithubPushDev",
	}
	rapid.Check(t, func(rt *rapid.T) {
		chosen := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, len(names), rapid.ID[string]).Draw(rt, "functions")
		in := input(t, rapid.SampledFrom([]string{"push main", "push dev", "push x", "issues opened"}).Draw(rt, "event"), chosen...)
		before := called(match(t, in))
		for i := range in.Table.Functions {
			spoil := rapid.SampledFrom([]string{"", `onChanges="**/*.go"`, `onChanges="["`, "x:string", "src?:string"}).Draw(rt, "spoil")
			if spoil != "" && len(in.Table.Functions[i].Params) == 0 && in.Table.Functions[i].Name != "testOnGithub" {
				in.Table.Functions[i].Params = []run.Param{param(t, spoil)}
			}
		}
		m := match(t, in)
		for _, name := range called(m) {
			if !slices.Contains(before, name) {
				rt.Errorf("%s is called now; before: %v", name, before)
			}
		}
		if len(m.Decisions) != len(in.Table.Functions) {
			rt.Errorf("%d decisions about %d functions", len(m.Decisions), len(in.Table.Functions))
		}
	})
}
