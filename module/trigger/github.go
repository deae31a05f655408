package trigger

import (
	"encoding/json"
	"strings"
)

// github is the vendor whose payloads are known here.
const github = "github"

// payload holds the parts of a GitHub payload that become objects.
type payload struct {
	Repository  json.RawMessage `json:"repository"`
	Sender      json.RawMessage `json:"sender"`
	PullRequest json.RawMessage `json:"pull_request"`
	Issue       json.RawMessage `json:"issue"`
	Comment     json.RawMessage `json:"comment"`
	Review      json.RawMessage `json:"review"`
	Release     json.RawMessage `json:"release"`
	HeadCommit  json.RawMessage `json:"head_commit"`
	Ref         json.RawMessage `json:"ref"`
	CheckSuite  json.RawMessage `json:"check_suite"`
	CheckRun    json.RawMessage `json:"check_run"`
	WorkflowRun json.RawMessage `json:"workflow_run"`
	WorkflowJob json.RawMessage `json:"workflow_job"`
}

// headBranch is the branch that the commit of a check or a workflow is on, as far
// as the payload tells; those events name no ref.
func (p payload) headBranch() string {
	for _, part := range []json.RawMessage{p.CheckSuite, p.CheckRun, p.WorkflowRun, p.WorkflowJob} {
		var of struct {
			HeadBranch string `json:"head_branch"`
			CheckSuite struct {
				HeadBranch string `json:"head_branch"`
			} `json:"check_suite"`
		}
		if isMissing(part) || json.Unmarshal(part, &of) != nil {
			continue
		}
		if of.HeadBranch != "" {
			return of.HeadBranch
		}
		if of.CheckSuite.HeadBranch != "" {
			return of.CheckSuite.HeadBranch
		}
	}
	return ""
}

type wireUser struct {
	ID      int    `json:"id"`
	Login   string `json:"login"`
	Type    string `json:"type"`
	HTMLURL string `json:"html_url"`
}

func (w wireUser) convert() User {
	return User{Login: w.Login, NumericID: w.ID, Bot: w.Type == "Bot", URL: w.HTMLURL}
}

type wireRepository struct {
	FullName    string   `json:"full_name"`
	HTMLURL     string   `json:"html_url"`
	CloneURL    string   `json:"clone_url"`
	Description string   `json:"description"`
	Language    string   `json:"language"`
	Topics      []string `json:"topics"`
	Private     bool     `json:"private"`
	Fork        bool     `json:"fork"`
	Archived    bool     `json:"archived"`
	CreatedAt   instant  `json:"created_at"`
	UpdatedAt   instant  `json:"updated_at"`
	PushedAt    instant  `json:"pushed_at"`
	ID          int      `json:"id"`
}

func (w wireRepository) convert() Repository {
	return Repository{
		URL: w.HTMLURL, CloneURL: w.CloneURL, Description: w.Description, Language: w.Language, Topics: list(w.Topics),
		Private: w.Private, Fork: w.Fork, Archived: w.Archived,
		CreatedAt: string(w.CreatedAt), UpdatedAt: string(w.UpdatedAt), PushedAt: string(w.PushedAt),
	}
}

type wirePerson struct {
	Name     string `json:"name"`
	Email    string `json:"email"`
	Username string `json:"username"`
}

func (w wirePerson) convert() Person {
	return Person{Name: w.Name, Email: w.Email, Login: w.Username}
}

type wireCommit struct {
	ID        string     `json:"id"`
	TreeID    string     `json:"tree_id"`
	Message   string     `json:"message"`
	Timestamp instant    `json:"timestamp"`
	URL       string     `json:"url"`
	Author    wirePerson `json:"author"`
	Committer wirePerson `json:"committer"`
	Added     []string   `json:"added"`
	Modified  []string   `json:"modified"`
	Removed   []string   `json:"removed"`
}

func (w wireCommit) convert() Commit {
	title, _, _ := strings.Cut(w.Message, "\n")
	return Commit{
		SHA: w.ID, TreeSHA: w.TreeID, Message: w.Message, Title: strings.TrimSpace(title),
		Author: w.Author.convert(), Committer: w.Committer.convert(), Timestamp: string(w.Timestamp), URL: w.URL,
		Added: list(w.Added), Modified: list(w.Modified), Removed: list(w.Removed),
	}
}

type wirePush struct {
	Before  string       `json:"before"`
	After   string       `json:"after"`
	Created bool         `json:"created"`
	Forced  bool         `json:"forced"`
	Compare string       `json:"compare"`
	Pusher  wirePerson   `json:"pusher"`
	Commits []wireCommit `json:"commits"`
}

type wireSide struct {
	Ref  string          `json:"ref"`
	SHA  string          `json:"sha"`
	Repo *wireRepository `json:"repo"`
}

// convert leaves the repository empty if it has been deleted since.
func (w wireSide) convert() PullRequestSide {
	side := PullRequestSide{Branch: w.Ref, SHA: w.SHA}
	if w.Repo != nil {
		side.Repository = w.Repo.FullName
	}
	return side
}

type wireNamed struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Login string `json:"login"`
	Slug  string `json:"slug"`
}

func names(of []wireNamed, name func(wireNamed) string) []string {
	out := make([]string, 0, len(of))
	for _, one := range of {
		out = append(out, name(one))
	}
	return out
}

func byName(w wireNamed) string  { return w.Name }
func byLogin(w wireNamed) string { return w.Login }
func bySlug(w wireNamed) string  { return w.Slug }

type wirePullRequest struct {
	Number             int         `json:"number"`
	Title              string      `json:"title"`
	Body               string      `json:"body"`
	State              string      `json:"state"`
	Draft              bool        `json:"draft"`
	Merged             bool        `json:"merged"`
	MergedBy           wireNamed   `json:"merged_by"`
	MergeCommitSHA     string      `json:"merge_commit_sha"`
	Head               wireSide    `json:"head"`
	Base               wireSide    `json:"base"`
	User               wireUser    `json:"user"`
	Labels             []wireNamed `json:"labels"`
	Assignees          []wireNamed `json:"assignees"`
	RequestedReviewers []wireNamed `json:"requested_reviewers"`
	RequestedTeams     []wireNamed `json:"requested_teams"`
	Milestone          wireNamed   `json:"milestone"`
	HTMLURL            string      `json:"html_url"`
	Additions          int         `json:"additions"`
	Deletions          int         `json:"deletions"`
	ChangedFiles       int         `json:"changed_files"`
	Commits            int         `json:"commits"`
	CreatedAt          instant     `json:"created_at"`
	UpdatedAt          instant     `json:"updated_at"`
	ClosedAt           instant     `json:"closed_at"`
	MergedAt           instant     `json:"merged_at"`
}

func (w wirePullRequest) convert() PullRequest {
	return PullRequest{
		Number: w.Number, Title: w.Title, Body: w.Body, State: w.State, Draft: w.Draft,
		Merged: w.Merged || w.MergedAt != "", MergedBy: w.MergedBy.Login, MergeCommitSHA: w.MergeCommitSHA,
		FromFork: w.fromFork(), Head: w.Head.convert(), Base: w.Base.convert(), Author: w.User.convert(),
		Labels: names(w.Labels, byName), Assignees: names(w.Assignees, byLogin),
		Reviewers: append(names(w.RequestedReviewers, byLogin), names(w.RequestedTeams, bySlug)...),
		Milestone: w.Milestone.Title, URL: w.HTMLURL,
		Additions: w.Additions, Deletions: w.Deletions, ChangedFiles: w.ChangedFiles, CommitCount: w.Commits,
		CreatedAt: string(w.CreatedAt), UpdatedAt: string(w.UpdatedAt), ClosedAt: string(w.ClosedAt), MergedAt: string(w.MergedAt),
	}
}

// fromFork compares the repositories by number; one that is gone was a fork.
func (w wirePullRequest) fromFork() bool {
	return w.Head.Repo == nil || w.Base.Repo == nil || w.Head.Repo.ID != w.Base.Repo.ID
}

type wireIssue struct {
	Number      int             `json:"number"`
	Title       string          `json:"title"`
	Body        string          `json:"body"`
	State       string          `json:"state"`
	StateReason string          `json:"state_reason"`
	User        wireUser        `json:"user"`
	Labels      []wireNamed     `json:"labels"`
	Assignees   []wireNamed     `json:"assignees"`
	Milestone   wireNamed       `json:"milestone"`
	Comments    int             `json:"comments"`
	PullRequest json.RawMessage `json:"pull_request"`
	HTMLURL     string          `json:"html_url"`
	CreatedAt   instant         `json:"created_at"`
	UpdatedAt   instant         `json:"updated_at"`
	ClosedAt    instant         `json:"closed_at"`
}

func (w wireIssue) convert() Issue {
	return Issue{
		Number: w.Number, Title: w.Title, Body: w.Body, State: w.State, StateReason: w.StateReason,
		Author: w.User.convert(), Labels: names(w.Labels, byName), Assignees: names(w.Assignees, byLogin),
		Milestone: w.Milestone.Title, CommentCount: w.Comments, IsPullRequest: !isMissing(w.PullRequest), URL: w.HTMLURL,
		CreatedAt: string(w.CreatedAt), UpdatedAt: string(w.UpdatedAt), ClosedAt: string(w.ClosedAt),
	}
}

type wireComment struct {
	ID          int      `json:"id"`
	Body        string   `json:"body"`
	User        wireUser `json:"user"`
	Association string   `json:"author_association"`
	Path        string   `json:"path"`
	Line        int      `json:"line"`
	CommitID    string   `json:"commit_id"`
	HTMLURL     string   `json:"html_url"`
	CreatedAt   instant  `json:"created_at"`
	UpdatedAt   instant  `json:"updated_at"`
}

func (w wireComment) convert() Comment {
	return Comment{
		NumericID: w.ID, Body: w.Body, Author: w.User.convert(), Association: strings.ToLower(w.Association),
		Path: w.Path, Line: w.Line, CommitSHA: w.CommitID, URL: w.HTMLURL,
		CreatedAt: string(w.CreatedAt), UpdatedAt: string(w.UpdatedAt),
	}
}

type wireReview struct {
	ID          int      `json:"id"`
	State       string   `json:"state"`
	Body        string   `json:"body"`
	User        wireUser `json:"user"`
	Association string   `json:"author_association"`
	CommitID    string   `json:"commit_id"`
	HTMLURL     string   `json:"html_url"`
	SubmittedAt instant  `json:"submitted_at"`
}

func (w wireReview) convert() Review {
	return Review{
		NumericID: w.ID, State: strings.ToLower(w.State), Body: w.Body, Author: w.User.convert(),
		Association: strings.ToLower(w.Association), CommitSHA: w.CommitID, URL: w.HTMLURL, SubmittedAt: string(w.SubmittedAt),
	}
}

type wireRelease struct {
	ID          int      `json:"id"`
	TagName     string   `json:"tag_name"`
	Name        string   `json:"name"`
	Body        string   `json:"body"`
	Draft       bool     `json:"draft"`
	Prerelease  bool     `json:"prerelease"`
	Target      string   `json:"target_commitish"`
	Author      wireUser `json:"author"`
	HTMLURL     string   `json:"html_url"`
	CreatedAt   instant  `json:"created_at"`
	PublishedAt instant  `json:"published_at"`
	Assets      []struct {
		Name        string `json:"name"`
		ContentType string `json:"content_type"`
		Size        int    `json:"size"`
		URL         string `json:"browser_download_url"`
	} `json:"assets"`
}

func (w wireRelease) convert() Release {
	assets := make([]Asset, 0, len(w.Assets))
	for _, one := range w.Assets {
		assets = append(assets, Asset(one))
	}
	return Release{
		NumericID: w.ID, Tag: w.TagName, Name: w.Name, Body: w.Body, Draft: w.Draft, Prerelease: w.Prerelease,
		Target: w.Target, Author: w.Author.convert(), Assets: assets, URL: w.HTMLURL,
		CreatedAt: string(w.CreatedAt), PublishedAt: string(w.PublishedAt),
	}
}
