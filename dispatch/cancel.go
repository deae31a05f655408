package dispatch

import (
	"context"
	"sync"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

const (
	// heedEvery is how often it is asked which of the runs in hand are to stop:
	// somebody who cancels is to see it within a second.
	heedEvery = 500 * time.Millisecond
	// newsRest is how soon it is asked again whether something is out of date, if
	// that could not be said.
	newsRest = 5 * time.Second
)

// heed stops the runs in hand that somebody cancelled, here or at another agent,
// and those that something newer takes the place of, until ctx ends.
func (d *Dispatcher) heed(ctx context.Context) {
	u := &usher{Dispatcher: d, asked: map[string]time.Time{}}
	defer u.asking.Wait()
	for pause(ctx, heedEvery) {
		hands := map[string]*held{}
		var leases []run.Lease
		for _, h := range d.hands.all() {
			hands[h.lease.EventID] = h
			leases = append(leases, h.lease)
		}
		if len(leases) == 0 {
			continue
		}
		stops, err := d.Stops.Heed(ctx, leases)
		if err != nil && ctx.Err() == nil {
			d.Log.Warn().Err(err).Msg("can't see which runs are to stop; trying again")
		}
		for _, s := range stops {
			u.stop(ctx, hands[s.EventID], s)
		}
	}
}

// usher shows runs out.
type usher struct {
	*Dispatcher
	asking sync.WaitGroup

	mu sync.Mutex
	// asked holds events of which it is asked whether they are out of date, and
	// until when not to ask again; zero: somebody asks now.
	asked map[string]time.Time
}

// stop cancels a run for a reason that somebody gave, or that something newer is.
func (u *usher) stop(ctx context.Context, h *held, s run.Stop) {
	switch {
	case h == nil:
	case s.Why != "":
		u.tell(h, s.Why)
	case u.News == nil:
		u.tell(h, supersededBy(s.Newer.SHA))
	case u.mayAsk(s.Newer.ID):
		// It may take a while, in which others are to be stopped.
		u.asking.Go(func() { u.ask(ctx, h, s.Newer) })
	}
}

func (u *usher) tell(h *held, why string) {
	h.cancel(&run.Stopped{Why: u.Scrub(why)})
}

// mayAsk tells whether nobody asks about the event at the moment.
func (u *usher) mayAsk(id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	until, known := u.asked[id]
	if known && (until.IsZero() || u.Clock().Before(until)) {
		return false
	}
	u.asked[id] = time.Time{}
	return true
}

// ask stops a run unless what arrived after it is out of date.
func (u *usher) ask(ctx context.Context, h *held, newer event.Event) {
	reason, err := u.news(ctx, newer)
	if err == nil && reason != "" {
		err = u.Order.Overlook(ctx, newer.ID)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil {
		u.asked[newer.ID] = u.Clock().Add(newsRest)
		if ctx.Err() == nil {
			u.Log.Warn().Err(err).Str("event_id", h.lease.EventID).Msg("can't say whether something newer takes a run's place; trying again")
		}
		return
	}
	delete(u.asked, newer.ID)
	if reason == "" {
		u.tell(h, supersededBy(newer.SHA))
	}
}

// stopped is the end of a run that was cancelled.
func (d *Dispatcher) stopped(r run.Run, why string) run.Progress {
	why = d.Scrub(why)
	return run.Progress{
		State: run.Done, Outcome: run.Cancelled, Note: why,
		Results: unfinished(r, run.Cancelled, why, d.Clock()),
	}
}
