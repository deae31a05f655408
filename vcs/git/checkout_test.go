package git

import (
	"fmt"
	"strings"
	"testing"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/vcs/git/gittest"
)

// TestPush: the changed files of a push, by what it replaced.
func TestPush(t *testing.T) {
	for _, tc := range []struct {
		name string
		// make gives the event.
		make             func(h *host) event.Event
		changed, deleted []string
	}{
		{
			"a commit upon another",
			func(h *host) event.Event {
				before := h.repo.Commit(commitOf(map[string]string{"keep": "1", "edit": "1", "gone": "1"}))
				after := h.repo.Commit(gittest.Commit{Write: map[string]string{"edit": "2", "new": "1"}, Delete: []string{"gone"}})
				return h.push("main", before, after)
			},
			[]string{"edit", "gone", "new"}, []string{"gone"},
		},
		{
			"several commits, of which one undoes another",
			func(h *host) event.Event {
				before := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				h.repo.Commit(commitOf(map[string]string{"a": "2"}))
				after := h.repo.Commit(commitOf(map[string]string{"a": "1", "b": "1"}))
				return h.push("main", before, after)
			},
			[]string{"b"}, nil,
		},
		{
			"a rename counts as both names",
			func(h *host) event.Event {
				text := strings.Repeat("the same line\n", 100)
				before := h.repo.Commit(commitOf(map[string]string{"old name": text}))
				after := h.repo.Commit(gittest.Commit{Write: map[string]string{"new name": text}, Delete: []string{"old name"}})
				return h.push("main", before, after)
			},
			[]string{"new name", "old name"}, []string{"old name"},
		},
		{
			"force-push: against what was there, not the common ancestor",
			func(h *host) event.Event {
				root := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				before := h.repo.Commit(commitOf(map[string]string{"replaced": "1"}))
				after := h.repo.Commit(gittest.Commit{Parents: []string{root}, Write: map[string]string{"instead": "1"}})
				return h.push("main", before, after)
			},
			[]string{"instead", "replaced"}, []string{"replaced"},
		},
		{
			"force-push whose before is gone: from the merge base with the default branch",
			func(h *host) event.Event {
				root := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				h.repo.Commit(commitOf(map[string]string{"on main": "1"}))
				after := h.repo.Commit(gittest.Commit{Ref: "refs/heads/topic", Parents: []string{root}, Write: map[string]string{"mine": "1"}})
				return h.push("topic", noSHA, after)
			},
			[]string{"mine"}, nil,
		},
		{
			"to the default branch, before is gone: every file",
			func(h *host) event.Event {
				h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				return h.push("main", noSHA, h.repo.Commit(commitOf(map[string]string{"b/c": "1"})))
			},
			[]string{"a", "b/c"}, nil,
		},
		{
			"the first commit: every file",
			func(h *host) event.Event {
				return h.push("main", zeroSHA, h.repo.Commit(commitOf(map[string]string{"a": "1", "b": "2"})))
			},
			[]string{"a", "b"}, nil,
		},
		{
			"a first commit without files",
			func(h *host) event.Event { return h.push("main", zeroSHA, h.repo.Commit(gittest.Commit{})) },
			nil, nil,
		},
		{
			"a new branch: from the merge base with the default branch, which moved on",
			func(h *host) event.Event {
				root := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				h.repo.Commit(commitOf(map[string]string{"later": "1"}))
				h.repo.Commit(gittest.Commit{Ref: "refs/heads/topic", Parents: []string{root}, Write: map[string]string{"one": "1"}})
				return h.push("topic", zeroSHA, h.repo.Commit(gittest.Commit{Ref: "refs/heads/topic", Write: map[string]string{"two": "1"}}))
			},
			[]string{"one", "two"}, nil,
		},
		{
			"a new branch at a commit of the default branch",
			func(h *host) event.Event {
				root := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				h.repo.Commit(commitOf(map[string]string{"b": "1"}))
				h.repo.Set("refs/heads/topic", root)
				return h.push("topic", zeroSHA, root)
			},
			nil, nil,
		},
		{
			"an orphan branch: every file",
			func(h *host) event.Event {
				h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				return h.push("pages", zeroSHA, h.repo.Commit(gittest.Commit{Ref: "refs/heads/pages", Parents: []string{}, Write: map[string]string{"index.html": "1"}}))
			},
			[]string{"index.html"}, nil,
		},
		{
			"a new branch where the default branch does not exist: every file",
			func(h *host) event.Event {
				return h.push("topic", zeroSHA, h.repo.Commit(gittest.Commit{Ref: "refs/heads/topic", Write: map[string]string{"a": "1"}}))
			},
			[]string{"a"}, nil,
		},
		{
			"a merge commit: what it brought in",
			func(h *host) event.Event {
				root := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				side := h.repo.Commit(gittest.Commit{Ref: "refs/heads/side", Parents: []string{root}, Write: map[string]string{"side": "1"}})
				before := h.repo.Commit(commitOf(map[string]string{"main": "1"}))
				after := h.repo.Commit(gittest.Commit{Parents: []string{before, side}, Write: map[string]string{"side": "1"}})
				return h.push("main", before, after)
			},
			[]string{"side"}, nil,
		},
		{
			"a file becomes a folder",
			func(h *host) event.Event {
				before := h.repo.Commit(commitOf(map[string]string{"x": "1"}))
				return h.push("main", before, h.repo.Commit(gittest.Commit{Delete: []string{"x"}, Write: map[string]string{"x/y": "1"}}))
			},
			[]string{"x", "x/y"}, []string{"x"},
		},
		{
			"modes, symlinks and submodules",
			func(h *host) event.Event {
				before := h.repo.Commit(gittest.Commit{Write: map[string]string{"run": "1", "link": "run"}, Special: map[string]gittest.File{"sub": gittest.Submodule(noSHA)}})
				return h.push("main", before, h.repo.Commit(gittest.Commit{Special: map[string]gittest.File{
					"run": gittest.Exec("1"), "link": gittest.Link("run"), "sub": gittest.Submodule(before), "sub2": gittest.Submodule(before),
				}}))
			},
			[]string{"link", "run", "sub", "sub2"}, nil,
		},
		{
			"names are bytes",
			func(h *host) event.Event {
				before := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				return h.push("main", before, h.repo.Commit(commitOf(map[string]string{
					"-rf": "1", "--option=x": "1", "$(touch pwned)": "1", "`id`": "1", "new\nline": "1", "tab\t": "1", `quo"te`: "1", `'`: "1",
					"sp ace": "1", "été/ü": "1", "\xff\xfe": "1", "*": "1", ":(top)": "1", `back\slash`: "1", "日本": "1",
				})))
			},
			[]string{"$(touch pwned)", "'", "*", "--option=x", "-rf", ":(top)", "`id`", `back\slash`, "new\nline", `quo"te`, "sp ace", "tab\t", "été/ü", "日本", "\xff\xfe"}, nil,
		},
		{
			"branch names are data",
			func(h *host) event.Event {
				before := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				branch := `-x/$(touch${IFS}pwned)/"quo'te"/été;&|` // what git allows
				return h.push(branch, zeroSHA, h.repo.Commit(gittest.Commit{Ref: "refs/heads/" + branch, Parents: []string{before}, Write: map[string]string{"b": "1"}}))
			},
			[]string{"b"}, nil,
		},
		{
			"a deleted branch whose commit is still there",
			func(h *host) event.Event {
				before := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				after := h.repo.Commit(gittest.Commit{Ref: "refs/heads/topic", Parents: []string{before}, Write: map[string]string{"b": "1"}})
				h.repo.Set("refs/heads/topic", "")
				return h.push("topic", before, after)
			},
			[]string{"b"}, nil,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHost(t)
			e := tc.make(h)
			tree := h.mustCheckout(e)
			wantChanges(t, tree, tc.changed, tc.deleted)
			if tree.SHA != e.SHA || tree.Hash != strings.TrimSpace(h.repo.Git("rev-parse", e.SHA+"^{tree}")) {
				t.Errorf("sha %s, hash %s", tree.SHA, tree.Hash)
			}
			// Once more, from what is here now.
			wantChanges(t, h.mustCheckout(e), tc.changed, tc.deleted)
		})
	}
}

// pull is the event of a pull request.
func (h *host) pull(base, head string) event.Event {
	return event.Event{Name: "pull_request", Repo: h.as, Ref: "refs/pull/5/head", SHA: head, BaseSHA: base, BaseRef: "main", PullRequest: 5, Diff: event.DiffPull}
}

// TestPullRequest: the changed files are the pull request's own.
func TestPullRequest(t *testing.T) {
	const ref = "refs/pull/5/head"
	for _, tc := range []struct {
		name    string
		make    func(h *host) event.Event
		changed []string
	}{
		{
			"its base is where it began",
			func(h *host) event.Event {
				base := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				return h.pull(base, h.repo.Commit(gittest.Commit{Ref: ref, Parents: []string{base}, Write: map[string]string{"mine": "1"}}))
			},
			[]string{"mine"},
		},
		{
			"its base moved on",
			func(h *host) event.Event {
				root := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				head := h.repo.Commit(gittest.Commit{Ref: ref, Parents: []string{root}, Write: map[string]string{"mine": "1"}})
				return h.pull(h.repo.Commit(commitOf(map[string]string{"a": "2", "theirs": "1"})), head)
			},
			[]string{"mine"},
		},
		{
			"the base was merged into it",
			func(h *host) event.Event {
				root := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				head := h.repo.Commit(gittest.Commit{Ref: ref, Parents: []string{root}, Write: map[string]string{"mine": "1"}})
				base := h.repo.Commit(commitOf(map[string]string{"theirs": "1"}))
				return h.pull(base, h.repo.Commit(gittest.Commit{Ref: ref, Parents: []string{head, base}, Write: map[string]string{"theirs": "1"}}))
			},
			[]string{"mine"},
		},
		{
			"merged: the base holds it already",
			func(h *host) event.Event {
				root := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				h.repo.Commit(gittest.Commit{Ref: ref, Parents: []string{root}, Write: map[string]string{"one": "1"}})
				head := h.repo.Commit(gittest.Commit{Ref: ref, Write: map[string]string{"two": "1"}})
				merge := h.repo.Commit(gittest.Commit{Parents: []string{root, head}, Write: map[string]string{"one": "1", "two": "1"}})
				e := h.pull(merge, head)
				e.MergeSHA = merge
				return e
			},
			[]string{"one", "two"},
		},
		{
			"merged into a base that had moved on, and moved on since",
			func(h *host) event.Event {
				root := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				head := h.repo.Commit(gittest.Commit{Ref: ref, Parents: []string{root}, Write: map[string]string{"mine": "1"}})
				theirs := h.repo.Commit(commitOf(map[string]string{"theirs": "1"}))
				merge := h.repo.Commit(gittest.Commit{Parents: []string{theirs, head}, Write: map[string]string{"mine": "1"}})
				e := h.pull(h.repo.Commit(commitOf(map[string]string{"later": "1"})), head)
				e.MergeSHA = merge
				return e
			},
			[]string{"mine"},
		},
		{
			"the base holds it, and nobody says by which commit",
			func(h *host) event.Event {
				head := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				return h.pull(h.repo.Commit(commitOf(map[string]string{"b": "1"})), head)
			},
			nil,
		},
		{
			"merged by a commit that is gone",
			func(h *host) event.Event {
				head := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				e := h.pull(h.repo.Commit(commitOf(map[string]string{"b": "1"})), head)
				e.MergeSHA = noSHA
				return e
			},
			nil,
		},
		{
			"squashed: the base has the content, not the commit",
			func(h *host) event.Event {
				root := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				head := h.repo.Commit(gittest.Commit{Ref: ref, Parents: []string{root}, Write: map[string]string{"mine": "1"}})
				squash := h.repo.Commit(commitOf(map[string]string{"mine": "1"}))
				e := h.pull(squash, head)
				e.MergeSHA = squash
				return e
			},
			[]string{"mine"},
		},
		{
			"its base's sha is gone: from the base branch",
			func(h *host) event.Event {
				root := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				return h.pull(noSHA, h.repo.Commit(gittest.Commit{Ref: ref, Parents: []string{root}, Write: map[string]string{"mine": "1"}}))
			},
			[]string{"mine"},
		},
		{
			"nothing in common with its base: every file",
			func(h *host) event.Event {
				base := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
				return h.pull(base, h.repo.Commit(gittest.Commit{Ref: ref, Parents: []string{}, Write: map[string]string{"b": "1"}}))
			},
			[]string{"b"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHost(t)
			e := tc.make(h)
			tree := h.mustCheckout(e)
			wantChanges(t, tree, tc.changed, nil)
			if tree.SHA != e.SHA || tree.Origin.Ref != ref {
				t.Errorf("sha %s, ref %s", tree.SHA, tree.Origin.Ref)
			}
		})
	}
}

func TestPullRequestOf3000Files(t *testing.T) {
	h := newHost(t)
	base := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	files := map[string]string{}
	var names []string
	for i := range 3000 {
		name := fmt.Sprintf("dir%02d/file %04d.txt", i/100, i)
		names = append(names, name)
		files[name] = fmt.Sprint(i)
	}
	head := h.repo.Commit(gittest.Commit{Ref: "refs/pull/5/head", Parents: []string{base}, Write: files})
	wantChanges(t, h.mustCheckout(h.pull(base, head)), names, nil)
}

// TestResolve: which commit an event is about.
func TestResolve(t *testing.T) {
	h := newHost(t)
	first := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	tip := h.repo.Commit(commitOf(map[string]string{"b": "1"}))
	h.repo.Set("refs/tags/light", first)
	tag := h.repo.Tag("annotated", first)
	h.repo.Git("tag", "-a", "-m", "twice", "nested", "annotated")
	blob := strings.TrimSpace(h.repo.Git("rev-parse", tip+":a"))
	h.repo.Set("refs/tags/blob", blob)
	for _, tc := range []struct {
		name          string
		ref, sha      string
		want, wantRef string
		problem       string
	}{
		{"a sha", "refs/heads/main", first, first, "refs/heads/main", ""},
		{"a sha in capitals", "refs/heads/main", strings.ToUpper(first), first, "refs/heads/main", ""},
		{"a branch", "refs/heads/main", "", tip, "refs/heads/main", ""},
		{"nothing: the default branch", "", "", tip, "refs/heads/main", ""},
		{"a sha of zeros: the ref", "refs/heads/main", zeroSHA, tip, "refs/heads/main", ""},
		{"a light tag", "refs/tags/light", "", first, "refs/tags/light", ""},
		{"an annotated tag", "refs/tags/annotated", "", first, "refs/tags/annotated", ""},
		{"a tag of a tag", "refs/tags/nested", "", first, "refs/tags/nested", ""},
		{"the sha of an annotated tag", "refs/tags/annotated", tag, first, "refs/tags/annotated", ""},
		{"a tag that holds no commit", "refs/tags/blob", "", "", "", "refs/tags/blob of octo/hello is not a commit"},
		{"a sha that is gone", "refs/heads/main", noSHA, "", "", "commit " + noSHA + " is gone from octo/hello"},
		{"the sha of a file", "refs/heads/main", blob, "", "", blob + " of octo/hello is not a commit"},
		{"a branch that is gone", "refs/heads/gone", "", "", "", "refs/heads/gone is gone from octo/hello"},
		{"an option for a sha", "refs/heads/main", "--upload-pack=touch", "", "", "the event names a commit that is not a sha"},
		{"half a sha", "refs/heads/main", first[:7], "", "", "the event names a commit that is not a sha"},
		{"an option for a ref", "--upload-pack=touch", "", "", "", "the event names a ref that git does not allow"},
		{"a refspec for a ref", "refs/heads/main:refs/heads/x", "", "", "", "the event names a ref that git does not allow"},
		{"two lines for a ref", "refs/heads/main\nrefs/heads/x", "", "", "", "the event names a ref that git does not allow"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tree, err := h.checkout(event.Event{Repo: h.as, Ref: tc.ref, SHA: tc.sha})
			if tc.problem != "" {
				wantProblem(t, err, nil, tc.problem)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tree.SHA != tc.want || tree.Origin.SHA != tc.want || tree.Origin.Ref != tc.wantRef {
				t.Errorf("sha %s, origin %+v", tree.SHA, tree.Origin)
			}
			if tree.HasDiff || tree.Changes != nil || tree.Deleted != nil {
				t.Errorf("changes %q of an event without a diff", tree.Changes)
			}
		})
	}
}

func TestOrigin(t *testing.T) {
	h := newHost(t)
	sha := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	got := h.mustCheckout(event.Event{Repo: h.as, SHA: sha}).Origin
	if got.URL != h.srv.URL+"/octo/hello" || got.Username != testUser || got.Token != testToken || got.Dir != "" {
		t.Errorf("origin = %+v", got)
	}
}

func TestDefaultBranchOfAnotherName(t *testing.T) {
	h := newHost(t)
	sha := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	h.as.DefaultBranch = "master" // as the payload said, before it was renamed
	if got := h.mustCheckout(event.Event{Repo: h.as}); got.SHA != sha || got.Origin.Ref != "HEAD" {
		t.Errorf("sha %s, ref %s", got.SHA, got.Origin.Ref)
	}
}

func TestRepositoryWithoutCommits(t *testing.T) {
	h := newHost(t)
	_, err := h.checkout(event.Event{Repo: h.as})
	wantProblem(t, err, ErrGone, "octo/hello has no commits on its default branch")
}

// TestForkCommit: a fork's commit is served by its sha, or by the pull request's ref
// where the code host gives nothing else.
func TestForkCommit(t *testing.T) {
	for _, old := range []bool{false, true} {
		t.Run(fmt.Sprintf("old server %v", old), func(t *testing.T) {
			h := newHostOn(t, gittest.NewServer(t, gittest.Options{Username: testUser, Token: testToken, Old: old}))
			base := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
			head := h.repo.Commit(gittest.Commit{Ref: "refs/pull/5/head", Parents: []string{base}, Write: map[string]string{"b": "1"}})
			h.repo.Commit(gittest.Commit{Ref: "refs/pull/5/head", Write: map[string]string{"c": "1"}}) // pushed since
			wantChanges(t, h.mustCheckout(h.pull(base, head)), []string{"b"}, nil)
		})
	}
}

// TestServersOfOtherKinds: one that can't leave contents out, one that is itself shallow.
func TestServersOfOtherKinds(t *testing.T) {
	t.Run("without filters", func(t *testing.T) {
		h := newHostOn(t, gittest.NewServer(t, gittest.Options{NoFilter: true}))
		before := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
		tree := h.mustCheckout(h.push("main", before, h.repo.Commit(commitOf(map[string]string{"b": "2"}))))
		wantChanges(t, tree, []string{"b"}, nil)
		if got, err := tree.Files.ReadFile("a"); err != nil || string(got) != "1" {
			t.Errorf("read %q, %v", got, err)
		}
	})
	t.Run("shallow", func(t *testing.T) {
		h := newHost(t)
		full := gittest.NewBare(t, t.TempDir()+"/full.git")
		full.Commit(commitOf(map[string]string{"a": "1"}))
		before := full.Commit(commitOf(map[string]string{"b": "1"}))
		after := full.Commit(commitOf(map[string]string{"c": "1"}))
		h.repo.Git("fetch", "-q", "--depth=2", "file://"+full.Dir, "+refs/heads/main:refs/heads/main")
		wantChanges(t, h.mustCheckout(h.push("main", before, after)), []string{"c"}, nil)
	})
}
