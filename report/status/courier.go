package status

import (
	"context"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

const (
	// maxOpen requests are in flight at once, maxOpenRepo of them for one
	// repository, so that one that hangs leaves room for the others.
	maxOpen     = 8
	maxOpenRepo = 6
	// makeRoom is how long a row waits whose repository has its share in flight.
	makeRoom = 100 * time.Millisecond
	// remember is how long it is remembered whose credential is for which repository
	// after one could not be used: it may be so again soon.
	remember = time.Minute
	// longestLimit bounds the code host's word to come back later: a wrong clock
	// on either side must not silence us for days.
	longestLimit = time.Hour
)

// courier sends what the outbox holds. Its fields belong to the goroutine of
// run; deliveries report back over results.
type courier struct {
	*Sender
	accounts map[string]*account
	repos    map[int64]*repository
	open     int
	results  chan result
	// wake receives after a result.
	wake chan struct{}
	// rest is until when the store is left alone after an error.
	rest time.Time
}

// repository is what is known about sending to one repository.
type repository struct {
	account *account
	open    int
	// failures in a row; until the time to try again, one request at a time.
	failures int
	until    time.Time
}

// back is when the next request to the repository may be made; now, if it may.
func (r *repository) back(now time.Time) time.Time {
	allowed, back := maxOpenRepo, now
	if r.failures > 0 {
		allowed, back = 1, laterOf(r.until, now)
	}
	if r.open >= allowed {
		back = laterOf(back, now.Add(makeRoom))
	}
	return laterOf(back, r.account.until)
}

// idle tells whether nothing is to be remembered of the repository.
func (r *repository) idle(now time.Time) bool {
	return r.open == 0 && r.failures == 0 && now.After(r.account.until.Add(remember))
}

// result is how one delivery went.
type result struct {
	row  run.Report
	from *spending
	// sent: a request that creates content was made.
	sent bool
	err  error
}

func newCourier(s *Sender) *courier {
	return &courier{
		Sender:   s,
		accounts: map[string]*account{},
		repos:    map[int64]*repository{},
		results:  make(chan result, maxOpen),
		wake:     make(chan struct{}, 1),
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
// for more at once.
func (c *courier) fill(ctx context.Context) (more bool) {
	c.takeAll()
	now := c.Clock()
	c.giveBack(ctx, now)
	n := maxOpen - c.open
	if n <= 0 || ctx.Err() != nil || now.Before(c.rest) || c.silent(now) {
		return false
	}
	rows, err := c.Outbox.ClaimReports(ctx, now, n, c.closed(now))
	if err != nil {
		if ctx.Err() == nil {
			c.Log.Error().Err(err).Msg("can't read the outbox")
		}
		c.rest = now.Add(recovery)
		return false
	}
	c.sendAll(ctx, rows, now)
	return len(rows) == n
}

// silent tells whether nothing can be sent at all: there is one credential, and
// it is not to be used now.
func (c *courier) silent(now time.Time) bool {
	return c.Account == nil && now.Before(c.account(event.Repo{}).until)
}

// closed are the repositories to which nothing can be sent now. What waits for
// them stays where it is, so that it is in nobody's way.
func (c *courier) closed(now time.Time) []int64 {
	var ids []int64
	for id, r := range c.repos {
		switch {
		case r.idle(now):
			delete(c.repos, id)
		case r.back(now).After(now):
			ids = append(ids, id)
		}
	}
	return ids
}

// sendAll starts the deliveries of what was claimed, and puts back what is not to be
// sent now.
func (c *courier) sendAll(ctx context.Context, rows []run.Report, now time.Time) {
	var order []*account
	ready := map[*account][]run.Report{}
	for _, row := range rows {
		repo := c.repository(row)
		if back := repo.back(now); back.After(now) {
			c.putBack(ctx, row, back)
			continue
		}
		repo.open++
		if ready[repo.account] == nil {
			order = append(order, repo.account)
		}
		ready[repo.account] = append(ready[repo.account], row)
	}
	for _, a := range order {
		c.sendAs(ctx, a, ready[a], now)
	}
}

// sendAs starts deliveries with one credential, as many as its budget allows.
func (c *courier) sendAs(ctx context.Context, a *account, rows []run.Report, now time.Time) {
	from, err := c.spend(ctx, a, len(rows), now)
	if err != nil {
		if ctx.Err() == nil {
			c.Log.Error().Err(err).Msg("can't say what may be sent")
		}
		c.rest = now.Add(recovery)
		from = &spending{}
	}
	c.tell(c.limits)
	for i, row := range rows {
		if i >= from.permit.N {
			c.repos[row.Repo.ID].open--
			c.putBack(ctx, row, laterOf(now, a.until))
			continue
		}
		c.open++
		failures := c.repos[row.Repo.ID].failures
		c.done.Go(func() {
			c.results <- c.deliver(ctx, row, from, failures)
			select {
			case c.wake <- struct{}{}:
			default:
			}
		})
	}
}

// repository gives what is known about a report's repository.
func (c *courier) repository(row run.Report) *repository {
	repo := c.repos[row.Repo.ID]
	if repo == nil {
		repo = &repository{account: c.account(row.Repo)}
		c.repos[row.Repo.ID] = repo
	}
	return repo
}

// putBack returns a row that was not tried.
func (c *courier) putBack(ctx context.Context, row run.Report, until time.Time) {
	row.NotBefore = until
	c.settle(ctx, row)
}

// take counts a delivery that ended and draws what follows for the others.
func (c *courier) take(r result) {
	now := c.Clock()
	c.open--
	r.from.end(r.sent)
	repo := c.repos[r.row.Repo.ID]
	repo.open--
	limit, limited := limitOf(r.err)
	switch {
	case limited:
		r.from.account.rest(bounded(limit, now), true)
	case transient(r.err):
		repo.failures++
		repo.until = laterOf(repo.until, r.row.NotBefore)
	default:
		repo.failures, repo.until = 0, time.Time{}
	}
	c.tell(func(h *Health) {
		c.limits(h)
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

// limits says until when the code host limits a credential of ours.
func (c *courier) limits(h *Health) {
	h.LimitedUntil = time.Time{}
	for _, a := range c.accounts {
		if a.limited {
			h.LimitedUntil = laterOf(h.LimitedUntil, a.until)
		}
	}
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
