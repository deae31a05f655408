package store

import (
	"context"
	"fmt"

	"github.com/franela/pocketci/run"
)

// maxApprovals bounds how many approvals of one commit are given.
const maxApprovals = 20

// Approve keeps an approval and wakes what waits in its repository. There is one
// approval per event: to keep it again changes nothing, and wakes again.
func (s *Store) Approve(ctx context.Context, a run.Approval) error {
	err := s.do(ctx, false, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `INSERT INTO approvals (event_id, repo_id, pull, sha, base_ref, base_sha, by_id, by_login, comment_id, at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			text(a.EventID), a.RepoID, a.PullRequest, text(a.SHA), text(a.BaseRef), text(a.BaseSHA), a.By.ID, text(a.By.Login), a.CommentID, nanos(a.At))
		return err
	})
	if err != nil {
		return fmt.Errorf("keep the approval of %s: %w", a.SHA, err)
	}
	return s.Wake(ctx, a.RepoID)
}

// WakeApproved makes waiting runs due that have been approved: an engine for them
// may have been named since.
func (s *Store) WakeApproved(ctx context.Context) error {
	err := s.do(ctx, false, func(ctx context.Context, t tx) error {
		n, err := t.exec(ctx, "UPDATE runs SET due = ? WHERE due IS NOT NULL AND state = ? AND approval <> ''", dueNow, string(run.Waiting))
		if err != nil || n == 0 {
			return err
		}
		return s.d.announce(ctx, t)
	})
	if err != nil {
		return fmt.Errorf("wake what was approved: %w", err)
	}
	s.work.set()
	return nil
}

// Approvals gives the approvals of a commit of a repository, newest first, at
// most 20.
func (s *Store) Approvals(ctx context.Context, repoID int64, sha string) ([]run.Approval, error) {
	var list []run.Approval
	err := s.reads().each(ctx, func(scan func(...any) error) error {
		a := run.Approval{RepoID: repoID}
		var at int64
		if err := scan(&a.EventID, &a.PullRequest, &a.SHA, &a.BaseRef, &a.BaseSHA, &a.By.ID, &a.By.Login, &a.CommentID, &at); err != nil {
			return err
		}
		a.At = timeOf(at)
		list = append(list, a)
		return nil
	}, `SELECT event_id, pull, sha, base_ref, base_sha, by_id, by_login, comment_id, at FROM approvals
		WHERE repo_id = ? AND sha = ? ORDER BY at DESC, comment_id DESC LIMIT ?`, repoID, text(sha), maxApprovals)
	if err != nil {
		return nil, fmt.Errorf("read the approvals of %s: %w", sha, err)
	}
	return list, nil
}
