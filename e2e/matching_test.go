package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/vcs/github/githubtest"
)

// functions writes a module with functions of these names; one may be followed by
// a parameter with a default: `PublishOnGithubPush(filter="main")`.
func functions(specs ...string) string {
	var b strings.Builder
	b.WriteString("package main\n\ntype Ci struct{}\n")
	for _, spec := range specs {
		name, rest, _ := strings.Cut(spec, "(")
		param, value, given := strings.Cut(strings.TrimSuffix(rest, ")"), "=")
		args := ""
		if given {
			kind := "string"
			if strings.HasPrefix(value, "[") {
				kind = "[]string"
			}
			args = "\n\t// +default=" + value + "\n\t" + param + " " + kind + ",\n"
		}
		b.WriteString("\nfunc (m *Ci) " + name + "(" + args + ") {}\n")
	}
	return b.String()
}

// TestMatching is the table of what is called, with real modules.
func TestMatching(t *testing.T) {
	opened, push, main := "pull_request opened", "push", "main"
	tests := map[string]struct {
		module []string
		event  string
		branch string
		change string
		want   []string
	}{
		"the most specific name": {
			module: []string{"Dispatch", "OnGithub", "OnGithubPullRequest", "OnGithubPullRequestOpened"},
			event:  opened, want: []string{"onGithubPullRequestOpened"},
		},
		"each prefix is a pipeline": {
			module: []string{"Dispatch", "OnGithub", "LintOnGithubPullRequest", "TestOnGithubPullRequest"},
			event:  opened, want: []string{"lintOnGithubPullRequest", "testOnGithubPullRequest"},
		},
		"a default is as good as a name": {
			module: []string{"TestOnGithubPushMain", "LintOnGithubPushMain", `PublishOnGithubPush(filter="main")`},
			event:  push, branch: main, want: []string{"lintOnGithubPushMain", "publishOnGithubPush", "testOnGithubPushMain"},
		},
		"no prefix is a pipeline of its own": {
			module: []string{"OnGithubPush", "LintOnGithubPushMain", "OnGithubPushMain"},
			event:  push, branch: main, want: []string{"lintOnGithubPushMain", "onGithubPushMain"},
		},
		"a catch-all takes what is left, with a prefix it is a pipeline": {
			module: []string{"OnGithub", "AuditOnGithub", "TestOnGithubPush"},
			event:  push, branch: main, want: []string{"auditOnGithub", "testOnGithubPush"},
		},
		"MAIN is not main":  {module: []string{"OnGithubPushMain"}, event: push, branch: "MAIN"},
		"ma/in is not main": {module: []string{"OnGithubPushMain"}, event: push, branch: "ma/in"},
		"a skipped function is not replaced": {
			module: []string{`TestOnGithubPullRequest(onChanges="**/*.go")`, "OnGithub", "Dispatch"},
			event:  opened, change: "README.md",
		},
		"a list default": {
			module: []string{`TestOnGithubPullRequest(onChanges=["**/*.go","docs/**"])`, "Dispatch"},
			event:  opened, change: "docs/a.md", want: []string{"testOnGithubPullRequest"},
		},
		"a default that refuses leaves it to Dispatch": {
			module: []string{`OnGithubPullRequest(filter="synchronize,closed")`, "Dispatch"},
			event:  opened, want: []string{"dispatch"},
		},
		"another vendor":             {module: []string{`Dispatch(vendor="gitlab")`}, event: push, branch: main},
		"Dispatch has no prefix":     {module: []string{"TestDispatch", "OnGithubIssues"}, event: push, branch: main},
		"PR stands for pull request": {module: []string{"OnGithubPROpened", "OnGithubPR"}, event: opened, want: []string{"onGithubPropened"}},
	}
	a := start(t, nil)
	n := 0
	for name, tt := range tests {
		n++
		full := "octo/r" + string(rune('a'+n))
		t.Run(name, func(t *testing.T) {
			r := a.repository(t, full, goModule(functions(tt.module...)))
			var got []string
			if tt.event == push {
				for _, c := range r.push(t, tt.branch, map[string]string{"x.txt": "x"}).Calls {
					got = append(got, c.Function)
				}
			} else {
				base := r.sha
				r.commit(t, "topic", map[string]string{change(tt.change): "changed"})
				a.gh.AddPull(full, githubtest.Pull{Number: 1, Head: full, HeadRef: "topic", HeadSHA: r.sha, BaseSHA: base})
				for _, c := range a.deliver(t, "pull_request", a.gh.PullRequestPayload(full, 1, "opened", "")).Calls {
					got = append(got, c.Function)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("called (-want +got)\n%s", diff)
			}
		})
	}
}

func change(name string) string {
	if name == "" {
		return "x.txt"
	}
	return name
}
