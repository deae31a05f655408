package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

func TestSubmodulesAreFollowedOnlyWhereAllowed(t *testing.T) {
	asked := ""
	e, _ := newStandin(t, "", engine.Config{Submodule: func(repository, submodule string) bool {
		asked = repository + " " + submodule
		return strings.HasSuffix(submodule, "/good")
	}})
	strict, _ := newStandin(t, "", engine.Config{})
	for url, want := range map[string]bool{"../good": true, "https://evil.example.org/x": false} {
		spec := standinSpec(t)
		files := map[string]string{".gitmodules": "[submodule \"x\"]\n\turl = " + url + "\n", "ci/dagger.json": `{"name":"conformance","sdk":"go"}`}
		spec.Source.Tree.Files = memorySource(t, files).Tree.Files
		s, err := e.Open(t.Context(), spec)
		var problem *event.Problem
		if want != (err == nil) || !want && !errors.As(err, &problem) {
			t.Errorf("%s: %v", url, err)
		}
		if s != nil {
			s.Close()
		}
		if want && asked != "https://git.example.org/o/n https://git.example.org/o/good" {
			t.Errorf("asked about %s", asked)
		}
		if _, err := strict.Open(t.Context(), spec); !errors.As(err, &problem) {
			t.Errorf("without a rule, %s: %v", url, err)
		}
	}
}

// packable are files that can be had without their submodules.
type packable struct {
	run.Files
	pack func(depth int) (string, error)
}

func (p packable) Pack(_ context.Context, depth int) (string, error) { return p.pack(depth) }

// forkSpec has a fork's commit whose .gitmodules leads to a private repository.
func forkSpec(t *testing.T, pack func(int) (string, error)) engine.Spec {
	t.Helper()
	spec := standinSpec(t)
	head := memorySource(t, map[string]string{".gitmodules": "[submodule \"x\"]\n\turl = ../private\n"}).Tree
	head.Origin = run.Origin{URL: "https://git.example.org/o/n", SHA: strings.Repeat("e", 40), Token: canary}
	if pack != nil {
		head.Files = packable{head.Files, pack}
	}
	spec.Source.Head, spec.Source.Depth = &head, 3
	return spec
}

var entriesOfSrc = run.Call{Function: "entries", Args: []run.Arg{{Name: "src", Kind: run.ArgSource}}}

// TestSubmodulesOfAForkAreNeverFollowed: the engine, which would, does not hear of
// the commit. It gets a repository from here.
func TestSubmodulesOfAForkAreNeverFollowed(t *testing.T) {
	e, dir := newStandin(t, "", engine.Config{Submodule: func(string, string) bool { return true }})
	depths := 0
	spec := forkSpec(t, func(depth int) (string, error) { depths = depth; return "/data/packs/1", nil })
	r, err := openStandin(t, e, spec).Call(t.Context(), entriesOfSrc)
	if err != nil || r.Outcome != run.Success {
		t.Errorf("got %+v %v", r, err)
	}
	queries := noted(t, dir, "queries")
	if strings.Contains(queries, spec.Source.Head.Origin.SHA) {
		t.Errorf("the engine was told of the commit: %s", queries)
	}
	if want := `host{directory(path:\"/data/packs/1\",noCache:true){asGit{uncommitted{before{id}}}}}`; !strings.Contains(queries, want) || depths != 3 {
		t.Errorf("depth %d, not asked for %s: %s", depths, want, queries)
	}
	if !strings.Contains(queries, `src:\"UNFOLLOWED\"`) {
		t.Errorf("src is something else: %s", queries)
	}
}

func TestAForkWithSubmodulesThatCantBePacked(t *testing.T) {
	e, dir := newStandin(t, "", engine.Config{Submodule: func(string, string) bool { return true }})
	gone := &event.Problem{Public: "the commit is gone"}
	for name, tt := range map[string]struct {
		pack func(int) (string, error)
		want string
		lost bool
	}{
		"nobody packs it": {nil, "the commit has submodules, which are not followed for commits of forks", false},
		"it is gone":      {func(int) (string, error) { return "", gone }, "the commit is gone", false},
		"no connection":   {func(int) (string, error) { return "", errors.New("502") }, "", true},
	} {
		spec := forkSpec(t, tt.pack)
		s := openStandin(t, e, spec)
		r, err := s.Call(t.Context(), entriesOfSrc)
		if tt.lost != (err != nil) || !tt.lost && (r.Outcome != run.Failure || r.Error != tt.want) {
			t.Errorf("%s: got %+v %v", name, r, err)
		}
		if r, err := s.Call(t.Context(), run.Call{Function: "greet"}); err != nil || r.Outcome != run.Success {
			t.Errorf("%s: a function that takes no src: %+v %v", name, r, err)
		}
		if queries := noted(t, dir, "queries"); strings.Contains(queries, spec.Source.Head.Origin.SHA) {
			t.Errorf("%s: the engine was told of the commit: %s", name, queries)
		}
	}
}

// TestDefaultPathsAreTheBases: of a fork's commit the engine hears only where `src`
// is asked for.
func TestDefaultPathsAreTheBases(t *testing.T) {
	e, dir := newStandin(t, "", engine.Config{})
	spec := standinSpec(t)
	head := memorySource(t, map[string]string{"a": "1"}).Tree
	head.Origin = run.Origin{URL: "https://git.example.org/o/n", SHA: strings.Repeat("e", 40)}
	spec.Source.Head = &head
	s := openStandin(t, e, spec)
	for _, c := range []run.Call{
		{Function: "rootEntries", Args: []run.Arg{{Name: "source", Kind: run.ArgDirectory, Path: "/"}}},
		{Function: "notes", Args: []run.Arg{{Name: "file", Kind: run.ArgFile, Path: "notes.md"}}},
	} {
		if r, err := s.Call(t.Context(), c); err != nil || r.Outcome != run.Success {
			t.Errorf("%s: %+v %v", c.Function, r, err)
		}
	}
	if queries := noted(t, dir, "queries"); strings.Contains(queries, head.Origin.SHA) {
		t.Errorf("the engine was told of the commit: %s", queries)
	}
	if r, err := s.Call(t.Context(), entriesOfSrc); err != nil || r.Outcome != run.Success {
		t.Errorf("src: %+v %v", r, err)
	}
	if queries := noted(t, dir, "queries"); !strings.Contains(queries, head.Origin.SHA) {
		t.Errorf("the engine was not told of the commit where it counts: %s", queries)
	}
}

// TestASubmoduleWithoutAnAddress ends the repository's own run; of a fork's commit it
// is an empty folder, as every other one.
func TestASubmoduleWithoutAnAddress(t *testing.T) {
	e, dir := newStandin(t, "", engine.Config{})
	spec := standinSpec(t)
	spec.Source.Tree.Origin.SHA = strayCommit
	_, err := e.Open(t.Context(), spec)
	var problem *event.Problem
	if !errors.As(err, &problem) || problem.Public != "the submodules of "+strayCommit+" can't be fetched" {
		t.Errorf("got %v", err)
	}
	spec = forkSpec(t, nil)
	spec.Source.Head.Files = packable{memorySource(t, map[string]string{"a": "1"}).Tree.Files, func(int) (string, error) { return "/data/packs/2", nil }}
	spec.Source.Head.Origin.SHA = strayCommit
	r, err := openStandin(t, e, spec).Call(t.Context(), entriesOfSrc)
	if err != nil || r.Outcome != run.Success || !strings.Contains(noted(t, dir, "queries"), "/data/packs/2") {
		t.Errorf("got %+v %v", r, err)
	}
}
