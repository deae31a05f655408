package dispatchtest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"testing/fstest"

	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Files is a tree in memory.
type Files struct{ fstest.MapFS }

// Hash tells different content apart.
func (f Files) Hash(_ context.Context, name string) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(f.MapFS, name, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := f.ReadFile(path)
		fmt.Fprintf(h, "%s %d %s", path, len(b), b)
		return err
	})
	return fmt.Sprintf("%x", h.Sum(nil)), err
}

// Repositories gives the same tree for every event.
type Repositories struct {
	Tree run.Tree
	// Err is returned instead, if set.
	Err error
	// Own are the shas that branches and tags hold.
	Own []string

	mu    sync.Mutex
	calls int
}

// Checkout gives the tree.
func (r *Repositories) Checkout(context.Context, event.Event) (run.Tree, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	return r.Tree, r.Err
}

// Checkouts is how often something was checked out.
func (r *Repositories) Checkouts() int { r.mu.Lock(); defer r.mu.Unlock(); return r.calls }

// Reachable looks the sha up in Own.
func (r *Repositories) Reachable(_ context.Context, _ event.Repo, sha string) (bool, error) {
	return slices.Contains(r.Own, sha), nil
}

// Operator is a policy with fixed answers.
type Operator struct {
	Asked    run.Settings
	AskedErr error
	Values   run.SecretValues
	Reasons  map[string]string
	Listed   []string // functions that strangers may give secrets to
	Bots     []string
	Writers  []string
}

// Settings gives what the repository asks for.
func (o *Operator) Settings(context.Context, event.Event, run.Tree) (run.Settings, error) {
	return o.Asked, o.AskedErr
}

// Secrets gives the values and the reasons.
func (o *Operator) Secrets(event.Event, run.Module) (run.SecretValues, map[string]string) {
	return o.Values, o.Reasons
}

// AllowsStranger looks the function up in Listed.
func (o *Operator) AllowsStranger(_ event.Repo, function string) bool {
	return slices.Contains(o.Listed, function)
}

// TrustsBot looks the login up in Bots.
func (o *Operator) TrustsBot(login string) bool { return slices.Contains(o.Bots, login) }

// CanWrite looks the login up in Writers.
func (o *Operator) CanWrite(_ context.Context, _ event.Repo, s event.Sender) (bool, error) {
	return slices.Contains(o.Writers, s.Login), nil
}

// Engine does as it is told.
type Engine struct {
	Module run.Table
	// TableErr and OpenErr are returned instead, if set.
	TableErr, OpenErr func() error
	// Do makes a call; nil succeeds.
	Do func(context.Context, dispatch.Spec, run.Call) (run.Result, error)
	// Closing, if set, is called when a session is closed.
	Closing func(dispatch.Spec)

	mu     sync.Mutex
	opened []dispatch.Spec
	made   []run.Call
}

// Table gives Module.
func (e *Engine) Table(context.Context, run.Source) (run.Table, error) {
	if e.TableErr != nil {
		if err := e.TableErr(); err != nil {
			return run.Table{}, err
		}
	}
	return e.Module, nil
}

// Open opens a session.
func (e *Engine) Open(_ context.Context, s dispatch.Spec) (dispatch.Session, error) {
	if e.OpenErr != nil {
		if err := e.OpenErr(); err != nil {
			return nil, err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.opened = append(e.opened, s)
	return session{e, s}, nil
}

// Calls are those that were made, in order.
func (e *Engine) Calls() []run.Call { e.mu.Lock(); defer e.mu.Unlock(); return slices.Clone(e.made) }

// Opened are the sessions' specs, in order.
func (e *Engine) Opened() []dispatch.Spec {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.opened)
}

type session struct {
	engine *Engine
	spec   dispatch.Spec
}

func (s session) Call(ctx context.Context, c run.Call) (run.Result, error) {
	s.engine.mu.Lock()
	s.engine.made = append(s.engine.made, c)
	s.engine.mu.Unlock()
	if s.engine.Do == nil {
		return run.Result{Outcome: run.Success}, nil
	}
	return s.engine.Do(ctx, s.spec, c)
}

func (s session) Close() error {
	if s.engine.Closing != nil {
		s.engine.Closing(s.spec)
	}
	return nil
}
