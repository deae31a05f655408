package store

import (
	"context"
	"fmt"
	"time"

	"github.com/franela/pocketci/run"
)

// Permit allows at most n requests with a credential, as many as keep to all of
// the rates, over all agents, in any time of a rate's length. By the other side's
// clock too: a request counts from before it is sent until it has ended, and
// from then on for the rate's length. ended are permits of the credential whose
// requests have ended, each with N as the number of those that were made; one that
// is never given back counts as if its requests had ended after [run.PermitFor].
//
// If it allows fewer than n, Wait tells after how long to ask again; time is the
// database's. Whoever asks for a credential gives rates of the same lengths.
func (s *Store) Permit(ctx context.Context, credential string, n int, rates []run.Rate, ended []run.Permit) (run.Permit, error) {
	var p run.Permit
	err := s.do(ctx, false, func(ctx context.Context, t tx) (err error) {
		p, err = t.permit(ctx, text(credential), n, rates, ended)
		return err
	})
	if err != nil {
		return run.Permit{}, fmt.Errorf("take from the budget of %s: %w", credential, err)
	}
	p.Credential = credential
	return p, nil
}

func (t tx) permit(ctx context.Context, credential string, n int, rates []run.Rate, ended []run.Permit) (p run.Permit, err error) {
	// The credential's row keeps others out until the transaction ends; it comes
	// before the time, or their permits would lie in its future.
	var limited int64
	if _, err = t.one(ctx, []any{&p.ID, &limited}, `INSERT INTO credentials (name, last) VALUES (?, 1)
		ON CONFLICT (name) DO UPDATE SET last = credentials.last + 1 RETURNING last, limited`, credential); err != nil {
		return p, err
	}
	now, err := t.now(ctx)
	if err != nil {
		return p, err
	}
	for _, e := range ended {
		if _, err := t.exec(ctx, "UPDATE permits SET n = ?, at = CASE WHEN at < ? THEN at ELSE ? END WHERE credential = ? AND id = ?",
			e.N, now, now, credential, e.ID); err != nil {
			return p, err
		}
	}
	if limited > now {
		p.Wait, p.Limited = time.Duration(limited-now), true
		return p, nil
	}
	if p.N, p.Wait, err = t.spare(ctx, credential, n, rates, now); err != nil || p.N == 0 {
		return p, err
	}
	_, err = t.exec(ctx, "INSERT INTO permits (credential, id, n, at) VALUES (?, ?, ?, ?)", credential, p.ID, p.N, now+int64(run.PermitFor))
	return p, err
}

// spare is how many of n requests the rates leave, and if these are fewer, after
// how long there may be more. What no rate counts any more is deleted.
func (t tx) spare(ctx context.Context, credential string, n int, rates []run.Rate, now int64) (int, time.Duration, error) {
	var longest, wait time.Duration
	free := n
	for _, r := range rates {
		longest = max(longest, r.Within)
		var used, first int64
		if _, err := t.one(ctx, []any{&used, &first}, `SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT), COALESCE(MIN(at), ?)
			FROM permits WHERE credential = ? AND at > ? AND n > 0`, now, credential, now-int64(r.Within)); err != nil {
			return 0, 0, err
		}
		if r.N-int(used) < n {
			wait = max(wait, min(time.Duration(first-now)+r.Within, r.Within))
		}
		free = min(free, r.N-int(used))
	}
	_, err := t.exec(ctx, "DELETE FROM permits WHERE credential = ? AND at <= ?", credential, now-int64(longest))
	return max(free, 0), wait, err
}

// Limit keeps for all agents that the code host takes nothing from a credential
// for a time.
func (s *Store) Limit(ctx context.Context, credential string, span time.Duration) error {
	err := s.do(ctx, false, func(ctx context.Context, t tx) error {
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, `INSERT INTO credentials (name, limited) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET limited = excluded.limited
			WHERE credentials.limited < excluded.limited`, text(credential), now+int64(span))
		return err
	})
	if err != nil {
		return fmt.Errorf("keep the limit of %s: %w", credential, err)
	}
	return nil
}
