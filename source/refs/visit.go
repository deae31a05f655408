package refs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/franela/pocketci/event"
)

const pullPrefix = "refs/pull/"

// visit is one look at one repository, and what is to be noted of it.
type visit struct {
	*Reconciler
	now    time.Time
	repo   event.Repo
	stored map[string]event.KnownHead

	changed []event.KnownHead
	gone    []string
}

// errEmpty: a repository that had refs has none. That is more likely a fault of
// the list than the truth.
var errEmpty = errors.New("the list of refs is empty, though there were some")

// branches looks at branches and tags. last is when they were known last; known
// tells that they are now.
func (v *visit) branches(ctx context.Context, heads []event.Head, last time.Time) (known bool, err error) {
	there := map[string]bool{}
	for _, h := range heads {
		there[h.Ref] = true
	}
	var missing []event.KnownHead
	for ref, k := range v.stored {
		if !strings.HasPrefix(ref, pullPrefix) && !there[ref] {
			missing = append(missing, k)
		}
	}
	if len(heads) == 0 && len(missing) > 0 && !v.baseline(last) {
		return false, errEmpty
	}
	for _, k := range missing {
		v.miss(k)
	}
	return true, v.all(ctx, heads, last)
}

// all looks at refs that are there. Of pull requests those that are open: closed
// ones are remembered, because they may be opened again.
func (v *visit) all(ctx context.Context, heads []event.Head, last time.Time) error {
	if v.baseline(last) && !last.IsZero() {
		v.Log.Warn().Str("repo", v.repo.FullName()).Time("last_look", last).
			Msg("nobody looked at the repository's refs for long: what moved meanwhile is not repaired")
	}
	seen := map[string]bool{}
	var errs []error
	for _, h := range heads {
		if seen[h.Ref] {
			continue
		}
		seen[h.Ref] = true
		if err := v.head(ctx, h, last); err != nil {
			errs = append(errs, err)
			if stops(err) {
				break
			}
		}
	}
	return errors.Join(errs...)
}

// baseline tells whether a look is the first one, or the first for too long.
func (v *visit) baseline(last time.Time) bool {
	return last.IsZero() || v.now.Sub(last) > v.MaxAge
}

// miss notes that a ref is not there; after the grace time it is forgotten.
func (v *visit) miss(k event.KnownHead) {
	switch {
	case k.Next != k.SHA || k.NextAt.IsZero():
		v.changed = append(v.changed, event.KnownHead{Ref: k.Ref, SHA: k.SHA, Next: k.SHA, NextAt: v.now})
	case v.now.Sub(k.NextAt) >= v.Grace:
		v.gone = append(v.gone, k.Ref)
	}
}

// head looks at one ref.
func (v *visit) head(ctx context.Context, h event.Head, last time.Time) error {
	k, had := v.stored[h.Ref]
	switch {
	case had && k.SHA == h.SHA && k.NextAt.IsZero():
		return nil
	case had && k.SHA == h.SHA, v.baseline(last):
		v.stands(h)
		return nil
	}
	moves, err := v.Moves.Moves(ctx, v.Vendor, v.repo.ID, h.Ref)
	if err != nil {
		return broken{err}
	}
	if _, told := event.ToldBy(moves, h.SHA); told {
		v.stands(h)
		return nil
	}
	if k.Next != h.SHA || k.NextAt.IsZero() {
		v.changed = append(v.changed, event.KnownHead{Ref: h.Ref, SHA: k.SHA, Next: h.SHA, NextAt: v.now})
		return nil
	}
	if v.now.Sub(k.NextAt) < v.Grace {
		return nil
	}
	return v.found(ctx, h, move(h, k, moves, last))
}

// stands notes where a ref is.
func (v *visit) stands(h event.Head) {
	v.changed = append(v.changed, event.KnownHead{Ref: h.Ref, SHA: h.SHA})
}

// found makes an event of a move.
func (v *visit) found(ctx context.Context, h event.Head, m event.Move) error {
	e, err := v.Maker.Event(ctx, v.repo, m)
	if errors.Is(err, event.ErrMalformed) {
		v.Log.Warn().Err(err).Str("repo", v.repo.FullName()).Str("ref", m.Ref).Str("sha", m.SHA).
			Msg("a ref moved without an event, and none can be made of it")
		v.stands(h)
		return nil
	}
	if err != nil {
		return fmt.Errorf("make the event of %s of %s: %w", m.Ref, v.repo.FullName(), err)
	}
	if v.Admit != nil {
		e = v.Admit(e)
	}
	receipt, err := v.Events.AppendFound(ctx, e)
	if err != nil {
		return broken{fmt.Errorf("store the event of %s of %s: %w", m.Ref, v.repo.FullName(), err)}
	}
	v.stands(h)
	if !receipt.Duplicate {
		v.Log.Info().Str("event_id", receipt.ID).Str("event", e.Name).Str("repo", e.Repo.FullName()).Str("ref", m.Ref).
			Str("before", m.Before).Str("sha", e.SHA).Msg("a ref moved without a delivery; it was made an event")
	}
	return nil
}

// move is what happened to a ref that is at h and was last known at k. moves are
// those that events told of.
func move(h event.Head, k event.KnownHead, moves []event.Move, last time.Time) event.Move {
	m := event.Move{Ref: h.Ref, SHA: h.SHA, Before: k.SHA, Provenance: event.Recovered, Found: true}
	none := strings.Repeat("0", len(h.SHA))
	switch {
	case h.PullRequest != 0:
		m.Name, m.Action = "pull_request", "synchronize"
		if len(moves) > 0 {
			m.Before = moves[len(moves)-1].SHA
		}
		if m.Before == "" {
			m.Before, m.Action = none, "opened"
			if !h.Opened.IsZero() && h.Opened.Before(last) {
				m.Action = "reopened"
			}
		}
		return m
	case strings.HasPrefix(h.Ref, "refs/tags/"):
		m.Name = "tag"
	default:
		m.Name = "push"
		m.Before = follow(k.SHA, moves)
	}
	if m.Before == "" {
		m.Before = none
	}
	return m
}

// follow goes on from a commit along the moves that events told of.
func follow(sha string, moves []event.Move) string {
	for _, m := range moves {
		if m.Before == sha || sha == "" {
			sha = m.SHA
		}
	}
	return sha
}
