package fault

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/franela/pocketci/vcs/github/githubtest"
)

// module is the Dagger module of every repository. The comments tell a fake
// engine what the code tells the real one.
const module = `package main

import "errors"

type Ci struct{}

func (m *Ci) TestOnGithubPush(sha string) (string, error) {
	//fake: print testing
	//fake: return fine
	return "fine", nil
}

func (m *Ci) LintOnGithubPush(
	sha string,
	// +default="bad/**"
	filter string,
) error {
	//fake: fail lint: 3 problems
	return errors.New("lint: 3 problems")
}

func (m *Ci) DocsOnGithubPush(
	sha string,
	// +default="docs/**"
	onChanges string,
) error {
	return nil
}

func (m *Ci) ReleaseOnGithubTag(sha string) error { return nil }

func (m *Ci) ReviewOnGithubPullRequest(sha string) error { return nil }

func (m *Ci) TriageOnGithubIssues(sha string) error { return nil }
`

const manifest = `{"name": "ci", "engineVersion": "v0.21.8", "sdk": {"source": "go"}}`

const goMod = "module dagger/ci\n\ngo 1.26\n"

// shown is what a context must show in the end.
type shown struct {
	state string
	// text is a part of the description.
	text string
	// skip never takes the place of another event's result.
	skip bool
}

// happening is one thing that happens at the code host, and what must come of it.
type happening struct {
	kind    string
	repo    string
	sha     string
	event   string
	payload []byte
	// guids are those under which it is delivered.
	guids []string
	// calls are the functions and their outcomes, by the engine's names.
	calls    map[string]string
	contexts map[string]shown
	outcome  string
}

// kinds say what each kind of happening leads to. file is what its commit changes.
func kinds() map[string]happening {
	test := shown{state: "success", text: "succeeded"}
	skipped := shown{state: "success", text: "skipped: ", skip: true}
	return map[string]happening{
		"good": {
			event: "push", outcome: "success", calls: map[string]string{"testOnGithubPush": "success"},
			contexts: map[string]shown{
				"pocketci/test-on-github-push": test, "pocketci/docs-on-github-push": skipped,
				"pocketci (push)": {state: "success", text: "1 called, 1 skipped: succeeded"},
			},
		},
		"docs": {
			event: "push", outcome: "success", calls: map[string]string{"testOnGithubPush": "success", "docsOnGithubPush": "success"},
			contexts: map[string]shown{
				"pocketci/test-on-github-push": test, "pocketci/docs-on-github-push": test,
				"pocketci (push)": {state: "success", text: "2 called: all succeeded"},
			},
		},
		"bad": {
			event: "push", outcome: "failure", calls: map[string]string{"testOnGithubPush": "success", "lintOnGithubPush": "failure"},
			contexts: map[string]shown{
				"pocketci/test-on-github-push": test, "pocketci/docs-on-github-push": skipped,
				"pocketci/lint-on-github-push": {state: "failure", text: "lint: 3 problems"},
				"pocketci (push)":              {state: "failure", text: "2 called, 1 skipped: 1 failed"},
			},
		},
		"tag": {
			event: "push", outcome: "success", calls: map[string]string{"releaseOnGithubTag": "success"},
			contexts: map[string]shown{
				"pocketci/release-on-github-tag": test,
				"pocketci (tag)":                 {state: "success", text: "1 called: succeeded"},
			},
		},
		"pull": {
			event: "pull_request", outcome: "success", calls: map[string]string{"reviewOnGithubPullRequest": "success"},
			contexts: map[string]shown{
				"pocketci/review-on-github-pull-request": test,
				"pocketci (pull_request)":                {state: "success", text: "1 called: succeeded"},
			},
		},
		"issue": {event: "issues", outcome: "success", calls: map[string]string{"triageOnGithubIssues": "success"}},
	}
}

// kindOf spreads the kinds over the numbers; "twin" is a second push, of another
// kind, of the commit before it.
func kindOf(n int) string {
	switch n % 20 {
	case 1, 9, 14:
		return "bad"
	case 3, 11:
		return "docs"
	case 5, 15:
		return "tag"
	case 7, 17:
		return "pull"
	case 10:
		return "twin"
	case 13:
		return "issue"
	}
	return "good"
}

// load makes repositories with a commit for each of n happenings, and the
// happenings.
func load(ctx context.Context, gh *githubtest.Server, n int, random *rand.Rand) ([]*happening, error) {
	repos := make([]string, min(6, 1+n/20))
	for i := range repos {
		repos[i] = fmt.Sprintf("octo/r%d", i)
		gh.AddRepo(githubtest.Repo{Owner: "octo", Name: fmt.Sprintf("r%d", i)})
	}
	// A twin needs the commit before it, so numbers go round the repositories in blocks.
	of := func(i int) string { return repos[i/20%len(repos)] }
	shas := make([]string, n)
	for _, repo := range repos {
		if err := commits(ctx, gh.GitDir(repo), n, func(i int) bool { return of(i) == repo }, shas); err != nil {
			return nil, fmt.Errorf("make %s: %w", repo, err)
		}
	}
	all, known := make([]*happening, n), kinds()
	for i := range all {
		kind, sha := kindOf(i), shas[i]
		if kind == "twin" {
			kind, sha = "good", shas[i-1]
		}
		h := known[kind]
		h.kind, h.repo, h.sha = kind, of(i), sha
		h.guids = []string{githubtest.NewGUID()}
		if random.IntN(10) == 0 {
			h.guids = append(h.guids, githubtest.NewGUID()) // by another webhook
		}
		h.payload = payload(gh, h, i)
		all[i] = &h
	}
	return all, nil
}

// payload is what the code host sends.
func payload(gh *githubtest.Server, h happening, i int) []byte {
	switch h.kind {
	case "tag":
		return gh.PushPayload(h.repo, fmt.Sprintf("refs/tags/v1.0.%d", i), githubtest.Zero, h.sha)
	case "pull":
		gh.AddPull(h.repo, githubtest.Pull{Number: i, Head: h.repo, HeadRef: branch(i), HeadSHA: h.sha, BaseSHA: parent(gh, h)})
		return gh.PullRequestPayload(h.repo, i, "opened", "")
	case "issue":
		return gh.Payload(h.repo, gh.Login(), map[string]any{
			"action": "opened", "issue": map[string]any{"number": i, "title": "a question", "state": "open"},
		})
	}
	return gh.PushPayload(h.repo, "refs/heads/"+branch(i), githubtest.Zero, h.sha)
}

// parent is the default branch's commit, from which all others come.
func parent(gh *githubtest.Server, h happening) string {
	b, err := os.ReadFile(filepath.Join(gh.GitDir(h.repo), "refs", "heads", "main"))
	if err != nil {
		return githubtest.Zero
	}
	return strings.TrimSpace(string(b))
}

// branch is the one that number i is pushed to; its name is what filters see.
func branch(i int) string {
	kind := kindOf(i)
	if kind == "twin" {
		kind = "good"
	}
	return fmt.Sprintf("%s/%d", kind, i)
}

// commits makes main and a commit on top of it for each number that is of this
// repository, and fills in their shas.
func commits(ctx context.Context, dir string, n int, ours func(int) bool, shas []string) error {
	var in bytes.Buffer
	begin := func(ref string, mark int, from string) {
		fmt.Fprintf(&in, "commit %s\nmark :%d\ncommitter Mona <mona@example.com> 1700000000 +0000\ndata 1\nx\n%s", ref, mark, from)
	}
	file := func(name, text string) { fmt.Fprintf(&in, "M 100644 inline %s\ndata %d\n%s\n", name, len(text), text) }
	begin("refs/heads/main", 1, "")
	file("ci/dagger.json", manifest)
	file("ci/go.mod", goMod)
	file("ci/main.go", module)
	for i := range n {
		if !ours(i) {
			continue
		}
		if kindOf(i) == "twin" {
			fmt.Fprintf(&in, "reset refs/heads/%s\nfrom :%d\n\n", branch(i), i+1)
			continue
		}
		begin("refs/heads/"+branch(i), i+2, "from :1\n")
		if kindOf(i) == "docs" {
			file(fmt.Sprintf("docs/%d.md", i), "text")
		} else {
			file(fmt.Sprintf("src/%d.go", i), "package x")
		}
		if kindOf(i) == "tag" {
			fmt.Fprintf(&in, "reset refs/tags/v1.0.%d\nfrom :%d\n\n", i, i+2)
		}
	}
	marks := filepath.Join(dir, "marks")
	cmd := exec.CommandContext(ctx, "git", "--git-dir", dir, "fast-import", "--quiet", "--export-marks="+marks)
	cmd.Stdin = &in
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git fast-import: %w: %s", err, out)
	}
	text, err := os.ReadFile(marks)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		var mark int
		var sha string
		if _, err := fmt.Sscanf(line, ":%d %s", &mark, &sha); err == nil && mark >= 2 {
			shas[mark-2] = sha
		}
	}
	return nil
}
