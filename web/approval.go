package web

import (
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Approval is by whose word a commit ran that is not the repository's own.
type Approval struct {
	By          Sender `json:"by"`
	PullRequest int    `json:"pull_request"`
	SHA         string `json:"sha"`
	// BaseSHA is the commit of BaseRef that the modules came from.
	BaseRef string `json:"base_ref"`
	BaseSHA string `json:"base_sha"`
	// Event is the id of the comment's event.
	Event      string    `json:"event"`
	ApprovedAt time.Time `json:"approved_at"`
}

// Command is what a comment asked for, and what became of that.
type Command struct {
	Name string `json:"name"`
	Arg  string `json:"arg,omitempty"`
	By   Sender `json:"by"`
	// Verdict is done, refused or ignored.
	Verdict string `json:"verdict"`
	Reason  string `json:"reason,omitempty"`
	// Started is the id of the event that ran because of it.
	Started string `json:"started,omitempty"`
}

// Rerun tells of an event that repeats another one.
type Rerun struct {
	// Of is the id of the event that is repeated, Asked that of the event by which
	// By asked for it.
	Of    string `json:"of"`
	Asked string `json:"asked"`
	By    Sender `json:"by"`
	// Functions are those that were asked for; absent: all. The others' results are
	// those of an earlier run.
	Functions []string `json:"functions,omitempty"`
}

func sender(s event.Sender) Sender { return Sender{ID: s.ID, Login: s.Login, Bot: s.Bot} }

func approval(a *run.Approval) *Approval {
	if a == nil {
		return nil
	}
	return &Approval{
		By: sender(a.By), PullRequest: a.PullRequest, SHA: a.SHA, BaseRef: a.BaseRef, BaseSHA: a.BaseSHA,
		Event: a.EventID, ApprovedAt: utc(a.At),
	}
}

func command(c *run.Command) *Command {
	if c == nil {
		return nil
	}
	return &Command{Name: c.Name, Arg: c.Arg, By: sender(c.By), Verdict: string(c.Verdict), Reason: c.Reason, Started: c.Started}
}

func rerun(r *event.RerunOf) *Rerun {
	if r == nil {
		return nil
	}
	return &Rerun{Of: r.Of, Asked: r.Asked, By: sender(r.By), Functions: r.Functions}
}
