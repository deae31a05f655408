package store

import (
	"context"
	"fmt"
	"time"

	"github.com/franela/pocketci/event"
)

// What stands in the files coverage*.go is what the agent knows of the code
// host's own record, to hold it against the events: which webhooks there are and
// what became of each of their deliveries (the ledger), where refs stand, and
// which moves of refs events told of. None of it is written when an event is
// accepted: what follows from events is caught up with when somebody asks.

// Coverage says what became of the events that were emitted since a time, as far
// as the ledger knows: of an event that several hooks should have delivered the
// best. It is of one moment.
func (s *Store) Coverage(ctx context.Context, since time.Time) (event.Coverage, error) {
	c := event.Coverage{Span: event.Span{From: since, To: s.cfg.Clock().UTC()}}
	if err := s.index(ctx); err != nil {
		return event.Coverage{}, fmt.Errorf("sum up coverage: %w", err)
	}
	err := s.view(ctx, func(ctx context.Context, t tx) error {
		if err := t.coverEvents(ctx, &c); err != nil {
			return err
		}
		if err := t.coverHooks(ctx, &c); err != nil {
			return err
		}
		if err := t.coverRepositories(ctx, &c); err != nil {
			return err
		}
		_, err := t.one(ctx, []any{&c.Found}, "SELECT COUNT(*) FROM moves WHERE found = 1 AND at >= ?", nanos(since))
		return err
	})
	if err != nil {
		return event.Coverage{}, fmt.Errorf("sum up coverage: %w", err)
	}
	return c, nil
}

// ranks orders what may have become of one event at several hooks, the best
// first; the last stands for missing and lost.
const ranks = "CASE state WHEN 'delivered' THEN 1 WHEN 'recovered' THEN 2 WHEN 'refused' THEN 3 ELSE 4 END"

// add counts n events of a rank.
func add(rank, n int, events, delivered, recovered, refused, gaps *int) {
	*events += n
	switch rank {
	case 1:
		*delivered += n
	case 2:
		*recovered += n
	case 3:
		*refused += n
	default:
		*gaps += n
	}
}

func (t tx) coverEvents(ctx context.Context, c *event.Coverage) error {
	return t.each(ctx, func(scan func(...any) error) error {
		var rank, n int
		if err := scan(&rank, &n); err != nil {
			return err
		}
		add(rank, n, &c.Events, &c.Delivered, &c.Recovered, &c.Refused, &c.Gaps)
		return nil
	}, "SELECT best, COUNT(*) FROM (SELECT MIN("+ranks+`) AS best FROM deliveries
		WHERE at >= ? AND state <> 'ignored' GROUP BY vendor, guid) AS events GROUP BY best`, nanos(c.From))
}

func (t tx) coverHooks(ctx context.Context, c *event.Coverage) error {
	hooks, err := t.hooks(ctx, " ORDER BY vendor, id")
	if err != nil {
		return err
	}
	c.Hooks = make([]event.HookCoverage, len(hooks))
	type key struct {
		vendor string
		id     int64
	}
	at := map[key]*event.HookCoverage{}
	for i, h := range hooks {
		c.Hooks[i] = event.HookCoverage{
			Vendor: h.Vendor, Hook: h.Hook, Of: h.Of(), ReadAt: h.Cursor, Unread: h.Unread, Problem: h.Problem, Hint: h.Hint,
		}
		at[key{h.Vendor, h.ID}] = &c.Hooks[i]
	}
	return t.each(ctx, func(scan func(...any) error) error {
		var k key
		var rank, n int
		if err := scan(&k.vendor, &k.id, &rank, &n); err != nil {
			return err
		}
		if h := at[k]; h != nil {
			add(rank, n, &h.Events, &h.Delivered, &h.Recovered, &h.Refused, &h.Gaps)
		}
		return nil
	}, "SELECT vendor, hook, "+ranks+" AS what, COUNT(*) FROM deliveries WHERE at >= ? AND state <> 'ignored' GROUP BY vendor, hook, what", nanos(c.From))
}

func (t tx) coverRepositories(ctx context.Context, c *event.Coverage) error {
	repos, err := t.repositories(ctx, " WHERE tried > 0 ORDER BY vendor, id")
	c.Repositories = make([]event.RepoCoverage, len(repos))
	for i, r := range repos {
		c.Repositories[i] = event.RepoCoverage{
			Vendor: r.Vendor, ID: r.ID, Name: r.FullName(), ReadAt: r.RefsAt, Problem: r.Problem, Hint: r.Hint,
		}
	}
	return err
}
