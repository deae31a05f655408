package offline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/engine/offline"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

var update = flag.Bool("update", false, "write what is refused, and why, to testdata")

// The tables in testdata/tables were recorded from an engine: run the tests in
// e2e with -record to do it again.
func TestReadGivesTheTableOfTheEngine(t *testing.T) {
	for _, name := range folders(t, "testdata/corpus") {
		t.Run(name, func(t *testing.T) {
			got, err := offline.Read(t.Context(), os.DirFS("testdata/corpus"), name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(recorded(t, name), got, sameJSON()); diff != "" {
				t.Errorf("the engine's table (-) is another than ours (+):\n%s", diff)
			}
		})
	}
}

func TestReadDoesNotMindWindowsLineEnds(t *testing.T) {
	for _, name := range folders(t, "testdata/corpus") {
		t.Run(name, func(t *testing.T) {
			got, err := offline.Read(t.Context(), withCarriageReturns(t, "testdata/corpus"), name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(recorded(t, name), got, sameJSON()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// What the engine refuses while it loads a module is in testdata/refused; what it
// loads but can't install, compile or call is in testdata/unusable.
func TestReadRefusesWhatTheEngineCannotUse(t *testing.T) {
	for _, kind := range []string{"refused", "unusable"} {
		got := map[string]string{}
		for _, name := range folders(t, "testdata/"+kind) {
			_, err := offline.Read(t.Context(), os.DirFS("testdata/"+kind), name)
			var problem *event.Problem
			if !errors.As(err, &problem) {
				t.Errorf("%s/%s: got the error %v, want a problem", kind, name, err)
				continue
			}
			if problem.Hint == "" {
				t.Errorf("%s/%s: the problem has no hint", kind, name)
			}
			got[name] = problem.Public
		}
		golden(t, "testdata/"+kind+".json", got)
	}
}

func TestReadNamesFileLineAndColumnOfASyntaxError(t *testing.T) {
	files := module(`{"name": "ci", "sdk": "go"}`, "package main\n\nfunc (m *Ci) Go( {}\n")
	wantProblem(t, files, ".", "main.go:3:18: expected ')', found '{'")
}

func TestReadRefusesOtherModules(t *testing.T) {
	const source = "package main\n\ntype Ci struct{}\n"
	for _, test := range []struct{ name, manifest, want string }{
		{"python", `{"name": "ci", "sdk": {"source": "python"}}`, "only Go modules can be read without an engine: dagger.json uses the SDK python"},
		{"another Go SDK", `{"name": "ci", "sdk": "github.com/some/sdk@v1"}`, "only Go modules can be read without an engine: dagger.json uses the SDK github.com/some/sdk@v1"},
		{"no SDK", `{"name": "ci"}`, "only Go modules can be read without an engine: dagger.json has no SDK"},
		{"blueprint", `{"name": "ci", "blueprint": {"source": "x"}}`, "only Go modules can be read without an engine: dagger.json takes its functions from a blueprint"},
		{"no name", `{"sdk": "go"}`, "dagger.json doesn't name the module"},
		{"not JSON", "{\n\"name\": }", "dagger.json:2 can't be read: invalid character '}' looking for beginning of value"},
		{"wrong type", "{\n\"name\": 5}", "dagger.json:2 can't be read: json: cannot unmarshal number into Go struct field .name of type string"},
		{"climbs out", `{"name": "ci", "sdk": "go", "source": "../x"}`, `dagger.json: the source "../x" leaves the repository`},
		{"absolute", `{"name": "ci", "sdk": "go", "source": "/x"}`, `dagger.json: the source "/x" leaves the repository`},
		{"nowhere", `{"name": "ci", "sdk": "go", "source": "x"}`, "there are no Go files in x"},
		{"other name", `{"name": "other", "sdk": "go"}`, `. has no struct Other, whose methods would be the functions of the module "other"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantProblem(t, module(test.manifest, source), ".", test.want)
		})
	}
}

func TestReadRefusesAFolderWithoutAModule(t *testing.T) {
	files := module(`{"name": "ci", "sdk": "go"}`, "package main\n\ntype Ci struct{}\n")
	wantProblem(t, files, "tools/ci", "there is no tools/ci/dagger.json")
	wantProblem(t, files, "../ci", `the module path "../ci" leaves the repository`)
	wantProblem(t, files, "/ci", `the module path "/ci" leaves the repository`)
}

func TestReadTakesANameFromTheRoot(t *testing.T) {
	files := module(`{"name": "ci", "sdk": "go"}`, "package main\n\ntype Ci struct{}\n\nfunc (Ci) Dispatch() {}\n")
	got, err := offline.Read(t.Context(), files, "./")
	if err != nil {
		t.Fatal(err)
	}
	want := run.Table{Name: "ci", Functions: []run.Function{{
		Name:    "dispatch",
		Source:  run.Location{File: "main.go", Line: 5, Column: 1},
		Returns: run.Type{Kind: run.KindVoid},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestReadPassesOnWhatKeepsItFromReading(t *testing.T) {
	broken := errors.New("disk on fire")
	_, err := offline.Read(t.Context(), failing{err: broken}, "ci")
	var problem *event.Problem
	if !errors.Is(err, broken) || errors.As(err, &problem) {
		t.Errorf("got the error %v, want one that wraps %q and is no problem of the module", err, broken)
	}
}

func TestReadEndsWithTheContext(t *testing.T) {
	cause := errors.New("no longer wanted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := offline.Read(ctx, os.DirFS("testdata/corpus"), "types"); !errors.Is(err, cause) {
		t.Errorf("got the error %v, want %q", err, cause)
	}
}

func BenchmarkRead(b *testing.B) {
	files := os.DirFS("testdata/corpus")
	for b.Loop() {
		if _, err := offline.Read(b.Context(), files, "types"); err != nil {
			b.Fatal(err)
		}
	}
}

// module is a repository that is one module.
func module(manifest, source string) fstest.MapFS {
	return fstest.MapFS{
		"dagger.json": {Data: []byte(manifest)},
		"main.go":     {Data: []byte(source)},
	}
}

func wantProblem(t *testing.T, files fs.FS, folder, want string) {
	t.Helper()
	_, err := offline.Read(t.Context(), files, folder)
	var problem *event.Problem
	if !errors.As(err, &problem) {
		t.Fatalf("got the error %v, want a problem", err)
	}
	if problem.Public != want {
		t.Errorf("got the problem\n\t%s\nwant\n\t%s", problem.Public, want)
	}
}

// failing is a file system of which nothing can be read.
type failing struct{ err error }

func (f failing) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: f.err}
}

func folders(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	if len(names) == 0 {
		t.Fatalf("%s is empty", dir)
	}
	return names
}

func recorded(t *testing.T, name string) run.Table {
	t.Helper()
	raw, err := os.ReadFile(path.Join("testdata/tables", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var table run.Table
	if err := json.Unmarshal(raw, &table); err != nil {
		t.Fatal(err)
	}
	return table
}

// sameJSON compares defaults without the blanks that the golden files add.
func sameJSON() cmp.Option {
	compact := func(raw json.RawMessage) string {
		var out bytes.Buffer
		if raw == nil || json.Compact(&out, raw) != nil {
			return string(raw)
		}
		return out.String()
	}
	return cmp.Transformer("compact", compact)
}

func golden(t *testing.T, file string, got map[string]string) {
	t.Helper()
	if *update {
		raw, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(raw, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got (-update writes it):\n%s", diff)
	}
}

func withCarriageReturns(t *testing.T, dir string) fs.FS {
	t.Helper()
	changed := fstest.MapFS{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path.Join(dir, name))
		changed[name] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(string(raw), "\n", "\r\n"))}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return changed
}
