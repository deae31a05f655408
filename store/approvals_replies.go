package store

import (
	"context"
	"fmt"

	"github.com/franela/pocketci/run"
)

// ClaimReply says whether a reply is to be sent, and remembers that it was begun.
// There is one reply per event: [run.ReplyNew] is answered once, and until
// [Store.SettleReply] then [run.ReplyInDoubt]. Beyond the limits it is
// [run.ReplySpared], and stays so.
func (s *Store) ClaimReply(ctx context.Context, r run.Reply, l run.ReplyLimits) (run.ReplyState, error) {
	var state run.ReplyState
	err := s.do(ctx, false, func(ctx context.Context, t tx) error {
		var spared, ended int64
		found, err := t.one(ctx, []any{&spared, &ended}, "SELECT spared, ended FROM replies WHERE event_id = ?", text(r.EventID))
		switch {
		case err != nil:
			return err
		case found && spared != 0:
			state = run.ReplySpared
		case found && ended != 0:
			state = run.ReplySent
		case found:
			state = run.ReplyInDoubt
		}
		if found {
			return nil
		}
		state = run.ReplyNew
		over, err := t.repliesOver(ctx, r, l)
		if err != nil {
			return err
		}
		if over {
			state = run.ReplySpared
		}
		_, err = t.exec(ctx, "INSERT INTO replies (event_id, repo_id, pull, account, at, spared) VALUES (?, ?, ?, ?, ?, ?)",
			text(r.EventID), r.RepoID, r.PullRequest, r.Account, nanos(r.At), number(over))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("claim the reply to %s: %w", r.EventID, err)
	}
	return state, nil
}

// repliesOver tells whether one more reply would be too many.
func (t tx) repliesOver(ctx context.Context, r run.Reply, l run.ReplyLimits) (bool, error) {
	var account, pull, repo int
	_, err := t.one(ctx, []any{&account, &pull, &repo}, `SELECT
			COALESCE(SUM(CASE WHEN pull = ? AND account = ? THEN 1 ELSE 0 END), 0),
			COALESCE(SUM(CASE WHEN pull = ? THEN 1 ELSE 0 END), 0), COUNT(*)
		FROM replies WHERE repo_id = ? AND at > ? AND spared = 0`,
		r.PullRequest, r.Account, r.PullRequest, r.RepoID, nanos(r.At.Add(-l.Within)))
	return account >= l.Account || pull >= l.Pull || repo >= l.Repo, err
}

// SettleReply says that a reply was sent, or is given up.
func (s *Store) SettleReply(ctx context.Context, eventID string) error {
	err := s.do(ctx, false, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, "UPDATE replies SET ended = ? WHERE event_id = ? AND ended = 0", nanos(s.cfg.Clock()), text(eventID))
		return err
	})
	if err != nil {
		return fmt.Errorf("settle the reply to %s: %w", eventID, err)
	}
	return nil
}
