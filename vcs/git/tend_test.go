package git

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/vcs/git/gittest"
)

// TestPacksArePutTogether: and nothing is lost by it, held by a ref or not.
func TestPacksArePutTogether(t *testing.T) {
	h := newHost(t)
	prev := h.repo.Commit(commitOf(map[string]string{"file": "0", "dir/other": "kept"}))
	first := h.mustCheckout(event.Event{Repo: h.as, SHA: prev})
	if _, err := first.Files.ReadFile("dir/other"); err != nil {
		t.Fatal(err)
	}
	side := h.repo.Commit(gittest.Commit{Ref: "refs/heads/side", Parents: []string{prev}, Write: map[string]string{"side": "1"}})
	h.mustCheckout(h.push("side", prev, side))
	var events []event.Event
	for i := range maxPacks + 2 {
		next := h.repo.Commit(commitOf(map[string]string{"file": fmt.Sprint(i + 1)}))
		events = append(events, h.push("main", prev, next))
		tree, err := h.m.Checkout(t.Context(), events[i])
		if err != nil {
			t.Fatal(err)
		}
		wantChanges(t, tree, []string{"file"}, nil)
		tree.Files.(io.Closer).Close()
		prev = next
	}
	at := h.m.open[h.as.ID]
	waitFor(t, func() bool { return !at.tending.Load() })
	if n := len(packs(t, h, ".pack")); n > 10 {
		t.Errorf("%d packs", n)
	}
	if n := len(packs(t, h, ".promisor")); n == 0 {
		t.Error("no pack is marked as a promisor's: git would miss what was never fetched")
	}
	asked := len(h.srv.Requests())
	for _, e := range append(events, h.push("side", events[0].BaseSHA, side)) {
		tree := h.mustCheckout(e)
		if _, err := tree.Files.ReadFile("dir/other"); err != nil {
			t.Fatal(err)
		}
		tree.Files.(io.Closer).Close()
	}
	if got, err := first.Files.ReadFile("dir/other"); err != nil || string(got) != "kept" {
		t.Errorf("the tree that was open all the time: %q, %v", got, err)
	}
	if got := h.srv.Requests()[asked:]; len(got) > 0 {
		t.Errorf("asked again: %q", got)
	}
}

func TestBigMirrorGetsACommitGraph(t *testing.T) {
	h := newHost(t)
	sha := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	h.mustCheckout(event.Event{Repo: h.as})
	at := h.m.open[h.as.ID]
	// A pack that is not one takes the room that a big repository's would.
	big, err := os.Create(filepath.Join(at.dir, "objects", "pack", "pack-big.pack"))
	must(t, err)
	must(t, big.Truncate(graphFrom+1))
	must(t, big.Close())
	at.tend()
	waitFor(t, func() bool { return !at.tending.Load() })
	if _, err := os.Stat(filepath.Join(at.dir, "objects", "info", "commit-graphs", "commit-graph-chain")); err != nil {
		t.Error(err)
	}
	if packs, graph := at.needs(); packs || graph {
		t.Errorf("again: %v, %v", packs, graph)
	}
	tree := h.mustCheckout(h.push("main", zeroSHA, sha))
	wantChanges(t, tree, []string{"a"}, nil)
}
