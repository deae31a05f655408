package github

import (
	"strings"

	"github.com/franela/pocketci/event"
)

const (
	heads = "refs/heads/"
	tags  = "refs/tags/"
)

// wirePush is a branch or a tag that moved.
type wirePush struct {
	envelope
	Ref        string `json:"ref"`
	Before     string `json:"before"`
	After      string `json:"after"`
	Deleted    bool   `json:"deleted"`
	HeadCommit *struct {
		ID string `json:"id"`
	} `json:"head_commit"`
}

// convert: only the repository's own refs send pushes, and only who may write
// can push, so both trusts are proven.
func (w *wirePush) convert(e *event.Event, _ Own) error {
	if w.Ref == "" || w.After == "" {
		return malformed("the push names no ref or no commit", hintNotGitHub, nil)
	}
	head := ""
	if w.HeadCommit != nil {
		head = w.HeadCommit.ID
	}
	if err := checkSHAs(w.Before, w.After, head); err != nil {
		return err
	}
	e.Ref, e.BaseSHA, e.SHA = w.Ref, w.Before, w.After
	e.SHATrust, e.SenderTrust = event.Trusted, event.Trusted
	e.Status = true
	branch, isBranch := strings.CutPrefix(w.Ref, heads)
	tag, isTag := strings.CutPrefix(w.Ref, tags)
	switch {
	case isBranch:
		e.Filter, e.Diff = branch, event.DiffPush
	case isTag:
		// after is the tag object's id if the tag is annotated: the commit is
		// head_commit, or else found where the tag is checked out.
		e.Name, e.Filter, e.SHA = "tag", tag, head
	default:
		e.Reason = "the ref is neither a branch nor a tag"
	}
	if w.Deleted || isZero(w.After) {
		e.Reason = "the ref was deleted: GitHub sends a delete event too"
		e.SHA = ""
	}
	return nil
}

// wireRef is a branch or tag that was created or deleted.
type wireRef struct {
	envelope
	RefType string `json:"ref_type"`
}

func (w *wireRef) convert(e *event.Event, _ Own) error {
	e.Filter = w.RefType
	onDefaultBranch(e)
	return nil
}

// wireRelease is a release; its commit is what its tag points at.
type wireRelease struct {
	envelope
	Release struct {
		TagName string `json:"tag_name"`
	} `json:"release"`
}

func (w *wireRelease) convert(e *event.Event, _ Own) error {
	if w.Release.TagName == "" {
		return malformed("the release names no tag", hintNotGitHub, nil)
	}
	e.Ref = tags + w.Release.TagName
	e.SHATrust = event.Trusted
	e.Status = true
	return nil
}

// onDefaultBranch is for events that are about no commit: they get the default
// branch's, which is the repository's own, and report nowhere.
func onDefaultBranch(e *event.Event) { e.SHATrust = event.Trusted }

// wireOther is any event that needs nothing but its action.
type wireOther struct{ envelope }

func (w *wireOther) convert(e *event.Event, _ Own) error {
	onDefaultBranch(e)
	return nil
}

// wireAlert is an alert: what it says is not for functions that did not ask.
type wireAlert struct{ envelope }

func (w *wireAlert) convert(e *event.Event, _ Own) error {
	onDefaultBranch(e)
	e.NamedOnly = true
	return nil
}

// isAlert tells what names a weakness before it is mended, also in kinds of
// event that are yet to come: dependabot_alert, code_scanning_alert,
// secret_scanning_alert_location, dismissal_request_secret_scanning,
// repository_vulnerability_alert, repository_advisory, …
func isAlert(kind string) bool {
	for _, part := range []string{"_alert", "_scanning", "dependabot", "vulnerab", "_advisory"} {
		if strings.Contains(kind, part) {
			return true
		}
	}
	return false
}
