package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"dagger.io/dagger"
)

// eight is a module with eight functions that handle a push.
func eight() map[string]string {
	var b strings.Builder
	b.WriteString("package main\n\ntype Ci struct{}\n")
	for i := range 8 {
		fmt.Fprintf(&b, "\nfunc (m *Ci) P%dOnGithubPush(sha string) string { return sha }\n", i)
	}
	return goModule(b.String())
}

// BenchmarkEightCalls takes a new commit that changes only README.md to the end
// of eight calls in parallel: through the agent (from the delivery to the run's
// end), through the SDK alone with the module narrowed by hand, and as people do
// it without an agent (git clone, eight times dagger call). Marks: the agent's
// share over the SDK 5 %, and 1.3 times as fast as the last one.
func BenchmarkEightCalls(b *testing.B) {
	b.Run("agent", func(b *testing.B) {
		a := start(b, nil)
		r := a.repository(b, "octo/hello", eight())
		r.push(b, "main", nil)
		i := 0
		for b.Loop() {
			i++
			b.StopTimer()
			before := r.commit(b, "main", map[string]string{"README.md": fmt.Sprint(i)})
			payload := r.gh.PushPayload(r.name, "refs/heads/main", before, r.sha)
			b.StartTimer()
			if e := r.deliver(b, "push", payload); len(e.Calls) != 8 || e.Outcome != "success" {
				b.Fatalf("%+v", e)
			}
		}
	})
	b.Run("sdk", func(b *testing.B) {
		real := needEngine(b)
		a := start(b, nil)
		r := a.repository(b, "octo/direct", eight())
		direct(b, real, r)
		i := 0
		for b.Loop() {
			i++
			b.StopTimer()
			r.commit(b, "main", map[string]string{"README.md": fmt.Sprint(i)})
			b.StartTimer()
			direct(b, real, r)
		}
	})
	b.Run("clone and dagger call", func(b *testing.B) {
		real := needEngine(b)
		a := start(b, nil)
		r := a.repository(b, "octo/people", eight())
		byHand(b, real, r)
		i := 0
		for b.Loop() {
			i++
			b.StopTimer()
			r.commit(b, "main", map[string]string{"README.md": fmt.Sprint(i)})
			b.StartTimer()
			byHand(b, real, r)
		}
	})
}

// direct makes the calls through the SDK, in one session, on the narrowed module.
func direct(b *testing.B, real realEngine, r *repository) {
	b.Helper()
	b.Setenv("_EXPERIMENTAL_DAGGER_CLI_BIN", real.CLI)
	ctx := context.Background()
	c, err := dagger.Connect(ctx, dagger.WithRunnerHost(real.Host))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	tree := c.Git(r.gh.URL+"/"+r.name+".git", dagger.GitOpts{
		HTTPAuthUsername: r.gh.Login(), HTTPAuthToken: c.SetSecret("token", r.gh.Token()),
	}).Commit(r.sha).Tree()
	module := tree.Filter(dagger.DirectoryFilterOpts{Include: []string{"ci/**"}}).AsModule(dagger.DirectoryAsModuleOpts{SourceRootPath: "ci"})
	if err := module.Serve(ctx); err != nil {
		b.Fatal(err)
	}
	var calls sync.WaitGroup
	for i := range 8 {
		calls.Go(func() {
			var data map[string]any
			q := fmt.Sprintf(`query($sha: String!) { ci { p%dOnGithubPush(sha: $sha) } }`, i)
			if err := c.Do(ctx, &dagger.Request{Query: q, Variables: map[string]any{"sha": r.sha}}, &dagger.Response{Data: &data}); err != nil {
				b.Error(err)
			}
		})
	}
	calls.Wait()
}

// byHand does what people do today.
func byHand(b *testing.B, real realEngine, r *repository) {
	b.Helper()
	dir := filepath.Join(b.TempDir(), fmt.Sprint(time.Now().UnixNano()))
	url := strings.Replace(r.gh.URL, "http://", "http://"+r.gh.Login()+":"+r.gh.Token()+"@", 1) + "/" + r.name + ".git"
	if out, err := exec.Command("git", "clone", "-q", "--depth=1", url, dir).CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	var calls sync.WaitGroup
	for i := range 8 {
		calls.Go(func() {
			cmd := exec.Command(real.CLI, "call", "-s", "-m", "./ci", fmt.Sprintf("p-%d-on-github-push", i), "--sha", r.sha)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), real.environ()...)
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Errorf("%v: %s", err, out)
			}
		})
	}
	calls.Wait()
}
