package enginetest

import (
	"context"
	_ "embed"
	"testing"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/run"
)

// Engine is what the suite asks of an engine.
type Engine interface {
	Table(ctx context.Context, src run.Source) (run.Table, error)
	Open(ctx context.Context, spec engine.Spec) (Calls, error)
}

// Calls is a session, as the suite sees it.
type Calls interface {
	Call(ctx context.Context, c run.Call) (run.Result, error)
	Close() error
}

// Subject is an engine under test.
type Subject struct {
	Engine Engine
	// Commit puts files into a new commit of a repository that the engine can
	// fetch, and gives the module in ci at that commit.
	Commit func(t *testing.T, files map[string]string) run.Source
	// Lose takes the engine away for good, in the middle of what it does.
	Lose func()
	// Hang makes the engine stop answering, for good.
	Hang func()
}

//go:embed testdata/conformance/main.go
var moduleSource string

// Module gives the files of a repository with the suite's module in ci, which
// begins with a comment that holds salt: another salt is another module.
func Module(salt string) map[string]string {
	return map[string]string{
		"README.md":      "a repository\n",
		"docs/guide.md":  "a guide\n",
		"docs/notes.txt": "not for everyone\n",
		"ci/dagger.json": `{"name":"conformance","engineVersion":"v0.21.0","sdk":{"source":"go"}}` + "\n",
		"ci/go.mod":      "module dagger/conformance\n\ngo 1.25.0\n",
		"ci/main.go":     "// " + salt + "\n\n" + moduleSource,
		"ci/notes.md":    "the module's own\n",
	}
}

// Conformance runs the suite. Each of its parts gets a subject of its own, so
// that one may lose its engine.
func Conformance(t *testing.T, start func(t *testing.T) Subject) {
	t.Run("table", func(t *testing.T) { testTable(t, start(t)) })
	t.Run("returns", func(t *testing.T) { testReturns(t, start(t)) })
	t.Run("arguments", func(t *testing.T) { testArguments(t, start(t)) })
	t.Run("a fork's commit", func(t *testing.T) { testHead(t, start(t)) })
	t.Run("failures", func(t *testing.T) { testFailures(t, start(t)) })
	t.Run("output", func(t *testing.T) { testOutput(t, start(t)) })
	t.Run("secrets", func(t *testing.T) { testSecrets(t, start(t)) })
	t.Run("cache", func(t *testing.T) { testCache(t, start(t)) })
	t.Run("narrowing", func(t *testing.T) { testNarrowing(t, start(t)) })
	t.Run("ends", func(t *testing.T) { testEnds(t, start(t)) })
	t.Run("lost engine", func(t *testing.T) { testLost(t, start(t)) })
	t.Run("hung engine", func(t *testing.T) { testHung(t, start(t)) })
	t.Run("refused modules", func(t *testing.T) { testRefused(t, start(t)) })
}
