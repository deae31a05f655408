package dispatch

import (
	"context"
	"fmt"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Order keeps runs in the order of their group.
type Order interface {
	// Enter asks whether the run may go, as the order wants it, and writes what was
	// found out before.
	Enter(ctx context.Context, l run.Lease, o run.Order, found run.Progress) (run.Standing, error)
	// Overlook keeps that an event supersedes nothing.
	Overlook(ctx context.Context, eventID string) error
}

// Stops ends runs before their time.
type Stops interface {
	// Heed gives those of the leased runs that are to end.
	Heed(ctx context.Context, leases []run.Lease) ([]run.Stop, error)
	// Supersede ends the runs of the group's older commits that wait for a person.
	Supersede(ctx context.Context, l run.Lease) (int, error)
}

// News says of events whether they are out of date: that a push has arrived last
// does not make it the newest.
type News interface {
	// Outdated gives the reason why an event is not to be acted on, or "".
	Outdated(ctx context.Context, e event.Event) (string, error)
}

// supersededBy is why a run ends that a newer commit takes the place of.
func supersededBy(sha string) string { return "superseded by " + sha }

// outdated ends the run of an event that is out of date: it must neither run after
// what is newer nor take its place. What was begun goes on.
func (t *task) outdated(ctx context.Context, e event.Event) error {
	if t.run.Decisions != nil {
		return nil
	}
	reason, err := t.news(ctx, e)
	if err != nil || reason == "" {
		return err
	}
	return &nothing{reason: reason}
}

func (d *Dispatcher) news(ctx context.Context, e event.Event) (reason string, err error) {
	if d.News == nil {
		return "", nil
	}
	if reason, err = d.News.Outdated(ctx, e); err != nil {
		return "", fmt.Errorf("see whether %s is out of date: %w", e.ID, err)
	}
	return reason, nil
}

// enter takes the run's place among those of its branch or pull request. A run
// that was superseded, or that another one comes before, does not get further.
func (t *task) enter(ctx context.Context, c run.Concurrency) error {
	g := run.GroupOf(t.run.Event)
	if t.Order == nil || g.Kind == "" {
		return t.write(ctx)
	}
	for {
		st, err := t.Order.Enter(ctx, t.lease, c.Order(g.Kind), t.unwritten)
		if err != nil {
			return fmt.Errorf("take the place of %s: %w", t.run.Event.ID, err)
		}
		t.unwritten = run.Progress{}
		switch {
		case st.Newer.ID != "":
			if err := t.yield(ctx, st.Newer); err != nil {
				return err
			}
		case st.First != 0:
			return &hold{waits: "its turn after " + st.SHA, kind: run.ForTurn}
		default:
			return nil
		}
	}
}

// yield gives way to an event, unless that is out of date.
func (t *task) yield(ctx context.Context, newer event.Event) error {
	reason, err := t.news(ctx, newer)
	if err != nil {
		return err
	}
	if reason == "" {
		return &run.Stopped{Why: supersededBy(newer.SHA)}
	}
	if err := t.Order.Overlook(ctx, newer.ID); err != nil {
		return fmt.Errorf("keep that %s is out of date: %w", newer.ID, err)
	}
	return nil
}

// supersede ends the runs of the pull request's older commits that wait for a
// person: an approval is for the newest commit alone.
func (t *task) supersede(ctx context.Context) error {
	if g := run.GroupOf(t.run.Event); t.Stops == nil || g.Kind != run.GroupPull || !g.Moves {
		return nil
	}
	n, err := t.Stops.Supersede(ctx, t.lease)
	if err != nil {
		return fmt.Errorf("supersede what %s replaces: %w", t.run.Event.ID, err)
	}
	if n > 0 {
		t.log.Info().Int("runs", n).Msg("older commits no longer wait for a person")
	}
	return nil
}
