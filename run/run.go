package run

import (
	"errors"
	"time"

	"github.com/franela/pocketci/event"
)

// ErrLeaseLost: somebody else holds the run's lease now; nothing was written.
var ErrLeaseLost = errors.New("lease lost")

// ErrNotFound: no event has the id that was asked for.
var ErrNotFound = errors.New("not found")

// State is where a run stands.
type State string

const (
	// Recorded: kept, with the reason why nothing is done. Final.
	Recorded State = "recorded"
	// Queued: waits for its turn.
	Queued State = "queued"
	// Waiting: waits for what Waits says (an engine, an approval).
	Waiting State = "waiting"
	// Running: somebody holds its lease.
	Running State = "running"
	// Done: finished; Conclusion says how. Final.
	Done State = "done"
)

// Run is what we did about one event.
type Run struct {
	// Seq numbers runs in the order in which their events were accepted, from 1.
	Seq   int64
	Event event.Event
	State State
	// Waits says in one sentence what a waiting run waits for.
	Waits string
	// Attempt counts the tries that reached an engine.
	Attempt int
	// Lost counts the attempts that ended because the engine went away.
	Lost int
	// Trust is the lower of the sha's and the sender's, once settled.
	Trust event.Trust
	// SHA is the commit, once checked out.
	SHA string
	// Changed is the number of changed files; -1: no diff.
	Changed int
	// Decisions are nil until there are any.
	Decisions []Decision
	// Calls are those that were begun or finished.
	Calls []CallState
	// Problem is what kept the run from calling (configuration, loading); scrubbed.
	Problem *Problem
	// Outcome is the worst of its calls and of Problem; only when Done.
	Outcome Outcome
	// Note is one sentence about how it ended ("no function handles labeled").
	Note string
	// Approval is by whose word a commit runs that is not the repository's own; nil:
	// it is the repository's own, or waits for one.
	Approval *Approval
	// Command is what the event, a comment, asked of us; nil: nothing.
	Command *Command
	// Begun is when it was first leased, Ended when it was done; zero before.
	Begun, Ended time.Time
	// Version grows with every write.
	Version int64
}

// Problem is what went wrong outside a function, for people.
type Problem struct {
	// Module is the entry's name under `modules:`, or empty.
	Module string `json:"module,omitempty"`
	Public string `json:"error"`
	Hint   string `json:"hint,omitempty"`
}

// CallState is a call, and its result once there is one.
type CallState struct {
	Call   Call      `json:"call"`
	Begun  time.Time `json:"started_at"`
	Result *Result   `json:"result,omitempty"`
}

// Lease is the right to work on one run until a time.
type Lease struct {
	EventID string
	Owner   string
	// Fence grows with every lease of the run; writes under an older one are refused.
	Fence int64
	Until time.Time
}

// Work is a run handed out under a lease. Its event carries the payload.
type Work struct {
	Lease Lease
	Run   Run
	// Tries counts the leases of the run that nobody gave back, this one included:
	// 1, unless a holder died or stood still with it.
	Tries int
	// Cancel is why the run is to be ended at once; empty: it is not.
	Cancel string
}

// Progress is what one step adds to a run, written in one transaction. Zero
// fields leave what is there.
type Progress struct {
	// State moves the run; Queued and Waiting give the lease back, Done and
	// Recorded end it.
	State State
	Waits string
	// For says what kind of thing a waiting run waits for.
	For WaitFor
	// NotBefore is the earliest time at which a queued or waiting run is handed out.
	NotBefore time.Time
	// Attempt is set before the work that it counts, Lost after the engine went away.
	Attempt *int
	Lost    *int
	Trust   event.Trust
	SHA     string
	Changed *int
	// Decisions replace none: they are written once.
	Decisions []Decision
	// Begun are calls that are about to be made; Results are those that ended.
	Begun   []CallState
	Results []Result
	Problem *Problem
	Outcome Outcome
	Note    string
	// Approval and Command replace what was there.
	Approval *Approval
	Command  *Command
}
