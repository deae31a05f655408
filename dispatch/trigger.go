package dispatch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/franela/pocketci/event"
)

// triggerVersion is that of the eventTrigger file. It grows when a field changes
// its meaning; a field that is added does not change it.
const triggerVersion = 1

// TriggerFacts is what was found out about an event after it came.
type TriggerFacts struct {
	// SHA is the commit, resolved.
	SHA string
	// Trust is the lower of the sha's and the sender's.
	Trust event.Trust
	// Attempt is the run's, from 1.
	Attempt int
	// HasDiff tells an event without a diff from one that changed nothing.
	HasDiff          bool
	Changes, Deleted []string
}

// trigger is the eventTrigger file but for its last field, the payload.
type trigger struct {
	Version        int               `json:"version"`
	ID             string            `json:"id"`
	Attempt        int               `json:"attempt"`
	Vendor         string            `json:"vendor"`
	Event          string            `json:"event"`
	EventType      string            `json:"event_type"`
	Action         string            `json:"action"`
	Filter         string            `json:"filter"`
	RepositoryName string            `json:"repository_name"`
	RepoName       string            `json:"repo_name"`
	Repository     triggerRepository `json:"repository"`
	Ref            string            `json:"ref"`
	SHA            string            `json:"sha"`
	BaseRef        string            `json:"base_ref"`
	BaseSHA        string            `json:"base_sha"`
	PullRequest    int               `json:"pull_request"`
	Sender         triggerSender     `json:"sender"`
	Trust          event.Trust       `json:"trust"`
	Changes        []string          `json:"changes"`
	Deleted        []string          `json:"deleted"`
	ReceivedAt     string            `json:"received_at"`
}

type triggerRepository struct {
	ID            int64  `json:"id"`
	Owner         string `json:"owner"`
	Name          string `json:"name"`
	FullName      string `json:"full_name"`
	DefaultBranch string `json:"default_branch"`
	HTMLURL       string `json:"html_url"`
}

type triggerSender struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
}

// Trigger writes the eventTrigger file: one JSON object in UTF-8.
//
// The payload stands in it byte for byte as it was signed: numbers keep their
// digits and nothing is escaped anew. A payload that is empty or no JSON in UTF-8
// is null. Without a diff, changes and deleted are null; with one they are lists.
// An event without a ref has the default branch's. Times are RFC 3339 in UTC.
func Trigger(e event.Event, f TriggerFacts) ([]byte, error) {
	t := trigger{
		Version: triggerVersion, ID: e.ID, Attempt: f.Attempt,
		Vendor: e.Vendor, Event: e.Name, EventType: e.Type, Action: e.Action, Filter: e.Filter,
		RepositoryName: e.Repo.FullName(), RepoName: e.Repo.Name,
		Repository: triggerRepository{
			ID: e.Repo.ID, Owner: e.Repo.Owner, Name: e.Repo.Name, FullName: e.Repo.FullName(),
			DefaultBranch: e.Repo.DefaultBranch, HTMLURL: e.Repo.HTMLURL,
		},
		Ref: fullRef(e), SHA: f.SHA, BaseRef: e.BaseRef, BaseSHA: e.BaseSHA, PullRequest: e.PullRequest,
		Sender: triggerSender{ID: e.Sender.ID, Login: e.Sender.Login},
		Trust:  f.Trust, ReceivedAt: e.ReceivedAt.UTC().Format(time.RFC3339),
	}
	if f.HasDiff {
		t.Changes, t.Deleted = orEmpty(f.Changes), orEmpty(f.Deleted)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(t); err != nil {
		return nil, fmt.Errorf("encode the eventTrigger of %s: %w", e.ID, err)
	}
	// An encoder would compact and escape the payload; it goes in by hand.
	b.Truncate(b.Len() - len("}\n"))
	b.WriteString(`,"payload":`)
	if len(e.Payload) > 0 && utf8.Valid(e.Payload) && json.Valid(e.Payload) {
		b.Write(e.Payload)
	} else {
		b.WriteString("null")
	}
	b.WriteString("}\n")
	return b.Bytes(), nil
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
