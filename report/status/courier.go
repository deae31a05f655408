package status

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/franela/pocketci/run"
)

const (
	// maxOpen requests are in flight at once, maxOpenRepo of them for one
	// repository, so that one that hangs leaves room for the others.
	maxOpen     = 8
	maxOpenRepo = 6
	// makeRoom is how long a row waits whose repository has its share in flight.
	makeRoom = 100 * time.Millisecond
	// longestLimit bounds the code host's word to come back later: a wrong clock
	// on either side must not silence us for days.
	longestLimit = time.Hour
)

// courier sends what the outbox holds. Its fields belong to the goroutine of
// run; deliveries report back over results.
type courier struct {
	*Sender
	budget  *budget
	repos   map[int64]*repository
	open    int
	results chan result
	// wake receives after a result.
	wake chan struct{}
	// paused is until when the code host limits the credential.
	paused time.Time
	// rest is until when the store is left alone after an error.
	rest time.Time
}

// repository is what is known about sending to one repository.
type repository struct {
	open int
	// failures in a row; until the time to try again, one request at a time.
	failures int
	until    time.Time
}

// result is how one delivery went.
type result struct {
	row run.Report
	// sent: a request that creates content was made.
	sent bool
	err  error
}

func newCourier(s *Sender) *courier {
	return &courier{
		Sender:  s,
		budget:  newBudget(s.Budget),
		repos:   map[int64]*repository{},
		results: make(chan result, maxOpen),
		wake:    make(chan struct{}, 1),
	}
}

// run sends until everything is planned that will be, nothing more can be sent
// now and nothing is in flight.
func (c *courier) run(ctx context.Context) {
	w := c.newWaiter()
	planned, last := c.planned, false
	for {
		for c.fill(ctx) {
		}
		if c.open == 0 && (last || ctx.Err() != nil) {
			return
		}
		c.wait(ctx, w, planned)
		select {
		case <-planned:
			planned, last = nil, true
		default:
		}
	}
}

// wait returns when there may be reason to look at the outbox again.
func (c *courier) wait(ctx context.Context, w *waiter, planned <-chan struct{}) {
	if ctx.Err() != nil {
		<-c.wake
		return
	}
	w.wait(ctx, planned, c.wake, look)
}

// takeAll takes in the results that are there.
func (c *courier) takeAll() {
	for {
		select {
		case r := <-c.results:
			c.take(r)
		default:
			return
		}
	}
}

// fill begins as many deliveries as may be in flight, and tells whether to look
// for more at once: it claims nothing that it could not send.
func (c *courier) fill(ctx context.Context) (more bool) {
	c.takeAll()
	now := c.Clock()
	n := min(c.budget.available(now), maxOpen-c.open)
	if n <= 0 || ctx.Err() != nil || now.Before(c.paused) || now.Before(c.rest) {
		return false
	}
	rows, err := c.Outbox.ClaimReports(ctx, now, n)
	if err != nil {
		if ctx.Err() == nil {
			c.Log.Error().Err(err).Msg("can't read the outbox")
		}
		c.rest = now.Add(recovery)
		return false
	}
	slices.SortStableFunc(rows, func(a, b run.Report) int { return cmp.Compare(urgency(a), urgency(b)) })
	for _, row := range rows {
		c.begin(ctx, row, now)
	}
	return len(rows) == n
}

// urgency is the order in which what is due is sent: people wait for failures
// first, and a pending state may be out of date before it arrives.
func urgency(r run.Report) int {
	switch r.Status.State {
	case run.StatusFailure, run.StatusError:
		return 0
	case run.StatusPending:
		return 2
	}
	return 1
}

// begin starts a delivery, or puts the row back if its repository is not to be
// asked now.
func (c *courier) begin(ctx context.Context, row run.Report, now time.Time) {
	repo := c.repos[row.Repo.ID]
	if repo == nil {
		repo = &repository{}
		c.repos[row.Repo.ID] = repo
	}
	allowed, back := maxOpenRepo, now.Add(makeRoom)
	if repo.failures > 0 {
		allowed, back = 1, laterOf(repo.until, back)
	}
	if repo.open >= allowed || now.Before(repo.until) {
		row.NotBefore = back
		c.settle(ctx, row)
		return
	}
	repo.open++
	c.open++
	c.budget.begin()
	failures := repo.failures
	c.done.Go(func() {
		c.results <- c.deliver(ctx, row, failures)
		select {
		case c.wake <- struct{}{}:
		default:
		}
	})
}

// take counts a delivery that ended and draws what follows for the others.
func (c *courier) take(r result) {
	now := c.Clock()
	c.open--
	c.budget.end(now, r.sent)
	repo := c.repos[r.row.Repo.ID]
	repo.open--
	limit, limited := limitOf(r.err)
	switch {
	case limited:
		c.paused = laterOf(c.paused, bounded(limit, now))
	case transient(r.err):
		repo.failures++
		repo.until = laterOf(repo.until, r.row.NotBefore)
	default:
		repo.failures, repo.until = 0, time.Time{}
	}
	if repo.open == 0 && repo.failures == 0 {
		delete(c.repos, r.row.Repo.ID)
	}
	c.tell(func(h *Health) {
		h.LimitedUntil = c.paused
		h.Failing = 0
		for _, repo := range c.repos {
			if repo.failures > 0 {
				h.Failing++
			}
		}
		h.LastError = ""
		if r.err != nil {
			h.LastError = c.planner.scrubbed(r.err.Error())
		}
	})
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// bounded is the code host's word when to come back, within reason.
func bounded(until, now time.Time) time.Time {
	earliest, latest := now.Add(time.Second), now.Add(longestLimit)
	switch {
	case until.Before(earliest):
		return earliest
	case until.After(latest):
		return latest
	}
	return until
}
