package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/franela/pocketci/vcs/github/githubtest"
	"github.com/franela/pocketci/web"
)

// strangers is a module that is asked about commits of forks.
const strangers = `package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"dagger/ci/internal/dagger"
)

type Ci struct{}

func (m *Ci) SrcOnGithubPullRequest(ctx context.Context, src *dagger.Directory, sha string) (string, error) {
	head, err := src.File(".git/HEAD").Contents(ctx)
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(head) != sha {
		return "", fmt.Errorf("src is at %s", head)
	}
	names, err := src.Filter(dagger.DirectoryFilterOpts{Exclude: []string{".git"}}).Glob(ctx, "**")
	return strings.Join(names, " "), err
}

func (m *Ci) ReadOnGithubPullRequest(ctx context.Context, src *dagger.Directory) (string, error) {
	return src.File("from-the-fork.txt").Contents(ctx)
}

func (m *Ci) BaseOnGithubPullRequest(
	ctx context.Context,
	// +defaultPath="/"
	// +ignore=[".git", "ci/internal"]
	source *dagger.Directory,
) (string, error) {
	names, err := source.Entries(ctx)
	return strings.Join(names, " "), err
}

func (m *Ci) FailOnGithubPullRequest(ctx context.Context, src *dagger.Directory) error {
	text, err := src.File("from-the-fork.txt").Contents(ctx)
	if err != nil {
		return err
	}
	fmt.Println(text)
	return errors.New(text)
}

// Search tells all that it can find of its surroundings.
func (m *Ci) SearchOnGithubPullRequest(
	ctx context.Context,
	src *dagger.Directory,
	eventTrigger *dagger.File,
	// +optional
	token *dagger.Secret,
) (string, error) {
	said := []string{fmt.Sprint("token: ", token != nil)}
	said = append(said, os.Environ()...)
	for _, uri := range []string{"env://POCKETCI_SECRET_TOKEN", "env://GITHUB_TOKEN", "env://X_HUB_SIGNATURE"} {
		text, err := dag.Secret(uri).Plaintext(ctx)
		said = append(said, fmt.Sprint(uri, " ", text, " ", err))
	}
	trigger, err := eventTrigger.Contents(ctx)
	if err != nil {
		return "", err
	}
	config, err := src.File(".git/config").Contents(ctx)
	if err != nil {
		return "", err
	}
	said = append(said, trigger, config)
	_ = filepath.WalkDir("/", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || path == "/proc" || path == "/sys" || path == "/usr" || path == "/go":
			return fs.SkipDir
		case d.Type().IsRegular() && (d.Name() == ".env" || d.Name() == "config.json" || d.Name() == ".netrc" || d.Name() == ".git-credentials"):
			text, _ := os.ReadFile(path)
			said = append(said, path, string(text))
		}
		return nil
	})
	fmt.Println(strings.Join(said, "\n"))
	return strings.Join(said, "\n"), nil
}
`

// relay is another address of an engine. Who only looks whether it is there does not count.
type relay struct {
	host string
	used atomic.Int64
}

func newRelay(t *testing.T, engine string) *relay {
	t.Helper()
	network, address, _ := strings.Cut(engine, "://")
	if network != "unix" && network != "tcp" {
		t.Skip("NO SECOND ADDRESS: " + engine + " can't be relayed to")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r := &relay{host: "tcp://" + l.Addr().String()}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial(network, address)
			if err != nil {
				in.Close()
				continue
			}
			go func() { defer in.Close(); _, _ = io.Copy(in, out) }()
			go func() {
				defer out.Close()
				if n, _ := io.CopyN(out, in, 1); n > 0 {
					r.used.Add(1)
					_, _ = io.Copy(out, in)
				}
			}()
		}
	}()
	return r
}

// strangersFork makes octo/hello with that module and a pull request of eve's fork,
// which changes everything that could matter and has a submodule that is private.
func strangersFork(t *testing.T, a *agent) *repository {
	t.Helper()
	secret := a.repository(t, "octo/private", map[string]string{"private.txt": "private"})
	secret.commit(t, "main", nil)
	r := a.repository(t, "octo/hello", goModule(strangers))
	r.commit(t, "main", map[string]string{"pocketci.yaml": "secrets:\n  - name: token\n    from-env: POCKETCI_SECRET_TOKEN\n"})
	base := r.sha
	a.gh.SetRole("octo/hello", "mona", "write")
	at, _ := a.gh.Repo("octo/hello")
	fork := a.gh.AddRepo(githubtest.Repo{Owner: "eve", Name: "hello", ForkOf: at.ID})
	if err := os.Mkdir(filepath.Join(r.work, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.git(t, "update-index", "--add", "--cacheinfo", "160000,"+secret.sha+",sub")
	hub := r.name
	r.name = fork.FullName()
	r.commit(t, "topic", map[string]string{
		".gitmodules":       "[submodule \"sub\"]\n\tpath = sub\n\turl = " + a.gh.URL + "/octo/private.git\n",
		".env":              "token=env://POCKETCI_SECRET_TOKEN\n",
		"from-the-fork.txt": "a stranger's words",
		"ci/main.go":        "package main\n\ntype Ci struct{}\n\nfunc (m *Ci) OnGithub() error { return nil }\n",
		"pocketci.yaml":     "module-path: ./evil\n",
	})
	r.name = hub
	a.gh.AddPull("octo/hello", githubtest.Pull{Number: 7, Head: fork.FullName(), HeadRef: "topic", HeadSHA: r.sha, BaseSHA: base})
	return r
}

// TestAForksPullRequest: it waits, is approved, and runs on the engine for such
// commits, with src from its head, the module of the base, without secrets, and
// without its submodules. The commit shows our own words.
func TestAForksPullRequest(t *testing.T) {
	real := needEngine(t)
	one, other := newRelay(t, real.Host), newRelay(t, real.Host)
	for name, tt := range map[string]struct {
		engine, lane string
		used         *relay
	}{
		"on the same engine": {one.host, "same", one},
		// Where there is no engine for everything else, nothing of it can run there.
		"on one of its own": {"tcp://" + free(t), other.host, other},
	} {
		t.Run(name, func(t *testing.T) {
			home := operatorsHome(t)
			a := start(t, []string{"POCKETCI_SECRET_TOKEN=canary-5f1d", "AWS_SECRET_ACCESS_KEY=canary-aws", "HOME=" + home, "DOCKER_CONFIG=" + home + "/.docker"}, "--repos", "octo/*", "--engine", tt.engine, "--untrusted-engine", tt.lane)
			approved(t, a, strangersFork(t, a))
			if tt.used.used.Load() == 0 {
				t.Error("the engine that is named was not used")
			}
		})
	}
}

// operatorsHome is a home with logins, and with what some programs take for defaults.
func operatorsHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	for name, text := range map[string]string{
		".env":                "TOKEN=canary-env\nCI_TOKEN=canary-env\n",
		".netrc":              "machine 127.0.0.1 login canary-netrc password canary-netrc\n",
		".git-credentials":    "https://canary-git:canary-git@127.0.0.1\n",
		".docker/config.json": `{"auths":{"registry.example":{"auth":"Y2FuYXJ5OmNhbmFyeQ=="}}}`,
	} {
		path := filepath.Join(home, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

// approved has the pull request approved, and looks at what comes of it.
func approved(t *testing.T, a *agent, r *repository) {
	pull := a.hand(t, "pull_request", a.gh.PullRequestPayload("octo/hello", 7, "opened", ""))
	waits := a.until(t, pull, "waits", func(e web.Event) bool { return e.State == "waiting" })
	if waits.WaitsFor != "approval of "+r.sha || waits.Trust != "untrusted" || len(waits.Decisions) != 0 {
		t.Fatalf("%s, %s, %d decisions", waits.WaitsFor, waits.Trust, len(waits.Decisions))
	}
	comment := a.hand(t, "issue_comment", a.gh.CommentPayload(a.gh.AddComment("octo/hello", 7, "mona", "/ok-to-test "+r.sha)))
	if c := a.until(t, comment, "is obeyed", func(e web.Event) bool { return e.Command != nil }).Command; c.Verdict != "done" {
		t.Fatalf("command: %+v", c)
	}
	e := a.until(t, pull, "has ended", ended)

	if c := call(t, e, "srcOnGithubPullRequest"); c.Value != ".env .gitmodules ci/ ci/dagger.json ci/go.mod ci/main.go from-the-fork.txt main.go pocketci.yaml sub/" {
		t.Errorf("src: %s %q %q", c.Outcome, c.Value, c.Error)
	}
	if c := call(t, e, "readOnGithubPullRequest"); c.Value != "a stranger's words" {
		t.Errorf("read: %s %q %q", c.Outcome, c.Value, c.Error)
	}
	if c := call(t, e, "baseOnGithubPullRequest"); c.Value != "ci/ main.go pocketci.yaml" {
		t.Errorf("base: %s %q %q", c.Outcome, c.Value, c.Error)
	}
	if c := call(t, e, "failOnGithubPullRequest"); c.Outcome != "failure" || c.Error != "a stranger's words" || !strings.Contains(c.Output, "a stranger's words") {
		t.Errorf("fail: %s %q %q", c.Outcome, c.Error, c.Output)
	}
	search := call(t, e, "searchOnGithubPullRequest")
	if search.Outcome != "success" || !strings.Contains(search.Value, "token: false") || !strings.Contains(search.Value, `"trust":"untrusted"`) {
		t.Errorf("search: %s %q %q", search.Outcome, search.Value, search.Error)
	}
	everything, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"canary", a.gh.Token(), "s3cret"} {
		for _, s := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
			if strings.Contains(string(everything), s) {
				t.Errorf("%q was found: %s", s, everything)
			}
		}
	}
	if e.Approval == nil || e.Approval.By.Login != "mona" || len(e.Calls) != 5 {
		t.Errorf("approval %+v, %d calls", e.Approval, len(e.Calls))
	}
	for _, q := range a.gh.Requests() {
		if strings.Contains(q.Path, "private") {
			t.Errorf("the submodule was followed: %s %s", q.Method, q.Path)
		}
	}
	ownWords(t, a, r.sha)
	packs := filepath.Join(a.dir, "data", "mirrors", "packs")
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		left, err := os.ReadDir(packs)
		if err == nil && len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %v %v", left, err)
		}
	}
}

// ownWords looks at what the commit shows.
func ownWords(t *testing.T, a *agent, sha string) {
	t.Helper()
	want := map[string]string{
		"pocketci/src-on-github-pull-request":    "success succeeded in ",
		"pocketci/read-on-github-pull-request":   "success succeeded in ",
		"pocketci/base-on-github-pull-request":   "success succeeded in ",
		"pocketci/fail-on-github-pull-request":   "failure failed; the API has what it says",
		"pocketci/search-on-github-pull-request": "success succeeded in ",
		"pocketci (pull_request)":                "failure 5 called: 1 failed",
	}
	got := func() (list []githubtest.Status) {
		return slices.DeleteFunc(a.gh.Latest(githubtest.Query{Repo: "octo/hello", SHA: sha}), func(s githubtest.Status) bool { return s.State == "pending" })
	}
	for deadline := time.Now().Add(time.Minute); len(got()) < len(want) && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	for _, s := range got() {
		if !strings.HasPrefix(s.State+" "+s.Description, want[s.Context]) || want[s.Context] == "" {
			t.Errorf("%s: %s %q", s.Context, s.State, s.Description)
		}
	}
	if len(got()) != len(want) {
		t.Errorf("%d statuses", len(got()))
	}
	for _, s := range a.gh.Statuses(githubtest.Query{Repo: "octo/hello", SHA: sha}) {
		if strings.Contains(s.Description, "stranger") {
			t.Errorf("%s: %q", s.Context, s.Description)
		}
	}
}
