package status

import (
	"context"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Budget is what one credential may send. GitHub counts requests that create
// content: 80 a minute and 500 an hour are its published limits.
type Budget struct {
	PerMinute, PerHour int
}

// DefaultBudget is GitHub's published limit on creating content.
func DefaultBudget() Budget { return Budget{PerMinute: 80, PerHour: 500} }

// Rates are the budget in words of [Permits].
func (b Budget) Rates() []run.Rate {
	return []run.Rate{{N: b.PerMinute, Within: time.Minute}, {N: b.PerHour, Within: time.Hour}}
}

// Permits shares what credentials may send among all who send.
type Permits interface {
	// Permit allows at most n requests with a credential, as many as its rates leave.
	// ended are permits whose requests have ended, with the number of those made.
	Permit(ctx context.Context, credential string, n int, rates []run.Rate, ended []run.Permit) (run.Permit, error)
	// Limit keeps that the code host takes nothing from a credential for a time.
	Limit(ctx context.Context, credential string, span time.Duration) error
}

// account is what is known about a credential.
type account struct {
	name string
	// until is when it may send again; limited tells that the code host says so.
	until   time.Time
	limited bool
	// using counts the permits under which requests are open; ended are those that
	// are to be given back.
	using int
	ended []run.Permit
}

// rest keeps the account from sending for a time.
func (a *account) rest(until time.Time, limited bool) {
	if until.After(a.until) {
		a.until, a.limited = until, limited
	}
}

// spending is a permit that is being used: open requests are under way, and made
// so many were.
type spending struct {
	permit     run.Permit
	account    *account
	open, made int
}

// end counts a request that ended. With the last one the permit can be given back.
func (s *spending) end(sent bool) {
	s.open--
	if sent {
		s.made++
	}
	if s.open == 0 {
		s.account.using--
		s.permit.N = s.made
		s.account.ended = append(s.account.ended, s.permit)
	}
}

// account gives what is known about the credential for a repository.
func (c *courier) account(r event.Repo) *account {
	name := ""
	if c.Account != nil {
		name = c.Account(r)
	}
	a := c.accounts[name]
	if a == nil {
		a = &account{name: name}
		c.accounts[name] = a
	}
	return a
}

// spend takes a permit for as many of n requests as it can get.
func (c *courier) spend(ctx context.Context, a *account, n int, now time.Time) (*spending, error) {
	p, err := c.Permits.Permit(ctx, a.name, n, c.Budget.Rates(), a.ended)
	if err != nil {
		return nil, err
	}
	a.ended = nil
	if p.N < n {
		a.rest(now.Add(max(p.Wait, makeRoom)), p.Limited)
	}
	if p.N > 0 {
		a.using++
	}
	return &spending{permit: p, account: a, open: p.N}, nil
}

// giveBack gives back what was used by accounts that rest: until then it counts as
// if it was still under way. Those that don't rest do so with their next permit.
func (c *courier) giveBack(ctx context.Context, now time.Time) {
	for _, a := range c.accounts {
		if len(a.ended) == 0 || a.using > 0 || !now.Before(a.until) {
			continue
		}
		if _, err := c.Permits.Permit(ctx, a.name, 0, c.Budget.Rates(), a.ended); err != nil {
			c.Log.Debug().Err(err).Msg("can't give back what was used of a budget; it comes free by itself, later")
		}
		a.ended = nil
	}
}
