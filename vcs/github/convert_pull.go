package github

import (
	"fmt"

	"github.com/franela/pocketci/event"
)

// wirePull is a pull request, or a review, a thread or a comment in one.
type wirePull struct {
	envelope
	PullRequest *wirePullRequest `json:"pull_request"`
	Comment     *wireSaid        `json:"comment"`
}

type wirePullRequest struct {
	Number   int      `json:"number"`
	Merged   bool     `json:"merged"`
	MergedAt string   `json:"merged_at"`
	MergeSHA string   `json:"merge_commit_sha"`
	Head     wireSide `json:"head"`
	Base     wireSide `json:"base"`
}

// wireSide is a pull request's head or base. The repository is null if it is gone.
type wireSide struct {
	Ref  string `json:"ref"`
	SHA  string `json:"sha"`
	Repo *struct {
		ID int64 `json:"id"`
	} `json:"repo"`
}

func (w *wirePull) convert(e *event.Event, own Own) error {
	p := w.PullRequest
	if p == nil || p.Number <= 0 || p.Head.SHA == "" || p.Base.SHA == "" {
		return malformed("the payload lacks the pull request, or its number, head or base", hintNotGitHub, nil)
	}
	if err := checkSHAs(p.Head.SHA, p.Base.SHA, p.MergeSHA); err != nil {
		return err
	}
	e.PullRequest = p.Number
	e.Ref, e.SHA = fmt.Sprintf("refs/pull/%d/head", p.Number), p.Head.SHA
	e.BaseRef, e.BaseSHA = p.Base.Ref, p.Base.SHA
	// Of an open one merge_commit_sha is a trial merge, which may be stale.
	if p.Merged || p.MergedAt != "" {
		e.MergeSHA = p.MergeSHA
	}
	e.Diff, e.Status = event.DiffPull, true
	e.SHATrust = p.trust(e.Repo.ID)
	if own.said(e, w.Comment) {
		e.Reason = reasonOwnComment
	}
	return nil
}

// trust: a head in the base's own repository was pushed by somebody who may
// write there. A head whose repository is gone proves nothing.
func (p *wirePullRequest) trust(repo int64) event.Trust {
	if p.Head.Repo == nil || p.Base.Repo == nil || p.Head.Repo.ID != repo || p.Base.Repo.ID != repo {
		return event.Untrusted
	}
	return event.Trusted
}
