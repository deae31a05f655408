package dispatch

import (
	"context"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Queue hands out runs under leases.
type Queue interface {
	// Lease blocks until there is work or ctx ends.
	Lease(ctx context.Context) (run.Work, error)
	// Renew extends a lease; an error that wraps [run.ErrLeaseLost] means that
	// somebody else has the run.
	Renew(ctx context.Context, l run.Lease) (run.Lease, error)
}

// Recorder writes what a step found out, durably, in one transaction.
type Recorder interface {
	Advance(ctx context.Context, l run.Lease, p run.Progress) error
}

// Repositories gets an event's tree and knows what a repository's own refs hold.
type Repositories interface {
	Checkout(ctx context.Context, e event.Event) (run.Tree, error)
	// Reachable tells whether one of the repository's own branches or tags holds sha.
	Reachable(ctx context.Context, repo event.Repo, sha string) (bool, error)
}

// Identities knows which numeric id a repository's name belongs to.
type Identities interface {
	Holder(ctx context.Context, repo event.Repo, vendor string) (int64, error)
}

// Permissions asks the code host what an account may do.
type Permissions interface {
	CanWrite(ctx context.Context, repo event.Repo, sender event.Sender) (bool, error)
}

// Policy is what the operator decided.
type Policy interface {
	// Settings reads what the repository asks for, as far as the operator grants it.
	Settings(ctx context.Context, e event.Event, t run.Tree) (run.Settings, error)
	// Secrets gives the values of a module's secrets that are granted and set, and
	// for every mapped secret the reason why it can't be given: empty if it can.
	Secrets(e event.Event, m run.Module) (run.SecretValues, map[string]string)
}

// Strangers is the operator's list of functions that get their secrets even if
// the sender of a trusted sha is not trusted.
type Strangers interface {
	// AllowsStranger tells whether the function is listed for the repository.
	AllowsStranger(repo event.Repo, function string) bool
	// TrustsBot tells whether the bot account is listed.
	TrustsBot(login string) bool
}

// Engine loads modules and opens sessions.
type Engine interface {
	// Table says what a module offers, from its cache where the content is known.
	Table(ctx context.Context, src run.Source) (run.Table, error)
	// Open opens a session for the calls of one event and module.
	Open(ctx context.Context, s Spec) (Session, error)
}

// Spec is what a session needs.
type Spec struct {
	EventID string
	Module  string
	Source  run.Source
	Secrets run.SecretValues
	// Trigger is the eventTrigger file's content.
	Trigger []byte
}

// Session makes calls. Errors are infrastructure (run.ErrNoEngine,
// run.ErrEngineLost); a function's own failure is a result.
type Session interface {
	Call(ctx context.Context, c run.Call) (run.Result, error)
	Close() error
}
