package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/vcs/git"
)

// namer tells what a repository is called now, by its id.
type namer interface {
	Repository(ctx context.Context, id int64) (event.Repo, error)
}

// mirrors are git's mirrors as dispatch uses them.
type mirrors interface {
	Checkout(ctx context.Context, e event.Event) (run.Tree, error)
	Reachable(ctx context.Context, repo event.Repo, sha string) (bool, error)
}

// renamed gets events of repositories that were renamed since: redirects are not
// followed with credentials, so the new name is asked for by the id.
type renamed struct {
	mirrors
	names namer
}

// Checkout gets the event's tree, under the name that the repository has now.
func (r renamed) Checkout(ctx context.Context, e event.Event) (run.Tree, error) {
	tree, err := r.mirrors.Checkout(ctx, e)
	if !errors.Is(err, git.ErrMoved) {
		return tree, err
	}
	if e.Repo, err = r.current(ctx, e.Repo, err); err != nil {
		return run.Tree{}, err
	}
	return r.mirrors.Checkout(ctx, e)
}

// Reachable asks under the name that the repository has now.
func (r renamed) Reachable(ctx context.Context, repo event.Repo, sha string) (bool, error) {
	own, err := r.mirrors.Reachable(ctx, repo, sha)
	if !errors.Is(err, git.ErrMoved) {
		return own, err
	}
	if repo, err = r.current(ctx, repo, err); err != nil {
		return false, err
	}
	return r.mirrors.Reachable(ctx, repo, sha)
}

// current is the repository under its name of now; moved is returned if that is
// no other one.
func (r renamed) current(ctx context.Context, repo event.Repo, moved error) (event.Repo, error) {
	now, err := r.names.Repository(ctx, repo.ID)
	if err != nil {
		return repo, fmt.Errorf("look up the new name of %s: %w", repo.FullName(), err)
	}
	if now.FullName() == repo.FullName() {
		return repo, moved
	}
	if now.DefaultBranch == "" {
		now.DefaultBranch = repo.DefaultBranch
	}
	return now, nil
}
