package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/semaphore"

	"github.com/franela/pocketci/run"
)

// Reasons for which work in flight is cancelled.
var (
	errShutdown  = errors.New("the agent is shutting down")
	errLeaseLost = errors.New("another worker has the lease")
)

// Config is what a dispatcher works with. Every field is required unless it
// says otherwise.
type Config struct {
	Queue        Queue
	Recorder     Recorder
	Repositories Repositories
	Identities   Identities
	Permissions  Permissions
	Policy       Policy
	Strangers    Strangers
	Engine       Engine
	// Lanes is what commits of forks and commands in comments need; its zero value
	// lets neither do anything.
	Lanes Lanes

	// Order and Stops keep runs in order; nil: each run for itself. News says
	// what is out of date; nil: what arrived last is the newest. Slots limit groups
	// of functions; nil: there are no limits.
	Order Order
	Stops Stops
	News  News
	Slots Slots
	// Urgent hands out what may hold a command; nil: it waits for a worker.
	Urgent Urgent

	// MaxEvents are worked on at once, MaxCalls made at once over all of them.
	MaxEvents, MaxCalls int
	// CallTimeout ends one function call.
	CallTimeout time.Duration
	// StartTime ends the way from a lease to the run's calls; 0: 45 minutes. It is
	// tried again. CallGrace is how long a call may take to come back after its
	// end; 0: 30 seconds. See deadline.go.
	StartTime, CallGrace time.Duration
	// Calm is how long the agent has to live before it works on a run that agents
	// died with twice, and twice as long for each time more; 0: 10 seconds. See
	// dead.go.
	Calm time.Duration
	// AloneWait is how long a run that lost its engine waits for the other calls to
	// end, so that its own are made alone; 0: 10 minutes. See alone.go.
	AloneWait time.Duration
	// DryRun stops after the decisions.
	DryRun bool
	// Scrub takes secrets out of a text before it is stored or logged.
	Scrub func(string) string

	Clock func() time.Time
	Log   zerolog.Logger
}

// Dispatcher works events off.
type Dispatcher struct {
	Config
	calls    *semaphore.Weighted
	hands    hands
	suspects suspects

	// begin ends leasing; cancel ends what is in flight.
	begin  context.CancelCauseFunc
	cancel context.CancelCauseFunc
	done   sync.WaitGroup
	// heeding ends after the workers.
	heeding sync.WaitGroup
}

// New makes a dispatcher; it does nothing before Start.
func New(c Config) *Dispatcher {
	if c.StartTime <= 0 {
		c.StartTime = defaultStart
	}
	if c.CallGrace <= 0 {
		c.CallGrace = defaultCallGrace
	}
	if c.Calm <= 0 {
		c.Calm = defaultCalm
	}
	if c.AloneWait <= 0 {
		c.AloneWait = defaultAloneWait
	}
	return &Dispatcher{Config: c, calls: semaphore.NewWeighted(int64(max(1, c.MaxCalls)))}
}

// Start begins to lease and work, with MaxEvents workers. It does not block.
// What it starts is ended by Stop, not by ctx, so that a shutdown can be graceful.
func (d *Dispatcher) Start(ctx context.Context) {
	base := context.WithoutCancel(ctx)
	working, cancel := context.WithCancelCause(base)
	leasing, begin := context.WithCancelCause(base)
	d.begin, d.cancel = begin, cancel
	d.suspects.begun = d.Clock()
	for range max(1, d.MaxEvents) {
		d.done.Go(func() { d.lease(leasing, working, d.Queue.Lease, d.work) })
	}
	if d.Urgent != nil && d.Lanes.Comments != nil {
		d.done.Go(func() { d.lease(leasing, working, d.Urgent.LeaseUrgent, d.listen) })
	}
	if d.Stops != nil {
		d.heeding.Go(func() { d.heed(working) })
	}
}

// Stop takes no more work, waits for what is in flight until ctx ends, then
// cancels it and hands it back to the store. It returns when all workers ended.
// Stopping twice, or before Start, is harmless.
func (d *Dispatcher) Stop(ctx context.Context) {
	if d.begin == nil {
		return
	}
	d.begin(errShutdown)
	ended := make(chan struct{})
	go func() { d.done.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		d.cancel(errShutdown)
		<-ended
	}
	d.cancel(errShutdown)
	d.heeding.Wait()
}

// lease takes runs one after the other until leasing ends, and does its part of
// the work on each.
func (d *Dispatcher) lease(leasing, working context.Context, next func(context.Context) (run.Work, error), work part) {
	for leasing.Err() == nil {
		w, err := next(leasing)
		if err != nil {
			if leasing.Err() == nil {
				d.Log.Error().Err(err).Msg("can't lease work; trying again")
				pause(leasing, time.Second)
			}
			continue
		}
		d.keep(working, w, work)
	}
}

// pause waits, and tells whether it was not cut short.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
