package storetest

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
)

// oneAtATime lets several agents, or several workers of one, work off a few
// branches: every run is done, in order, and no two of a branch at once.
func oneAtATime(t *testing.T, d *Database) {
	stores := []*store.Store{d.Open(t)}
	if d.Shared {
		stores = append(stores, d.Open(t), d.Open(t))
	}
	const branches, each = 4, 12
	var mu sync.Mutex
	working, done := map[string]bool{}, map[string][]int{}
	var wg sync.WaitGroup
	left := make(chan struct{}, branches*each)
	for i := range 6 {
		wg.Go(func() {
			s := stores[i%len(stores)]
			for range left {
				w, err := s.Lease(soon(t))
				if err != nil {
					t.Error(err)
					return
				}
				st, err := s.Enter(soon(t), w.Lease, run.OrderQueue, run.Progress{})
				if err != nil {
					t.Error(err)
					return
				}
				if st.First != 0 {
					left <- struct{}{}
					if err := s.Advance(soon(t), w.Lease, run.Progress{State: run.Waiting, For: run.ForTurn}); err != nil {
						t.Error(err)
					}
					continue
				}
				ref, n := w.Run.Event.Ref, int(w.Run.Seq)
				mu.Lock()
				if working[ref] {
					t.Errorf("two of %s at once", ref)
				}
				working[ref] = true
				mu.Unlock()
				runtime.Gosched()
				mu.Lock()
				working[ref], done[ref] = false, append(done[ref], n)
				mu.Unlock()
				if err := s.Advance(soon(t), w.Lease, run.Progress{State: run.Done}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	want := map[string][]int{}
	for n := range branches * each {
		e := onBranch(1, n, fmt.Sprint("b", n%branches))
		add(t, stores[0], e)
		want[e.Ref] = append(want[e.Ref], n+1)
		left <- struct{}{}
	}
	waitFor(t, func() bool { mu.Lock(); defer mu.Unlock(); return total(done) == branches*each })
	close(left)
	wg.Wait()
	if diff := cmp.Diff(want, done); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func total(m map[string][]int) (n int) {
	for _, v := range m {
		n += len(v)
	}
	return n
}

// waitFor asks until it is so.
func waitFor(t testing.TB, so func() bool) {
	t.Helper()
	ctx := soon(t)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !so() {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal("it did not come to be")
		}
	}
}
