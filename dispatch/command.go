package dispatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// What the first line of a comment at a pull request may ask for. Whoever asks
// has to be allowed to write to the repository.
const (
	commandApprove = "/ok-to-test" // sha: the fork's commit may run
	commandTest    = "/test"       // [function]: run again
	commandRetest  = "/retest"     // run again what did not succeed
	commandCancel  = "/cancel"     // end what is queued or running
)

// cancelAge is how old a comment may be that cancels: what runs by then is not
// what its author saw.
const cancelAge = 10 * time.Minute

// Comments reads what was said at a pull request.
type Comments interface {
	// Said gives the comment that an event brings, as its payload says; false if it
	// brings none that was just written at a pull request.
	Said(e event.Event) (run.Comment, bool)
	// Comment reads it again. An error that wraps [run.ErrRefused] also means that
	// it is gone.
	Comment(ctx context.Context, repo event.Repo, id int64) (run.Comment, error)
}

// Cancels ends the runs of a pull request that have not ended.
type Cancels interface {
	Cancel(ctx context.Context, repoID int64, pull int, why string) (n int, err error)
}

// spoken is a command as it was written.
type spoken struct {
	name string
	args []string
}

// parseCommand reads a comment's first line; false if it is no command.
func parseCommand(body string) (spoken, bool) {
	line, _, _ := strings.Cut(body, "\n")
	words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' })
	if len(words) == 0 || !strings.HasPrefix(line, words[0]) { // it begins the line
		return spoken{}, false
	}
	switch words[0] {
	case commandApprove, commandTest, commandRetest, commandCancel:
		return spoken{name: words[0], args: words[1:]}, true
	}
	return spoken{}, false
}

// unobeyed is why a command is not carried out.
type unobeyed struct {
	verdict run.CommandVerdict
	reason  string
}

func (u *unobeyed) Error() string { return string(u.verdict) + ": " + u.reason }

func refused(reason string) (run.Command, error) {
	return run.Command{}, &unobeyed{run.CommandRefused, reason}
}

// obey carries out what the event, a comment, asks for. The event goes on to the
// repository's functions whatever comes of it. What came of it is recorded; after
// a crash it is done again only up to there, and each part of it is such that it
// does no more the second time.
func (t *task) obey(ctx context.Context) error {
	e := t.run.Event
	if t.Lanes.Comments == nil || (e.Provenance != event.Webhook && e.Provenance != event.Recovered) {
		return nil
	}
	said, ok := t.Lanes.Comments.Said(e)
	if !ok {
		return nil
	}
	words, ok := parseCommand(said.Body)
	if !ok {
		return nil
	}
	if t.run.Command == nil {
		c, err := t.judge(ctx, said, words)
		if err != nil {
			return fmt.Errorf("obey %s of comment %d: %w", words.name, said.ID, err)
		}
		if err := t.advance(ctx, run.Progress{Command: &c}); err != nil {
			return err
		}
		t.log.Info().Str("command", c.Name).Str("verdict", string(c.Verdict)).Str("reason", c.Reason).Str("by", c.By.Login).Msg("command")
	}
	return t.answer(ctx, *t.run.Command)
}

// judge decides what becomes of a command, and carries it out.
func (t *task) judge(ctx context.Context, said run.Comment, words spoken) (run.Command, error) {
	c, err := t.carryOutCommand(ctx, said, words)
	var no *unobeyed
	switch {
	case errors.As(err, &no):
		c = run.Command{Verdict: no.verdict, Reason: no.reason}
	case err != nil:
		return c, err
	}
	c.Name, c.Arg, c.By = words.name, argument(words.args), said.Author
	return c, nil
}

// argument is what stood behind a command, fit to be stored and shown.
func argument(args []string) string {
	text := strings.Join(args, " ")
	if len(text) > 200 {
		text = text[:200]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}

func (t *task) carryOutCommand(ctx context.Context, said run.Comment, words spoken) (run.Command, error) {
	if err := t.authorise(ctx, said); err != nil {
		return run.Command{}, err
	}
	switch words.name {
	case commandApprove:
		return t.approve(ctx, said, words.args)
	case commandCancel:
		return t.cancelPull(ctx, said, words.args)
	}
	return t.rerun(ctx, said, words)
}

// authorise tells whether the comment is what it was when it was signed, and its
// author a person who may write to the repository. What a stranger may know is
// only that.
func (t *task) authorise(ctx context.Context, said run.Comment) error {
	e := t.run.Event
	if e.Sender.Bot || said.Author.Bot {
		return &unobeyed{run.CommandIgnored, "bots give no commands"}
	}
	if e.Sender.ID != said.Author.ID || said.Author.ID == 0 {
		return &unobeyed{run.CommandIgnored, "the comment was sent by somebody else than its author"}
	}
	now, err := t.Lanes.Comments.Comment(ctx, e.Repo, said.ID)
	switch {
	case errors.Is(err, run.ErrRefused):
		return &unobeyed{run.CommandIgnored, "the comment can't be read again"}
	case err != nil:
		return fmt.Errorf("read the comment again: %w", err)
	case now.Edited || now.Body != said.Body:
		return &unobeyed{run.CommandIgnored, "the comment was edited"}
	case now.ID != said.ID || now.Author.ID != said.Author.ID || now.Author.Bot || now.PullRequest != e.PullRequest:
		return &unobeyed{run.CommandIgnored, "the comment is not what its delivery says"}
	}
	may, err := t.Lanes.Writers.MayWrite(ctx, e.Repo, now.Author)
	switch {
	case errors.Is(err, run.ErrRefused):
		t.log.Warn().Err(err).Msg("the permission of a comment's author can't be asked for")
		return &unobeyed{run.CommandIgnored, "the author's permission can't be asked for"}
	case err != nil:
		return fmt.Errorf("ask whether %s may write: %w", now.Author.Login, err)
	case !may:
		return &unobeyed{run.CommandRefused, onlyWriters}
	}
	return nil
}

// onlyWriters is what everybody else is told.
const onlyWriters = "only people who may write to this repository can give commands"

// cancelPull carries out /cancel.
func (t *task) cancelPull(ctx context.Context, said run.Comment, args []string) (run.Command, error) {
	e := t.run.Event
	switch {
	case len(args) > 0:
		return refused("it takes nothing behind it and cancels everything of this pull request")
	case t.Lanes.Cancels == nil:
		return refused("this agent can't cancel")
	case t.Clock().Sub(said.At) > cancelAge:
		return refused("it came too late: what runs now is not what ran when it was written")
	}
	n, err := t.Lanes.Cancels.Cancel(ctx, e.Repo.ID, e.PullRequest, "cancelled by "+said.Author.Login)
	if err != nil {
		return run.Command{}, fmt.Errorf("cancel: %w", err)
	}
	if n == 0 {
		return refused("nothing of this pull request is queued or running")
	}
	return run.Command{Verdict: run.CommandDone, Reason: fmt.Sprintf("cancelled %s", counted(n, "run"))}, nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
