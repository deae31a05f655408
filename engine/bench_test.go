package engine_test

import (
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"dagger.io/dagger"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/engine/enginetest"
	"github.com/franela/pocketci/run"
)

// BenchmarkRealEvent takes a commit that changes nothing but README.md from its
// source to the results of eight calls in parallel, through this package and
// through the SDK alone: the difference is what this package costs.
func BenchmarkRealEvent(b *testing.B) {
	host := realHost(b)
	repos := newRepos(b)
	files := enginetest.Module("conformance")
	next := func() run.Source {
		files["README.md"] = rand.Text() + "\n"
		return repos.put(b, files)
	}
	b.Run("engine", func(b *testing.B) {
		e := newEngine(b, engine.Config{RunnerHost: host})
		var open time.Duration
		for b.Loop() {
			b.StopTimer()
			src := next()
			b.StartTimer()
			begun := time.Now()
			s := openReal(b, e, engine.Spec{Source: src})
			open += time.Since(begun)
			var calls sync.WaitGroup
			for range 8 {
				calls.Go(func() {
					if r := callReal(b, s, run.Call{Function: "prints", Args: []run.Arg{jsonArg("what", rand.Text())}}); r.Outcome != run.Success {
						b.Errorf("got %+v", r)
					}
				})
			}
			calls.Wait()
			if err := s.Close(); err != nil {
				b.Error(err)
			}
		}
		b.ReportMetric(float64(open.Milliseconds())/float64(b.N), "open-ms/op")
	})
	b.Run("sdk", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			src := next()
			b.StartTimer()
			direct(b, host, src)
		}
	})
}

// direct does the same with nothing but the SDK.
func direct(b *testing.B, host string, src run.Source) {
	b.Helper()
	ctx := patient(b)
	client, err := dagger.Connect(ctx, dagger.WithRunnerHost(host))
	if err != nil {
		b.Fatal(err)
	}
	tree := client.Git(src.Tree.Origin.URL).Commit(src.Tree.Origin.SHA).Tree()
	module := tree.Filter(dagger.DirectoryFilterOpts{Include: []string{"ci/dagger.json", "ci"}}).
		AsModule(dagger.DirectoryAsModuleOpts{SourceRootPath: "ci"})
	if err := module.Serve(ctx); err != nil {
		b.Fatal(err)
	}
	docs, err := tree.Directory("docs").ID(ctx)
	if err != nil {
		b.Fatal(err)
	}
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			query := fmt.Sprintf(`{conformance(docs:%q){prints(what:%q)}}`, docs, rand.Text())
			if err := client.Do(ctx, &dagger.Request{Query: query}, &dagger.Response{Data: new(any)}); err != nil {
				b.Error(err)
			}
		})
	}
	calls.Wait()
	if err := client.Close(); err != nil {
		b.Error(err)
	}
}

// BenchmarkRealKnownTable is what an event costs that no function handles.
func BenchmarkRealKnownTable(b *testing.B) {
	host := realHost(b)
	repos := newRepos(b)
	e := newEngine(b, engine.Config{RunnerHost: host})
	src := repos.put(b, enginetest.Module("conformance"))
	if _, err := e.Table(patient(b), src); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := e.Table(patient(b), src); err != nil {
			b.Fatal(err)
		}
	}
}
