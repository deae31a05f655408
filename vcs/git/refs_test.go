package git

import (
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/vcs/git/gittest"
)

func TestReachable(t *testing.T) {
	h := newHost(t)
	root := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	tip := h.repo.Commit(commitOf(map[string]string{"a": "2"}))
	old := h.repo.Commit(gittest.Commit{Ref: "refs/heads/topic", Parents: []string{root}, Write: map[string]string{"b": "1"}})
	topic := h.repo.Commit(gittest.Commit{Ref: "refs/heads/topic", Write: map[string]string{"b": "2"}})
	orphan := h.repo.Commit(gittest.Commit{Ref: "refs/heads/pages", Parents: []string{}, Write: map[string]string{"c": "1"}})
	under := h.repo.Commit(gittest.Commit{Ref: "refs/tmp", Parents: []string{root}, Write: map[string]string{"d": "1"}})
	tagged := h.repo.Commit(gittest.Commit{Ref: "refs/tmp", Write: map[string]string{"d": "2"}})
	tag := h.repo.Tag("v1", tagged)
	h.repo.Set("refs/tmp", "")
	h.repo.Set("refs/tags/blob", h.repo.Lookup("refs/heads/main")) // moved to a file below
	blob := h.repo.Git("rev-parse", "main:a")[:40]
	tree := h.repo.Git("rev-parse", "main^{tree}")[:40]
	h.repo.Set("refs/tags/blob", blob)
	h.repo.Set("refs/tags/tree", tree)
	fork := h.repo.Commit(gittest.Commit{Ref: "refs/pull/5/head", Parents: []string{tip}, Write: map[string]string{"evil": "1"}})
	replaced := h.repo.Commit(gittest.Commit{Ref: "refs/heads/forced", Parents: []string{root}, Write: map[string]string{"x": "1"}})
	h.repo.Commit(gittest.Commit{Ref: "refs/heads/forced", Parents: []string{root}, Write: map[string]string{"x": "2"}})
	subtree := h.repo.Git("rev-parse", root+"^{tree}")[:40]

	check := func(t *testing.T) {
		for _, tc := range []struct {
			name, sha string
			want      bool
		}{
			{"the tip of the default branch", tip, true},
			{"in the default branch's history", root, true},
			{"the tip of a branch", topic, true},
			{"in a branch's history", old, true},
			{"an orphan branch", orphan, true},
			{"an annotated tag's commit", tagged, true},
			{"the tag object itself", tag, true},
			{"below a tag only", under, true},
			{"a fork's commit, which the server serves", fork, false},
			{"replaced by a force-push, and still served", replaced, false},
			{"nobody has it", noSHA, false},
			{"a folder of a commit, not a commit", subtree, false},
		} {
			t.Run(tc.name, func(t *testing.T) {
				if got, err := h.m.Reachable(t.Context(), h.as, tc.sha); got != tc.want || err != nil {
					t.Errorf("%v, %v", got, err)
				}
			})
		}
	}
	t.Run("nothing is here", check)
	// That we have a fork's commit must not make it the repository's.
	for _, sha := range []string{fork, replaced} {
		h.mustCheckout(event.Event{Repo: h.as, SHA: sha}).Files.(io.Closer).Close()
	}
	t.Run("everything is here", check)

	t.Run("as it is now, not as it was", func(t *testing.T) {
		h.repo.Set("refs/heads/topic", "")
		if got, err := h.m.Reachable(t.Context(), h.as, old); got || err != nil {
			t.Errorf("after its branch was deleted: %v, %v", got, err)
		}
		h.repo.Set("refs/heads/merged", fork)
		if got, err := h.m.Reachable(t.Context(), h.as, fork); !got || err != nil {
			t.Errorf("after it came onto a branch: %v, %v", got, err)
		}
	})
	t.Run("not a sha", func(t *testing.T) {
		_, err := h.m.Reachable(t.Context(), h.as, "--all")
		wantProblem(t, err, nil, "the event names a commit that is not a sha")
	})
}

func TestReachableInARepositoryWithoutCommits(t *testing.T) {
	h := newHost(t)
	if got, err := h.m.Reachable(t.Context(), h.as, noSHA); got || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

// TestReachableAmongManyRefs: more tips than go into one fetch.
func TestReachableAmongManyRefs(t *testing.T) {
	h := newHost(t)
	root := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	inside := h.repo.Commit(gittest.Commit{Ref: "refs/heads/z", Parents: []string{root}, Write: map[string]string{"b": "1"}})
	h.repo.Commit(gittest.Commit{Ref: "refs/heads/z", Write: map[string]string{"b": "2"}})
	for i := range maxBatch + 10 {
		h.repo.Commit(gittest.Commit{Ref: fmt.Sprintf("refs/heads/b%04d", i), Parents: []string{root}, Message: fmt.Sprint(i)})
	}
	if got, err := h.m.Reachable(t.Context(), h.as, inside); !got || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

func TestIsAncestor(t *testing.T) {
	h := newHost(t)
	root := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	tip := h.repo.Commit(commitOf(map[string]string{"a": "2"}))
	side := h.repo.Commit(gittest.Commit{Ref: "refs/heads/side", Parents: []string{root}, Write: map[string]string{"b": "1"}})
	for _, tc := range []struct {
		name, a, b string
		want       bool
	}{
		{"before", root, tip, true},
		{"itself", tip, tip, true},
		{"after", tip, root, false},
		{"beside", side, tip, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := h.m.IsAncestor(t.Context(), h.as, tc.a, tc.b); got != tc.want || err != nil {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	_, err := h.m.IsAncestor(t.Context(), h.as, root, noSHA)
	wantProblem(t, err, ErrGone, "commit "+noSHA+" is gone from octo/hello")
}

func TestRefs(t *testing.T) {
	h := newHost(t)
	if got, err := h.m.Refs(t.Context(), h.as); len(got) != 0 || err != nil {
		t.Errorf("empty: %v, %v", got, err)
	}
	sha := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	h.repo.Set("refs/heads/feature/x", sha)
	h.repo.Set("refs/heads/refs/tags/odd", sha)
	h.repo.Set("refs/pull/1/head", sha)
	h.repo.Set("refs/tags/light", sha)
	tag := h.repo.Tag("v1", sha)
	got, err := h.m.Refs(t.Context(), h.as)
	if err != nil {
		t.Fatal(err)
	}
	want := []Ref{
		{Name: "refs/heads/feature/x", SHA: sha}, {Name: "refs/heads/main", SHA: sha}, {Name: "refs/heads/refs/tags/odd", SHA: sha},
		{Name: "refs/tags/light", SHA: sha}, {Name: "refs/tags/v1", SHA: tag, Peeled: sha},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, r := range got {
		if r.Commit() != sha {
			t.Errorf("%s leads to %s", r.Name, r.Commit())
		}
	}
}
