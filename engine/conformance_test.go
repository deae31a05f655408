package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/engine/enginetest"
	"github.com/franela/pocketci/engine/offline"
	"github.com/franela/pocketci/run"
)

// The fake and the real engine pass one suite.

func TestConformanceOfTheFake(t *testing.T) {
	enginetest.Conformance(t, func(t *testing.T) enginetest.Subject {
		f, err := enginetest.New(enginetest.Config{
			Silence: 50 * time.Millisecond,
			Reader: func(ctx context.Context, src run.Source) (run.Table, error) {
				return offline.Read(ctx, src.Tree.Files, src.ModulePath)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return enginetest.Subject{
			Engine: fakeEngine{f},
			Commit: func(t *testing.T, files map[string]string) run.Source {
				return memorySource(t, files)
			},
			Lose: func() { f.SetDown(true) },
			Hang: func() { f.SetHang(true) },
		}
	})
}

// memorySource is a repository in memory.
func memorySource(t *testing.T, files map[string]string) run.Source {
	t.Helper()
	tree := enginetest.NewFiles(files)
	hash, err := tree.Hash(t.Context(), ".")
	if err != nil {
		t.Fatal(err)
	}
	return run.Source{ModulePath: "ci", Depth: 1, RepoID: 1, Lane: run.LaneTrusted, Tree: run.Tree{SHA: hash[:40], Hash: hash, Files: tree}}
}

type fakeEngine struct{ *enginetest.Fake }

func (f fakeEngine) Open(ctx context.Context, spec engine.Spec) (enginetest.Calls, error) {
	s, err := f.Fake.Open(ctx, spec)
	if err != nil {
		return nil, err
	}
	return s, nil
}

type realEngine struct{ *engine.Engine }

func (r realEngine) Open(ctx context.Context, spec engine.Spec) (enginetest.Calls, error) {
	s, err := r.Engine.Open(ctx, spec)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func TestConformanceOfTheRealEngine(t *testing.T) {
	host := realHost(t)
	enginetest.Conformance(t, func(t *testing.T) enginetest.Subject {
		wire := newWire(t, host)
		repos := newRepos(t)
		return enginetest.Subject{
			Engine: realEngine{newEngine(t, engine.Config{
				RunnerHost: wire.host(), Heartbeat: 200 * time.Millisecond, Silence: 3 * time.Second,
			})},
			Commit: repos.commit,
			Lose:   wire.cut,
			Hang:   wire.freeze,
		}
	})
}
