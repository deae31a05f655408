package enginetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/run"
)

// testHead: of a fork's commit `src` alone is taken. Its module, which could not
// even be loaded, and what it changed below default paths don't count.
func testHead(t *testing.T, s Subject) {
	src := source(t, s)
	files := Module("a fork's")
	files["fork.txt"], files["ci/main.go"], files["ci/notes.md"] = "from the fork\n", "this is no Go\n", "the fork's\n"
	head := s.Commit(t, files).Tree
	src.Head, src.Lane = &head, run.LaneUntrusted
	calls := started(t, s, src, engine.Spec{})
	str := run.Type{Kind: run.KindString}
	tests := map[string]struct {
		call run.Call
		want string
	}{
		"src": {run.Call{Function: "entries", Returns: list(str), Args: []run.Arg{{Name: "src", Kind: run.ArgSource}}},
			".git/\nREADME.md\nci/\ndocs/\nfork.txt"},
		"a default path": {run.Call{Function: "rootEntries", Returns: list(str), Args: []run.Arg{{Name: "source", Kind: run.ArgDirectory, Path: "/"}}},
			".git/\nREADME.md\nci/\ndocs/"},
		"a default path of a file": {run.Call{Function: "notes", Returns: str, Args: []run.Arg{{Name: "file", Kind: run.ArgFile, Path: "notes.md"}}}, "the module's own\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := invoke(t, calls, tt.call)
			if r.Outcome != run.Success {
				t.Fatalf("got %s %q", r.Outcome, r.Error)
			}
			if diff := cmp.Diff(tt.want, r.Value); diff != "" {
				t.Error(diff)
			}
		})
	}
}
