package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/engine/offline"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/vcs/git"
)

// offlineData is what the offline reader's own tests compare with, too.
const offlineData = "../engine/offline/testdata"

var record = flag.Bool("record", false, "write the tables that the engine gives to "+offlineData+"/tables")

// The engine is the authority: what the offline reader makes of a module's source
// is what the engine makes of it.
func TestOfflineGivesTheTableOfTheEngine(t *testing.T) {
	e := offlineEngine(t)
	source := offlineTree(t, "corpus", nil)
	for _, name := range offlineModules(t, "corpus") {
		t.Run(name, func(t *testing.T) {
			source := source
			source.ModulePath = name
			want, err := e.Table(t.Context(), source)
			if err != nil {
				t.Fatal(err)
			}
			if *record {
				writeTable(t, name, want)
			}
			offlineCompare(t, want, source)
		})
	}
}

func TestOfflineReadsWindowsLineEndsAsTheEngineDoes(t *testing.T) {
	e := offlineEngine(t)
	source := offlineTree(t, "corpus", func(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") })
	source.ModulePath = "comments"
	want, err := e.Table(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	offlineCompare(t, want, source)
}

func TestOfflineRefusesWhatTheEngineRefuses(t *testing.T) {
	e := offlineEngine(t)
	source := offlineTree(t, "refused", nil)
	for _, name := range offlineModules(t, "refused") {
		t.Run(name, func(t *testing.T) {
			source := source
			source.ModulePath = name
			var problem *event.Problem
			if _, err := e.Table(t.Context(), source); !errors.As(err, &problem) {
				t.Errorf("the engine gives the error %v, want a problem", err)
			}
			if _, err := offline.Read(t.Context(), source.Tree.Files, name); !errors.As(err, &problem) {
				t.Errorf("the offline reader gives the error %v, want a problem", err)
			}
		})
	}
}

// The modules of this repository are read as it stands.
func TestOfflineReadsThisProjectsOwnModules(t *testing.T) {
	e := offlineEngine(t)
	source := offlineSource(t, "..")
	for _, name := range []string{"ci", "module"} {
		t.Run(name, func(t *testing.T) {
			source := source
			source.ModulePath = name
			want, err := e.Table(t.Context(), source)
			if err != nil {
				t.Fatal(err)
			}
			offlineCompare(t, want, source)
		})
	}
}

func offlineCompare(t *testing.T, want run.Table, source run.Source) {
	t.Helper()
	got, err := offline.Read(t.Context(), source.Tree.Files, source.ModulePath)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the engine's table (-) is another than that of the source (+):\n%s", diff)
	}
}

// offlineEngine is the real engine, if one is at hand; the tables recorded from
// one are compared in engine/offline in any case.
func offlineEngine(t *testing.T) *engine.Engine {
	t.Helper()
	e, err := engine.New(engine.Config{
		Dir: t.TempDir(), Key: bytes.Repeat([]byte("k"), 32),
		Environ: append(os.Environ(), needEngine(t).environ()...),
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// offlineTree makes a repository of one of the reader's folders of modules, its
// Go files changed if that is asked for.
func offlineTree(t *testing.T, kind string, change func(string) string) run.Source {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(offlineData, kind))); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		changeGo(t, dir, change)
	}
	gitIn(t, dir, "init", "--quiet")
	return offlineSource(t, dir)
}

// offlineSource is a working tree, whatever of it is committed.
func offlineSource(t *testing.T, dir string) run.Source {
	t.Helper()
	tree, _, err := git.Worktree(t.Context(), dir, "", git.WorktreeConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if closer, ok := tree.Files.(interface{ Close() error }); ok {
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return run.Source{Tree: tree, RepoID: 1, Depth: 1, Lane: run.LaneTrusted}
}

func changeGo(t *testing.T, dir string, change func(string) string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*", "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("found %d Go files, error %v", len(names), err)
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(change(string(raw))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func offlineModules(t *testing.T, kind string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(offlineData, kind))
	if err != nil || len(entries) == 0 {
		t.Fatalf("found %d modules, error %v", len(entries), err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func writeTable(t *testing.T, name string, table run.Table) {
	t.Helper()
	raw, err := json.MarshalIndent(table, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(offlineData, "tables", name+".json"), append(raw, '\n'), 0o644); err != nil { // it is source
		t.Fatal(err)
	}
}
