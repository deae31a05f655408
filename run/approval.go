package run

import (
	"time"

	"github.com/franela/pocketci/event"
)

// Approval is the word of somebody who may write to a repository that one commit
// which is not the repository's own may run. It is for exactly that commit, in
// that pull request, into that branch; a new push needs a new one.
type Approval struct {
	RepoID      int64  `json:"repo_id"`
	PullRequest int    `json:"pull_request"`
	SHA         string `json:"sha"`
	// BaseRef is the short name of the branch that the pull request goes into,
	// BaseSHA what it pointed at when the approval was given: the module comes
	// from there, whatever becomes of the branch.
	BaseRef string `json:"base_ref"`
	BaseSHA string `json:"base_sha"`
	// By is who gave it.
	By event.Sender `json:"by"`
	// EventID is the event by which it was given, CommentID the comment's own id.
	EventID   string    `json:"event_id"`
	CommentID int64     `json:"comment_id"`
	At        time.Time `json:"at"`
}

// Covers tells whether the approval is for an event's commit. An event of a pull
// request has to be of the same one, into the same branch; one that names a
// commit alone (a check, a status) has to name the same commit.
func (a Approval) Covers(e event.Event) bool {
	if a.SHA == "" || a.BaseSHA == "" || a.RepoID != e.Repo.ID || a.SHA != e.SHA {
		return false
	}
	if e.PullRequest == 0 && e.BaseRef == "" {
		return true
	}
	return a.PullRequest == e.PullRequest && a.BaseRef == e.BaseRef
}

// Pull is a pull request as the code host shows it now.
type Pull struct {
	Number int
	Open   bool
	// HeadSHA is its newest commit.
	HeadSHA string
	// HeadRepo is the numeric id of the repository that the commit comes from; 0:
	// it is gone. HeadOwner is whose repository that is.
	HeadRepo  int64
	HeadOwner event.Sender
	// BaseRepo and BaseRef (short) are where it goes.
	BaseRepo int64
	BaseRef  string
}
