package run

import (
	"errors"
	"time"

	"github.com/franela/pocketci/event"
)

// ErrRefused: the code host refuses a report for good; it becomes a dead letter.
var ErrRefused = errors.New("refused for good")

// RetryAfter is a code host's word that it takes nothing before a time.
type RetryAfter struct {
	Until time.Time
	Err   error
	// Ours tells that it is not the code host's word but the agent's own bound of
	// what is asked in the background: other questions may still be answered.
	Ours bool
}

func (r *RetryAfter) Error() string {
	return "limited until " + r.Until.UTC().Format(time.RFC3339) + ": " + r.Err.Error()
}

// Unwrap gives the cause.
func (r *RetryAfter) Unwrap() error { return r.Err }

// StatusState is a commit status's state, in GitHub's words.
type StatusState string

const (
	StatusPending StatusState = "pending"
	StatusSuccess StatusState = "success"
	StatusFailure StatusState = "failure"
	StatusError   StatusState = "error"
)

// Status is what one context on a commit says.
type Status struct {
	Context     string      `json:"context"`
	State       StatusState `json:"state"`
	Description string      `json:"description"`
	TargetURL   string      `json:"target_url,omitempty"`
	// Skip: nothing was done; it never replaces another event's result.
	Skip bool `json:"skip,omitempty"`
}

// Report is one row of the outbox: the newest state of one context on one commit.
type Report struct {
	// Key identifies the row.
	Key    string     `json:"-"`
	Repo   event.Repo `json:"-"`
	SHA    string     `json:"sha"`
	Status Status     `json:"status"`
	// Seq is the sequence of the event whose state it is.
	Seq int64 `json:"-"`
	// Version grows with every new state; SentVersion is the newest that arrived.
	Version     int64 `json:"-"`
	SentVersion int64 `json:"-"`
	// Attempts counts the tries of this version.
	Attempts int `json:"attempts"`
	// Claim is the store's number of the claim under which the row was handed
	// out; it is passed back when the row is settled.
	Claim int64 `json:"-"`
	// InDoubt: a try began and its end is not known; list before sending again.
	InDoubt bool `json:"-"`
	// NotBefore is the earliest time to send it.
	NotBefore time.Time `json:"not_before,omitzero"`
	// Sent is when the newest version arrived; zero: not yet.
	Sent time.Time `json:"sent_at,omitzero"`
	// Dead says why it was given up.
	Dead string `json:"dead,omitempty"`
}
