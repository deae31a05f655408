package git

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
)

// filled is a host with mirrors of several repositories, each used an hour after
// the one before; it gives their ids, the first one's first.
func filled(t *testing.T, n int) (h *host, at *time.Time, events []event.Event) {
	t.Helper()
	h = newHost(t)
	now := time.Now().Add(-24 * time.Hour)
	at = &now
	h.m.cfg.Clock = func() time.Time { return *at }
	sha := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	for i := range n {
		e := h.push("main", zeroSHA, sha)
		e.Repo.ID = int64(100 + i)
		now = now.Add(time.Hour)
		h.mustCheckout(e)
		events = append(events, e)
	}
	now = now.Add(trimIdle)
	return h, at, events
}

func onDisk(t *testing.T, h *host) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(h.dir, "*.git*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		found[i] = filepath.Base(found[i])
	}
	return found
}

func trim(t *testing.T, h *host, limit int64) Trimmed {
	t.Helper()
	got, err := h.m.Trim(t.Context(), limit)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTrimRemovesWhatWasNotUsedForLong(t *testing.T) {
	h, at, events := filled(t, 3)
	whole := trim(t, h, 1<<40)
	if whole.Mirrors != 0 || whole.Left == 0 {
		t.Fatalf("below the limit: %+v", whole)
	}
	h.mustCheckout(events[0]) // used again: it stays
	*at = at.Add(trimIdle)
	got := trim(t, h, whole.Left-1)
	if got.Mirrors != 1 || got.Left != whole.Left-got.Bytes || got.Bytes == 0 {
		t.Errorf("got %+v of %+v", got, whole)
	}
	if diff := cmp.Diff([]string{"100.git", "102.git"}, onDisk(t, h)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := trim(t, h, 0); got.Mirrors != 2 || got.Left != 0 {
		t.Errorf("got %+v", got)
	}
	if left := onDisk(t, h); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
	// What is needed again is cloned again, by those who had it too.
	for _, e := range events {
		wantChanges(t, h.mustCheckout(e), []string{"a"}, nil)
	}
}

func TestTrimKeepsWhatIsInUse(t *testing.T) {
	h, at, _ := filled(t, 3)
	*at = at.Add(-trimIdle + time.Minute) // the first two have rested for one and two hours
	if got := trim(t, h, 0); got.Mirrors != 0 || got.Left == 0 {
		t.Errorf("used of late: %+v", got)
	}
	*at = at.Add(trimIdle)
	r := h.m.open[100]
	if err := r.use.Acquire(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(h.dir, "101.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if ok, err := tryLock(f, false); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if got := trim(t, h, 0); got.Mirrors != 1 {
		t.Errorf("worked in: %+v", got)
	}
	r.use.Release(1)
	if diff := cmp.Diff([]string{"100.git", "101.git"}, onDisk(t, h)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTrimAfterARestart(t *testing.T) {
	h, at, events := filled(t, 2)
	if err := h.m.Close(); err != nil {
		t.Fatal(err)
	}
	if got := trim(t, h, 0); got.Mirrors != 0 {
		t.Errorf("closed: %+v", got)
	}
	h.m = h.mirrors()
	h.m.cfg.Clock = func() time.Time { return *at }
	if got := trim(t, h, 0); got.Mirrors != 2 {
		t.Errorf("got %+v", got)
	}
	wantChanges(t, h.mustCheckout(events[0]), []string{"a"}, nil)
}

// TestDamageOfARemovedMirrorIsNotItsSuccessors: who had a tree of it may find out
// late that it is gone.
func TestDamageOfARemovedMirrorIsNotItsSuccessors(t *testing.T) {
	h, _, events := filled(t, 1)
	r := h.m.open[100]
	removed := r.generation()
	if got := trim(t, h, 0); got.Mirrors != 1 {
		t.Fatalf("got %+v", got)
	}
	h.mustCheckout(events[0])
	mark := filepath.Join(r.dir, "mark")
	must(t, os.WriteFile(mark, nil, 0o600))
	r.suspect(removed)
	h.mustCheckout(events[0])
	if _, err := os.Stat(mark); err != nil {
		t.Errorf("the new mirror was replaced too: %v", err)
	}
	r.suspect(r.generation())
	h.mustCheckout(events[0])
	if _, err := os.Stat(mark); err == nil {
		t.Error("a damaged mirror is kept")
	}
}
