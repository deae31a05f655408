package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/engine/enginetest"
	"github.com/franela/pocketci/engine/offline"
	"github.com/franela/pocketci/engine/pool"
	"github.com/franela/pocketci/run"
)

// TestConformanceOfTwoAsOne: two engines as one pass the suite that a single one passes.
func TestConformanceOfTwoAsOne(t *testing.T) {
	enginetest.Conformance(t, func(t *testing.T) enginetest.Subject {
		var fakes []*enginetest.Fake
		var hosts []pool.Named[*enginetest.Fake]
		for _, name := range []string{"tcp://a:1", "tcp://b:1"} {
			f, err := enginetest.New(enginetest.Config{
				Silence: 50 * time.Millisecond,
				Reader: func(ctx context.Context, src run.Source) (run.Table, error) {
					return offline.Read(ctx, src.Tree.Files, src.ModulePath)
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			fakes, hosts = append(fakes, f), append(hosts, pool.Named[*enginetest.Fake]{Name: name, Host: f})
		}
		p, err := pool.New(hosts, pool.Config{})
		if err != nil {
			t.Fatal(err)
		}
		all := func(do func(*enginetest.Fake)) func() {
			return func() {
				for _, f := range fakes {
					do(f)
				}
			}
		}
		return enginetest.Subject{
			Engine: pooled{p}, Commit: memorySource,
			Lose: all(func(f *enginetest.Fake) { f.SetDown(true) }),
			Hang: all(func(f *enginetest.Fake) { f.SetHang(true) }),
		}
	})
}

// pooled is a pool in the suite's words.
type pooled struct {
	*pool.Pool[*enginetest.Fake]
}

func (p pooled) Open(ctx context.Context, spec engine.Spec) (enginetest.Calls, error) {
	return p.Pool.Open(ctx, spec.Source, func(ctx context.Context, f *enginetest.Fake) (pool.Session, error) { return f.Open(ctx, spec) })
}
