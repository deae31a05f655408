package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/franela/pocketci/vcs/github/githubtest"
)

// patience is how long a script waits for something to become true.
const patience = 60 * time.Second

// TestScripts runs testdata/script over the real program, with a GitHub of its
// own for each script. The engine is the fake one: see main_test.go.
func TestScripts(t *testing.T) {
	commands := laneCommands()
	maps.Copy(commands, orderCommands())
	maps.Copy(commands, appCommands())
	maps.Copy(commands, redteamCommands())
	maps.Copy(commands, map[string]func(*testscript.TestScript, bool, []string){
		"up":          cmdUp,
		"get":         cmdGet,
		"repo":        cmdRepo,
		"commit":      cmdCommit,
		"fork":        cmdFork,
		"deliver":     cmdDeliver,
		"await":       cmdAwait,
		"status":      cmdStatus,
		"outage":      cmdOutage,
		"calls":       cmdCalls,
		"nowhere":     cmdNowhere,
		"exits":       cmdExits,
		"hook":        cmdHook,
		"lose":        cmdLose,
		"rename-repo": cmdRenameRepo,
	})
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup:               setup,
		Cmds:                commands,
	})
}

// hubKey is the key of a script's GitHub, lastKey that of its last delivery.
type (
	hubKey  struct{}
	lastKey struct{}
)

// setup gives a script a GitHub and an agent's environment.
func setup(env *testscript.Env) error {
	gh, err := githubtest.Serve(githubtest.Config{})
	if err != nil {
		return err
	}
	env.Defer(gh.Close)
	env.Values[hubKey{}] = gh
	env.Values[lastKey{}] = new(githubtest.Delivery)
	listen, api := freeAddress(), freeAddress()
	for k, v := range map[string]string{
		"GITHUB_USERNAME":     gh.Login(),
		"GITHUB_TOKEN":        gh.Token(),
		"X_HUB_SIGNATURE":     "s3cret",
		"POCKETCI_GITHUB_URL": gh.URL,
		"POCKETCI_LISTEN":     listen,
		"POCKETCI_API_LISTEN": api,
		"POCKETCI_DATA_DIR":   filepath.Join(env.WorkDir, "data"),
		"POCKETCI_LOG_FORMAT": "json",
		"POCKETCI_LOG_LEVEL":  "debug",
		"FAKE_ENGINE":         filepath.Join(env.WorkDir, "engine"),
		"HOOK":                "http://" + listen,
		"API":                 "http://" + api,
		"HOME":                filepath.Join(env.WorkDir, "home"),
		"GIT_CONFIG_GLOBAL":   os.DevNull,
		"GIT_AUTHOR_NAME":     "Mona", "GIT_AUTHOR_EMAIL": "mona@example.com",
		"GIT_COMMITTER_NAME": "Mona", "GIT_COMMITTER_EMAIL": "mona@example.com",
	} {
		env.Setenv(k, v)
	}
	return os.MkdirAll(filepath.Join(env.WorkDir, "engine"), 0o755)
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func hubOf(ts *testscript.TestScript) *githubtest.Server {
	return ts.Value(hubKey{}).(*githubtest.Server)
}

// until asks again and again until what is asked for is so, or patience ends.
func until(ts *testscript.TestScript, what string, ok func() (bool, string)) {
	deadline := time.Now().Add(patience)
	for {
		good, seen := ok()
		if good {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("not within %s: %s; last seen:\n%s", patience, what, seen)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// cmdUp waits until the agent answers: up
func cmdUp(ts *testscript.TestScript, _ bool, _ []string) {
	until(ts, "the agent is up", func() (bool, string) {
		code, body, err := fetch(ts.Getenv("HOOK")+"/healthz", "")
		return err == nil && code == http.StatusOK, fmt.Sprint(code, " ", body, " ", err)
	})
}

// cmdGet prints what an address answers: get [-code N] URL
func cmdGet(ts *testscript.TestScript, _ bool, args []string) {
	want := http.StatusOK
	if len(args) == 3 && args[0] == "-code" {
		want, _ = strconv.Atoi(args[1])
		args = args[2:]
	}
	code, body, err := fetch(args[0], token(ts))
	ts.Check(err)
	if code != want {
		ts.Fatalf("%s: %d, want %d: %s", args[0], code, want, body)
	}
	fmt.Fprint(ts.Stdout(), body)
}

// token is the API's, as the agent wrote it.
func token(ts *testscript.TestScript) string {
	b, err := os.ReadFile(filepath.Join(ts.Getenv("POCKETCI_DATA_DIR"), "api-token"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func fetch(url, bearer string) (int, string, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// cmdRepo makes a repository from a folder and sets SHA: repo owner/name folder
func cmdRepo(ts *testscript.TestScript, _ bool, args []string) {
	owner, name, _ := strings.Cut(args[0], "/")
	made := hubOf(ts).AddRepo(githubtest.Repo{Owner: owner, Name: name, Private: true})
	ts.Setenv("REPO_ID", strconv.FormatInt(made.ID, 10))
	cmdCommit(ts, false, []string{args[0], args[1]})
}

// cmdCommit commits a folder's content to a branch (main) and sets BEFORE and
// SHA: commit owner/name folder [branch]
func cmdCommit(ts *testscript.TestScript, _ bool, args []string) {
	branch := "main"
	if len(args) > 2 {
		branch = args[2]
	}
	commit(ts, hubOf(ts).GitDir(args[0]), ts.MkAbs(args[1]), branch)
}

func commit(ts *testscript.TestScript, bare, folder, branch string) {
	git := func(args ...string) (string, error) {
		cmd := exec.Command("git", append([]string{"--git-dir", bare, "--work-tree", folder}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_INDEX_FILE="+filepath.Join(ts.Getenv("WORK"), "index"), "GIT_CONFIG_GLOBAL="+os.DevNull,
			"GIT_AUTHOR_NAME=Mona", "GIT_AUTHOR_EMAIL=mona@example.com", "GIT_COMMITTER_NAME=Mona", "GIT_COMMITTER_EMAIL=mona@example.com")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, stderr.String())
		}
		return strings.TrimSpace(string(out)), err
	}
	must := func(args ...string) string {
		out, err := git(args...)
		ts.Check(err)
		return out
	}
	must("read-tree", "--empty")
	must("add", "--all", "--force", ".")
	tree := must("write-tree")
	parent, err := git("rev-parse", "--verify", "--quiet", "refs/heads/"+branch)
	if err != nil {
		parent, _ = git("rev-parse", "--verify", "--quiet", "refs/heads/main")
	}
	args, before := []string{"commit-tree", "-m", "a change", tree}, githubtest.Zero
	if parent != "" {
		args, before = append(args, "-p", parent), parent
	}
	sha := must(args...)
	must("update-ref", "refs/heads/"+branch, sha)
	ts.Setenv("BEFORE", before)
	ts.Setenv("SHA", sha)
	if branch == "main" {
		ts.Setenv("BASE", sha)
	}
}

// cmdRenameRepo gives a repository another name: rename-repo owner/name owner/other
func cmdRenameRepo(ts *testscript.TestScript, _ bool, args []string) {
	hubOf(ts).Rename(args[0], args[1])
}

// cmdFork opens a pull request from a fork that holds a folder's content, and
// sets SHA: fork owner/name number login folder
func cmdFork(ts *testscript.TestScript, _ bool, args []string) {
	gh := hubOf(ts)
	full, login, folder := args[0], args[2], ts.MkAbs(args[3])
	number, err := strconv.Atoi(args[1])
	ts.Check(err)
	base, _ := gh.Repo(full)
	fork := gh.AddRepo(githubtest.Repo{Owner: login, Name: base.Name, Private: false, ForkOf: base.ID})
	out, err := exec.Command("git", "--git-dir", gh.GitDir(fork.FullName()), "fetch", "-q", gh.GitDir(full), "refs/heads/main:refs/heads/main").CombinedOutput()
	if err != nil {
		ts.Fatalf("fork: %v: %s", err, out)
	}
	commit(ts, gh.GitDir(fork.FullName()), folder, "topic")
	gh.AddPull(full, githubtest.Pull{Number: number, Head: fork.FullName(), HeadRef: "topic", HeadSHA: ts.Getenv("SHA"), BaseSHA: ts.Getenv("BEFORE")})
}

// cmdDeliver posts a signed delivery and prints the answer:
//
//	deliver CODE push owner/name ref [guid]
//	deliver CODE pull_request owner/name number action [guid]
//	deliver CODE raw EVENT FILE [guid]
//	deliver CODE again [guid]               the last one's body once more
func cmdDeliver(ts *testscript.TestScript, _ bool, args []string) {
	gh := hubOf(ts)
	code, err := strconv.Atoi(args[0])
	ts.Check(err)
	d := githubtest.Delivery{URL: ts.Getenv("HOOK") + "/", Secret: ts.Getenv("SECRET"), Event: args[1]}
	if d.Secret == "" {
		d.Secret = "s3cret"
	}
	last := ts.Value(lastKey{}).(*githubtest.Delivery)
	var rest []string
	switch args[1] {
	case "push":
		d.Payload, rest = gh.PushPayload(args[2], args[3], ts.Getenv("BEFORE"), ts.Getenv("SHA")), args[4:]
	case "pull_request":
		n, err := strconv.Atoi(args[3])
		ts.Check(err)
		d.Payload, rest = gh.PullRequestPayload(args[2], n, args[4], ""), args[5:]
	case "raw":
		d.Event, d.Payload, rest = args[2], []byte(expand(ts, ts.ReadFile(args[3]))), args[4:]
	case "again":
		d, rest = *last, args[2:]
	default:
		ts.Fatalf("deliver: what is %s?", args[1])
	}
	*last = d
	if len(rest) > 0 {
		d.GUID = rest[0]
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	got, err := gh.Deliver(ctx, d)
	ts.Check(err)
	fmt.Fprintln(ts.Stdout(), got.Body)
	if got.Code != code {
		ts.Fatalf("the agent answered %d, want %d: %s", got.Code, code, got.Body)
	}
	ts.Setenv("ID", "github:"+got.GUID)
}

// expand puts the script's variables into a payload.
func expand(ts *testscript.TestScript, s string) string {
	return os.Expand(s, func(name string) string { return ts.Getenv(name) })
}

// cmdAwait waits until an address of the API answers with a match and prints
// the answer: await URL regexp
func cmdAwait(ts *testscript.TestScript, _ bool, args []string) {
	re := regexp.MustCompile(args[1])
	var body string
	until(ts, args[0]+" matches "+args[1], func() (bool, string) {
		var err error
		_, body, err = fetch(args[0], token(ts))
		return err == nil && re.MatchString(body), fmt.Sprint(body, err)
	})
	fmt.Fprint(ts.Stdout(), body)
}

// cmdStatus waits for a context's state and description on SHA; with ! it checks
// that the context is not there: [!] status owner/name context [state regexp]
func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	gh := hubOf(ts)
	q := githubtest.Query{Repo: args[0], SHA: ts.Getenv("SHA"), Context: args[1]}
	if neg {
		if had := gh.Latest(q); len(had) > 0 {
			ts.Fatalf("there is a status: %+v", had)
		}
		return
	}
	re := regexp.MustCompile(args[3])
	until(ts, strings.Join(args, " "), func() (bool, string) {
		for _, s := range gh.Latest(q) {
			if s.State == args[2] && re.MatchString(s.Description) {
				return true, ""
			}
		}
		return false, fmt.Sprintf("%+v", gh.Latest(githubtest.Query{Repo: args[0], SHA: ts.Getenv("SHA")}))
	})
}

// cmdOutage breaks GitHub, or mends it: outage kind [method path] | outage off
func cmdOutage(ts *testscript.TestScript, _ bool, args []string) {
	o := githubtest.Outage{}
	if args[0] != "off" {
		o.Kind = githubtest.OutageKind(args[0])
	}
	if len(args) == 3 {
		o.Method, o.Path = args[1], args[2]
	}
	hubOf(ts).SetOutage(o)
}

// cmdCalls compares the functions that the engine was asked to call, in
// alphabetical order, with what is wanted: calls [-at host] [function…]
func cmdCalls(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.Getenv("FAKE_ENGINE")
	if len(args) > 1 && args[0] == "-at" {
		dir, args = dir+"-"+args[1], args[2:]
	}
	got, err := called(dir)
	ts.Check(err)
	if strings.Join(got, " ") != strings.Join(args, " ") {
		ts.Fatalf("called: %q, want %q", got, args)
	}
}

// cmdExits runs a program that must end with an exit code: exits CODE program args…
func cmdExits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// cmdHook makes a webhook of a repository and sets HOOK_ID: hook owner/name
func cmdHook(ts *testscript.TestScript, _ bool, args []string) {
	h := hubOf(ts).AddHook(githubtest.Hook{Repo: args[0], URL: ts.Getenv("HOOK") + "/", Secret: "s3cret"})
	ts.Setenv("HOOK_ID", strconv.FormatInt(h.ID, 10))
}

// cmdLose makes a push that GitHub tried to deliver and could not, and sets ID:
// lose owner/name ref
func cmdLose(ts *testscript.TestScript, _ bool, args []string) {
	gh := hubOf(ts)
	hook, err := strconv.ParseInt(ts.Getenv("HOOK_ID"), 10, 64)
	ts.Check(err)
	ts.Setenv("ID", "github:"+gh.Lose(githubtest.Delivery{
		HookID: hook, Event: "push", Payload: gh.PushPayload(args[0], args[1], ts.Getenv("BEFORE"), ts.Getenv("SHA")),
	}))
}
