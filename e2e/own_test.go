package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOwnCI pushes this project to a repository and has its own CI dispatched:
// first a change that only documentation sees, then one to Go code. Publishing
// needs a registry, so only that it is called counts; linting has to succeed.
func TestOwnCI(t *testing.T) {
	if testing.Short() {
		t.Skip("the project's own CI takes minutes")
	}
	a := start(t, nil, "--repos=franela/*", "--call-timeout=15m")
	r := a.repository(t, "franela/pocketci", thisProject(t))

	e := r.push(t, "main", map[string]string{"docs/extra.md": "Words."})
	if e.Problem != nil {
		t.Fatalf("the project's own CI does not load: %+v", e.Problem)
	}
	if len(e.Calls) != 0 {
		t.Errorf("called for a change of documentation: %+v", e.Calls)
	}
	e = r.push(t, "main", map[string]string{"event/extra.go": "package event\n\n// Extra is there to be seen.\nconst Extra = 1\n"})
	var called []string
	for _, c := range e.Calls {
		called = append(called, c.Function)
		if c.Function == "lintOnGithubPushMain" && c.Outcome != "success" {
			t.Errorf("lint: %s: %s\n%s", c.Outcome, c.Error, c.Output)
		}
		if c.Function == "testOnGithubPushMain" && !strings.Contains(c.Output, "passed") {
			t.Errorf("test: %s: %s\n%s", c.Outcome, c.Error, c.Output)
		}
	}
	slices.Sort(called)
	if diff := cmp.Diff([]string{"lintOnGithubPushMain", "publishOnGithubPush", "testOnGithubPushMain"}, called); diff != "" {
		t.Errorf("called (-want +got)\n%s", diff)
	}
}

// thisProject is every file of this repository that git tracks or would.
func thisProject(t *testing.T) map[string]string {
	t.Helper()
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		t.Skipf("this is no git checkout: %v", err)
	}
	files := map[string]string{}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
		if err == nil { // one that was just deleted is not there
			files[name] = string(data)
		}
	}
	return files
}
