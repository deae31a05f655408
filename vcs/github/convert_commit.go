package github

import (
	"strings"

	"github.com/franela/pocketci/event"
)

// onCommit is for events whose payload names a commit. Code hosts serve a fork's
// commits from the base's address too, so its trust has to be asked of git. One
// that names none is about the default branch.
func onCommit(e *event.Event, sha string) error {
	if sha == "" || isZero(sha) {
		onDefaultBranch(e)
		return nil
	}
	if err := checkSHAs(sha); err != nil {
		return err
	}
	e.SHA, e.Status = sha, true
	return nil
}

// wireCommit is an event with a commit somewhere: one struct for all of them,
// because each fills in one part.
type wireCommit struct {
	envelope
	Deployment  wireSHA `json:"deployment"`
	WorkflowRun wireSHA `json:"workflow_run"`
	WorkflowJob wireSHA `json:"workflow_job"`
	MergeGroup  struct {
		wireSHA
		HeadRef string `json:"head_ref"`
	} `json:"merge_group"`
	Package         wirePackage `json:"package"`
	RegistryPackage wirePackage `json:"registry_package"`
}

type wireSHA struct {
	SHA     string `json:"sha"`
	HeadSHA string `json:"head_sha"`
}

// wirePackage names the commit that its version was published from, if one was.
type wirePackage struct {
	Version struct {
		OID string `json:"target_oid"`
	} `json:"package_version"`
}

func (w *wireCommit) convert(e *event.Event, _ Own) error {
	switch e.Type {
	case "workflow_run", "deployment_review":
		return onCommit(e, w.WorkflowRun.HeadSHA)
	case "workflow_job":
		return onCommit(e, w.WorkflowJob.HeadSHA)
	case "merge_group":
		if strings.HasPrefix(w.MergeGroup.HeadRef, heads) {
			e.Ref = w.MergeGroup.HeadRef
		}
		return onCommit(e, w.MergeGroup.HeadSHA)
	case "package":
		return onCommit(e, w.Package.Version.OID)
	case "registry_package":
		return onCommit(e, w.RegistryPackage.Version.OID)
	}
	return onCommit(e, w.Deployment.SHA)
}

// wireStatus is a commit status, also one of ours.
type wireStatus struct {
	envelope
	SHA     string `json:"sha"`
	State   string `json:"state"`
	Context string `json:"context"`
}

func (w *wireStatus) convert(e *event.Event, _ Own) error {
	e.Filter = w.State
	if ownContext(w.Context) {
		e.Reason = "the status is one of ours"
	}
	return onCommit(e, w.SHA)
}

// wireCheck is a check run or a check suite, also one of our App.
type wireCheck struct {
	envelope
	CheckRun   wireChecked `json:"check_run"`
	CheckSuite wireChecked `json:"check_suite"`
}

type wireChecked struct {
	HeadSHA string `json:"head_sha"`
	App     struct {
		ID int64 `json:"id"`
	} `json:"app"`
}

func (w *wireCheck) convert(e *event.Event, own Own) error {
	c := w.CheckSuite
	if e.Type == "check_run" {
		c = w.CheckRun
	}
	if own.AppID != 0 && c.App.ID == own.AppID {
		e.Reason = "the check is one of our App's"
	}
	return onCommit(e, c.HeadSHA)
}

// wireComment is a comment outside of a pull request's diff: on an issue or a pull
// request, on a discussion, on a commit.
type wireComment struct {
	envelope
	Comment *wireSaid `json:"comment"`
	Issue   struct {
		Number      int       `json:"number"`
		PullRequest *struct{} `json:"pull_request"`
	} `json:"issue"`
}

// wireSaid is a comment: who wrote it, by which App, and the commit it is on.
type wireSaid struct {
	CommitID string   `json:"commit_id"`
	User     wireUser `json:"user"`
	App      *struct {
		ID int64 `json:"id"`
	} `json:"performed_via_github_app"`
}

func (w *wireComment) convert(e *event.Event, own Own) error {
	if own.said(e, w.Comment) {
		e.Reason = reasonOwnComment
	}
	if w.Issue.PullRequest != nil && w.Issue.Number > 0 {
		e.PullRequest = w.Issue.Number
	}
	if e.Type == "commit_comment" && w.Comment != nil {
		return onCommit(e, w.Comment.CommitID)
	}
	onDefaultBranch(e)
	return nil
}
