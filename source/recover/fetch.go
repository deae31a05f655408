package recover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// patience is how many deliveries in a row may fail to be fetched before the
// rest is left to the next sweep.
const patience = 3

// inOrder is how many missing events are fetched in the order of their first
// attempts.
const inOrder = 200

// inTurns puts missing events, the oldest first, in the order in which they are
// fetched. That takes hours if they are thousands, so then the newest, which
// somebody waits for, and the oldest, which the code host forgets first, take turns.
// However few can be fetched at a time, neither keeps the other waiting.
func inTurns(missing [][]event.Reception) [][]event.Reception {
	if len(missing) <= inOrder {
		return missing
	}
	list := make([][]event.Reception, 0, len(missing))
	for i, j := 0, len(missing)-1; i <= j; i, j = i+1, j-1 {
		list = append(list, missing[j])
		if i < j {
			list = append(list, missing[i])
		}
	}
	return list
}

// fetch takes in what is missing, and says how much of it is left to the next
// sweeps: what is beyond the share of requests, or beyond the time after which
// hooks are to be read again, counted from begun.
func (s *Sweeper) fetch(ctx context.Context, hooks []event.KnownHook, begun time.Time) (left int, err error) {
	missing, err := s.missing(ctx)
	if err != nil {
		return 0, err
	}
	missing = inTurns(missing)
	byID := make(map[int64]event.KnownHook, len(hooks))
	for _, h := range hooks {
		byID[h.ID] = h
	}
	var errs []error
	failed := 0
	for i, receptions := range missing {
		if s.Clock().Sub(begun) >= s.Every {
			return len(missing) - i, errors.Join(errs...)
		}
		switch err := s.recover(ctx, receptions, byID); {
		case err == nil:
			failed = 0
		case ours(err): // hooks may be read all the same
			return len(missing) - i, errors.Join(errs...)
		case stops(err):
			return len(missing) - i, errors.Join(append(errs, err)...)
		default:
			errs = append(errs, err)
			if failed++; failed == patience {
				return len(missing) - i - 1, errors.Join(errs...)
			}
		}
	}
	return 0, errors.Join(errs...)
}

// ours tells that the agent's own bound was reached, and not the code host's.
func ours(err error) bool {
	var limit *run.RetryAfter
	return errors.As(err, &limit) && limit.Ours
}

// missing gives what is missing and may be taken in now, each event with all
// hooks that should have delivered it. What has arrived since it was found
// missing is settled here.
func (s *Sweeper) missing(ctx context.Context) ([][]event.Reception, error) {
	now := s.Clock()
	list, err := s.Gaps.Missing(ctx, s.Vendor, now.Add(-s.MaxAge))
	if err != nil {
		return nil, broken{err}
	}
	ids := make([]string, len(list))
	for i, r := range list {
		ids[i] = r.EventID()
	}
	known, err := s.Events.Known(ctx, ids)
	if err != nil {
		return nil, broken{err}
	}
	var groups [][]event.Reception
	at := map[string]int{}
	for _, r := range list {
		if provenance, ok := known[r.EventID()]; ok {
			if err := s.settle(ctx, r, stateOf(provenance), ""); err != nil {
				return nil, err
			}
			continue
		}
		if now.Before(s.notBefore(r.GUID)) {
			continue
		}
		i, ok := at[r.GUID]
		if !ok {
			i = len(groups)
			at[r.GUID] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], r)
	}
	return groups, nil
}

func stateOf(p event.Provenance) event.ReceptionState {
	if p == event.Recovered {
		return event.ReceptionRecovered
	}
	return event.ReceptionDelivered
}

// recover takes one event in, through the first of its hooks that shows it.
func (s *Sweeper) recover(ctx context.Context, receptions []event.Reception, hooks map[int64]event.KnownHook) error {
	var errs []error
	for _, r := range receptions {
		h, ok := hooks[r.HookID]
		if !ok || h.Refused {
			continue
		}
		err := s.take(ctx, h, r)
		if err == nil || stops(err) {
			return err
		}
		errs = append(errs, err)
	}
	err := errors.Join(errs...)
	if errors.Is(err, run.ErrRefused) {
		s.postpone(receptions[0].GUID)
		s.Log.Warn().Err(err).Str("event_id", receptions[0].EventID()).Msg("a missed delivery can't be fetched")
		return nil
	}
	return err
}

// take fetches an event through a hook and appends it.
func (s *Sweeper) take(ctx context.Context, h event.KnownHook, r event.Reception) error {
	headers, payload, answer, err := s.Host.Delivery(ctx, h, r.Attempt)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", r.EventID(), err)
	}
	if first := repeated(answer); first != "" && r.Code >= 200 && r.Code < 300 {
		known, err := s.Events.Known(ctx, []string{first})
		if err != nil {
			return broken{err}
		}
		if _, ok := known[first]; ok {
			return s.settle(ctx, r, event.ReceptionDelivered, "it repeats "+first)
		}
	}
	e, err := s.Parser.Recovered(h, headers, payload)
	if err == nil && e.ID != r.EventID() {
		err = &event.Problem{Public: "the code host's record shows another delivery under this number", Err: event.ErrMalformed}
	}
	if err != nil {
		s.Log.Warn().Err(err).Str("event_id", r.EventID()).Int64("hook", h.ID).Msg("a missed delivery can't be taken in")
		return s.settle(ctx, r, unreadableAs(err), reason(err))
	}
	return s.append(ctx, h, r, e)
}

// unreadableAs tells what we would have refused from what nobody can read.
func unreadableAs(err error) event.ReceptionState {
	if errors.Is(err, event.ErrUnsigned) {
		return event.ReceptionRefused
	}
	return event.ReceptionLost
}

func reason(err error) string {
	problem, _ := public(err)
	return problem
}

func (s *Sweeper) append(ctx context.Context, h event.KnownHook, r event.Reception, e event.Event) error {
	if s.Admit != nil {
		e = s.Admit(e)
	}
	receipt, err := s.Events.Append(ctx, e)
	if err != nil {
		return broken{fmt.Errorf("recover %s: %w", e.ID, err)}
	}
	state, why := event.ReceptionRecovered, ""
	if receipt.Duplicate {
		state = event.ReceptionDelivered
		if receipt.ID != e.ID {
			why = "it repeats " + receipt.ID
		}
	}
	if err := s.settle(ctx, r, state, why); err != nil {
		return err
	}
	s.Log.Info().Str("event_id", receipt.ID).Str("event", e.Name).Str("repo", e.Repo.FullName()).Str("sha", e.SHA).
		Int64("hook", h.ID).Time("attempted_at", r.At).Int("answered", r.Code).Bool("duplicate", receipt.Duplicate).
		Msg("a missed delivery was taken in")
	return nil
}

func (s *Sweeper) settle(ctx context.Context, r event.Reception, state event.ReceptionState, why string) error {
	if err := s.Gaps.SettleDelivery(ctx, r.Vendor, r.GUID, state, why); err != nil {
		return broken{err}
	}
	return nil
}

func (s *Sweeper) notBefore(guid string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.later[guid]
}

// postpone keeps a delivery that is refused from being asked for in each sweep.
func (s *Sweeper) postpone(guid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Clock()
	for other, until := range s.later {
		if !now.Before(until) {
			delete(s.later, other)
		}
	}
	s.later[guid] = now.Add(refusedFor)
}
