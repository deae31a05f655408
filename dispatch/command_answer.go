package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Answers writes to a pull request.
type Answers interface {
	Reply(ctx context.Context, repo event.Repo, r run.Reply) error
	// Replied tells whether the reply is there already.
	Replied(ctx context.Context, repo event.Repo, r run.Reply) (bool, error)
}

// Replies remembers what was answered.
type Replies interface {
	// ClaimReply says whether to send a reply, and remembers that it was begun.
	ClaimReply(ctx context.Context, r run.Reply, l run.ReplyLimits) (run.ReplyState, error)
	// SettleReply says that it was sent, or is given up.
	SettleReply(ctx context.Context, eventID string) error
}

// strangerLimits and writerLimits bound what refusals are answered: a stranger is
// told once, and nobody can make us fill a pull request.
func strangerLimits() run.ReplyLimits {
	return run.ReplyLimits{Within: 24 * time.Hour, Account: 1, Pull: 5, Repo: 20}
}

func writerLimits() run.ReplyLimits {
	return run.ReplyLimits{Within: time.Hour, Account: 10, Pull: 20, Repo: 60}
}

// answer tells the author of a comment, in one sentence, why a command was
// refused. It is sent once, also after a crash in the middle.
func (t *task) answer(ctx context.Context, c run.Command) error {
	if c.Verdict != run.CommandRefused || t.Lanes.Replies == nil || t.Lanes.Answers == nil {
		return nil
	}
	e := t.run.Event
	limits := writerLimits()
	if c.Reason == onlyWriters {
		limits = strangerLimits()
	}
	r := run.Reply{
		EventID: e.ID, RepoID: e.Repo.ID, PullRequest: e.PullRequest, Account: c.By.ID, At: e.ReceivedAt,
		Text: fmt.Sprintf("pocketci: `%s` is refused: %s.", c.Name, t.Scrub(c.Reason)),
	}
	state, err := t.Lanes.Replies.ClaimReply(ctx, r, limits)
	if err != nil {
		return fmt.Errorf("answer a comment: %w", err)
	}
	switch state {
	case run.ReplySent, run.ReplySpared:
		return nil
	case run.ReplyInDoubt:
		there, err := t.Lanes.Answers.Replied(ctx, e.Repo, r)
		if err != nil && !errors.Is(err, run.ErrRefused) {
			return fmt.Errorf("answer a comment: %w", err)
		}
		if there || err != nil {
			return t.Lanes.Replies.SettleReply(ctx, e.ID)
		}
	}
	err = t.Lanes.Answers.Reply(ctx, e.Repo, r)
	if errors.Is(err, run.ErrRefused) {
		t.log.Warn().Err(err).Str("hint", "what it asked for was refused all the same; to answer, the agent's credential needs the right to write comments at pull requests").
			Msg("a comment can't be answered")
	} else if err != nil {
		return fmt.Errorf("answer a comment: %w", err)
	}
	return t.Lanes.Replies.SettleReply(ctx, e.ID)
}
