package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/franela/pocketci/event"
)

// ledgerFor is how long the ledger of deliveries goes back: longer than any code
// host's own record.
const ledgerFor = 7 * 24 * time.Hour

// Hooks gives the webhooks of a vendor through which events came, or that were
// noted, the one that was tried longest ago first.
func (s *Store) Hooks(ctx context.Context, vendor string) ([]event.KnownHook, error) {
	if err := s.index(ctx); err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	var list []event.KnownHook
	err := s.view(ctx, func(ctx context.Context, t tx) (err error) {
		list, err = t.hooks(ctx, " WHERE vendor = ? ORDER BY tried, id", text(vendor))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	return list, nil
}

func (t tx) hooks(ctx context.Context, where string, args ...any) ([]event.KnownHook, error) {
	var list []event.KnownHook
	err := t.each(ctx, func(scan func(...any) error) error {
		var h event.KnownHook
		var repo string
		var since, cursor, tried, from, to, refused int64
		err := scan(&h.Vendor, &h.ID, &h.TargetType, &h.TargetID, &repo, &since, &cursor, &tried, &from, &to,
			&h.Problem, &h.Hint, &refused)
		if err != nil {
			return err
		}
		h.Since, h.Cursor, h.Tried, h.Refused = timeOf(since), timeOf(cursor), timeOf(tried), refused != 0
		h.Unread = event.Span{From: timeOf(from), To: timeOf(to)}
		list = append(list, h)
		return decode([]byte(repo), &list[len(list)-1].Repo)
	}, `SELECT vendor, id, target_type, target_id, repo, since, cursor_at, tried, unread_from, unread_to,
		problem, hint, refused FROM hooks`+where, args...)
	return list, err
}

// Known says which of these events are stored, by their ids, and how they came.
func (s *Store) Known(ctx context.Context, ids []string) (map[string]event.Provenance, error) {
	known := make(map[string]event.Provenance, len(ids))
	err := s.view(ctx, func(ctx context.Context, t tx) error {
		for part := range slices.Chunk(ids, 100) {
			if err := t.known(ctx, part, known); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up events: %w", err)
	}
	return known, nil
}

// known looks at the keys, which outlive the events: of those that are gone it is
// not told how they came.
func (t tx) known(ctx context.Context, ids []string, known map[string]event.Provenance) error {
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	return t.each(ctx, func(scan func(...any) error) error {
		var id, data string
		if err := scan(&id, &data); err != nil {
			return err
		}
		var e event.Event
		known[id] = event.Webhook
		if data != "" && decode([]byte(data), &e) == nil {
			known[id] = e.Provenance
		}
		return nil
	}, "SELECT s.id, COALESCE(e.data, '') FROM seen s LEFT JOIN events e ON e.id = s.id WHERE s.id IN "+list(len(args)), args...)
}

// NoteDeliveries keeps, in one transaction, what a look at a webhook's deliveries
// found: the hook as it now stands, and the receptions. What became of an event
// is not forgotten again: a reception that is known to have been delivered,
// recovered, refused or lost is not missing because of a later attempt.
func (s *Store) NoteDeliveries(ctx context.Context, h event.KnownHook, receptions []event.Reception) error {
	repo, err := encode(h.Repo)
	if err == nil {
		err = s.do(ctx, false, func(ctx context.Context, t tx) error {
			if err := t.noteHook(ctx, h, repo); err != nil {
				return err
			}
			if err := t.noteReceptions(ctx, receptions); err != nil {
				return err
			}
			_, err := t.exec(ctx, "DELETE FROM deliveries WHERE at < ?", nanos(t.s.cfg.Clock().Add(-ledgerFor)))
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("note deliveries of webhook %d: %w", h.ID, err)
	}
	return nil
}

func (t tx) noteHook(ctx context.Context, h event.KnownHook, repo string) error {
	_, err := t.exec(ctx, `INSERT INTO hooks (vendor, id, target_type, target_id, repo, since,
			cursor_at, tried, unread_from, unread_to, problem, hint, refused) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (vendor, id) DO UPDATE SET cursor_at = excluded.cursor_at, tried = excluded.tried,
			unread_from = excluded.unread_from, unread_to = excluded.unread_to,
			problem = excluded.problem, hint = excluded.hint, refused = excluded.refused`,
		text(h.Vendor), h.ID, text(h.TargetType), h.TargetID, repo, nanos(h.Since), nanos(h.Cursor), nanos(h.Tried),
		nanos(h.Unread.From), nanos(h.Unread.To), text(h.Problem), text(h.Hint), number(h.Refused))
	return err
}

// noteReceptions writes them one by one: a statement for many would refuse an
// event that it holds twice.
func (t tx) noteReceptions(ctx context.Context, receptions []event.Reception) error {
	const settled = "(deliveries.state IN ('delivered', 'recovered', 'refused', 'lost') AND excluded.state = 'missing')"
	for _, r := range receptions {
		if _, err := t.exec(ctx, `INSERT INTO deliveries (vendor, hook, guid, type, at, attempt, code, state, reason)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (vendor, hook, guid) DO UPDATE SET
				at = CASE WHEN excluded.at < deliveries.at THEN excluded.at ELSE deliveries.at END,
				attempt = excluded.attempt, code = excluded.code,
				reason = CASE WHEN `+settled+` THEN deliveries.reason ELSE excluded.reason END,
				state = CASE WHEN `+settled+` THEN deliveries.state ELSE excluded.state END`,
			text(r.Vendor), r.HookID, text(r.GUID), text(r.Type), nanos(r.At), r.Attempt, r.Code, text(r.State), text(r.Reason)); err != nil {
			return err
		}
	}
	return nil
}

// Missing gives the receptions of a vendor's events that did not reach us and
// were first attempted at since or later, the oldest first.
func (s *Store) Missing(ctx context.Context, vendor string, since time.Time) ([]event.Reception, error) {
	var list []event.Reception
	err := s.view(ctx, func(ctx context.Context, t tx) error {
		return t.each(ctx, func(scan func(...any) error) error {
			var r event.Reception
			var at int64
			var state string
			err := scan(&r.Vendor, &r.HookID, &r.GUID, &r.Type, &at, &r.Attempt, &r.Code, &state, &r.Reason)
			r.At, r.State = timeOf(at), event.ReceptionState(state)
			list = append(list, r)
			return err
		}, `SELECT vendor, hook, guid, type, at, attempt, code, state, reason FROM deliveries
			WHERE state = 'missing' AND vendor = ? AND at >= ? ORDER BY at, guid, hook`, text(vendor), nanos(since))
	})
	if err != nil {
		return nil, fmt.Errorf("list missing deliveries: %w", err)
	}
	return list, nil
}

// SettleDelivery says what became of an event that was missing, for every hook
// that should have delivered it.
func (s *Store) SettleDelivery(ctx context.Context, vendor, guid string, state event.ReceptionState, reason string) error {
	err := s.do(ctx, false, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, "UPDATE deliveries SET state = ?, reason = ? WHERE guid = ? AND vendor = ? AND state = 'missing'",
			text(state), text(reason), text(guid), text(vendor))
		return err
	})
	if err != nil {
		return fmt.Errorf("settle delivery %s: %w", guid, err)
	}
	return nil
}
