package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/franela/pocketci/run"
)

// PullRuns gives the runs of a pull request's events (those that are about it, not
// comments on it) for one commit, newest first, at most limit; with decisions and
// calls, without payloads and outputs.
func (s *Store) PullRuns(ctx context.Context, repoID int64, pull int, sha string, limit int) ([]run.Run, error) {
	var found []run.Run
	err := s.view(ctx, func(ctx context.Context, t tx) (err error) {
		// The event's JSON is looked into as text, then read to be sure.
		found, err = t.runs(ctx, "e.repo_id = ? AND e.name LIKE ? AND e.data LIKE ? AND e.data LIKE ? ORDER BY e.seq DESC LIMIT ?",
			repoID, "pull_request%", fmt.Sprintf(`%%"pull_request":%d,%%`, pull), `%"sha":"`+likely(sha)+`"%`, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the runs of pull request %d: %w", pull, err)
	}
	return slices.DeleteFunc(found, func(r run.Run) bool {
		return r.Event.PullRequest != pull || r.Event.SHA != sha || r.Event.Repo.ID != repoID
	}), nil
}

// likely is a sha as a pattern of LIKE: anything else matches nothing.
func likely(sha string) string {
	for _, c := range sha {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "none"
		}
	}
	return sha
}
