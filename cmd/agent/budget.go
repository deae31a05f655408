package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/report/status"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/vcs/github"
)

// What commit statuses leave of the budget, so that people who wrote a comment are
// answered though many statuses wait.
const (
	leaveMinute = 2
	leaveHour   = 10
)

// errBudget: as much was sent as the code host allows.
var errBudget = errors.New("the budget for requests that create content is used up")

// budget is what all agents of the store may send to the code host, and how much
// of it commit statuses may take.
type budget struct {
	status.Permits
	whole, statuses status.Budget
	// account names the credential for a repository; nil: there is one.
	account func(event.Repo) string
}

// credentials are permits by the full name of a credential, which begins with
// prefix.
type credentials struct {
	status.Permits
	prefix string
}

func (c credentials) Permit(ctx context.Context, credential string, n int, rates []run.Rate, ended []run.Permit) (run.Permit, error) {
	return c.Permits.Permit(ctx, c.prefix+credential, n, rates, ended)
}

func (c credentials) Limit(ctx context.Context, credential string, span time.Duration) error {
	return c.Permits.Limit(ctx, c.prefix+credential, span)
}

// makeBudget says whose budgets count: the account's, whatever its tokens; of a
// GitHub App each installation's, of which an owner has one.
func (a *agent) makeBudget(w world) {
	b := budget{whole: status.DefaultBudget()}
	if w.trial.budget != (status.Budget{}) {
		b.whole = w.trial.budget
	}
	b.statuses = status.Budget{PerMinute: b.whole.PerMinute - leaveMinute, PerHour: b.whole.PerHour - leaveHour}
	prefix := "github " + strings.ToLower(a.creds.Username)
	if a.app != nil {
		prefix = fmt.Sprintf("github app %d for ", a.creds.AppID)
		b.account = func(r event.Repo) string { return strings.ToLower(r.Owner) }
	}
	b.Permits = credentials{a.store, prefix}
	a.budget = b
}

// readingBudget is what all agents of the store may ask the code host for in the
// background: one for all installations of an App.
func (a *agent) readingBudget() github.Permits {
	of := "github reading as " + strings.ToLower(a.creds.Username)
	if a.app != nil {
		of = fmt.Sprintf("github reading as app %d", a.creds.AppID)
	}
	return credentials{a.store, of}
}

// answers are answers to comments that count in the budget.
type answers struct {
	dispatch.Answers
	budget budget
	clock  func() time.Time
	log    zerolog.Logger
}

// Reply sends an answer if the budget allows it; else its error is a
// [*run.RetryAfter], and nothing was sent.
func (s answers) Reply(ctx context.Context, repo event.Repo, r run.Reply) error {
	credential := ""
	if s.budget.account != nil {
		credential = s.budget.account(repo)
	}
	p, err := s.budget.Permit(ctx, credential, 1, s.budget.whole.Rates(), nil)
	if err != nil {
		return err
	}
	if p.N == 0 {
		return &run.RetryAfter{Until: s.clock().Add(p.Wait), Err: errBudget}
	}
	err = s.Answers.Reply(ctx, repo, r)
	var limit *run.RetryAfter
	if errors.As(err, &limit) {
		if err := s.budget.Limit(ctx, credential, limit.Until.Sub(s.clock())); err != nil {
			s.log.Warn().Err(err).Msg("can't tell other agents that the code host limits us")
		}
	}
	return err
}
