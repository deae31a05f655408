package recover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

const (
	// overlap is how far a sweep goes back beyond the cursor: deliveries are
	// listed only when they have ended.
	overlap = 15 * time.Minute
	// refusedFor is how long a hook, or a delivery, that the code host refuses to
	// show is not asked for again.
	refusedFor = time.Hour
	// longest bounds one sweep, and the wait after a limit of the code host's.
	longest = time.Hour
)

// turn sweeps if it is this agent's turn, and says when to come again.
func (s *Sweeper) turn(ctx context.Context) time.Duration {
	if s.Turns != nil {
		mine, err := s.Turns.Turn(ctx, "recover "+s.Vendor, s.Holder, 2*s.Every)
		if err != nil && ctx.Err() == nil {
			s.Log.Error().Err(err).Msg("can't find out whose turn it is to look for missed deliveries")
		}
		if !mine {
			return s.Every
		}
	}
	next, err := s.Sweep(ctx)
	if s.Turns != nil && ctx.Err() == nil {
		// It is kept until the next sweep: others would not wait for a limit.
		if _, err := s.Turns.Turn(ctx, "recover "+s.Vendor, s.Holder, next+s.Every); err != nil {
			s.Log.Error().Err(err).Msg("can't keep the turn to look for missed deliveries")
		}
	}
	if err != nil && ctx.Err() == nil {
		s.Log.Warn().Err(err).Dur("again_in", next).Msg("could not look for all missed deliveries")
	}
	return next
}

// Sweep looks once for missed deliveries and takes them in. next is how long to
// wait before the following sweep. An error means that something was left out,
// which the next sweep makes up for; what was found is kept in any case.
func (s *Sweeper) Sweep(ctx context.Context) (next time.Duration, err error) {
	s.busy.Lock()
	defer s.busy.Unlock()
	ctx, cancel := context.WithTimeoutCause(ctx, longest, errTooLong)
	defer cancel()
	begun := s.Clock()
	hooks, err := s.hooks(ctx)
	if err != nil {
		return s.Every, err
	}
	next = s.every(len(hooks))
	looked := s.look(ctx, hooks)
	s.swept = true
	if stops(looked) {
		return s.after(next, looked), looked
	}
	left, fetched := s.fetch(ctx, hooks, begun)
	if left > 0 {
		s.Log.Info().Int("left", left).Dur("again_in", s.after(next, fetched)).
			Msg("missed deliveries are left to the next sweeps")
	}
	s.report(ctx, s.Clock().Sub(begun))
	err = errors.Join(looked, fetched)
	return s.after(next, err), err
}

// every is how often n hooks can be read with half of the share; the other half is
// for what is fetched.
func (s *Sweeper) every(n int) time.Duration {
	return max(s.Every, 2*time.Duration(n)*time.Hour/time.Duration(s.Share))
}

// after is next, or the end of a limit that comes later.
func (s *Sweeper) after(next time.Duration, err error) time.Duration {
	var limit *run.RetryAfter
	if errors.As(err, &limit) {
		return max(next, min(limit.Until.Sub(s.Clock()), longest))
	}
	return next
}

// broken is an error of the store's: without it there is no use in going on.
type broken struct{ error }

func (b broken) Unwrap() error { return b.error }

// stops tells whether nothing more is to be asked in this sweep.
func stops(err error) bool {
	var limit *run.RetryAfter
	var store broken
	return errors.As(err, &limit) || errors.As(err, &store) ||
		errors.Is(err, errStopped) || errors.Is(err, errTooLong) || errors.Is(err, context.Canceled)
}

// look reads the record of each hook that is due. What can't be read delays
// nothing else, unless the code host limits us.
func (s *Sweeper) look(ctx context.Context, hooks []event.KnownHook) error {
	var errs []error
	for i := range hooks {
		h := &hooks[i]
		if h.Refused && s.swept && s.Clock().Sub(h.Tried) < refusedFor {
			continue
		}
		if err := s.read(ctx, h); err != nil {
			errs = append(errs, err)
			if stops(err) {
				break
			}
		}
	}
	return errors.Join(errs...)
}

// read brings the ledger up to date with one hook's record. h is then as it is
// noted.
func (s *Sweeper) read(ctx context.Context, h *event.KnownHook) error {
	begun := s.Clock()
	since := begun.Add(-s.Window)
	if from := h.Cursor.Add(-overlap); !h.Cursor.IsZero() && from.After(since) {
		since = from
	}
	list, asked := s.list(ctx, *h, since)
	receptions, err := s.judge(ctx, *h, group(h.Vendor, h.ID, list))
	if err != nil {
		return err
	}
	if asked == nil || !stops(asked) { // else it is the first to be tried next time
		s.stand(h, begun, asked)
	}
	if err := s.Hooks.NoteDeliveries(ctx, *h, receptions); err != nil {
		return broken{err}
	}
	if h.Problem != "" && h.Tried.Equal(begun) {
		s.Log.Warn().Err(asked).Int64("hook", h.ID).Str("of", h.Of()).Bool("refused", h.Refused).
			Str("hint", h.Hint).Msg("the deliveries of a webhook can't be read")
	}
	if h.Refused {
		return nil // told already, and nothing that the next sweep could make up for
	}
	return asked
}

// list gives a hook's attempts since a time. After an error it gives those that
// it got, the newest.
func (s *Sweeper) list(ctx context.Context, h event.KnownHook, since time.Time) ([]event.Delivery, error) {
	var all []event.Delivery
	for cursor := ""; ; {
		page, next, err := s.Host.Deliveries(ctx, h, cursor)
		if err != nil {
			return all, fmt.Errorf("list deliveries of webhook %d of %s: %w", h.ID, h.Of(), err)
		}
		older := false // the last one is
		for _, d := range page {
			if older = d.At.Before(since); !older {
				all = append(all, d)
			}
		}
		if older || next == "" || next == cursor {
			return all, nil
		}
		cursor = next
	}
}

// stand says how a hook stands after it was asked for at begun.
func (s *Sweeper) stand(h *event.KnownHook, begun time.Time, err error) {
	h.Tried, h.Problem, h.Hint, h.Refused = begun, "", "", false
	if err == nil {
		if forgotten := begun.Add(-s.Window); !h.Cursor.IsZero() && h.Cursor.Before(forgotten) {
			h.Unread = event.Span{From: h.Cursor, To: forgotten}
			s.Log.Error().Int64("hook", h.ID).Str("of", h.Of()).Time("from", h.Unread.From).Time("to", h.Unread.To).
				Msg("a webhook was not looked at for longer than the code host remembers deliveries")
		}
		h.Cursor = begun
		return
	}
	h.Refused = errors.Is(err, run.ErrRefused)
	h.Problem, h.Hint = public(err)
}

// public is what people are told of an error.
func public(err error) (problem, hint string) {
	var p *event.Problem
	if errors.As(err, &p) {
		return p.Public, p.Hint
	}
	if errors.Is(err, run.ErrRefused) {
		return "the code host refuses to show it", "the agent's log has the cause"
	}
	return "it can't be read now", "the agent tries again by itself; its log has the cause"
}

// judge says of each reception what became of it.
func (s *Sweeper) judge(ctx context.Context, h event.KnownHook, groups []attempts) ([]event.Reception, error) {
	ids := make([]string, len(groups))
	for i, g := range groups {
		ids[i] = g.EventID()
	}
	known, err := s.Events.Known(ctx, ids)
	if err != nil {
		return nil, broken{err}
	}
	receptions := make([]event.Reception, len(groups))
	for i, g := range groups {
		receptions[i] = g.judged(known, h.Since)
	}
	return receptions, nil
}

// report says in the log what is covered.
func (s *Sweeper) report(ctx context.Context, took time.Duration) {
	c, err := s.Coverage(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.Log.Error().Err(err).Msg("can't sum up which deliveries reached us")
		}
		return
	}
	s.Log.Info().Int("events", c.Events).Int("gaps", c.Gaps).Dur("took", took).Msg(c.String())
}
