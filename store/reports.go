package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// PlanReports writes what the contexts of a run's commit shall say, planned from
// the run's given version, and when the reporter wants to see the run again
// though it does not change (zero: not). Of each report Repo, SHA, Status and
// NotBefore count; a row is identified by repository id, sha and context.
//
// A row is replaced by one of the same event, by a result or pending state if it
// holds a skip, and by a newer event's of the same kind. So a skip never
// replaces another event's result, and an older event never a newer one's. A
// state that says the same as before isn't sent again.
//
// Nothing is written, and the run stays to be looked at, if it changed since
// that version: the plan is out of date.
func (s *Store) PlanReports(ctx context.Context, eventID string, version int64, reports []run.Report, again time.Time) error {
	err := s.do(ctx, len(reports) > 0, func(ctx context.Context, t tx) error {
		var seq, current int64
		found, err := t.one(ctx, []any{&seq, &current},
			"SELECT seq, version FROM runs WHERE seq = (SELECT seq FROM events WHERE id = ?)"+s.d.lock, eventID)
		switch {
		case err != nil:
			return err
		case !found:
			return ErrNotFound
		case version != current:
			return nil
		}
		for _, r := range reports {
			if err := t.plan(ctx, seq, r); err != nil {
				return fmt.Errorf("context %q: %w", r.Status.Context, err)
			}
		}
		var look any
		if !again.IsZero() {
			look = nanos(again)
		}
		return t.later(ctx, "UPDATE runs SET look = ? WHERE seq = ?", look, seq)
	})
	if err != nil {
		return fmt.Errorf("plan reports of %s: %w", eventID, err)
	}
	return nil
}

// plan inserts or replaces one row.
func (t tx) plan(ctx context.Context, seq int64, r run.Report) error {
	r.SHA, r.Seq, r.Status = text(r.SHA), seq, plain(r.Status)
	if n, err := t.insertReport(ctx, r); err != nil || n > 0 {
		return err
	}
	had, err := t.reports(ctx, "repo_id = ? AND sha = ? AND context = ?"+t.s.d.lock, r.Repo.ID, r.SHA, r.Status.Context)
	if err != nil {
		return err
	}
	if len(had) == 0 {
		return errors.New("the row is there and not there")
	}
	old := had[0]
	if !replaces(r, old) {
		return nil
	}
	if old.Status == r.Status {
		return t.later(ctx, "UPDATE reports SET seq = ? WHERE repo_id = ? AND sha = ? AND context = ?", seq, r.Repo.ID, r.SHA, r.Status.Context)
	}
	return t.replace(ctx, r)
}

// replaces is the rule of the outbox.
func replaces(r, old run.Report) bool {
	if r.Seq == old.Seq {
		return true
	}
	if r.Status.Skip != old.Status.Skip {
		return old.Status.Skip
	}
	return r.Seq > old.Seq
}

func plain(s run.Status) run.Status {
	s.Context, s.State, s.Description, s.TargetURL = text(s.Context), run.StatusState(text(s.State)), text(s.Description), text(s.TargetURL)
	return s
}

func (t tx) insertReport(ctx context.Context, r run.Report) (int64, error) {
	repo, err := encode(r.Repo)
	if err != nil {
		return 0, err
	}
	st := r.Status
	return t.exec(ctx, `INSERT INTO reports (repo_id, sha, context, repo, seq, state, description, target_url, skip, version, not_before)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT DO NOTHING`,
		r.Repo.ID, r.SHA, st.Context, repo, r.Seq, string(st.State), st.Description, st.TargetURL, number(st.Skip), nanos(r.NotBefore))
}

// replace gives the row a new version. If that says what arrived last, and no
// try of something else is under way or in doubt, it has arrived already.
func (t tx) replace(ctx context.Context, r run.Report) error {
	repo, err := encode(r.Repo)
	if err != nil {
		return err
	}
	st := r.Status
	return t.later(ctx, `UPDATE reports SET repo = ?, seq = ?, state = ?, description = ?, target_url = ?, skip = ?,
			version = version + 1, not_before = ?, attempts = 0, dead = '',
			sent_version = CASE WHEN sent_version > 0 AND claim_until = 0 AND in_doubt = 0
				AND sent_state = ? AND sent_description = ? AND sent_target_url = ? THEN version + 1 ELSE sent_version END
		WHERE repo_id = ? AND sha = ? AND context = ?`,
		repo, r.Seq, string(st.State), st.Description, st.TargetURL, number(st.Skip), nanos(r.NotBefore),
		string(st.State), st.Description, st.TargetURL, r.Repo.ID, r.SHA, st.Context)
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

const reportColumns = `repo_id, sha, context, repo, seq, state, description, target_url, skip, version, sent_version,
	attempts, in_doubt, not_before, sent_at, dead, claim`

// reports gives the rows that the condition selects.
func (t tx) reports(ctx context.Context, where string, args ...any) ([]run.Report, error) {
	var found []run.Report
	err := t.each(ctx, func(scan func(...any) error) error {
		r, err := scanReport(scan)
		found = append(found, r)
		return err
	}, "SELECT "+reportColumns+" FROM reports WHERE "+where, args...)
	return found, err
}

func scanReport(scan func(...any) error) (run.Report, error) {
	var r run.Report
	var id, skip, doubt, notBefore, sent int64
	var repo, state string
	err := scan(&id, &r.SHA, &r.Status.Context, &repo, &r.Seq, &state, &r.Status.Description, &r.Status.TargetURL, &skip,
		&r.Version, &r.SentVersion, &r.Attempts, &doubt, &notBefore, &sent, &r.Dead, &r.Claim)
	if err != nil {
		return r, err
	}
	if err := decode([]byte(repo), &r.Repo); err != nil {
		r.Repo = event.Repo{}
	}
	r.Repo.ID = id
	r.Key = key(r)
	r.Status.State, r.Status.Skip, r.InDoubt = run.StatusState(state), skip != 0, doubt != 0
	r.NotBefore = timeOf(notBefore)
	if r.SentVersion == r.Version {
		r.Sent = timeOf(sent)
	}
	return r, nil
}

// key names a row for logs and settling.
func key(r run.Report) string {
	return strconv.FormatInt(r.Repo.ID, 10) + "/" + r.SHA + "/" + r.Status.Context
}
