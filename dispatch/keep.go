package dispatch

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/run"
)

// errStoodStill: the lease was not renewed for half its time, because this
// process was stopped or the store could not be written. It still is ours, but
// not for long enough to go on.
var errStoodStill = errors.New("the lease was not renewed for half its time")

// errEnded ends what was started for a run that has ended.
var errEnded = errors.New("the run has ended")

// held is a run in this agent's hands.
type held struct {
	lease  run.Lease
	span   time.Duration
	cancel context.CancelCauseFunc
	// over: the run's end is recorded, there is no lease to renew any more. What is
	// left to do is to close its sessions.
	over atomic.Bool
	// ended is closed when nothing of the run is under way here any more.
	ended chan struct{}

	mu    sync.Mutex
	until time.Time
	// alarm goes off when the lease is half over.
	alarm *time.Timer
}

// limit is when the lease is too old to go on working under it: whoever may
// have the run later must not find us still calling.
func (h *held) limit() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.until.Add(-max(h.span, 0) / 2)
}

// stale compares both clocks: the monotonic one stands still while the machine
// sleeps, the other one may be set.
func (h *held) stale(now time.Time) bool {
	limit := h.limit()
	return now.After(limit) || now.Round(0).After(limit.Round(0))
}

// extend takes a renewed lease in.
func (h *held) extend(until, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.until = until
	h.alarm.Reset(until.Add(-h.span / 2).Sub(now))
}

// hands are the runs that this agent holds, by event.
type hands struct {
	mu   sync.Mutex
	runs map[string]*held
}

// take puts h in and gives the one that had the same run before, or nil.
func (s *hands) take(h *held) *held {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs == nil {
		s.runs = map[string]*held{}
	}
	before := s.runs[h.lease.EventID]
	s.runs[h.lease.EventID] = h
	return before
}

// drop takes h out, unless somebody took its place.
func (s *hands) drop(h *held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs[h.lease.EventID] == h {
		delete(s.runs, h.lease.EventID)
	}
}

func (s *hands) all() []*held {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*held, 0, len(s.runs))
	for _, h := range s.runs {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b *held) int { return int(a.lease.Fence - b.lease.Fence) })
	return all
}

// lose cancels the run that is held under a lease which is somebody else's now.
func (s *hands) lose(l run.Lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.runs[l.EventID]; h != nil && h.lease.Fence == l.Fence {
		h.cancel(errLeaseLost)
	}
}

// finish ends the renewal of a run's lease: its end is recorded.
func (s *hands) finish(l run.Lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.runs[l.EventID]; h != nil && h.lease.Fence == l.Fence {
		h.over.Store(true)
	}
}

// cancelStale cancels the runs whose leases are half over. Everything that
// begins something calls it first: an agent that was stopped thus cancels what it
// had under way before it does anything else.
func (d *Dispatcher) cancelStale() {
	now := d.Clock()
	for _, h := range d.hands.all() {
		if h.stale(now) && !h.over.Load() {
			h.cancel(errStoodStill)
		}
	}
}

// part is what a worker does of the work on a run. If ok, p is how it ended and
// is still to be recorded.
type part func(ctx context.Context, w run.Work) (p run.Progress, ok bool)

// keep works on one run while it renews the lease. A lease that is lost, or that
// was not renewed for half its time, cancels the work.
func (d *Dispatcher) keep(working context.Context, w run.Work, work part) {
	d.cancelStale()
	if w.Lease.Until.IsZero() { // It never ends.
		if p, ok := work(working, w); ok {
			d.handBack(working, d.logOf(w), w.Lease, p)
		}
		return
	}
	ctx, cancel := context.WithCancelCause(working)
	defer cancel(errEnded)
	h := &held{
		lease: w.Lease, span: w.Lease.Until.Sub(d.Clock()), until: w.Lease.Until,
		cancel: cancel, ended: make(chan struct{}),
	}
	h.alarm = time.AfterFunc(h.span/2, d.cancelStale)
	defer h.alarm.Stop()
	before := d.hands.take(h)
	defer close(h.ended)
	defer d.hands.drop(h)

	var renewing sync.WaitGroup
	renewing.Go(func() { d.renew(ctx, h) })
	if before != nil {
		// The lease ran out while another worker of this agent had the run.
		before.cancel(errLeaseLost)
		d.letGo(working, before)
	}
	p, ok := work(ctx, w)
	if ok {
		d.handBack(working, d.logOf(w), w.Lease, p)
	}
	cancel(errEnded)
	renewing.Wait()
}

// letGo waits until another worker of this agent has let go of a run. One that
// hangs is left behind: the fence keeps out what it may still write.
func (d *Dispatcher) letGo(ctx context.Context, h *held) {
	timer := time.NewTimer(2 * d.CallGrace)
	defer timer.Stop()
	select {
	case <-h.ended:
	case <-ctx.Done():
	case <-timer.C:
		d.Log.Error().Str("event_id", h.lease.EventID).Msg("a worker does not let go of a run whose lease it lost")
	}
}

// renew extends the lease until ctx ends. It asks often enough for a renewal
// that fails to be tried again before half of the lease is over.
func (d *Dispatcher) renew(ctx context.Context, h *held) {
	every := max(h.span/6, 10*time.Millisecond)
	for pause(ctx, every) {
		if d.cancelStale(); ctx.Err() != nil || h.over.Load() {
			break
		}
		renewed, err := d.Queue.Renew(ctx, h.lease)
		switch {
		case err == nil:
			h.extend(renewed.Until, d.Clock())
		case h.over.Load(): // It ended meanwhile.
		case errors.Is(err, run.ErrLeaseLost):
			h.cancel(errLeaseLost)
		case ctx.Err() == nil:
			d.Log.Warn().Err(err).Str("event_id", h.lease.EventID).Msg("can't renew a lease; trying again")
		}
	}
	if why := context.Cause(ctx); errors.Is(why, errLeaseLost) || errors.Is(why, errStoodStill) {
		d.Log.Warn().Str("event_id", h.lease.EventID).Str("why", why.Error()).Msg("the run's calls are cancelled")
	}
}

// Bounds of the wait before a write is tried again that the store did not take.
const (
	writeSoonest = 100 * time.Millisecond
	writeLatest  = 5 * time.Second
)

// record writes a step of a run. A store that can't be written is asked again
// for as long as the run is ours. Results are written whatever becomes of ctx:
// they are there, and the fence keeps them out if the run is somebody else's.
func (t *task) record(ctx context.Context, p run.Progress) error {
	t.cancelStale()
	for wait := writeSoonest; ; wait = min(2*wait, writeLatest) {
		if ctx.Err() != nil && len(p.Results) == 0 {
			return context.Cause(ctx)
		}
		err := t.Recorder.Advance(context.WithoutCancel(ctx), t.lease, p)
		if errors.Is(err, run.ErrLeaseLost) {
			t.hands.lose(t.lease)
		}
		if err == nil && p.State.Final() {
			t.hands.finish(t.lease)
		}
		if err == nil || errors.Is(err, run.ErrLeaseLost) || errors.As(err, new(*run.Stopped)) || ctx.Err() != nil {
			return err
		}
		t.log.Warn().Err(err).Msg("can't record a step of a run; trying again")
		pause(ctx, wait)
	}
}

// handBack writes how the work on a run ended, though it may have been
// cancelled. It tries until the store takes it, the run is somebody else's, or
// ctx ends, which is the agent's own end.
func (d *Dispatcher) handBack(ctx context.Context, log zerolog.Logger, l run.Lease, p run.Progress) {
	for wait := writeSoonest; ; wait = min(2*wait, writeLatest) {
		ending := ctx.Err() != nil
		err := d.Recorder.Advance(context.WithoutCancel(ctx), l, p)
		var stopped *run.Stopped
		switch {
		case err == nil:
			return
		case errors.As(err, &stopped) && p.Outcome != run.Cancelled:
			p = with(run.Progress{State: run.Done, Outcome: run.Cancelled, Note: d.Scrub(stopped.Why)}, p)
			continue
		case errors.Is(err, run.ErrLeaseLost):
			log.Warn().Err(err).Msg("the end of a run is not recorded: somebody else has it")
			return
		case ending:
			log.Error().Err(err).Msg("can't record the end of a run; its lease will run out")
			return
		}
		log.Error().Err(err).Msg("can't record the end of a run; trying again")
		pause(ctx, wait)
	}
}
