package e2e_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/franela/pocketci/vcs/github/githubtest"
	"github.com/franela/pocketci/web"
)

// call is one call of an event, by its function.
func call(t *testing.T, e web.Event, function string) web.Call {
	t.Helper()
	for _, c := range e.Calls {
		if c.Function == function {
			return c
		}
	}
	t.Fatalf("%s was not called; problem %+v, decisions %+v", function, e.Problem, e.Decisions)
	return web.Call{}
}

// manners is a module whose functions end in every way.
const manners = `package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"dagger/ci/internal/dagger"
)

type Ci struct {
	Source *dagger.Directory
	Token  *dagger.Secret
}

func New(
	// +defaultPath="/"
	// +ignore=["**/*.md"]
	source *dagger.Directory,
	// +optional
	token *dagger.Secret,
) *Ci {
	return &Ci{Source: source, Token: token}
}

func (m *Ci) PrintOnGithubPush(ctx context.Context, src *dagger.Directory, ref, filter, sha string) (string, error) {
	fmt.Println("printing on", ref, filter)
	head, err := src.AsGit().Head().Commit(ctx)
	if err != nil {
		return "", err
	}
	entries, err := m.Source.Entries(ctx)
	if err != nil {
		return "", err
	}
	if head != sha {
		return "", fmt.Errorf("src is at %s, not at %s", head, sha)
	}
	return strings.Join(entries, " "), nil
}

func (m *Ci) FailOnGithubPush() error { return errors.New("tests failed: 3 of 10") }

func (m *Ci) PanicOnGithubPush() error { panic("at the disco") }

func (m *Ci) ExecOnGithubPush() *dagger.Container {
	return dag.Container().From("alpine:latest").WithExec([]string{"sh", "-c", "echo to stdout; echo to stderr >&2; exit 7"})
}

func (m *Ci) SyncOnGithubPush(sha string) *dagger.Container {
	return dag.Container().From("alpine:latest").WithEnvVariable("SHA", sha).WithExec([]string{"echo", "container ran"})
}

func (m *Ci) SlowOnGithubPush(ctx context.Context, sha string) error {
	fmt.Println("slow begins")
	_, err := dag.Container().From("alpine:latest").WithEnvVariable("SHA", sha).WithExec([]string{"sleep", "600"}).Sync(ctx)
	return err
}

func (m *Ci) SecretOnGithubPush(ctx context.Context, npm *dagger.Secret, sha string) (string, error) {
	value, err := npm.Plaintext(ctx)
	if err != nil {
		return "", err
	}
	out, err := dag.Container().From("alpine:latest").WithSecretVariable("NPM", npm).WithEnvVariable("SHA", sha).
		WithExec([]string{"sh", "-c", "echo in a container: $NPM; echo ${#NPM} characters"}).Stdout(ctx)
	if err != nil {
		return "", err
	}
	fmt.Println("plain:", value)
	token, err := m.Token.Plaintext(ctx)
	return out + "returned: " + value + token, err
}

func (m *Ci) TriggerOnGithubPush(ctx context.Context, eventTrigger *dagger.File) (string, error) {
	return eventTrigger.Contents(ctx)
}

func (m *Ci) FilesOnGithubPush(
	// +default=["**/*.txt"]
	onChanges []string,
) []string {
	return onChanges
}
`

// TestCalls calls functions that end in every way, of a private repository, in
// one event: what one does is nobody else's matter.
func TestCalls(t *testing.T) {
	const canary, token = "canary-7d1e2f", "canary-9b8a7c"
	a := start(t, []string{"POCKETCI_SECRET_NPM=" + canary, "POCKETCI_SECRET_TOKEN=" + token}, "--repos=octo/*", "--call-timeout=20s")
	files := goModule(manners)
	files["pocketci.yaml"] = "secrets:\n  - {name: npm, from-env: POCKETCI_SECRET_NPM}\n  - {name: token, from-env: POCKETCI_SECRET_TOKEN}\n"
	files["README.md"] = "hello"
	r := a.repository(t, "octo/hello", files)
	e := r.push(t, "main", map[string]string{"a b.txt": "1", `"quoted".txt`: "2"})

	tests := map[string]struct {
		outcome, err, value, output string
	}{
		"printOnGithubPush":   {outcome: "success", value: "main.go", output: "printing on refs/heads/main main"},
		"failOnGithubPush":    {outcome: "failure", err: "tests failed: 3 of 10"},
		"panicOnGithubPush":   {outcome: "failure", output: "at the disco"},
		"execOnGithubPush":    {outcome: "failure", err: "exit code", output: "to stdout"},
		"syncOnGithubPush":    {outcome: "success", output: "container ran"},
		"slowOnGithubPush":    {outcome: "timed out", err: "timed out after 20s", output: "slow begins"},
		"secretOnGithubPush":  {outcome: "success", value: "13 characters", output: "plain: ***"},
		"triggerOnGithubPush": {outcome: "success", value: `"event":"push"`},
		"filesOnGithubPush":   {outcome: "success", value: `"quoted".txt`},
	}
	for function, want := range tests {
		t.Run(function, func(t *testing.T) {
			c := call(t, e, function)
			if c.Outcome != want.outcome || !strings.Contains(c.Error, want.err) || !strings.Contains(c.Value, want.value) || !strings.Contains(c.Output, want.output) {
				t.Errorf("outcome %q, error %q, value %q, output:\n%s\nwant %+v", c.Outcome, c.Error, c.Value, c.Output, want)
			}
			for _, secret := range []string{canary, token} {
				if strings.Contains(c.Error+c.Value+c.Output, secret) {
					t.Errorf("a secret is told: %+v", c)
				}
			}
		})
	}
	if c := call(t, e, "printOnGithubPush"); strings.Contains(c.Value, "README.md") {
		t.Errorf("ignored files are there: %s", c.Value)
	}
	if c := call(t, e, "failOnGithubPush"); strings.Contains(c.Error, "traceparent") {
		t.Errorf("the error has the engine's suffix: %s", c.Error)
	}
	if _, err := a.gh.WaitStatus(soon(t), githubtest.Query{Repo: "octo/hello", SHA: r.sha, Context: "pocketci/fail-on-github-push", State: "failure", Contains: "tests failed: 3 of 10"}); err != nil {
		t.Error(err)
	}
	if _, err := a.gh.WaitStatus(soon(t), githubtest.Query{Repo: "octo/hello", SHA: r.sha, Context: "pocketci (push)", State: "failure", Contains: "9 called"}); err != nil {
		t.Error(err)
	}
}

// TestReadmeCommits: a commit that does not touch the module does not make the
// engine compile it anew, and one that nothing handles needs no engine.
func TestReadmeCommits(t *testing.T) {
	a := start(t, nil)
	r := a.repository(t, "octo/hello", goModule(functions("OnGithubPush")))
	cold := r.push(t, "main", map[string]string{"README.md": "1"})
	warm := r.push(t, "main", map[string]string{"README.md": "2"})
	first, second := took(cold), took(warm)
	t.Logf("cold %s, warm %s", first, second)
	if second > first/2 && second > 3*time.Second {
		t.Errorf("the second commit took %s after %s: the module was compiled anew", second, first)
	}
}

func took(e web.Event) time.Duration { return e.EndedAt.Sub(e.StartedAt) }

// TestSeveralModules: each module has its own secrets and its own gate.
func TestSeveralModules(t *testing.T) {
	a := start(t, []string{"POCKETCI_SECRET_A=canary-aaaa", "POCKETCI_SECRET_B=canary-bbbb"}, "--repos=octo/*")
	module := func(name, secret string) map[string]string {
		return map[string]string{
			name + "/ci/dagger.json": `{"name": "ci", "engineVersion": "v0.21.8", "sdk": {"source": "go"}}`,
			name + "/ci/go.mod":      "module dagger/ci\n\ngo 1.26.1\n",
			name + "/ci/main.go": `package main

import (
	"context"

	"dagger/ci/internal/dagger"
)

type Ci struct{}

func (m *Ci) OnGithubPush(
	ctx context.Context,
	sha string,
	// +optional
	a *dagger.Secret,
	// +optional
	b *dagger.Secret,
) (string, error) {
	has := ""
	if a != nil {
		has += "a"
	}
	if b != nil {
		has += "b"
	}
	return has, nil
}
`,
		}
	}
	files := map[string]string{"pocketci.yaml": `modules:
  - name: api
    module-path: ./api/ci
    paths: ["api/**"]
    secrets: [{name: a, from-env: POCKETCI_SECRET_A}]
  - name: site
    module-path: ./site/ci
    paths: ["site/**"]
    secrets: [{name: b, from-env: POCKETCI_SECRET_B}]
`}
	for _, m := range []map[string]string{module("api", "a"), module("site", "b")} {
		for k, v := range m {
			files[k] = v
		}
	}
	r := a.repository(t, "octo/mono", files)
	e := r.push(t, "main", map[string]string{"api/x.go": "x", "site/y.html": "y"})
	got := map[string]string{}
	for _, c := range e.Calls {
		got[c.Module] = c.Value
	}
	if len(got) != 2 || got["api"] != "a" || got["site"] != "b" {
		t.Errorf("secrets by module: %v, problem %+v", got, e.Problem)
	}
	e = r.push(t, "main", map[string]string{"api/x.go": "z"})
	if len(e.Calls) != 1 || e.Calls[0].Module != "api" {
		t.Errorf("calls: %+v; want api only", e.Calls)
	}
	if _, err := a.gh.WaitStatus(soon(t), githubtest.Query{Repo: "octo/mono", SHA: r.sha, Context: "pocketci/site/on-github-push", State: "success", Contains: "skipped"}); err != nil {
		t.Error(err)
	}
}

// TestTypeScript calls a module of another SDK, if the engine at hand has it.
func TestTypeScript(t *testing.T) {
	a := start(t, nil)
	r := a.repository(t, "octo/ts", map[string]string{
		"ci/dagger.json": `{"name": "ci", "engineVersion": "v0.21.8", "sdk": {"source": "typescript"}}`,
		"ci/src/index.ts": `import { object, func } from "@dagger.io/dagger"

@object()
export class Ci {
  @func()
  onGithubPushMain(sha: string): string {
    return "typescript saw " + sha
  }

  @func()
  onGithubPush(): string {
    return "less specific"
  }
}
`,
	})
	e := r.push(t, "main", map[string]string{"x": "y"})
	if e.Problem != nil {
		t.Skipf("THE ENGINE AT HAND HAS NO TYPESCRIPT: %+v", e.Problem)
	}
	if c := call(t, e, "onGithubPushMain"); len(e.Calls) != 1 || c.Value != "typescript saw "+r.sha {
		t.Errorf("calls: %+v", e.Calls)
	}
}

// soon is a time within which reports have to arrive.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}
