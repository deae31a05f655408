package event

import (
	"encoding/json"
	"time"
)

// Event is what a code host, or a person at the command line, says happened.
type Event struct {
	// ID is unique for ever: "github:<X-GitHub-Delivery>" for a webhook.
	ID string `json:"id"`
	// Vendor is the code host's name in lower case, as in function names: "github".
	Vendor string `json:"vendor"`
	// Name is the <Event> of function names: "push", "tag", "pull_request".
	Name string `json:"event"`
	// Type is the vendor's own name of it (X-GitHub-Event): a tag's is "push".
	Type string `json:"event_type"`
	// Filter is the <Filter> of function names: the branch, the tag or the action.
	Filter string `json:"filter"`
	// Action is the payload's own action, or empty.
	Action string `json:"action"`

	Repo   Repo   `json:"repository"`
	Sender Sender `json:"sender"`

	// Ref is the full name of the ref that the event is about
	// ("refs/heads/main", "refs/tags/v1", "refs/pull/7/head"). Empty means the
	// repository's default branch.
	Ref string `json:"ref"`
	// SHA is the commit that the event is about. Empty means what Ref points at
	// when the event is worked on.
	SHA string `json:"sha"`
	// BaseRef is the short name of the branch that a pull request goes into.
	BaseRef string `json:"base_ref,omitempty"`
	// BaseSHA is a pull request's base, or what a push replaced.
	BaseSHA string `json:"base_sha,omitempty"`
	// MergeSHA is the commit by which a merged pull request entered its base.
	MergeSHA string `json:"merge_sha,omitempty"`
	// PullRequest is its number, or 0.
	PullRequest int `json:"pull_request,omitempty"`
	// Diff says how the changed files are found.
	Diff Diff `json:"diff,omitempty"`

	// SHATrust and SenderTrust are what the delivery itself proves. An empty one
	// has to be asked for: the sha of git, the sender of the code host.
	SHATrust    Trust `json:"sha_trust,omitempty"`
	SenderTrust Trust `json:"sender_trust,omitempty"`

	// Status tells whether the outcome is reported on the commit.
	Status bool `json:"status,omitempty"`
	// NamedOnly keeps the event from functions whose name does not hold it:
	// alerts never reach a catch-all.
	NamedOnly bool `json:"named_only,omitempty"`
	// Reason says why the event is recorded but not dispatched. Empty: it is dispatched.
	Reason string `json:"reason,omitempty"`

	Provenance Provenance `json:"provenance"`
	ReceivedAt time.Time  `json:"received_at"`
	// Hook tells through which webhook a delivery came.
	Hook Hook `json:"hook,omitzero"`
	// Rerun is set if the event repeats another one.
	Rerun *RerunOf `json:"rerun,omitempty"`

	// Payload is the vendor's object, byte for byte as it was signed. It is not
	// part of the event's JSON: the store keeps it apart.
	Payload json.RawMessage `json:"-"`
}

// Diff says how the changed files of an event are found (in git, as trees).
type Diff string

const (
	// DiffNone: the event has no changed files; they are null, not empty.
	DiffNone Diff = ""
	// DiffPush: BaseSHA..SHA. If BaseSHA is zero or can't be fetched: from the
	// merge base with the default branch; for the default branch itself, or with
	// no merge base, every file.
	DiffPush Diff = "push"
	// DiffPull: from the merge base of BaseSHA and SHA; if the base holds SHA
	// already, from the first parent of MergeSHA.
	DiffPull Diff = "pull_request"
)

// Repo is a repository on a code host. Its numeric ID is its identity; the
// names can change hands.
type Repo struct {
	ID            int64  `json:"id"`
	Owner         string `json:"owner"`
	Name          string `json:"name"`
	DefaultBranch string `json:"default_branch"`
	HTMLURL       string `json:"html_url,omitempty"`
}

// FullName is owner/name.
func (r Repo) FullName() string { return r.Owner + "/" + r.Name }

// Sender is the account whose doing the event is.
type Sender struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
	Bot   bool   `json:"bot,omitempty"`
}

// Hook is the webhook through which a delivery came.
type Hook struct {
	ID         int64  `json:"id,omitempty"`
	TargetType string `json:"target_type,omitempty"`
	TargetID   int64  `json:"target_id,omitempty"`
}

// Provenance says how an event came to us.
type Provenance string

const (
	Webhook   Provenance = "webhook"
	Recovered Provenance = "recovered"
	Local     Provenance = "local"
	Replay    Provenance = "replay"
	Rerun     Provenance = "rerun"
)

// Receipt is the store's word that an event is on disk.
type Receipt struct {
	// ID is the event's, or that of the event it duplicates.
	ID string
	// Duplicate is true if the event was known already; nothing was written.
	Duplicate bool
}
