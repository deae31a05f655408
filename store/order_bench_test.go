package store_test

import (
	"sync"
	"testing"

	"github.com/franela/pocketci/run"
)

// BenchmarkLine works off pushes to one branch of which 10,000 stand in line: what
// a run costs there from its lease to its end, and what it costs to find out for
// the first time that they have to wait.
func BenchmarkLine(b *testing.B) {
	const line = 10_000
	for name, config := range backends() {
		b.Run(name, func(b *testing.B) {
			s := benchStore(b, config(b))
			var wg sync.WaitGroup
			for c := range 16 {
				wg.Go(func() {
					for n := c; n < line+b.N; n += 16 {
						e := benchEvent(int64(n), "")
						e.Repo.ID = 1
						if _, err := s.Append(b.Context(), e); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			w, err := s.Lease(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			for range b.N {
				if st, err := s.Enter(b.Context(), w.Lease, run.OrderQueue, run.Progress{}); err != nil || st.First != 0 {
					b.Fatal(st, err)
				}
				if err := s.Advance(b.Context(), w.Lease, run.Progress{State: run.Done, Outcome: run.Success}); err != nil {
					b.Fatal(err)
				}
				if w, err = s.Lease(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
