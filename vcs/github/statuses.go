package github

import (
	"context"
	"fmt"

	gh "github.com/google/go-github/v62/github"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// maxDescription is how many characters GitHub takes.
const maxDescription = 140

// SetStatus reports one context's state on a commit. Errors:
//   - *run.RetryAfter: GitHub limits us; Until is when it ends
//   - run.ErrRefused: for good (403 that is no limit, 404, 410, 422, 451)
//   - anything else, 401 too (a token can be replaced): it may work the next time
func (c *Client) SetStatus(ctx context.Context, repo event.Repo, sha string, s run.Status) error {
	what := fmt.Sprintf("set status %q of %s@%.12s", s.Context, repo.FullName(), sha)
	if err := checkTarget(repo, sha); err != nil {
		return fmt.Errorf("%s: %w: %w", what, err, run.ErrRefused)
	}
	in := &gh.RepoStatus{State: gh.String(string(s.State)), Context: gh.String(s.Context), Description: gh.String(cut(s.Description))}
	if s.TargetURL != "" {
		in.TargetURL = gh.String(s.TargetURL)
	}
	if _, _, err := c.api().Repositories.CreateStatus(ctx, repo.Owner, repo.Name, sha, in); err != nil {
		return c.failed(ctx, what, err)
	}
	return nil
}

// Statuses gives the newest status of each context on a commit, newest first.
// Errors are those of SetStatus.
func (c *Client) Statuses(ctx context.Context, repo event.Repo, sha string) ([]run.Status, error) {
	what := fmt.Sprintf("list statuses of %s@%.12s", repo.FullName(), sha)
	if err := checkTarget(repo, sha); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", what, err, run.ErrRefused)
	}
	var list []run.Status
	seen := map[string]bool{}
	for page := 1; page != 0; {
		got, resp, err := c.api().Repositories.ListStatuses(ctx, repo.Owner, repo.Name, sha, &gh.ListOptions{Page: page, PerPage: 100})
		if err != nil {
			return nil, c.failed(ctx, what, err)
		}
		for _, s := range got {
			if !seen[s.GetContext()] {
				seen[s.GetContext()] = true
				list = append(list, run.Status{
					Context: s.GetContext(), State: run.StatusState(s.GetState()),
					Description: s.GetDescription(), TargetURL: s.GetTargetURL(),
				})
			}
		}
		page = resp.NextPage
	}
	return list, nil
}

// checkTarget keeps what was not validated out of an API path.
func checkTarget(repo event.Repo, sha string) error {
	if err := checkRepo(repo); err != nil {
		return err
	}
	if !ValidSHA(sha) {
		return fmt.Errorf("%q is no commit", sha)
	}
	return nil
}

// cut shortens a description to what GitHub takes.
func cut(s string) string {
	if r := []rune(s); len(r) > maxDescription {
		return string(r[:maxDescription-1]) + "…"
	}
	return s
}
