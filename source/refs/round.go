package refs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

const (
	// refusedFor is how long a repository that the code host refuses to show is not
	// asked for again, unless an event of it comes.
	refusedFor = time.Hour
	// longest bounds one round, and the wait after a limit of the code host's.
	longest = time.Hour
)

// turn makes a round if it is this agent's turn, and says when to come again.
func (r *Reconciler) turn(ctx context.Context) time.Duration {
	if r.Turns != nil {
		mine, err := r.Turns.Turn(ctx, "refs "+r.Vendor, r.Holder, 2*r.Every)
		if err != nil && ctx.Err() == nil {
			r.Log.Error().Err(err).Msg("can't find out whose turn it is to look at refs")
		}
		if !mine {
			return r.Every
		}
	}
	next, err := r.Round(ctx)
	if r.Turns != nil && ctx.Err() == nil {
		// It is kept until the next round: others would not wait for a limit.
		if _, err := r.Turns.Turn(ctx, "refs "+r.Vendor, r.Holder, next+r.Every); err != nil {
			r.Log.Error().Err(err).Msg("can't keep the turn to look at refs")
		}
	}
	if err != nil && ctx.Err() == nil {
		r.Log.Warn().Err(err).Dur("again_in", next).Msg("could not look at the refs of all repositories")
	}
	return next
}

// Round looks once at every repository. next is how long to wait before the
// following round. An error means that something was left out, which the next
// round makes up for.
func (r *Reconciler) Round(ctx context.Context) (next time.Duration, err error) {
	r.busy.Lock()
	defer r.busy.Unlock()
	ctx, cancel := context.WithTimeoutCause(ctx, longest, errTooLong)
	defer cancel()
	repos, err := r.Repositories.Repositories(ctx, r.Vendor)
	if err != nil {
		return r.Every, err
	}
	var errs []error
	for _, repo := range repos {
		if !r.due(repo) {
			continue
		}
		if err := r.visit(ctx, repo); err != nil {
			errs = append(errs, err)
			if stops(err) {
				break
			}
		}
	}
	r.looked = true
	err = errors.Join(errs...)
	return r.after(err), err
}

// due tells whether a repository is to be looked at.
func (r *Reconciler) due(repo event.KnownRepo) bool {
	if r.Allowed != nil && !r.Allowed(repo.Repo) {
		return false
	}
	return !repo.Refused || !r.looked || repo.Seen.After(repo.Tried) || r.Clock().Sub(repo.Tried) >= refusedFor
}

// after is how long to wait: until a limit of the code host's ends, if there is one.
func (r *Reconciler) after(err error) time.Duration {
	var limit *run.RetryAfter
	if errors.As(err, &limit) {
		return max(r.Every, min(limit.Until.Sub(r.Clock()), longest))
	}
	return r.Every
}

// broken is an error of the store's: without it there is no use in going on.
type broken struct{ error }

func (b broken) Unwrap() error { return b.error }

// stops tells whether nothing more is to be asked in this round.
func stops(err error) bool {
	var limit *run.RetryAfter
	var store broken
	return errors.As(err, &limit) || errors.As(err, &store) ||
		errors.Is(err, errStopped) || errors.Is(err, errTooLong) || errors.Is(err, context.Canceled)
}

// visit looks at one repository: at its branches and tags, and at its open pull
// requests. One that can't be read does not keep the other from being looked at.
func (r *Reconciler) visit(ctx context.Context, repo event.KnownRepo) error {
	begun := r.Clock()
	stored, err := r.Heads.Heads(ctx, r.Vendor, repo.ID)
	if err != nil {
		return broken{err}
	}
	v := visit{Reconciler: r, now: begun, repo: repo.Repo, stored: map[string]event.KnownHead{}}
	for _, h := range stored {
		v.stored[h.Ref] = h
	}
	was := repo
	repo.Tried, repo.Problem, repo.Hint, repo.Refused = begun, "", "", false
	refsErr := v.readRefs(ctx, &repo)
	var pullsErr error
	if !stops(refsErr) {
		pullsErr = v.readPulls(ctx, &repo)
	}
	err = errors.Join(refsErr, pullsErr)
	if err != nil && stops(err) {
		repo.Tried, repo.Problem, repo.Hint, repo.Refused = was.Tried, was.Problem, was.Hint, was.Refused
	} else if err != nil {
		repo.Problem, repo.Hint = public(err)
		repo.Refused = errors.Is(refsErr, run.ErrRefused) && errors.Is(pullsErr, run.ErrRefused)
		r.tell(repo, was, err)
	}
	if noted := r.Heads.NoteHeads(ctx, repo, v.changed, v.gone); noted != nil {
		return broken{noted}
	}
	if err = errors.Join(passing(refsErr), passing(pullsErr)); err != nil {
		return fmt.Errorf("look at the refs of %s: %w", repo.FullName(), err)
	}
	return nil
}

// passing is an error that the next round may make up for. Others are told of the
// repository.
func passing(err error) error {
	if errors.Is(err, run.ErrRefused) && !stops(err) {
		return nil
	}
	return err
}

// tell says in the log what can't be read, once.
func (r *Reconciler) tell(repo, was event.KnownRepo, err error) {
	line := r.Log.Warn()
	if repo.Problem == was.Problem {
		line = r.Log.Debug()
	}
	line.Err(err).Str("repo", repo.FullName()).Bool("refused", repo.Refused).Str("hint", repo.Hint).
		Msg("the refs of a repository can't be looked at")
}

// readRefs asks for branches and tags, and looks at them.
func (v *visit) readRefs(ctx context.Context, repo *event.KnownRepo) error {
	current, heads, err := v.Host.Refs(ctx, repo.Repo)
	if err != nil {
		return err
	}
	v.repo, repo.Repo = current, current
	known, err := v.branches(ctx, heads, repo.RefsAt)
	if known {
		repo.RefsAt = v.now
	}
	return err
}

// readPulls asks for the open pull requests, and looks at them.
func (v *visit) readPulls(ctx context.Context, repo *event.KnownRepo) error {
	pulls, err := v.Host.Pulls(ctx, repo.Repo)
	if err != nil {
		return err
	}
	err = v.all(ctx, pulls, repo.PullsAt)
	repo.PullsAt = v.now
	return err
}

// public is what people are told of an error.
func public(err error) (problem, hint string) {
	var p *event.Problem
	if errors.As(err, &p) {
		return p.Public, p.Hint
	}
	if errors.Is(err, run.ErrRefused) {
		return "the code host refuses to show them", "the agent's log has the cause"
	}
	return "they can't be read now", "the agent tries again by itself; its log has the cause"
}
