package trigger

// What follows has the fields of the module's types of the same names, under the
// names that they have in JSON there; the module's own comments say what they mean.

// Repository is where the event happened.
type Repository struct {
	NumericID     int      `json:"numericId"`
	Owner         string   `json:"owner"`
	Name          string   `json:"name"`
	FullName      string   `json:"fullName"`
	DefaultBranch string   `json:"defaultBranch"`
	URL           string   `json:"url"`
	CloneURL      string   `json:"cloneUrl"`
	Description   string   `json:"description"`
	Language      string   `json:"language"`
	Topics        []string `json:"topics"`
	Private       bool     `json:"private"`
	Fork          bool     `json:"fork"`
	Archived      bool     `json:"archived"`
	CreatedAt     string   `json:"createdAt"`
	UpdatedAt     string   `json:"updatedAt"`
	PushedAt      string   `json:"pushedAt"`
}

// User is an account.
type User struct {
	Login     string `json:"login"`
	NumericID int    `json:"numericId"`
	Bot       bool   `json:"bot"`
	URL       string `json:"url"`
}

// Person is whom a commit names.
type Person struct {
	Name  string `json:"name"`
	Email string `json:"email"`
	Login string `json:"login"`
}

// Commit is one commit of a push.
type Commit struct {
	SHA       string   `json:"sha"`
	TreeSHA   string   `json:"treeSha"`
	Message   string   `json:"message"`
	Title     string   `json:"title"`
	Author    Person   `json:"author"`
	Committer Person   `json:"committer"`
	Timestamp string   `json:"timestamp"`
	URL       string   `json:"url"`
	Added     []string `json:"added"`
	Modified  []string `json:"modified"`
	Removed   []string `json:"removed"`
}

// CommitPush is a push to a branch or of a tag.
type CommitPush struct {
	SHA        string   `json:"sha"`
	Before     string   `json:"before"`
	Ref        string   `json:"ref"`
	Branch     string   `json:"branch"`
	Tag        string   `json:"tag"`
	Created    bool     `json:"created"`
	Forced     bool     `json:"forced"`
	CompareURL string   `json:"compareUrl"`
	Pusher     Person   `json:"pusher"`
	Commits    []Commit `json:"commits"`
}

// PullRequestSide is one of the two things that a pull request joins.
type PullRequestSide struct {
	Branch     string `json:"branch"`
	SHA        string `json:"sha"`
	Repository string `json:"repository"`
}

// PullRequest is a pull request as it was when the event happened.
type PullRequest struct {
	Number         int             `json:"number"`
	Title          string          `json:"title"`
	Body           string          `json:"body"`
	State          string          `json:"state"`
	Draft          bool            `json:"draft"`
	Merged         bool            `json:"merged"`
	MergedBy       string          `json:"mergedBy"`
	MergeCommitSHA string          `json:"mergeCommitSha"`
	FromFork       bool            `json:"fromFork"`
	Head           PullRequestSide `json:"head"`
	Base           PullRequestSide `json:"base"`
	Author         User            `json:"author"`
	Labels         []string        `json:"labels"`
	Assignees      []string        `json:"assignees"`
	Reviewers      []string        `json:"reviewers"`
	Milestone      string          `json:"milestone"`
	URL            string          `json:"url"`
	Additions      int             `json:"additions"`
	Deletions      int             `json:"deletions"`
	ChangedFiles   int             `json:"changedFiles"`
	CommitCount    int             `json:"commitCount"`
	CreatedAt      string          `json:"createdAt"`
	UpdatedAt      string          `json:"updatedAt"`
	ClosedAt       string          `json:"closedAt"`
	MergedAt       string          `json:"mergedAt"`
}

// Issue is an issue; code hosts may count pull requests among them.
type Issue struct {
	Number        int      `json:"number"`
	Title         string   `json:"title"`
	Body          string   `json:"body"`
	State         string   `json:"state"`
	StateReason   string   `json:"stateReason"`
	Author        User     `json:"author"`
	Labels        []string `json:"labels"`
	Assignees     []string `json:"assignees"`
	Milestone     string   `json:"milestone"`
	CommentCount  int      `json:"commentCount"`
	IsPullRequest bool     `json:"isPullRequest"`
	URL           string   `json:"url"`
	CreatedAt     string   `json:"createdAt"`
	UpdatedAt     string   `json:"updatedAt"`
	ClosedAt      string   `json:"closedAt"`
}

// Comment is a comment on an issue, a pull request, a commit or a discussion.
type Comment struct {
	NumericID   int    `json:"numericId"`
	Body        string `json:"body"`
	Author      User   `json:"author"`
	Association string `json:"association"`
	IssueNumber int    `json:"issueNumber"`
	Path        string `json:"path"`
	Line        int    `json:"line"`
	CommitSHA   string `json:"commitSha"`
	URL         string `json:"url"`
	CreatedAt   string `json:"createdAt"`
	UpdatedAt   string `json:"updatedAt"`
}

// Review is a review of a pull request.
type Review struct {
	NumericID   int    `json:"numericId"`
	State       string `json:"state"`
	Body        string `json:"body"`
	Author      User   `json:"author"`
	Association string `json:"association"`
	CommitSHA   string `json:"commitSha"`
	URL         string `json:"url"`
	SubmittedAt string `json:"submittedAt"`
}

// Asset is a file of a release.
type Asset struct {
	Name        string `json:"name"`
	ContentType string `json:"contentType"`
	Size        int    `json:"size"`
	URL         string `json:"url"`
}

// Release is a release.
type Release struct {
	NumericID   int     `json:"numericId"`
	Tag         string  `json:"tag"`
	Name        string  `json:"name"`
	Body        string  `json:"body"`
	Draft       bool    `json:"draft"`
	Prerelease  bool    `json:"prerelease"`
	Target      string  `json:"target"`
	Author      User    `json:"author"`
	Assets      []Asset `json:"assets"`
	URL         string  `json:"url"`
	CreatedAt   string  `json:"createdAt"`
	PublishedAt string  `json:"publishedAt"`
}
