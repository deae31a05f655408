package main

import "dagger/pocketci/internal/dagger"

// Where an event happened.
type Repository struct {
	// The code host's number for the repository. It stays when the name changes hands.
	NumericID int `json:"numericId"`
	// The account or organisation that it belongs to.
	Owner string `json:"owner"`
	// Its name, without the owner.
	Name string `json:"name"`
	// The owner and the name, joined by a slash.
	FullName string `json:"fullName"`
	// The branch that a clone checks out.
	DefaultBranch string `json:"defaultBranch"`
	// Its page.
	URL string `json:"url"`
	// What `git clone` takes, over https.
	CloneURL string `json:"cloneUrl"`
	// What its owner says about it.
	Description string `json:"description"`
	// The language that most of it is written in.
	Language string `json:"language"`
	// The topics that its owner gave it.
	Topics []string `json:"topics"`
	// Whether only some people can see it.
	Private bool `json:"private"`
	// Whether it is a fork of another one.
	Fork bool `json:"fork"`
	// Whether it can only be read.
	Archived bool `json:"archived"`
	// When it was made, in RFC 3339.
	CreatedAt string `json:"createdAt"`
	// When it was last changed, in RFC 3339.
	UpdatedAt string `json:"updatedAt"`
	// When it was last pushed to, in RFC 3339.
	PushedAt string `json:"pushedAt"`
}

// An account at the code host.
type User struct {
	// The name that the account signs in with.
	Login string `json:"login"`
	// The code host's number for the account. It stays when the name changes hands.
	NumericID int `json:"numericId"`
	// Whether it is a program's account.
	Bot bool `json:"bot"`
	// Its page.
	URL string `json:"url"`
}

// Somebody whom a commit names. Anybody can write anything there.
type Person struct {
	// The name.
	Name string `json:"name"`
	// The mail address.
	Email string `json:"email"`
	// The account that the code host found for the mail address, or empty.
	Login string `json:"login"`
}

// One commit of a push.
type Commit struct {
	// Its id.
	SHA string `json:"sha"`
	// The id of the tree that it holds.
	TreeSHA string `json:"treeSha"`
	// The whole message.
	Message string `json:"message"`
	// The message's first line.
	Title string `json:"title"`
	// Who wrote the change.
	Author Person `json:"author"`
	// Who made the commit.
	Committer Person `json:"committer"`
	// When it was made, in RFC 3339.
	Timestamp string `json:"timestamp"`
	// Its page.
	URL string `json:"url"`
	// The files that it adds, as far as the code host lists them; the event's changes are complete.
	Added []string `json:"added"`
	// The files that it changes, as far as the code host lists them.
	Modified []string `json:"modified"`
	// The files that it removes, as far as the code host lists them.
	Removed []string `json:"removed"`
}

// A push to a branch, or of a tag.
type CommitPush struct {
	// The commit that the branch is at now, or that the tag names.
	SHA string `json:"sha"`
	// The commit that it was at before; 40 zeros if it is new.
	Before string `json:"before"`
	// The full name of what was pushed: "refs/heads/main".
	Ref string `json:"ref"`
	// The branch that was pushed to; empty for a tag.
	Branch string `json:"branch"`
	// The tag that was pushed; empty for a branch.
	Tag string `json:"tag"`
	// Whether the branch or tag is new.
	Created bool `json:"created"`
	// Whether commits were taken away.
	Forced bool `json:"forced"`
	// The page that shows what was pushed.
	CompareURL string `json:"compareUrl"`
	// Who pushed; the login is empty.
	Pusher Person `json:"pusher"`
	// The commits that are new, oldest first, as far as the code host lists them (GitHub: 2,048).
	Commits []Commit `json:"commits"`

	// +private
	EventTrigger *dagger.File `json:"eventTrigger"`
}

// One of the two things that a pull request joins.
type PullRequestSide struct {
	// The branch.
	Branch string `json:"branch"`
	// The commit that the branch was at.
	SHA string `json:"sha"`
	// The repository that it is in, as owner and name; empty if that is gone.
	Repository string `json:"repository"`
}

// A pull request, as it was when the event happened.
type PullRequest struct {
	// Its number.
	Number int `json:"number"`
	// The title.
	Title string `json:"title"`
	// The description.
	Body string `json:"body"`
	// "open" or "closed".
	State string `json:"state"`
	// Whether it isn't meant to be merged yet.
	Draft bool `json:"draft"`
	// Whether it was merged.
	Merged bool `json:"merged"`
	// The login of who merged it, or empty.
	MergedBy string `json:"mergedBy"`
	// The commit by which it was merged; before that, the code host's trial merge, or empty.
	MergeCommitSHA string `json:"mergeCommitSha"`
	// Whether it comes from another repository than it goes into.
	FromFork bool `json:"fromFork"`
	// What it brings.
	Head PullRequestSide `json:"head"`
	// What it goes into.
	Base PullRequestSide `json:"base"`
	// Who opened it.
	Author User `json:"author"`
	// The names of its labels.
	Labels []string `json:"labels"`
	// The logins of those whom it is assigned to.
	Assignees []string `json:"assignees"`
	// The logins of those who were asked for a review, and the short names of teams.
	Reviewers []string `json:"reviewers"`
	// The title of its milestone, or empty.
	Milestone string `json:"milestone"`
	// Its page.
	URL string `json:"url"`
	// How many lines it adds; 0 where the event doesn't say.
	Additions int `json:"additions"`
	// How many lines it removes; 0 where the event doesn't say.
	Deletions int `json:"deletions"`
	// How many files it changes; 0 where the event doesn't say.
	ChangedFiles int `json:"changedFiles"`
	// How many commits it has; 0 where the event doesn't say.
	CommitCount int `json:"commitCount"`
	// When it was opened, in RFC 3339.
	CreatedAt string `json:"createdAt"`
	// When it was last changed, in RFC 3339.
	UpdatedAt string `json:"updatedAt"`
	// When it was closed, in RFC 3339, or empty.
	ClosedAt string `json:"closedAt"`
	// When it was merged, in RFC 3339, or empty.
	MergedAt string `json:"mergedAt"`
}

// An issue. A comment on a pull request carries that as an issue.
type Issue struct {
	// Its number.
	Number int `json:"number"`
	// The title.
	Title string `json:"title"`
	// The description.
	Body string `json:"body"`
	// "open" or "closed".
	State string `json:"state"`
	// Why it is in that state ("completed", "not_planned"), or empty.
	StateReason string `json:"stateReason"`
	// Who opened it.
	Author User `json:"author"`
	// The names of its labels.
	Labels []string `json:"labels"`
	// The logins of those whom it is assigned to.
	Assignees []string `json:"assignees"`
	// The title of its milestone, or empty.
	Milestone string `json:"milestone"`
	// How many comments it has.
	CommentCount int `json:"commentCount"`
	// Whether it is a pull request.
	IsPullRequest bool `json:"isPullRequest"`
	// Its page.
	URL string `json:"url"`
	// When it was opened, in RFC 3339.
	CreatedAt string `json:"createdAt"`
	// When it was last changed, in RFC 3339.
	UpdatedAt string `json:"updatedAt"`
	// When it was closed, in RFC 3339, or empty.
	ClosedAt string `json:"closedAt"`
}

// A comment on an issue, a pull request, a commit or a discussion.
type Comment struct {
	// The code host's number for it.
	NumericID int `json:"numericId"`
	// What it says.
	Body string `json:"body"`
	// Who wrote it.
	Author User `json:"author"`
	// What the author is to the repository, in lower case: "owner", "member", "contributor", "none".
	//
	// Ask the code host before you rely on it.
	Association string `json:"association"`
	// The number of the issue or pull request that it is on, or 0.
	IssueNumber int `json:"issueNumber"`
	// The file that it is on, or empty.
	Path string `json:"path"`
	// The line of the file, or 0.
	Line int `json:"line"`
	// The commit that it is on, or empty.
	CommitSHA string `json:"commitSha"`
	// Its place on the page.
	URL string `json:"url"`
	// When it was written, in RFC 3339.
	CreatedAt string `json:"createdAt"`
	// When it was last changed, in RFC 3339.
	UpdatedAt string `json:"updatedAt"`
}

// A review of a pull request.
type Review struct {
	// The code host's number for it.
	NumericID int `json:"numericId"`
	// "approved", "changes_requested", "commented", "dismissed" or "pending".
	State string `json:"state"`
	// What it says.
	Body string `json:"body"`
	// Who wrote it.
	Author User `json:"author"`
	// What the author is to the repository, in lower case: "owner", "member", "contributor", "none".
	//
	// Ask the code host before you rely on it.
	Association string `json:"association"`
	// The commit that was reviewed.
	CommitSHA string `json:"commitSha"`
	// Its place on the page.
	URL string `json:"url"`
	// When it was submitted, in RFC 3339.
	SubmittedAt string `json:"submittedAt"`
}

// A file of a release.
type Asset struct {
	// Its name.
	Name string `json:"name"`
	// Its media type.
	ContentType string `json:"contentType"`
	// Its size in bytes.
	Size int `json:"size"`
	// Where it can be downloaded.
	URL string `json:"url"`
}

// A release.
type Release struct {
	// The code host's number for it.
	NumericID int `json:"numericId"`
	// The tag that it is made of.
	Tag string `json:"tag"`
	// Its title.
	Name string `json:"name"`
	// Its notes.
	Body string `json:"body"`
	// Whether it isn't published yet.
	Draft bool `json:"draft"`
	// Whether it is marked as not ready for use.
	Prerelease bool `json:"prerelease"`
	// The branch or commit that the tag is made from if it doesn't exist.
	Target string `json:"target"`
	// Who made it.
	Author User `json:"author"`
	// The files that were uploaded to it.
	Assets []Asset `json:"assets"`
	// Its page.
	URL string `json:"url"`
	// When it was made, in RFC 3339.
	CreatedAt string `json:"createdAt"`
	// When it was published, in RFC 3339, or empty.
	PublishedAt string `json:"publishedAt"`
}
