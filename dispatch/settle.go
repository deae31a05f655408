package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// identityRecheck is how soon a held repository is looked at again.
const identityRecheck = time.Hour

// identify holds an event of a repository that took over a known name: whoever
// gets a deleted repository's name must not get what was granted to it.
func (d *Dispatcher) identify(ctx context.Context, e event.Event) error {
	id, err := d.Identities.Holder(ctx, e.Repo, e.Vendor)
	if err != nil {
		return fmt.Errorf("look up %s: %w", e.Repo.FullName(), err)
	}
	if id != e.Repo.ID {
		return &hold{
			waits: fmt.Sprintf("the operator's word: %s is a new repository (id %d) under a known name (id %d); --accept-repo %s=%d lets it in",
				e.Repo.FullName(), e.Repo.ID, id, e.Repo.FullName(), e.Repo.ID),
			again: d.Clock().Add(identityRecheck), kind: run.ForPerson,
		}
	}
	return nil
}

// settleSHA says whether the event's commit is the repository's own. Only what
// git and the delivery prove counts.
func (d *Dispatcher) settleSHA(ctx context.Context, e event.Event) (event.Trust, error) {
	if e.SHATrust == event.Untrusted {
		own, err := d.trustsFork(ctx, e)
		if err != nil {
			return "", err
		}
		if own {
			return event.Trusted, nil
		}
	}
	if e.SHATrust != event.TrustUnknown {
		return e.SHATrust, nil
	}
	if e.SHA == "" {
		// A ref of the repository itself, resolved by us: nobody chose the sha.
		return event.Trusted, nil
	}
	own, err := d.Repositories.Reachable(ctx, e.Repo, e.SHA)
	if err != nil {
		return "", fmt.Errorf("settle trust of %s@%s: %w", e.Repo.FullName(), e.SHA, err)
	}
	if own {
		return event.Trusted, nil
	}
	return event.Untrusted, nil
}

// settleSender says whether the sender may write to the repository. Bots are
// never asked for: an App's permission says nothing about who made it act.
func (d *Dispatcher) settleSender(ctx context.Context, e event.Event) (event.Trust, error) {
	if e.SenderTrust != event.TrustUnknown {
		return e.SenderTrust, nil
	}
	if e.Sender.Bot {
		if d.Strangers.TrustsBot(e.Sender.Login) {
			return event.Trusted, nil
		}
		return event.Untrusted, nil
	}
	if e.Sender.Login == "" {
		return event.Untrusted, nil
	}
	writer, err := d.Permissions.CanWrite(ctx, e.Repo, e.Sender)
	if errors.Is(err, run.ErrRefused) {
		// Our credential may not ask: waiting would not help, and who can't be asked
		// for is nobody in particular.
		d.Log.Warn().Err(err).Str("event_id", e.ID).Str("repo", e.Repo.FullName()).Msg("the sender's permission can't be asked for; the event runs without secrets")
		return event.Untrusted, nil
	}
	if err != nil {
		return "", fmt.Errorf("ask for the permission of %s on %s: %w", e.Sender.Login, e.Repo.FullName(), err)
	}
	if writer {
		return event.Trusted, nil
	}
	return event.Untrusted, nil
}
