// Calls the helper module as a repository's own module would.
package main

import (
	"context"
	"fmt"
	"strings"

	"dagger/caller/internal/dagger"
)

type Caller struct{}

// What every event tells, a line each.
func (m *Caller) Event(ctx context.Context, eventTrigger *dagger.File) (string, error) {
	ci := dag.Pocketci(eventTrigger)
	var out lines
	out.text(ci.EventID(ctx))
	out.number(ci.Attempt(ctx))
	out.text(ci.Vendor(ctx))
	out.text(ci.Event(ctx))
	out.text(ci.EventType(ctx))
	out.text(ci.Action(ctx))
	out.text(ci.Filter(ctx))
	out.text(ci.Ref(ctx))
	out.text(ci.Branch(ctx))
	out.text(ci.Tag(ctx))
	out.text(ci.Sha(ctx))
	out.text(ci.BaseBranch(ctx))
	out.list(ci.Changes(ctx))
	out.list(ci.Deleted(ctx))
	out.text(ci.Trust(ctx))
	out.text(ci.ReceivedAt(ctx))
	out.text(ci.Repository().FullName(ctx))
	out.text(ci.Repository().PushedAt(ctx))
	out.text(ci.Sender().Login(ctx))
	return out.String()
}

// What a push tells.
func (m *Caller) Push(ctx context.Context, eventTrigger *dagger.File) (string, error) {
	push := dag.Pocketci(eventTrigger).CommitPush()
	var out lines
	out.text(push.Sha(ctx))
	out.text(push.Branch(ctx))
	out.text(push.Pusher().Name(ctx))
	out.text(push.HeadCommit().Sha(ctx))
	out.text(push.HeadCommit().Title(ctx))
	out.list(push.HeadCommit().Added(ctx))
	commits, err := push.Commits(ctx)
	if err != nil {
		return "", err
	}
	for _, commit := range commits {
		out.text(commit.Author().Email(ctx))
	}
	return out.String()
}

// What a pull request tells.
func (m *Caller) PullRequest(ctx context.Context, eventTrigger *dagger.File) (string, error) {
	pull := dag.Pocketci(eventTrigger).PullRequest()
	var out lines
	out.number(pull.Number(ctx))
	out.text(pull.Title(ctx))
	out.text(pull.Head().Branch(ctx))
	out.text(pull.Base().Branch(ctx))
	out.text(pull.Author().Login(ctx))
	out.list(pull.Labels(ctx))
	out.text(pull.MergedAt(ctx))
	return out.String()
}

// The payload and values in it.
func (m *Caller) Lookup(ctx context.Context, eventTrigger *dagger.File) (string, error) {
	ci := dag.Pocketci(eventTrigger)
	var out lines
	out.text(ci.Get(ctx, "repository.owner.login"))
	out.text(ci.Get(ctx, "repository.id"))
	payload, err := ci.Payload(ctx)
	if err != nil {
		return "", err
	}
	out.number(len(payload), nil)
	return out.String()
}

// A value that isn't there.
func (m *Caller) Nowhere(ctx context.Context, eventTrigger *dagger.File) (string, error) {
	return dag.Pocketci(eventTrigger).Get(ctx, "commits[9].id")
}

// A comment, which none of these events has.
func (m *Caller) Comment(ctx context.Context, eventTrigger *dagger.File) (string, error) {
	return dag.Pocketci(eventTrigger).Comment().Body(ctx)
}

// lines collects answers up to the first error.
type lines struct {
	all []string
	err error
}

func (l *lines) text(value string, err error) {
	if l.err == nil {
		l.err = err
	}
	l.all = append(l.all, value)
}

func (l *lines) number(value int, err error) { l.text(fmt.Sprint(value), err) }

func (l *lines) list(value []string, err error) { l.text(strings.Join(value, ","), err) }

func (l *lines) String() (string, error) { return strings.Join(l.all, "\n"), l.err }
