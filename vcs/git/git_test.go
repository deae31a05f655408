package git

import (
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/vcs/git/gittest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testUser  = "octo"
	testToken = "s3cret-t0ken"
	zeroSHA   = "0000000000000000000000000000000000000000"
	noSHA     = "1234567890123456789012345678901234567890"
)

// host is a code host with one repository, and mirrors that read it.
type host struct {
	t    testing.TB
	srv  *gittest.Server
	repo *gittest.Repo
	m    *Mirrors
	as   event.Repo
	dir  string
}

func newHost(t testing.TB) *host {
	t.Helper()
	return newHostOn(t, gittest.NewServer(t, gittest.Options{Username: testUser, Token: testToken}))
}

func newHostOn(t testing.TB, srv *gittest.Server) *host {
	t.Helper()
	h := &host{t: t, srv: srv, repo: srv.Repo("octo/hello"), dir: t.TempDir(),
		as: event.Repo{ID: 7, Owner: "octo", Name: "hello", DefaultBranch: "main"}}
	h.m = h.mirrors()
	return h
}

// mirrors opens the mirrors' folder.
func (h *host) mirrors() *Mirrors {
	h.t.Helper()
	m, err := New(Config{Dir: h.dir, Remote: h.remote, Log: zerolog.Nop()})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { m.Close() })
	return m
}

func (h *host) remote(r event.Repo) (Remote, error) {
	return Remote{URL: h.srv.URL + "/" + r.FullName(), Username: testUser, Token: testToken}, nil
}

// push is the event of a push to a branch.
func (h *host) push(branch, before, after string) event.Event {
	return event.Event{Name: "push", Repo: h.as, Ref: "refs/heads/" + branch, SHA: after, BaseSHA: before, Diff: event.DiffPush}
}

func (h *host) checkout(e event.Event) (run.Tree, error) {
	h.t.Helper()
	tree, err := h.m.Checkout(h.t.Context(), e)
	if err == nil {
		h.t.Cleanup(func() { tree.Files.(io.Closer).Close() })
	}
	return tree, err
}

func (h *host) mustCheckout(e event.Event) run.Tree {
	h.t.Helper()
	tree, err := h.checkout(e)
	if err != nil {
		h.t.Fatal(err)
	}
	return tree
}

// wantChanges compares changed and deleted files.
func wantChanges(t testing.TB, tree run.Tree, changed, deleted []string) {
	t.Helper()
	if !tree.HasDiff {
		t.Error("the tree has no diff")
	}
	if tree.Changes == nil {
		t.Error("changes are nil")
	}
	if diff := cmp.Diff(changed, tree.Changes, cmpEmpty()); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(deleted, tree.Deleted, cmpEmpty()); diff != "" {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
}

// cmpEmpty takes an empty list for a nil one.
func cmpEmpty() cmp.Option {
	return cmp.Transformer("empty", func(s []string) []string {
		if s == nil {
			return []string{}
		}
		return slices.Clone(s)
	})
}

// wantProblem expects a sentence for people that wraps a sentinel.
func wantProblem(t testing.TB, err, is error, public string) {
	t.Helper()
	var p *event.Problem
	if !errors.As(err, &p) {
		t.Fatalf("err = %v, want a Problem", err)
	}
	if is != nil && !errors.Is(err, is) {
		t.Errorf("err = %v, want it to wrap %q", err, is)
	}
	if p.Public != public {
		t.Errorf("public = %q, want %q", p.Public, public)
	}
}

func commitOf(files map[string]string) gittest.Commit { return gittest.Commit{Write: files} }
