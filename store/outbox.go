package store

import (
	"context"
	"fmt"
	"time"

	"github.com/franela/pocketci/run"
)

// due is the condition that a report's newest state is still to be sent.
const due = "version > sent_version AND dead = ''"

// exceptMost is how many repositories ClaimReports passes over at most.
const exceptMost = 1024

// ClaimReports takes at most limit reports whose time has come, failures and
// errors first, since people wait for them, and what is pending last, since it may
// be out of date before it arrives; older events before newer ones. That a try
// begins is on disk before it returns. A row is nobody else's until it is settled
// or Config.ClaimFor has passed; it then comes again with InDoubt, as it does after
// a crash. Those of some repositories, by their ids, are left where they are; of
// very many, of the first 1,024.
func (s *Store) ClaimReports(ctx context.Context, now time.Time, limit int, except []int64) ([]run.Report, error) {
	var claimed []run.Report
	besides, ids := exceptRepos(except)
	err := s.do(ctx, false, func(ctx context.Context, t tx) error {
		held, err := t.now(ctx)
		if err != nil {
			return err
		}
		claimed, err = t.reports(ctx, due+` AND not_before <= ? AND claim_until <= ?`+besides+`
			ORDER BY CASE state WHEN 'failure' THEN 0 WHEN 'error' THEN 0 WHEN 'pending' THEN 2 ELSE 1 END, seq, context LIMIT ?`+s.d.lockFree,
			append(append([]any{nanos(now), held}, ids...), limit)...)
		if err != nil {
			return err
		}
		for i := range claimed {
			if err := t.claim(ctx, &claimed[i], held+int64(s.cfg.ClaimFor)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claim reports: %w", err)
	}
	return claimed, nil
}

// exceptRepos is the condition that a report is of none of the repositories. There
// are few distinct texts of it, which the databases keep prepared: the last id
// fills it up.
func exceptRepos(except []int64) (where string, ids []any) {
	except = except[:min(len(except), exceptMost)]
	if len(except) == 0 {
		return "", nil
	}
	size := 1
	for size < len(except) {
		size *= 4
	}
	for i := range size {
		ids = append(ids, except[min(i, len(except)-1)])
	}
	return " AND repo_id NOT IN " + list(size), ids
}

// claim marks that a try of the row's newest version begins.
func (t tx) claim(ctx context.Context, r *run.Report, until int64) error {
	r.Claim++
	return t.later(ctx, "UPDATE reports SET in_doubt = 1, claim_until = ?, claim = ? WHERE repo_id = ? AND sha = ? AND context = ?",
		until, r.Claim, r.Repo.ID, r.SHA, r.Status.Context)
}

// SettleReport says how the try of a claimed report ended, by its fields: Sent
// is when it arrived; Dead is why it is given up; else NotBefore is when it is
// tried again. Attempts and InDoubt are kept as they are: InDoubt tells that it
// may have arrived all the same. What is said holds for the state that was
// claimed: a newer one stays to be sent, though not before NotBefore. The error
// wraps [ErrLeaseLost], and nothing of it is written, if the claim was over and
// the row is somebody else's: if the try may have arrived all the same, perhaps
// after a newer state did, the newest one is sent again.
func (s *Store) SettleReport(ctx context.Context, r run.Report) error {
	var lost bool
	err := s.do(ctx, true, func(ctx context.Context, t tx) error {
		set, args := settlement(r)
		row := []any{r.Repo.ID, text(r.SHA), text(r.Status.Context), r.Claim}
		n, err := t.exec(ctx, "UPDATE reports SET claim_until = 0, "+set+
			" WHERE repo_id = ? AND sha = ? AND context = ? AND claim = ? AND claim_until > 0", append(args, row...)...)
		if lost = n == 0; err == nil && lost && (r.InDoubt || !r.Sent.IsZero()) {
			_, err = t.exec(ctx, `UPDATE reports SET version = version + 1, in_doubt = 1
				WHERE repo_id = ? AND sha = ? AND context = ? AND claim <> ? AND dead = ''`, row...)
		}
		return err
	})
	if err == nil && lost {
		err = ErrLeaseLost
	}
	if err != nil {
		return fmt.Errorf("settle report %s: %w", r.Key, err)
	}
	return nil
}

// settlement is what the end of a try changes.
func settlement(r run.Report) (set string, args []any) {
	set = "in_doubt = ?, attempts = CASE WHEN version = ? THEN ? ELSE attempts END"
	args = []any{number(r.InDoubt), r.Version, r.Attempts}
	switch {
	case !r.Sent.IsZero():
		args[0] = number(false)
		return set + ", sent_version = ?, sent_at = ?, sent_state = ?, sent_description = ?, sent_target_url = ?",
			append(args, r.Version, nanos(r.Sent), string(r.Status.State), text(r.Status.Description), text(r.Status.TargetURL))
	case r.Dead != "":
		return set + ", dead = CASE WHEN version = ? THEN ? ELSE dead END", append(args, r.Version, text(r.Dead))
	default:
		// What the code host asked for holds for a newer state too.
		return set + ", not_before = CASE WHEN not_before < ? THEN ? ELSE not_before END",
			append(args, nanos(r.NotBefore), nanos(r.NotBefore))
	}
}
