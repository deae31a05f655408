package dispatch_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/run"
)

func value(name, literal string) run.Arg {
	return run.Arg{Name: name, Kind: run.ArgValue, Value: json.RawMessage(literal)}
}

// pullRequest is an event that has a value for everything.
func pullRequest(t testing.TB, function string) dispatch.Input {
	in := input(t, "pull_request ready_for_review", function)
	in.Event.Vendor = "github"
	in.Changes = []string{"a b.go", `q"<&>.md`, "ü.txt"}
	in.Module.Secrets = []run.Secret{
		{Name: "npm_token", FromEnv: "NPM"}, {Name: "unset", FromEnv: "UNSET"}, {Name: "forgotten", FromEnv: "X"},
	}
	in.Secrets = map[string]string{"npm_token": "", "unset": "UNSET is not set"}
	return in
}

func TestArguments(t *testing.T) {
	tests := map[string]struct {
		params string
		want   []run.Arg
	}{
		"nothing is declared": {"", nil},
		"text": {
			"vendor:string; event:string; filter:string; action:string; ref:string; sha:string; baseBranch:string",
			[]run.Arg{
				value("vendor", `"github"`), value("event", `"pull_request"`), value("filter", `"ready_for_review"`),
				value("action", `"ready_for_review"`), value("ref", `"refs/pull/7/head"`), value("sha", `"3f2a"`), value("baseBranch", `"main"`),
			},
		},
		"the event's value instead of the default": {
			`filter="opened,ready*"`, []run.Arg{value("filter", `"ready_for_review"`)},
		},
		"as a list": {
			`filter=["ready*"]; baseBranch:[]string`, []run.Arg{value("filter", `["ready_for_review"]`), value("baseBranch", `["main"]`)},
		},
		"as an enum by its value": {
			"action:enum OPENED/opened READY/ready_for_review",
			[]run.Arg{{Name: "action", Kind: run.ArgEnum, Value: json.RawMessage(`"READY"`)}},
		},
		"as an enum by its name": {
			"action:enum opened ready_for_review",
			[]run.Arg{{Name: "action", Kind: run.ArgEnum, Value: json.RawMessage(`"ready_for_review"`)}},
		},
		"an optional enum without the member keeps its default": {
			"action?:enum OPENED/opened READY_FOR_REVIEW/rfr", nil,
		},
		"changed files as text":   {"onChanges:string", []run.Arg{value("onChanges", `"a b.go,q\"<&>.md,ü.txt"`)}},
		"changed files as a list": {"onChanges:[]string", []run.Arg{value("onChanges", `["a b.go","q\"<&>.md","ü.txt"]`)}},
		"the source and the file": {
			"eventTrigger:File; src:Directory",
			[]run.Arg{{Name: "eventTrigger", Kind: run.ArgTrigger}, {Name: "src", Kind: run.ArgSource}},
		},
		"a secret, in the engine's casing": {
			"npmToken:Secret", []run.Arg{{Name: "npmToken", Kind: run.ArgSecret, Secret: "npm_token"}},
		},
		"an optional secret that can't be given": {"unset?:Secret; forgotten?:Secret", nil},
		"optional ones of others":                {`name="x"; tags?:[]string; ctr?:Container; dir?:Directory`, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := match(t, pullRequest(t, "OnGithubPullRequest("+tt.params+")"))
			if len(m.Calls) != 1 {
				t.Fatal(m.Decisions[0].Reason)
			}
			if diff := cmp.Diff(tt.want, m.Calls[0].Args); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestArgumentsThatAreRefused(t *testing.T) {
	tests := map[string]struct{ params, reason string }{
		"required and unknown":            {"src:Directory; tag:string", "parameter tag (string) is required and nothing fills it"},
		"required list":                   {"tags:[]string", "parameter tags (list of string) is required and nothing fills it"},
		"required directory":              {"source:Directory", "parameter source (Directory) is required and nothing fills it"},
		"required secret without mapping": {"other:Secret", "parameter other (Secret) is required and nothing fills it"},
		"required secret that is not set": {"unset:Secret", "parameter unset (Secret) gets no secret: UNSET is not set"},
		"a secret that nobody spoke of":   {"forgotten:Secret", "parameter forgotten (Secret) gets no secret: it is not granted"},
		"a mapped secret as text":         {"npmToken?:string", "parameter npmToken (string) must be a Secret (pocketci.yaml maps one to it)"},
		"src as a file":                   {"src:File", "parameter src (File) must be a Directory"},
		"eventTrigger as text":            {"eventTrigger?:string", "parameter eventTrigger (string) must be a File"},
		"onChanges as a number":           {"onChanges?:integer", "parameter onChanges (integer) must be a string or a list of strings"},
		"onChanges as a list of numbers":  {"onChanges?:[]integer", "parameter onChanges (list of integer) must be a string or a list of strings"},
		"sha as a list":                   {"sha?:[]string", "parameter sha (list of string) must be a string or an enum"},
		"filter as a secret":              {"filter?:Secret", "parameter filter (Secret) must be a string, a list of strings or an enum"},
		"a required enum":                 {"action:enum OPENED/opened", "parameter action (Some) has no member for ready_for_review"},
		"enums are exact":                 {"action:enum READY_FOR_REVIEW/x", "parameter action (Some) has no member for ready_for_review"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := match(t, pullRequest(t, "OnGithubPullRequest("+tt.params+")"))
			d := m.Decisions[0]
			if d.Verdict != run.VerdictError || d.Rule != dispatch.RuleArgument || d.Reason != tt.reason {
				t.Errorf("%s by %s: %q", d.Verdict, d.Rule, d.Reason)
			}
			if len(m.Calls) != 0 {
				t.Errorf("called %v", called(m))
			}
		})
	}
}

func TestWhatIsLeftOutIsSaid(t *testing.T) {
	m := match(t, pullRequest(t, "OnGithubPullRequest(unset?:Secret; action?:enum A/a; other?:string)"))
	want := "unset is left out: it gets no secret: UNSET is not set; action is left out: it has no member for ready_for_review"
	if got := m.Decisions[0].Hint; got != want {
		t.Errorf("hint %q", got)
	}
}

func TestWithoutADiff(t *testing.T) {
	in := input(t, "issues opened", "OnGithubIssues(onChanges:string)", `TestOnGithubIssues(onChanges=["**/*.go"])`, "LintOnGithubIssues(ref:string; baseBranch:string; filter:[]string)")
	in.Event.Filter, in.Event.Action = "", ""
	m := match(t, in)
	want := [][]run.Arg{
		{value("onChanges", `""`)}, {value("onChanges", `[]`)},
		{value("ref", `"refs/heads/main"`), value("baseBranch", `""`), value("filter", `[]`)},
	}
	var got [][]run.Arg
	for _, c := range m.Calls {
		got = append(got, c.Args)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDefaultPaths(t *testing.T) {
	in := input(t, "push main", "OnGithubPush(source:Directory; conf:File; src:Directory; repo:Other)")
	f := &in.Table.Functions[0]
	f.Params[0].DefaultPath, f.Params[0].Ignore = "/docs", []string{"*.tmp"}
	f.Params[1].DefaultPath, f.Params[1].Optional = "conf.json", true
	f.Params[2].DefaultPath, f.Params[2].Ignore = "/", []string{"node_modules"}
	f.Params[3].DefaultPath = "/"
	want := []run.Arg{
		{Name: "source", Kind: run.ArgDirectory, Path: "/docs", Ignore: []string{"*.tmp"}},
		{Name: "conf", Kind: run.ArgFile, Path: "conf.json"},
		{Name: "src", Kind: run.ArgSource, Ignore: []string{"node_modules"}},
	}
	if diff := cmp.Diff(want, match(t, in).Calls[0].Args); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	f.Params[2].DefaultPath = "/backend"
	want[2] = run.Arg{Name: "src", Kind: run.ArgDirectory, Path: "/backend", Ignore: []string{"node_modules"}}
	if diff := cmp.Diff(want, match(t, in).Calls[0].Args); diff != "" {
		t.Errorf("src with a path of its own (-want +got)\n%s", diff)
	}
}

func TestConstructorArguments(t *testing.T) {
	in := pullRequest(t, `OnGithubPullRequest(src:Directory)`)
	in.Table.Constructor = fn(t, `new(eventTrigger:File; npmToken:Secret; filter="closed"; version="1"; source?:Directory)`).Params
	in.Table.Constructor[4].DefaultPath = "/"
	in.Table.Functions[0].Returns = run.Type{Kind: run.KindObject, Name: "Container"}
	in.Module.Name = "api"
	m := match(t, in)
	want := []run.Call{{
		Module: "api", Function: "onGithubPullRequest",
		Constructor: []run.Arg{
			{Name: "eventTrigger", Kind: run.ArgTrigger},
			{Name: "npmToken", Kind: run.ArgSecret, Secret: "npm_token"},
			value("filter", `"ready_for_review"`),
			{Name: "source", Kind: run.ArgDirectory, Path: "/"},
		},
		Args:    []run.Arg{{Name: "src", Kind: run.ArgSource}},
		Returns: run.Type{Kind: run.KindObject, Name: "Container"},
	}}
	if diff := cmp.Diff(want, m.Calls); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestNoSecretInAnArgument: what is stored of a call names secrets only.
func TestNoSecretInAnArgument(t *testing.T) {
	m := match(t, pullRequest(t, "OnGithubPullRequest(npmToken:Secret)"))
	stored, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(stored), "NPM") {
		t.Errorf("the variable's name is in %s", stored)
	}
}

func TestHostileValuesStayData(t *testing.T) {
	in := input(t, "push main", "OnGithubPush(filter:string; onChanges:[]string)", "LintOnGithubPushMain", `TestOnGithubPush(filter="x")`)
	in.Event = happened("push \x1b[31m$(rm)\n" + strings.Repeat("x", 300))
	in.Changes = []string{"--upload-pack=x", "a\nb", "\xff\xfe"}
	m := match(t, in)
	for _, d := range m.Decisions {
		if strings.ContainsAny(d.Reason+d.Hint, "\x1b\n") || len(d.Reason) > 300 {
			t.Errorf("%s: %q", d.Function, d.Reason)
		}
	}
	var filter string
	if err := json.Unmarshal(m.Calls[0].Args[0].Value, &filter); err != nil || filter != in.Event.Filter {
		t.Errorf("filter %q, %v", filter, err)
	}
	var changes []string
	if err := json.Unmarshal(m.Calls[0].Args[1].Value, &changes); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"--upload-pack=x", "a\nb", "\ufffd\ufffd"}, changes); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
