//go:build linux

package git

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/vcs/git/gittest"
)

// spy makes the mirrors run git through a script that notes each process: its
// subcommand, and "owned" if it holds a mirror's lock.
func spy(t *testing.T, h *host) (calls func() []string) {
	t.Helper()
	trace, wrapper := filepath.Join(t.TempDir(), "trace"), filepath.Join(t.TempDir(), "git")
	script := fmt.Sprintf("#!/bin/sh\ncase \"$(readlink /proc/$$/fd/3)\" in *.lock) owned=' owned';; esac\necho \"$1$owned\" >>%s\nexec git \"$@\"\n", trace)
	must(t, os.WriteFile(wrapper, []byte(script), 0o700))
	m, err := New(Config{Dir: h.dir, Remote: h.remote, Git: wrapper, Log: zerolog.Nop()})
	must(t, err)
	t.Cleanup(func() { m.Close() })
	h.m = m
	return func() []string {
		got, err := os.ReadFile(trace)
		must(t, err)
		must(t, os.Truncate(trace, 0))
		return strings.Split(strings.TrimSpace(string(got)), "\n")
	}
}

// TestProcessesOfAnEvent: no more git processes than it takes, and those that write
// hold the mirror.
func TestProcessesOfAnEvent(t *testing.T) {
	h := newHost(t)
	calls := spy(t, h)
	root := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	if got := calls(); !slices.Equal(got, []string{"version", "init", "cat-file"}) {
		t.Errorf("start: %q", got)
	}
	h.mustCheckout(h.push("main", zeroSHA, root))
	if diff := cmp.Diff([]string{"init owned", "cat-file", "fetch owned", "ls-tree"}, calls()); diff != "" {
		t.Errorf("first event: %s", diff)
	}
	next := h.repo.Commit(commitOf(map[string]string{"a": "2"}))
	for _, tc := range []struct {
		name  string
		event event.Event
		want  []string
	}{
		{"a push", h.push("main", root, next), []string{"cat-file", "fetch owned", "diff-tree"}},
		{"a push, again", h.push("main", root, next), []string{"cat-file", "diff-tree"}},
		{
			"a new branch",
			h.push("b", zeroSHA, h.repo.Commit(gittest.Commit{Ref: "refs/heads/b", Parents: []string{root}, Write: map[string]string{"b": "1"}})),
			[]string{"cat-file", "fetch owned", "for-each-ref", "merge-base", "diff-tree"},
		},
		{
			"a pull request",
			h.pull(next, h.repo.Commit(gittest.Commit{Ref: "refs/pull/5/head", Parents: []string{root}, Write: map[string]string{"p": "1"}})),
			[]string{"cat-file", "fetch owned", "merge-base", "diff-tree"},
		},
		{"an event of the default branch", event.Event{Repo: h.as}, []string{"cat-file", "fetch owned", "for-each-ref"}},
		{"an event of a commit", event.Event{Repo: h.as, SHA: root}, []string{"cat-file"}},
	} {
		h.mustCheckout(tc.event)
		got := calls()
		if i := slices.Index(got, "cat-file"); i > 0 { // it is started beside a fetch of refs, not after it
			got = append([]string{"cat-file"}, slices.Delete(got, i, i+1)...)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
}

// TestMirrorHoldsWhatWasAskedFor: no tags, no other branches, no contents, no address
// with which git would fetch by itself.
func TestMirrorHoldsWhatWasAskedFor(t *testing.T) {
	h := newHost(t)
	root := h.repo.Commit(commitOf(map[string]string{"a": "content"}))
	h.repo.Tag("v1", root)
	h.repo.Set("refs/tags/light", root)
	other := h.repo.Commit(gittest.Commit{Ref: "refs/heads/other", Write: map[string]string{"o": "1"}})
	h.mustCheckout(event.Event{Repo: h.as})
	at := h.m.open[h.as.ID]
	refs, err := h.m.git.output(t.Context(), at.git("for-each-ref", "--format=%(objectname)"))
	if err != nil || refs != root {
		t.Errorf("refs: %q, %v", refs, err)
	}
	objects := newObjects(t.Context(), &h.m.git, at.git())
	defer objects.Close()
	for what, spec := range map[string]string{"another branch": other, "a content": root + ":a", "a tag": "refs/tags/v1"} {
		if got, err := objects.info(spec); err == nil {
			t.Errorf("%s is here: %+v", what, got)
		}
	}
	config, err := os.ReadFile(filepath.Join(at.dir, "config"))
	if err != nil || strings.Contains(string(config), "remote") {
		t.Errorf("config: %s, %v", config, err)
	}
}

// TestLoopbackIsNotAskedThroughAProxy: it would get the credentials.
func TestLoopbackIsNotAskedThroughAProxy(t *testing.T) {
	var seen atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		seen.Add(1)
		http.Error(w, "", http.StatusBadGateway)
	}))
	defer proxy.Close()
	h := newHost(t)
	m, err := New(Config{Dir: h.dir, Remote: h.remote, Log: zerolog.Nop(),
		Environ: []string{"PATH=" + os.Getenv("PATH"), "http_proxy=" + proxy.URL, "https_proxy=" + proxy.URL, "ALL_PROXY=" + proxy.URL}})
	must(t, err)
	defer m.Close()
	h.m = m
	sha := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	h.mustCheckout(h.push("main", zeroSHA, sha))
	if n := seen.Load(); n > 0 {
		t.Errorf("the proxy saw %d requests", n)
	}
	// Another host is asked through it.
	m.cfg.Remote = func(event.Repo) (Remote, error) { return Remote{URL: "https://git.invalid/octo/hello"}, nil }
	if _, err := h.checkout(h.push("main", zeroSHA, noSHA)); err == nil || seen.Load() == 0 {
		t.Errorf("the proxy saw %d requests, %v", seen.Load(), err)
	}
}

// TestManyFiles: every file of a big tree.
func TestManyFiles(t *testing.T) {
	h := newHost(t)
	write := map[string]string{}
	for i := range 30_000 {
		write[fmt.Sprintf("some/longer/path/dir%03d/file%05d.go", i%500, i)] = ""
	}
	tree := h.mustCheckout(h.push("main", zeroSHA, h.repo.Commit(gittest.Commit{Write: write})))
	if len(tree.Changes) != len(write) || !slices.IsSorted(tree.Changes) {
		t.Errorf("%d changes", len(tree.Changes))
	}
	tree.Files.(io.Closer).Close()
}
