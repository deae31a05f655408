package local

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/franela/pocketci/event"
)

// Request is what the person asks for.
type Request struct {
	// Name is the <Event> of function names: push, tag, pull_request, issues, …
	Name string
	// Filter and Action are as in package event. Filter defaults to the branch for
	// a push, and to the action for everything else.
	Filter, Action string
}

// Facts are what git knows of the working tree.
type Facts struct {
	Repo event.Repo
	// SHA is HEAD; empty in a repository without commits.
	SHA string
	// Branch is the current one; empty if HEAD is detached.
	Branch string
	// Base is the commit that changed files are taken against; may be empty.
	Base string
	// BaseRef is the branch that Base was found through, without remote.
	BaseRef string
	// Message, AuthorName, AuthorEmail and CommittedAt are HEAD's.
	Message, AuthorName, AuthorEmail string
	CommittedAt                      time.Time
}

// Event makes the event. id must be unique; now is when it was asked for.
func Event(q Request, f Facts, id string, now time.Time) (event.Event, error) {
	if q.Name == "" {
		return event.Event{}, &event.Problem{Public: "no event is named", Hint: "give one with --event, as in --event push"}
	}
	e := event.Event{
		ID: id, Vendor: "github", Name: q.Name, Type: q.Name,
		Filter: q.Filter, Action: q.Action,
		Repo: f.Repo, Sender: event.Sender{Login: f.AuthorName},
		SHA: f.SHA, BaseSHA: f.Base, Diff: event.DiffNone,
		SHATrust: event.Trusted, SenderTrust: event.Trusted,
		Provenance: event.Local, ReceivedAt: now,
	}
	place(&e, f)
	payload, err := json.Marshal(payloadOf(e, f))
	if err != nil {
		return event.Event{}, fmt.Errorf("make the payload of a local %s event: %w", e.Name, err)
	}
	e.Payload = payload
	return e, nil
}

// place fills what depends on the kind of event.
func place(e *event.Event, f Facts) {
	switch e.Name {
	case "push":
		if e.Filter == "" {
			e.Filter = f.Branch
		}
		e.Ref, e.Diff = "refs/heads/"+e.Filter, event.DiffPush
	case "tag":
		e.Type, e.Ref = "push", "refs/tags/"+e.Filter
	default:
		if e.Filter == "" {
			e.Filter = e.Action
		}
		if e.Action == "" {
			e.Action = e.Filter
		}
		if strings.HasPrefix(e.Name, "pull_request") {
			e.Diff, e.BaseRef, e.Ref = event.DiffPull, f.BaseRef, "refs/heads/"+f.Branch
		}
	}
}

// object is a JSON object under construction.
type object = map[string]any

// payloadOf is the code host's object for the event, as far as git knows it.
func payloadOf(e event.Event, f Facts) object {
	who := object{"name": f.AuthorName, "email": f.AuthorEmail}
	p := object{
		"repository": object{
			"id": e.Repo.ID, "name": e.Repo.Name, "full_name": e.Repo.FullName(),
			"owner":          object{"login": e.Repo.Owner, "name": e.Repo.Owner},
			"default_branch": e.Repo.DefaultBranch, "html_url": e.Repo.HTMLURL,
		},
		"sender": object{"login": e.Sender.Login, "id": e.Sender.ID},
	}
	switch {
	case e.Type == "push":
		commit := object{
			"id": f.SHA, "message": f.Message, "timestamp": f.CommittedAt.Format(time.RFC3339),
			"author": who, "committer": who,
		}
		p["ref"], p["before"], p["after"] = e.Ref, f.Base, f.SHA
		p["created"], p["deleted"], p["forced"] = false, false, false
		p["head_commit"], p["commits"], p["pusher"] = commit, []object{commit}, who
	case strings.HasPrefix(e.Name, "pull_request"):
		p["action"], p["number"] = e.Action, 0
		p["pull_request"] = object{
			"number": 0, "title": firstLine(f.Message), "state": "open", "draft": false, "merged": false,
			"head": object{"ref": f.Branch, "sha": f.SHA}, "base": object{"ref": f.BaseRef, "sha": f.Base},
			"user": object{"login": e.Sender.Login},
		}
	default:
		p["action"] = e.Action
	}
	return p
}

func firstLine(s string) string { line, _, _ := strings.Cut(s, "\n"); return line }

// WithPayload is a local event that takes what it says from a payload of the code
// host's: sent is what its package made of it. The tree stays the working one.
func WithPayload(e, sent event.Event) event.Event {
	sent.ID, sent.Provenance, sent.ReceivedAt = e.ID, e.Provenance, e.ReceivedAt
	sent.SHA, sent.BaseSHA, sent.MergeSHA = e.SHA, e.BaseSHA, ""
	sent.SHATrust, sent.SenderTrust, sent.Status, sent.Reason = event.Trusted, event.Trusted, false, ""
	if e.Filter != "" && sent.Filter == "" {
		sent.Filter = e.Filter
	}
	return sent
}
