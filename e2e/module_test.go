package e2e_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/vcs/git"
)

// A repository's own module reads the event through the published one.
func TestModuleIsCalledFromGo(t *testing.T) {
	source := moduleTree(t, "go")
	for _, test := range []struct {
		trigger, function string
		want              []string
		fails             string
	}{
		{trigger: "push", function: "event", want: []string{
			"github:00000000-0000-4000-8000-000000000004", "1", "github", "push", "push", "", "master",
			"refs/heads/master", "master", "", "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "",
			"README.md", "", "trusted", "2026-01-02T03:04:05Z", "Codertocat/Hello-World", "2019-05-15T15:20:57Z", "Codertocat",
		}},
		{trigger: "push", function: "push", want: []string{
			"6113728f27ae82c7b1a177c8d03f9e96e0adf246", "master", "Codertocat",
			"6113728f27ae82c7b1a177c8d03f9e96e0adf246", "Initial commit", "README.md", "21031067+Codertocat@users.noreply.github.com",
		}},
		{trigger: "push", function: "lookup", want: []string{"Codertocat", "186853002", "8633"}},
		{trigger: "push", function: "nowhere", fails: `get "commits[9].id": the payload of a push event has no commits.9: the list has 1`},
		{trigger: "push", function: "comment", fails: "there is no comment in a push event"},
		{trigger: "push", function: "pullRequest", fails: "there is no pull request in a push event"},
		{trigger: "pull_request_opened", function: "pullRequest", want: []string{
			"2", "Update the README with new information.", "changes", "master", "Codertocat", "", "",
		}},
		{trigger: "issues_assigned", function: "push", fails: "there is no push in an issues event"},
		{trigger: "star_created", function: "event", want: []string{
			"github:00000000-0000-4000-8000-00000000000c", "1", "github", "star", "star", "created", "created",
			"refs/heads/master", "master", "", "5c17b06ca1a3e0b2ac9b2ff5c4dc8f0f8d5f1f6b", "",
			"", "", "untrusted", "2026-01-02T03:04:05Z", "Codertocat/Hello-World", "2019-05-15T15:20:33Z", "Codertocat",
		}},
	} {
		t.Run(test.trigger+"/"+test.function, func(t *testing.T) {
			result := moduleCall(t, source, test.trigger, test.function)
			if !strings.Contains(result.Error, test.fails) || (result.Error == "") != (test.fails == "") {
				t.Fatalf("got the error %q, want %q", result.Error, test.fails)
			}
			got := strings.Split(result.Value, "\n")
			if test.fails == "" && !slices.Equal(got, test.want) {
				t.Errorf("got\n%q, want\n%q", got, test.want)
			}
		})
	}
}

func TestModuleIsCalledFromTypeScript(t *testing.T) {
	result := moduleCall(t, moduleTree(t, "typescript"), "push", "push")
	want := strings.Join([]string{
		"push", "master", "Codertocat/Hello-World", "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "Codertocat", "README.md",
	}, "\n")
	if result.Error != "" || result.Value != want {
		t.Errorf("got %q and the error %q, want %q", result.Value, result.Error, want)
	}
}

// moduleTree makes a repository with the published module and one that calls it.
func moduleTree(t *testing.T, caller string) run.Source {
	t.Helper()
	needEngine(t)
	dir := t.TempDir()
	for from, to := range map[string]string{"../module": "module", "testdata/module/" + caller: "ci"} {
		if err := os.CopyFS(filepath.Join(dir, to), os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	gitIn(t, dir, "init", "--quiet")
	tree, _, err := git.Worktree(t.Context(), dir, "", git.WorktreeConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return run.Source{Tree: tree, RepoID: 1, ModulePath: "ci", Depth: 1, Lane: run.LaneTrusted}
}

// moduleCall calls a function with one of the module's own recorded triggers.
func moduleCall(t *testing.T, source run.Source, trigger, function string) run.Result {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("../module/trigger/testdata", trigger+".json"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Config{
		Dir: t.TempDir(), Key: bytes.Repeat([]byte("k"), 32),
		Environ: append(os.Environ(), needEngine(t).environ()...),
	})
	if err != nil {
		t.Fatal(err)
	}
	session, err := e.Open(t.Context(), engine.Spec{EventID: trigger, Source: source, Trigger: content})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	}()
	result, err := session.Call(t.Context(), run.Call{
		Function: function,
		Args:     []run.Arg{{Name: "eventTrigger", Kind: run.ArgTrigger}},
		Returns:  run.Type{Kind: run.KindString},
		Attempt:  1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return result
}
