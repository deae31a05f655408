package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/franela/pocketci/run"
)

// Engine loads modules and opens sessions on one Dagger engine. It holds no
// connection of its own and needs no closing. It is safe for concurrent use.
type Engine struct {
	cfg    Config
	dirs   folders
	tables *tableCache
	loads  singleflight.Group

	cliMu   sync.Mutex
	cliPath string
}

// New makes an engine from its settings; it makes its folders, and talks to
// nobody yet.
func New(cfg Config) (*Engine, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	dirs, err := makeFolders(cfg.Dir)
	if err != nil {
		return nil, err
	}
	return &Engine{cfg: cfg, dirs: dirs, tables: &tableCache{dir: dirs.tables, most: cfg.Tables, clock: cfg.Clock}}, nil
}

// Table says what a module offers. For content that was seen before it answers
// from the disk, without an engine; else it loads the module in a session of its
// own. Its errors: [run.ErrNoEngine], [run.ErrEngineLost], an *event.Problem
// where the module itself is at fault, and whatever kept the engine from getting
// the repository.
func (e *Engine) Table(ctx context.Context, src run.Source) (run.Table, error) {
	plan, err := NewPlan(ctx, src, e.cfg.AllowUnpinned)
	if err != nil {
		return run.Table{}, err
	}
	if t, ok := e.tables.get(plan.Key, e.cfg.RunnerHost); ok {
		return t, nil
	}
	// Events of one content that come together load it once. Whoever began is not
	// the only one who waits, so its end must not be everybody's: see loadTable.
	result := e.loads.DoChan(plan.Key, func() (any, error) { return e.loadTable(ctx, src, plan) })
	select {
	case <-ctx.Done():
		return run.Table{}, fmt.Errorf("load module %s: %w", plan.Path, context.Cause(ctx))
	case r := <-result:
		if r.Err != nil {
			return run.Table{}, r.Err
		}
		return r.Val.(run.Table), nil
	}
}

// errLoadTimeout: a module took too long to load.
var errLoadTimeout = errors.New("the module took too long to load")

// loadTable opens a session for the table alone. It goes on if the one who
// asked first has left: others wait, and the next event will want it too.
func (e *Engine) loadTable(ctx context.Context, src run.Source, plan Plan) (run.Table, error) {
	s, err := e.open(context.WithoutCancel(ctx), Spec{Source: src}, plan)
	if err != nil {
		return run.Table{}, err
	}
	if err := s.Close(); err != nil {
		e.cfg.Log.Debug().Err(err).Msg("close the engine's session")
	}
	return s.module.table, nil
}

// Open starts a session, loads the module and gets everything ready for calls.
// Errors are as in [Engine.Table]. The session outlives ctx; close it.
func (e *Engine) Open(ctx context.Context, spec Spec) (*Session, error) {
	plan, err := NewPlan(ctx, spec.Source, e.cfg.AllowUnpinned)
	if err != nil {
		return nil, err
	}
	return e.open(ctx, spec, plan)
}
