package dispatch

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Approvals remembers who approved what.
type Approvals interface {
	// Approve keeps an approval, once per event, and wakes what waits for it.
	Approve(ctx context.Context, a run.Approval) error
	// Approvals gives those of a commit, newest first.
	Approvals(ctx context.Context, repoID int64, sha string) ([]run.Approval, error)
}

// Writers asks the code host, afresh, whether an account may write to a
// repository; the answer's numeric ids are the account's and the repository's.
type Writers interface {
	MayWrite(ctx context.Context, repo event.Repo, account event.Sender) (bool, error)
}

// Pulls shows pull requests and branches as they are now. An error that wraps
// [run.ErrRefused] also means that there is none.
type Pulls interface {
	Pull(ctx context.Context, repo event.Repo, number int) (run.Pull, error)
	// Tip is the commit that a branch (short) points at.
	Tip(ctx context.Context, repo event.Repo, branch string) (string, error)
}

// approval finds who approved the event's commit and still may: permission is
// asked for again each time the run starts. nil: nobody.
func (t *task) approval(ctx context.Context) (*run.Approval, error) {
	if t.Lanes.Approvals == nil {
		return nil, nil
	}
	e := t.run.Event
	list, err := t.Lanes.Approvals.Approvals(ctx, e.Repo.ID, e.SHA)
	if err != nil {
		return nil, fmt.Errorf("look for an approval of %s: %w", e.SHA, err)
	}
	if had := t.run.Approval; had != nil {
		list = append([]run.Approval{*had}, list...) // what was begun goes on with the module that it began with
	}
	for _, a := range list {
		if !a.Covers(e) {
			continue
		}
		if t.Lanes.Engine == nil {
			return &a, nil // it can't start; nobody needs to be asked
		}
		may, err := t.Lanes.Writers.MayWrite(ctx, e.Repo, a.By)
		switch {
		case errors.Is(err, run.ErrRefused):
			t.log.Warn().Err(err).Msg("the permission of who approved the commit can't be asked for")
		case err != nil:
			return nil, fmt.Errorf("ask whether %s may still write to %s: %w", a.By.Login, e.Repo.FullName(), err)
		case may:
			return &a, nil
		}
	}
	return nil, nil
}

// awaitApproval parks a run whose commit is not the repository's own and which
// lacks an approval, or an engine. Nothing else would wake it.
func (t *task) awaitApproval(ctx context.Context, a *run.Approval) error {
	p := run.Progress{Trust: event.Untrusted, SHA: t.run.Event.SHA, Approval: a}
	if err := t.advance(ctx, p); err != nil {
		return err
	}
	if a != nil {
		// The operator names an engine by starting the agent anew, which wakes it.
		return &hold{waits: waitsEngine}
	}
	waits := waitsApproval + t.run.Event.SHA
	if t.Lanes.Engine == nil && t.Lanes.Approvals != nil {
		waits += noEngineNamed
	}
	return &hold{waits: waits}
}

// trustsFork tells whether a pull request's commit counts as the repository's own
// because its fork belongs to somebody who may write to the repository, which the
// operator has to allow. Only the code host's word counts, for the commit that is
// the head now.
func (d *Dispatcher) trustsFork(ctx context.Context, e event.Event) (bool, error) {
	l := d.Lanes
	if l.Rules == nil || l.Pulls == nil || l.Writers == nil || e.PullRequest <= 0 || !l.Rules.TrustsForks(e.Repo) {
		return false, nil
	}
	if e.Rerun != nil && e.Rerun.Trust != event.Trusted {
		return false, nil // a re-run never raises trust
	}
	p, err := l.Pulls.Pull(ctx, e.Repo, e.PullRequest)
	if errors.Is(err, run.ErrRefused) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at pull request %d of %s: %w", e.PullRequest, e.Repo.FullName(), err)
	}
	if p.HeadRepo == 0 || p.HeadOwner.Bot || p.HeadSHA != e.SHA || p.BaseRepo != e.Repo.ID {
		return false, nil
	}
	may, err := l.Writers.MayWrite(ctx, e.Repo, p.HeadOwner)
	if errors.Is(err, run.ErrRefused) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask whether %s may write to %s: %w", p.HeadOwner.Login, e.Repo.FullName(), err)
	}
	return may, nil
}

// fullSHA is an object id, of SHA-1 or SHA-256.
var fullSHA = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// approve carries out /ok-to-test: it keeps the word of who wrote it for the pull
// request's newest commit, with the base as it is now.
func (t *task) approve(ctx context.Context, c run.Comment, args []string) (run.Command, error) {
	e := t.run.Event
	if len(args) != 1 || !fullSHA.MatchString(strings.ToLower(args[0])) {
		return refused("it takes the full sha of the commit that you have looked at")
	}
	sha := strings.ToLower(args[0])
	done := run.Command{Verdict: run.CommandDone, Reason: "approved " + sha}
	list, err := t.Lanes.Approvals.Approvals(ctx, e.Repo.ID, sha)
	if err != nil {
		return run.Command{}, fmt.Errorf("look for approvals of %s: %w", sha, err)
	}
	for _, a := range list {
		if a.EventID == e.ID {
			return done, nil // it was kept before the agent ended
		}
	}
	p, err := t.openPull(ctx)
	if err != nil {
		return run.Command{}, err
	}
	switch {
	case p.HeadRepo == e.Repo.ID:
		return refused("the pull request's branch is one of this repository, which needs no approval")
	case p.HeadSHA != sha:
		return refused("that commit is not the pull request's newest one: look at what was pushed, then approve that")
	}
	if known, err := t.baseKnown(ctx, c, p); err != nil {
		return run.Command{}, err
	} else if !known {
		return refused("the branch that the pull request goes into was changed since: look again, then say it again")
	}
	tip, err := t.Lanes.Pulls.Tip(ctx, e.Repo, p.BaseRef)
	if errors.Is(err, run.ErrRefused) {
		return refused("the branch that the pull request goes into can't be read")
	}
	if err != nil {
		return run.Command{}, fmt.Errorf("find the base of pull request %d: %w", p.Number, err)
	}
	a := run.Approval{
		RepoID: e.Repo.ID, PullRequest: p.Number, SHA: sha, BaseRef: p.BaseRef, BaseSHA: tip,
		By: c.Author, EventID: e.ID, CommentID: c.ID, At: t.Clock().UTC(),
	}
	if err := t.Lanes.Approvals.Approve(ctx, a); err != nil {
		return run.Command{}, fmt.Errorf("approve %s: %w", sha, err)
	}
	t.log.Info().Str("approved", sha).Str("by", c.Author.Login).Int64("by_id", c.Author.ID).Int("pull_request", p.Number).
		Str("base", p.BaseRef).Str("base_sha", tip).Msg("a fork's commit was approved")
	return done, nil
}

// baseKnown tells whether the pull request went into its base already when the
// comment was written. Its author may change the base at any time, and with it the
// module that would run; a comment does not say which one was looked at.
func (t *task) baseKnown(ctx context.Context, c run.Comment, p run.Pull) (bool, error) {
	runs, err := t.Lanes.History.PullRuns(ctx, t.run.Event.Repo.ID, p.Number, p.HeadSHA, rerunLook)
	if err != nil {
		return false, fmt.Errorf("look for events of pull request %d: %w", p.Number, err)
	}
	written := c.At.Add(time.Second) // it is told in whole seconds
	return slices.ContainsFunc(runs, func(r run.Run) bool {
		return r.Event.BaseRef == p.BaseRef && !r.Event.ReceivedAt.After(written)
	}), nil
}

// openPull is the pull request that the event is about, if it is open.
func (t *task) openPull(ctx context.Context) (run.Pull, error) {
	e := t.run.Event
	p, err := t.Lanes.Pulls.Pull(ctx, e.Repo, e.PullRequest)
	switch {
	case errors.Is(err, run.ErrRefused):
		return p, &unobeyed{run.CommandRefused, "the pull request can't be read"}
	case err != nil:
		return p, fmt.Errorf("look at pull request %d of %s: %w", e.PullRequest, e.Repo.FullName(), err)
	case p.Number != e.PullRequest || p.BaseRepo != e.Repo.ID:
		return p, &unobeyed{run.CommandIgnored, "the pull request is another repository's"}
	case !p.Open:
		return p, &unobeyed{run.CommandRefused, "the pull request is closed"}
	}
	return p, nil
}
