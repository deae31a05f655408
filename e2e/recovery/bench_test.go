package recovery_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/vcs/github/githubtest"
)

// BenchmarkSweep is a sweep of 3,000 deliveries, by HTTP: as a new agent makes it
// when it has them all, as the next one makes it, and when nothing arrived.
func BenchmarkSweep(b *testing.B) {
	const deliveries = 3000
	fill := func(b *testing.B, stored bool) *world {
		b.Helper()
		w := newWorld(b)
		w.log, w.share = zerolog.Nop(), 100_000
		w.draw()
		w.push(main, "")
		_, after := w.commit(main)
		for i := range deliveries {
			w.db.Pass(time.Second)
			before := fmt.Sprintf("%040d", i+1)
			guid := w.gh.Lose(githubtest.Delivery{
				HookID: w.hook.ID, Event: "push", Payload: w.gh.Payload(repoName, "octo", map[string]any{"ref": main, "before": before, "after": after}),
			})
			if !stored {
				continue
			}
			if _, err := w.store.Append(b.Context(), event.Event{
				ID: "github:" + guid, Vendor: "github", Name: "push", Repo: event.Repo{ID: w.repo.ID, Owner: "octo", Name: "hello"},
				Hook: event.Hook{ID: w.hook.ID, TargetType: "repository", TargetID: w.repo.ID}, Provenance: event.Webhook,
			}); err != nil {
				b.Fatal(err)
			}
		}
		return w
	}
	for name, stored := range map[string]bool{"first/all there": true, "first/all missing": false} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				w := fill(b, stored)
				b.StartTimer()
				w.sweep()
				b.StopTimer()
				if got := ok(w.sweeper.Coverage(b.Context()))(b); got.Events != deliveries+1 || got.Gaps != 0 {
					b.Fatal(got)
				}
				b.StartTimer()
			}
			b.ReportMetric(deliveries*float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
	b.Run("next", func(b *testing.B) {
		w := fill(b, true)
		w.sweep()
		w.db.Pass(time.Hour)
		for b.Loop() {
			w.sweep()
		}
	})
}

// BenchmarkOrder is what putting a push in order costs that came in order, on a
// branch of 5,000 pushes.
func BenchmarkOrder(b *testing.B) {
	w := newWorld(b)
	w.log = zerolog.Nop()
	w.draw()
	var e event.Event
	for i := range 5000 {
		e = event.Event{
			ID: fmt.Sprintf("github:%d", i), Vendor: "github", Name: "push", Repo: event.Repo{ID: w.repo.ID, Owner: "octo", Name: "hello"},
			Ref: main, BaseSHA: fmt.Sprintf("%040d", i), SHA: fmt.Sprintf("%040d", i+1), Provenance: event.Webhook,
		}
		if _, err := w.store.Append(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if reason, err := w.order.Outdated(b.Context(), e); reason != "" || err != nil {
			b.Fatal(reason, err)
		}
	}
}
