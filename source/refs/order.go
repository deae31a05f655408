package refs

import (
	"context"
	"errors"
	"fmt"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Tips tells where a ref is now.
type Tips interface {
	// Head gives the commit that a branch, a tag or an open pull request is at;
	// empty: it is gone.
	Head(ctx context.Context, repo event.Repo, ref string) (string, error)
}

// Ancestry tells how commits of a repository follow each other.
type Ancestry interface {
	// IsAncestor tells whether older is reachable from newer. A commit that is gone
	// is nobody's ancestor.
	IsAncestor(ctx context.Context, repo event.Repo, older, newer string) (bool, error)
}

// Order says of events whether they are still news. It is safe for concurrent use.
type Order struct {
	moves    Moves
	tips     Tips
	ancestry Ancestry
}

// NewOrder makes an Order.
func NewOrder(moves Moves, tips Tips, ancestry Ancestry) *Order {
	return &Order{moves: moves, tips: tips, ancestry: ancestry}
}

// Outdated gives the reason why a stored event is not to be acted on, or "". It is
// to be asked before the event is acted on in any way, and before it supersedes
// anything. Only events that say where a ref is now can be outdated; what somebody
// asked to run again never is.
//
// Nobody is asked anything but the store if the event came in order. What the
// code host refuses to tell for good counts as not known; any other error means
// that it can't be said now.
func (o *Order) Outdated(ctx context.Context, e event.Event) (string, error) {
	m, ok := event.MoveOf(e)
	if !ok {
		return "", nil
	}
	moves, err := o.moves.Moves(ctx, e.Vendor, e.Repo.ID, e.Ref)
	if err != nil {
		return "", fmt.Errorf("put %s in order: %w", e.ID, err)
	}
	for _, k := range moves {
		if k.EventID == e.ID {
			m.Seq = k.Seq
		}
	}
	// One that is not among them has waited in the line until many came after it.
	if InOrder(m, moves) {
		return "", nil
	}
	f := Facts{Moves: moves}
	f.Head, err = o.tips.Head(ctx, e.Repo, e.Ref)
	f.HeadKnown = err == nil
	if err != nil && !errors.Is(err, run.ErrRefused) {
		return "", fmt.Errorf("put %s in order: %w", e.ID, err)
	}
	var asking error
	f.IsAncestor = func(older, newer string) bool {
		is, err := o.ancestry.IsAncestor(ctx, e.Repo, older, newer)
		if err != nil && !errors.Is(err, run.ErrRefused) && asking == nil {
			asking = err
		}
		return is && err == nil
	}
	reason := Judge(m, f)
	if asking != nil {
		return "", fmt.Errorf("put %s in order: %w", e.ID, asking)
	}
	return reason, nil
}
