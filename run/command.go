package run

import (
	"time"

	"github.com/franela/pocketci/event"
)

// Comment is what somebody wrote at a pull request.
type Comment struct {
	ID          int64
	PullRequest int
	Author      event.Sender
	Body        string
	At          time.Time
	// Edited: it was changed after it was written.
	Edited bool
}

// CommandVerdict is what became of a command.
type CommandVerdict string

const (
	// CommandDone: it was carried out.
	CommandDone CommandVerdict = "done"
	// CommandRefused: it was not, and the person is told why.
	CommandRefused CommandVerdict = "refused"
	// CommandIgnored: it was not, and nobody is told: it came from a bot, or the
	// comment is not what it was.
	CommandIgnored CommandVerdict = "ignored"
)

// Command is what a comment asked of us, and what became of that.
type Command struct {
	// Name is "/test", "/retest", "/cancel" or "/ok-to-test"; Arg is what stood
	// behind it, or empty.
	Name    string         `json:"name"`
	Arg     string         `json:"arg,omitempty"`
	By      event.Sender   `json:"by"`
	Verdict CommandVerdict `json:"verdict"`
	// Reason is one sentence.
	Reason string `json:"reason,omitempty"`
	// Started is the id of the event that runs because of it.
	Started string `json:"started,omitempty"`
}

// Reply is one answer to a comment.
type Reply struct {
	// EventID is the comment's event. There is one reply to it at most.
	EventID     string
	RepoID      int64
	PullRequest int
	// Account is the numeric id of whom it answers.
	Account int64
	Text    string
	At      time.Time
}

// ReplyState says what is known of a reply.
type ReplyState string

const (
	// ReplyNew: it was not begun before; send it.
	ReplyNew ReplyState = "new"
	// ReplyInDoubt: it was begun and its end is not known; look before sending.
	ReplyInDoubt ReplyState = "in doubt"
	// ReplySent: it was sent, or given up.
	ReplySent ReplyState = "sent"
	// ReplySpared: so many were sent of late that this one is not.
	ReplySpared ReplyState = "spared"
)

// ReplyLimits bounds how many replies are sent within a time: comments are
// anybody's to write, and answers to them must not become a nuisance.
type ReplyLimits struct {
	Within time.Duration
	// Account counts those to one account at one pull request, Pull those at one
	// pull request, Repo those in one repository.
	Account, Pull, Repo int
}
