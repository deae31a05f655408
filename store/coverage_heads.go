package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/franela/pocketci/event"
)

// Repositories gives the repositories of a vendor of which events came, the one
// that was tried longest ago first.
func (s *Store) Repositories(ctx context.Context, vendor string) ([]event.KnownRepo, error) {
	if err := s.index(ctx); err != nil {
		return nil, fmt.Errorf("list repositories: %w", err)
	}
	var list []event.KnownRepo
	err := s.view(ctx, func(ctx context.Context, t tx) (err error) {
		list, err = t.repositories(ctx, " WHERE vendor = ? ORDER BY tried, id", text(vendor))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list repositories: %w", err)
	}
	return list, nil
}

func (t tx) repositories(ctx context.Context, where string, args ...any) ([]event.KnownRepo, error) {
	var list []event.KnownRepo
	err := t.each(ctx, func(scan func(...any) error) error {
		var r event.KnownRepo
		var repo string
		var seen, tried, refs, pulls, refused int64
		if err := scan(&r.Vendor, &repo, &seen, &tried, &refs, &pulls, &r.Problem, &r.Hint, &refused); err != nil {
			return err
		}
		r.Seen, r.Tried, r.RefsAt, r.PullsAt, r.Refused = timeOf(seen), timeOf(tried), timeOf(refs), timeOf(pulls), refused != 0
		list = append(list, r)
		return decode([]byte(repo), &list[len(list)-1].Repo)
	}, "SELECT vendor, repo, seen, tried, refs_at, pulls_at, problem, hint, refused FROM known_repositories"+where, args...)
	return list, err
}

// Heads gives where the refs of a repository stood when it was looked at.
func (s *Store) Heads(ctx context.Context, vendor string, repoID int64) ([]event.KnownHead, error) {
	var list []event.KnownHead
	err := s.view(ctx, func(ctx context.Context, t tx) error {
		return t.each(ctx, func(scan func(...any) error) error {
			var h event.KnownHead
			var at int64
			err := scan(&h.Ref, &h.SHA, &h.Next, &at)
			h.NextAt = timeOf(at)
			list = append(list, h)
			return err
		}, "SELECT ref, sha, next, next_at FROM heads WHERE vendor = ? AND repo_id = ? ORDER BY ref", text(vendor), repoID)
	})
	if err != nil {
		return nil, fmt.Errorf("list heads of repository %d: %w", repoID, err)
	}
	return list, nil
}

// NoteHeads keeps, in one transaction, what a look at a repository found: the
// repository as it now stands, the heads that are new or changed, and the refs
// that are gone.
func (s *Store) NoteHeads(ctx context.Context, r event.KnownRepo, changed []event.KnownHead, gone []string) error {
	repo, err := encode(r.Repo)
	if err == nil {
		err = s.do(ctx, false, func(ctx context.Context, t tx) error {
			_, err := t.exec(ctx, `UPDATE known_repositories SET repo = ?, tried = ?, refs_at = ?, pulls_at = ?, problem = ?, hint = ?, refused = ?
				WHERE vendor = ? AND id = ?`, repo, nanos(r.Tried), nanos(r.RefsAt), nanos(r.PullsAt),
				text(r.Problem), text(r.Hint), number(r.Refused), text(r.Vendor), r.ID)
			if err != nil {
				return err
			}
			return t.noteHeads(ctx, r, changed, gone)
		})
	}
	if err != nil {
		return fmt.Errorf("note heads of repository %d: %w", r.ID, err)
	}
	return nil
}

func (t tx) noteHeads(ctx context.Context, r event.KnownRepo, changed []event.KnownHead, gone []string) error {
	rows := make([][]any, len(changed))
	for i, h := range changed {
		rows[i] = []any{text(r.Vendor), r.ID, text(h.Ref), text(h.SHA), text(h.Next), nanos(h.NextAt)}
	}
	err := t.insert(ctx, "INSERT INTO heads (vendor, repo_id, ref, sha, next, next_at)", rows,
		" ON CONFLICT (vendor, repo_id, ref) DO UPDATE SET sha = excluded.sha, next = excluded.next, next_at = excluded.next_at", nil)
	if err != nil {
		return err
	}
	for _, ref := range gone {
		if _, err := t.exec(ctx, "DELETE FROM heads WHERE vendor = ? AND repo_id = ? AND ref = ?", text(r.Vendor), r.ID, text(ref)); err != nil {
			return err
		}
	}
	return nil
}

// AppendFound stores an event that was made because a ref moved and no event
// said so. In the same transaction it is made sure that none does: if one was
// accepted in the meantime, nothing is written, and the receipt names that one as
// the first. Otherwise it does what [Store.Append] does, its errors included.
func (s *Store) AppendFound(ctx context.Context, e event.Event) (event.Receipt, error) {
	m, ok := event.MoveOf(e)
	if !ok {
		return event.Receipt{}, fmt.Errorf("append %s: the event does not say that a ref moved", e.ID)
	}
	r, err := s.row(e)
	if err != nil {
		return event.Receipt{}, fmt.Errorf("append %q: %w", e.ID, err)
	}
	if err := s.room(); err != nil {
		return event.Receipt{}, fmt.Errorf("append %s: %w", e.ID, err)
	}
	err = s.do(ctx, false, func(ctx context.Context, t tx) error {
		r.receipt = event.Receipt{}
		// Taking a number locks appends of other agents out until we are done.
		if _, err := t.count(ctx, "seq", 0); err != nil {
			return err
		}
		moves, err := t.moves(ctx, e.Vendor, e.Repo.ID, e.Ref)
		if err != nil {
			return err
		}
		if told, ok := event.ToldBy(moves, m.SHA); ok {
			r.receipt = event.Receipt{ID: told.EventID, Duplicate: true}
			return nil
		}
		return s.appendRows(ctx, t, []*op{{row: r}})
	})
	if err != nil {
		return event.Receipt{}, fmt.Errorf("append %s: %w", e.ID, err)
	}
	if r.receipt.ID == "" {
		return event.Receipt{}, errors.New("append " + e.ID + ": the event was neither stored nor known")
	}
	s.appended(r)
	return r.receipt, nil
}
