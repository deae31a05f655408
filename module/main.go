// Reads the event that made pocketci call your function, in any language.
//
// Pass it the eventTrigger file that your function gets. What every event has
// (vendor, event, ref, sha, changes, repository, sender, …) can be asked directly;
// what only some have (commitPush, pullRequest, issue, comment, review, release)
// is an error that names the event where there is none; everything else of the
// code host's payload is a path away (get).
package main

import (
	"context"
	"encoding/json"
	"fmt"

	"dagger/pocketci/internal/dagger"
	"dagger/pocketci/trigger"
)

// An event, as pocketci hands it to a function.
type Pocketci struct {
	// The id of the event: "github:" and the id of the delivery for a webhook.
	//
	// It is the same when the call is made again.
	EventID string `json:"eventId"`
	// Which try this is, from 1.
	//
	// It is more than 1 if the agent or the engine went away in the middle of an earlier one, or somebody
	// asked for the event to be run again.
	Attempt int `json:"attempt"`
	// The code host, in lower case: "github".
	Vendor string `json:"vendor"`
	// What happened, as in the names of functions: "push", "tag", "pull_request".
	Event string `json:"event"`
	// What happened, in the code host's own word (GitHub's X-GitHub-Event). That of a tag is "push".
	EventType string `json:"eventType"`
	// The payload's own action ("opened"), or empty.
	Action string `json:"action"`
	// The last part of the names of functions: the branch of a push, the tag, or the action.
	Filter string `json:"filter"`
	// The full name of the ref that the event is about ("refs/heads/main", "refs/pull/7/head").
	//
	// Empty means that the event names a commit and no ref, as checks do.
	Ref string `json:"ref"`
	// The branch that the event is about, without "refs/heads/".
	//
	// It is the one that was pushed to, created or deleted, the one that a pull request comes from, the one
	// that a check is for, or the default branch where the event is about none. Empty for a tag, and where
	// the code host doesn't say.
	Branch string `json:"branch"`
	// The tag that the event is about, without "refs/tags/", or empty.
	Tag string `json:"tag"`
	// The commit that the event is about; it is what src holds.
	SHA string `json:"sha"`
	// The branch that a pull request goes into; empty for other events.
	BaseBranch string `json:"baseBranch"`
	// The commit that the changes are counted from: a pull request's base, or what a push replaced.
	//
	// May be empty.
	BaseSHA string `json:"baseSha"`
	// The number of the pull request that the event is about, or 0.
	PullRequestNumber int `json:"pullRequestNumber"`
	// Whether the event has changed files at all. If not, changes is empty because nobody could say.
	HasDiff bool `json:"hasDiff"`
	// The paths of the changed files; deleted files and both names of a renamed one are among them.
	Changes []string `json:"changes"`
	// Those of the changed files that are gone.
	Deleted []string `json:"deleted"`
	// Whether the event may have what the operator grants: "trusted" or "untrusted".
	Trust string `json:"trust"`
	// When the event was received, in RFC 3339.
	ReceivedAt string `json:"receivedAt"`
	// Where it happened.
	Repository Repository `json:"repository"`
	// Whose doing it is.
	Sender User `json:"sender"`

	// +private
	EventTrigger *dagger.File `json:"eventTrigger"`
}

// Reads an event.
func New(
	ctx context.Context,
	// The file that pocketci passes to functions under this name.
	eventTrigger *dagger.File,
) (*Pocketci, error) {
	event, err := read(ctx, eventTrigger)
	if err != nil {
		return nil, err
	}
	p, err := remake[Pocketci](event, nil)
	if err != nil {
		return nil, err
	}
	p.EventTrigger = eventTrigger
	return p, nil
}

// The push to a branch, or of a tag. An error for any other event.
func (p *Pocketci) CommitPush(ctx context.Context) (*CommitPush, error) {
	event, err := read(ctx, p.EventTrigger)
	if err != nil {
		return nil, err
	}
	push, err := remake[CommitPush](event.CommitPush())
	if err != nil {
		return nil, err
	}
	push.EventTrigger = p.EventTrigger
	return push, nil
}

// The commit that the push left its branch or tag at.
func (c *CommitPush) HeadCommit(ctx context.Context) (*Commit, error) {
	event, err := read(ctx, c.EventTrigger)
	if err != nil {
		return nil, err
	}
	return remake[Commit](event.HeadCommit())
}

// The pull request that the event carries. An error for an event without one.
func (p *Pocketci) PullRequest(ctx context.Context) (*PullRequest, error) {
	event, err := read(ctx, p.EventTrigger)
	if err != nil {
		return nil, err
	}
	return remake[PullRequest](event.PullRequest())
}

// The issue that the event carries. An error for an event without one.
func (p *Pocketci) Issue(ctx context.Context) (*Issue, error) {
	event, err := read(ctx, p.EventTrigger)
	if err != nil {
		return nil, err
	}
	return remake[Issue](event.Issue())
}

// The comment that the event carries: on an issue, a pull request, a commit or a
// discussion. An error for an event without one.
func (p *Pocketci) Comment(ctx context.Context) (*Comment, error) {
	event, err := read(ctx, p.EventTrigger)
	if err != nil {
		return nil, err
	}
	return remake[Comment](event.Comment())
}

// The review that the event carries. An error for an event without one.
func (p *Pocketci) Review(ctx context.Context) (*Review, error) {
	event, err := read(ctx, p.EventTrigger)
	if err != nil {
		return nil, err
	}
	return remake[Review](event.Review())
}

// The release that the event carries. An error for an event without one.
func (p *Pocketci) Release(ctx context.Context) (*Release, error) {
	event, err := read(ctx, p.EventTrigger)
	if err != nil {
		return nil, err
	}
	return remake[Release](event.Release())
}

// The code host's own object, as JSON, exactly as it was sent.
func (p *Pocketci) Payload(ctx context.Context) (string, error) {
	event, err := read(ctx, p.EventTrigger)
	if err != nil {
		return "", err
	}
	return event.Payload(), nil
}

// One value of the payload: a text as it is, null as the empty text, everything
// else as JSON. An error if there is nothing at that path.
func (p *Pocketci) Get(
	ctx context.Context,
	// Keys joined by dots, entries of lists by number: "pull_request.labels[0].name".
	//
	// A key with a dot in it is quoted: `["a.b"]`. Empty means everything.
	path string,
) (string, error) {
	event, err := read(ctx, p.EventTrigger)
	if err != nil {
		return "", err
	}
	return event.Get(path)
}

func read(ctx context.Context, eventTrigger *dagger.File) (*trigger.Event, error) {
	contents, err := eventTrigger.Contents(ctx)
	if err != nil {
		return nil, fmt.Errorf("read eventTrigger: %w", err)
	}
	return trigger.Parse([]byte(contents))
}

// remake turns what package trigger found into the type that the API shows, which
// has the same fields: a module can't show types of another package.
func remake[To, From any](from From, err error) (*To, error) {
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(from)
	if err != nil {
		return nil, err
	}
	to := new(To)
	return to, json.Unmarshal(raw, to)
}
