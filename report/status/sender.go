package status

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// RunSource says which runs have changed since they were last planned.
type RunSource interface {
	// Unreported gives at most limit runs whose newest version was not planned
	// yet, or whose time to be planned again has come.
	Unreported(ctx context.Context, now time.Time, limit int) ([]run.Run, error)
	// PlanReports puts a run's reports into the outbox and keeps, in the same
	// transaction, that this version of the run is planned and when to plan it
	// again. Nothing is written for a version that is not the newest any more.
	PlanReports(ctx context.Context, eventID string, version int64, reports []run.Report, again time.Time) error
}

// Outbox hands out the reports that wait, one claim per row at a time.
type Outbox interface {
	// ClaimReports gives at most limit rows that are due, failures and errors
	// first, what is pending last, none of the repositories in except. A row stays claimed until it is
	// settled; one whose claim was never settled comes again, in doubt.
	ClaimReports(ctx context.Context, now time.Time, limit int, except []int64) ([]run.Report, error)
	// SettleReport ends a claim. If SentVersion is Version, that version has
	// arrived at Sent; if Dead is set, it never will; else the row comes again at
	// NotBefore, with Attempts and InDoubt as they are. A state that came in since
	// the claim stays to be sent in any case.
	SettleReport(ctx context.Context, r run.Report) error
}

// Watcher tells that something in the store may have changed.
type Watcher interface {
	// Watch gives a channel that receives, or is closed, after a change.
	Watch() <-chan struct{}
}

// StatusAPI is the code host. An error that wraps [run.ErrRefused] is final, a
// [*run.RetryAfter] says that the credential is limited; any other is transient
// and leaves open whether the status arrived.
type StatusAPI interface {
	SetStatus(ctx context.Context, repo event.Repo, sha string, s run.Status) error
	// Statuses gives a commit's statuses, the newest of a context first.
	Statuses(ctx context.Context, repo event.Repo, sha string) ([]run.Status, error)
}

// Config is what a sender works with.
type Config struct {
	Runs     RunSource
	Outbox   Outbox
	Statuses StatusAPI
	Permits  Permits
	// Watch wakes the sender; without it, it looks every second.
	Watch Watcher
	// Budget is each credential's; zero numbers are those of [DefaultBudget].
	Budget Budget
	// Account names the credential for a repository; nil: there is one.
	Account func(event.Repo) string
	// Scrub takes secrets out of a text; nil leaves it.
	Scrub func(string) string
	// TargetURL is where a run's statuses link to; nil or "": nowhere.
	TargetURL func(run.Run) string
	// Clock is time.Now if nil, Random a number in [0,1) for jitter.
	Clock  func() time.Time
	Random func() float64
	Log    zerolog.Logger
}

// Sender keeps the commits' statuses as the runs in the store say.
type Sender struct {
	Config
	planner planner

	// stopping is closed when no new work is looked for, planned when every run
	// that ended before has its reports in the outbox.
	stopping, planned chan struct{}
	cancel            context.CancelCauseFunc
	done              sync.WaitGroup
	start, stop       sync.Once

	mu     sync.Mutex
	health Health
}

// Health is how reporting goes.
type Health struct {
	// LimitedUntil is until when the code host takes nothing from a credential;
	// zero: none is limited.
	LimitedUntil time.Time
	// Failing counts the repositories to which reports can't be sent now, for
	// reasons that may pass.
	Failing int
	// LastError is why the last one failed, scrubbed; empty if it did not.
	LastError string
}

// errStopped is why requests in flight are cancelled.
var errStopped = errors.New("the agent is shutting down")

// New makes a sender; it does nothing before Start.
func New(c Config) (*Sender, error) {
	if c.Runs == nil || c.Outbox == nil || c.Statuses == nil || c.Permits == nil {
		return nil, errors.New("status sender: runs, outbox, statuses and permits are required")
	}
	std := DefaultBudget()
	if c.Budget.PerMinute < 0 || c.Budget.PerHour < 0 {
		return nil, fmt.Errorf("status sender: budget %+v is negative", c.Budget)
	}
	if c.Budget.PerMinute == 0 {
		c.Budget.PerMinute = std.PerMinute
	}
	if c.Budget.PerHour == 0 {
		c.Budget.PerHour = std.PerHour
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Float64
	}
	return &Sender{
		Config:   c,
		planner:  planner{scrub: c.Scrub, targetURL: c.TargetURL},
		stopping: make(chan struct{}),
		planned:  make(chan struct{}),
	}, nil
}

// Start begins to plan and to send. It does not block; what it starts is ended
// by Stop, not by ctx. Starting twice is harmless.
func (s *Sender) Start(ctx context.Context) error {
	s.start.Do(func() {
		working, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
		s.cancel = cancel
		s.done.Go(func() { s.planAll(working) })
		s.done.Go(func() { newCourier(s).run(working) })
	})
	return nil
}

// Stop plans what has ended, sends what may be sent now, and waits for it until
// ctx ends; then it cancels the requests in flight, which are in doubt from
// there on. What is not sent stays in the outbox. It returns the cause of ctx if
// that cut it short. Stopping twice, or before Start, is harmless.
func (s *Sender) Stop(ctx context.Context) error {
	s.start.Do(func() {})
	if s.cancel == nil {
		return nil
	}
	s.stop.Do(func() { close(s.stopping) })
	ended := make(chan struct{})
	go func() { s.done.Wait(); close(ended) }()
	var err error
	select {
	case <-ended:
	case <-ctx.Done():
		err = fmt.Errorf("stop reporting: %w", context.Cause(ctx))
		s.cancel(errStopped)
		<-ended
	}
	s.cancel(errStopped)
	return err
}

// Health tells how reporting goes; it may be called at any time.
func (s *Sender) Health() Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.health
	if !h.LimitedUntil.After(s.Clock()) {
		h.LimitedUntil = time.Time{}
	}
	return h
}

// tell changes what Health says.
func (s *Sender) tell(change func(*Health)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.health)
}
