package status

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/franela/pocketci/run"
)

// requestTime is how long one delivery may take. GitHub ends its own requests
// after ten seconds.
const requestTime = 20 * time.Second

// errRequestTime is the cause of a delivery that took too long.
var errRequestTime = errors.New("the code host did not answer in time")

// deliver sends one row under a permit and settles it. failures are those in a row
// of its repository.
func (c *courier) deliver(ctx context.Context, row run.Report, from *spending, failures int) result {
	timed, cancel := context.WithTimeoutCause(ctx, requestTime, errRequestTime)
	sent, err := c.send(timed, row)
	if err != nil && timed.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(timed), err)
	}
	cancel()
	row = c.settled(ctx, row, sent, failures, err)
	c.logDelivery(row, err)
	c.settle(ctx, row)
	if limit, limited := limitOf(err); limited {
		c.share(ctx, from.account, limit)
	}
	return result{row: row, from: from, sent: sent, err: err}
}

// share tells all who use the credential that the code host limits it.
func (c *courier) share(ctx context.Context, a *account, limit time.Time) {
	now := c.Clock()
	timed, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), requestTime, errRequestTime)
	defer cancel()
	if err := c.Permits.Limit(timed, a.name, bounded(limit, now).Sub(now)); err != nil {
		c.Log.Warn().Err(err).Msg("can't tell other agents that the code host limits us")
	}
}

// send makes the request, unless a try whose end is not known has done it.
func (c *courier) send(ctx context.Context, row run.Report) (sent bool, err error) {
	if row.InDoubt {
		there, err := c.Statuses.Statuses(ctx, row.Repo, row.SHA)
		if err != nil {
			return false, err
		}
		if arrived(there, row.Status) {
			return false, nil
		}
	}
	return true, c.Statuses.SetStatus(ctx, row.Repo, row.SHA, row.Status)
}

// arrived tells whether the newest status of the context is the wanted one.
func arrived(there []run.Status, want run.Status) bool {
	for _, s := range there {
		if s.Context == want.Context {
			return s.State == want.State && s.Description == want.Description && s.TargetURL == want.TargetURL
		}
	}
	return false
}

// settled is the row after a try.
func (c *courier) settled(ctx context.Context, row run.Report, sent bool, failures int, err error) run.Report {
	now := c.Clock()
	doubt := row.InDoubt
	row.InDoubt = false
	limit, limited := limitOf(err)
	switch {
	case err == nil:
		row.Attempts++
		row.SentVersion, row.Sent = row.Version, now
	case ctx.Err() != nil:
		// We broke it off ourselves: no fault of the row's.
		row.InDoubt, row.NotBefore = doubt || sent, now
	case limited:
		row.Attempts++
		row.InDoubt, row.NotBefore = doubt && !sent, bounded(limit, now)
	case errors.Is(err, run.ErrRefused):
		row.Attempts++
		row.Dead = either(c.planner.describe(err.Error()), run.ErrRefused.Error())
	default:
		row.Attempts++
		row.InDoubt = doubt || sent
		row.NotBefore = now.Add(wait(max(row.Attempts, failures+1), c.Random()))
	}
	return row
}

// settle writes a row back. Without that the row would stay claimed, so it is
// tried until it works or the sender is stopped; after that, the claim's own end
// brings the row back, in doubt.
func (c *courier) settle(ctx context.Context, row run.Report) {
	writing := context.WithoutCancel(ctx)
	for try := 1; ; try++ {
		timed, cancel := context.WithTimeoutCause(writing, requestTime, errRequestTime)
		err := c.Outbox.SettleReport(timed, row)
		cancel()
		if err == nil || errors.Is(err, run.ErrLeaseLost) {
			return
		}
		c.Log.Error().Err(err).Str("repo", row.Repo.FullName()).Str("sha", row.SHA).
			Str("context", row.Status.Context).Int("try", try).Msg("can't write a report back to the outbox")
		timer := time.NewTimer(wait(try, c.Random()))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// logDelivery says once how a delivery went.
func (c *courier) logDelivery(row run.Report, err error) {
	ev := c.Log.Debug()
	switch {
	case row.Dead != "":
		ev = c.Log.Error()
	case err != nil:
		ev = c.Log.Warn()
	}
	if err != nil {
		ev = ev.Str("error", c.planner.scrubbed(err.Error()))
	}
	if err != nil && row.Dead == "" {
		ev = ev.Time("not_before", row.NotBefore)
	}
	ev.Str("repo", row.Repo.FullName()).Str("sha", row.SHA).Str("context", row.Status.Context).
		Str("state", string(row.Status.State)).Int("attempt", row.Attempts).Bool("dead", row.Dead != "").
		Msg("commit status")
}

// limitOf is until when the code host limits the credential, if that is what err says.
func limitOf(err error) (time.Time, bool) {
	var limit *run.RetryAfter
	if errors.As(err, &limit) {
		return limit.Until, true
	}
	return time.Time{}, false
}

// transient tells an error that says something about the repository's reach from
// a refusal, which concerns the one status, and from our own stopping.
func transient(err error) bool {
	return err != nil && !errors.Is(err, run.ErrRefused) && !errors.Is(err, errStopped)
}
