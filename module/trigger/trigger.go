package trigger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// version is that of the file's format.
const version = 1

// Event is what every event tells.
type Event struct {
	EventID           string     `json:"eventId"`
	Attempt           int        `json:"attempt"`
	Vendor            string     `json:"vendor"`
	Event             string     `json:"event"`
	EventType         string     `json:"eventType"`
	Action            string     `json:"action"`
	Filter            string     `json:"filter"`
	Ref               string     `json:"ref"`
	Branch            string     `json:"branch"`
	Tag               string     `json:"tag"`
	SHA               string     `json:"sha"`
	BaseBranch        string     `json:"baseBranch"`
	BaseSHA           string     `json:"baseSha"`
	PullRequestNumber int        `json:"pullRequestNumber"`
	HasDiff           bool       `json:"hasDiff"`
	Changes           []string   `json:"changes"`
	Deleted           []string   `json:"deleted"`
	Trust             string     `json:"trust"`
	ReceivedAt        string     `json:"receivedAt"`
	Repository        Repository `json:"repository"`
	Sender            User       `json:"sender"`

	payload json.RawMessage
	wire    payload
}

// file is the eventTrigger file.
type file struct {
	Version     int    `json:"version"`
	ID          string `json:"id"`
	Attempt     int    `json:"attempt"`
	Vendor      string `json:"vendor"`
	Event       string `json:"event"`
	EventType   string `json:"event_type"`
	Action      string `json:"action"`
	Filter      string `json:"filter"`
	Ref         string `json:"ref"`
	SHA         string `json:"sha"`
	BaseRef     string `json:"base_ref"`
	BaseSHA     string `json:"base_sha"`
	PullRequest int    `json:"pull_request"`
	Repository  struct {
		ID            int    `json:"id"`
		Owner         string `json:"owner"`
		Name          string `json:"name"`
		FullName      string `json:"full_name"`
		DefaultBranch string `json:"default_branch"`
		HTMLURL       string `json:"html_url"`
	} `json:"repository"`
	Sender struct {
		ID    int    `json:"id"`
		Login string `json:"login"`
	} `json:"sender"`
	Trust      string          `json:"trust"`
	Changes    []string        `json:"changes"`
	Deleted    []string        `json:"deleted"`
	ReceivedAt instant         `json:"received_at"`
	Payload    json.RawMessage `json:"payload"`
}

// Parse reads an eventTrigger file. It refuses one that is not of version 1, and
// one whose payload is no object; a payload may be missing.
func Parse(raw []byte) (*Event, error) {
	var f file
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, fmt.Errorf("parse eventTrigger: %w", err)
	}
	if f.Version != version {
		return nil, fmt.Errorf("parse eventTrigger: its version is %d and this module reads %d: use the module that belongs to the agent", f.Version, version)
	}
	e := &Event{
		EventID: f.ID, Attempt: f.Attempt, Vendor: f.Vendor, Event: f.Event, EventType: f.EventType,
		Action: f.Action, Filter: f.Filter, Ref: f.Ref, SHA: f.SHA, BaseBranch: f.BaseRef, BaseSHA: f.BaseSHA,
		PullRequestNumber: f.PullRequest, HasDiff: f.Changes != nil, Changes: list(f.Changes), Deleted: list(f.Deleted),
		Trust: f.Trust, ReceivedAt: string(f.ReceivedAt), payload: f.Payload,
	}
	if isMissing(e.payload) {
		e.payload = json.RawMessage("{}")
	}
	if err := e.open(); err != nil {
		return nil, fmt.Errorf("parse eventTrigger: the payload of %s: %w", e.name(), err)
	}
	var err error
	if e.Repository, err = e.repository(f); err != nil {
		return nil, err
	}
	if e.Sender, err = e.sender(f); err != nil {
		return nil, err
	}
	return e, e.place()
}

// open takes the payload apart. Of a code host that isn't known here there are no
// objects, only what the file itself says, and Get.
func (e *Event) open() error {
	if e.Vendor != github {
		return nil
	}
	return json.Unmarshal(e.payload, &e.wire)
}

// Payload is the code host's own object, as it sent it.
func (e *Event) Payload() string { return string(e.payload) }

// repository joins what the file says with what the payload adds to it.
func (e *Event) repository(f file) (Repository, error) {
	var wire wireRepository
	if err := e.object("repository", e.wire.Repository, &wire); err != nil && !isNone(err) {
		return Repository{}, err
	}
	r := wire.convert()
	r.NumericID, r.Owner, r.Name, r.FullName = f.Repository.ID, f.Repository.Owner, f.Repository.Name, f.Repository.FullName
	r.DefaultBranch = f.Repository.DefaultBranch
	if f.Repository.HTMLURL != "" {
		r.URL = f.Repository.HTMLURL
	}
	return r, nil
}

func (e *Event) sender(f file) (User, error) {
	var wire wireUser
	if err := e.object("sender", e.wire.Sender, &wire); err != nil && !isNone(err) {
		return User{}, err
	}
	u := wire.convert()
	if f.Sender.Login != "" {
		u.Login, u.NumericID = f.Sender.Login, f.Sender.ID
	}
	return u, nil
}

// place finds the branch and the tag that the event is about.
func (e *Event) place() error {
	switch {
	case e.Event == "create" || e.Event == "delete":
		e.Branch, e.Tag = e.made()
		return nil
	case strings.HasPrefix(e.Ref, "refs/tags/"):
		e.Tag = strings.TrimPrefix(e.Ref, "refs/tags/")
	case strings.HasPrefix(e.Ref, "refs/heads/"):
		e.Branch = strings.TrimPrefix(e.Ref, "refs/heads/")
	case e.Ref == "":
		e.Branch = e.wire.headBranch()
	}
	var pull wirePullRequest
	switch err := e.object("pull request", e.wire.PullRequest, &pull); {
	case isNone(err):
		return nil
	case err != nil:
		return err
	}
	e.Branch = pull.Head.Ref
	return nil
}

// made is what a create or delete event is about: a branch or a tag.
func (e *Event) made() (branch, tag string) {
	var name string
	if json.Unmarshal(e.wire.Ref, &name) != nil {
		return "", ""
	}
	if e.Filter == "tag" {
		return "", name
	}
	return name, ""
}

// object decodes a part of the payload; a part that isn't there is a [none] error.
func (e *Event) object(what string, raw json.RawMessage, into any) error {
	if isMissing(raw) {
		return none{what: what, event: e.name()}
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("read the %s of %s: %w", what, e.name(), err)
	}
	return nil
}

// none is the error of a part that the event doesn't have.
type none struct{ what, event string }

func (n none) Error() string { return "there is no " + n.what + " in " + n.event }

func isNone(err error) bool {
	_, ok := err.(none)
	return ok
}

// name is the event with its article: "an issues event".
func (e *Event) name() string {
	name := e.Event
	if name == "" {
		return "an event without a name"
	}
	if strings.ContainsAny(name[:1], "aeiou") {
		return "an " + name + " event"
	}
	return "a " + name + " event"
}

func isMissing(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || bytes.Equal(raw, []byte("null"))
}

// list is never nil.
func list(of []string) []string {
	if of == nil {
		return []string{}
	}
	return of
}
