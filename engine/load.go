package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dagger.io/dagger"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// module is what a session knows about the module that it serves.
type module struct {
	table run.Table
	// object is the main object's name, field the query field of its constructor:
	// the engine makes both of the module's name.
	object, field string
	// selections says for each of the module's objects what is asked of it.
	selections map[string]string
	// engine is the engine's version.
	engine string
}

// load loads the module, reads its table, keeps it, and serves the module.
func (s *Session) load(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.e.cfg.Load, errLoadTimeout)
	defer cancel()
	ctx, stop := s.bound(ctx)
	defer stop(nil)
	id, err := s.loadDescribed(ctx)
	if err == nil {
		err = s.serve(ctx, id)
	}
	switch {
	case err == nil:
	case errors.Is(context.Cause(ctx), errLoadTimeout):
		return &event.Problem{
			Public: fmt.Sprintf("the module %s could not be loaded within %s", s.plan.Path, s.e.cfg.Load),
			Err:    err,
		}
	default:
		return fmt.Errorf("load module %s: %w", s.plan.Path, err)
	}
	if err := s.e.tables.put(s.plan.Key, s.e.cfg.RunnerHost, s.module.engine, s.module.table); err != nil {
		s.log.Warn().Err(err).Msg("can't keep the module's table; the next event loads it again")
	}
	return nil
}

// loadDescribed loads the module and reads its table. Default paths of folders
// and files are passed by the caller; the engine resolves those of other types
// itself, in what the module was loaded from, which must then be everything.
func (s *Session) loadDescribed(ctx context.Context) (string, error) {
	id, err := s.loadModule(ctx)
	if err != nil {
		return "", err
	}
	s.module, err = s.describe(ctx, id)
	if err != nil || s.plan.Whole != "" {
		return id, err
	}
	param := contextual(s.module.table)
	if param == "" {
		return id, nil
	}
	s.plan.Whole = fmt.Sprintf("the parameter %s has a default path but is no folder or file", param)
	s.plan.KeepGit, s.plan.Include, s.plan.Exclude = true, nil, nil
	return s.loadDescribed(ctx)
}

// contextual finds a parameter whose default path the engine must resolve.
func contextual(t run.Table) string {
	params := slices.Clone(t.Constructor)
	for _, f := range t.Functions {
		params = append(params, f.Params...)
	}
	for _, p := range params {
		if p.DefaultPath != "" && !p.Type.Is("Directory") && !p.Type.Is("File") {
			return p.Name
		}
	}
	return ""
}

// loadModule hands the module's files to the engine and gives the module's id.
func (s *Session) loadModule(ctx context.Context) (string, error) {
	include, exclude := s.plan.Include, s.plan.Exclude
	if s.plan.Whole != "" {
		s.log.Info().Str("reason", s.plan.Whole).Msg("module is loaded from the whole repository: every commit compiles it anew")
		if !s.plan.KeepGit {
			exclude = []string{".git"}
		}
	}
	var id string
	var err error
	if dir := s.spec.Source.Tree.Origin.Dir; dir != "" {
		id, err = s.hostDirectory(ctx, dir, include, exclude)
	} else {
		id, err = s.tree(ctx, 1)
	}
	if err != nil {
		return "", err
	}
	var out idOf
	as := fmt.Sprintf("asModule(sourceRootPath:%s){id}", literalString(s.plan.Path))
	if filter := filterArgs(include, exclude); filter != "" {
		err = s.query(ctx, onDirectory(id, fmt.Sprintf("filter(%s){%s}", strings.TrimPrefix(filter, ","), as)), nil, &out)
		return out.Node.Filter.AsModule.ID, s.loadError(ctx, err)
	}
	err = s.query(ctx, onDirectory(id, as), nil, &out)
	return out.Node.AsModule.ID, s.loadError(ctx, err)
}

// serve puts the module's constructor at the root of the session's schema.
func (s *Session) serve(ctx context.Context, id string) error {
	err := s.query(ctx, fmt.Sprintf(`{node(id:%s){... on Module{serve}}}`, literalString(id)), nil, &struct{}{})
	return s.loadError(ctx, err)
}

// loadError tells a module that can't be loaded from an engine that is gone.
func (s *Session) loadError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil || errors.Is(err, run.ErrEngineLost) {
		return err
	}
	return &event.Problem{
		Public: fmt.Sprintf("the module %s can't be loaded: %s", s.plan.Path, s.scrub.String(loadReason(err))),
		Hint:   "`dagger functions -m " + s.plan.Path + "` in a checkout shows the whole error",
		Err:    err,
	}
}

// loadReason is the line of an error that tells most: a compiler's message if
// there is one.
func loadReason(err error) string {
	text := cutTrace(err.Error())
	var failed *dagger.ExecError
	if errors.As(err, &failed) {
		said := failed.Stderr + "\n" + failed.Stdout
		if line := placed(said); line != "" {
			return line
		}
		if lines := strings.Split(strings.TrimSpace(said), "\n"); lines[len(lines)-1] != "" {
			text = lines[len(lines)-1]
		}
	}
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return clip(first, 300)
}
