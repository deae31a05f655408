package trigger

import "encoding/json"

// CommitPush is the push that a push or tag event is about. It exists without a
// payload too: sha and ref come from the event itself.
func (e *Event) CommitPush() (CommitPush, error) {
	if e.EventType != "push" && e.Event != "push" && e.Event != "tag" {
		return CommitPush{}, none{what: "push", event: e.name()}
	}
	var wire wirePush
	if err := e.object("push", e.push(), &wire); err != nil {
		return CommitPush{}, err
	}
	push := CommitPush{
		SHA: e.SHA, Before: wire.Before, Ref: e.Ref, Branch: e.Branch, Tag: e.Tag,
		Created: wire.Created, Forced: wire.Forced, CompareURL: wire.Compare, Pusher: wire.Pusher.convert(),
		Commits: make([]Commit, 0, len(wire.Commits)),
	}
	if push.SHA == "" {
		push.SHA = wire.After
	}
	if push.Before == "" {
		push.Before = e.BaseSHA
	}
	for _, commit := range wire.Commits {
		push.Commits = append(push.Commits, commit.convert())
	}
	return push, nil
}

// push is the part of the payload that is the push: all of it, if it is known.
func (e *Event) push() json.RawMessage {
	if e.Vendor != github {
		return json.RawMessage("{}")
	}
	return e.payload
}

// HeadCommit is the commit that a push left its branch or tag at. Of a push
// without a payload only the sha is known.
func (e *Event) HeadCommit() (Commit, error) {
	push, err := e.CommitPush()
	if err != nil {
		return Commit{}, err
	}
	var wire wireCommit
	err = e.object("head commit", e.wire.HeadCommit, &wire)
	if isNone(err) && push.SHA != "" {
		wire.ID, err = push.SHA, nil
	}
	return wire.convert(), err
}

// PullRequest is the pull request of the events that carry one whole.
func (e *Event) PullRequest() (PullRequest, error) {
	var wire wirePullRequest
	err := e.object("pull request", e.wire.PullRequest, &wire)
	return wire.convert(), err
}

// Issue is the issue of the events that carry one.
func (e *Event) Issue() (Issue, error) {
	var wire wireIssue
	err := e.object("issue", e.wire.Issue, &wire)
	return wire.convert(), err
}

// Comment is the comment of the events that carry one.
func (e *Event) Comment() (Comment, error) {
	var wire wireComment
	if err := e.object("comment", e.wire.Comment, &wire); err != nil {
		return Comment{}, err
	}
	comment := wire.convert()
	for _, subject := range []json.RawMessage{e.wire.Issue, e.wire.PullRequest} {
		var on wireIssue
		if err := e.object("subject", subject, &on); err == nil {
			comment.IssueNumber = on.Number
		}
	}
	return comment, nil
}

// Review is the review of the events that carry one.
func (e *Event) Review() (Review, error) {
	var wire wireReview
	err := e.object("review", e.wire.Review, &wire)
	return wire.convert(), err
}

// Release is the release of the events that carry one.
func (e *Event) Release() (Release, error) {
	var wire wireRelease
	err := e.object("release", e.wire.Release, &wire)
	return wire.convert(), err
}
