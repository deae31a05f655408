package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// errUnreadable: a row holds what this program does not understand.
var errUnreadable = errors.New("unreadable")

// Query says which runs are wanted; zero fields don't restrict.
type Query struct {
	// Limit is the largest number of runs; default 50, at most 500.
	Limit int
	// Before gives only runs with a smaller Seq: pass the last one's for the next page.
	Before int64
	// Repository is owner/name, in any case.
	Repository string
	// Event is the event's name (as in function names).
	Event string
	// State is a [run.State].
	State string
}

// Runs gives the runs that the query asks for, newest first, with decisions and
// calls, without payloads and what calls printed.
func (s *Store) Runs(ctx context.Context, q Query) ([]run.Run, error) {
	where, args := "1 = 1", []any(nil)
	add := func(condition string, value any) {
		where, args = where+" AND "+condition, append(args, value)
	}
	if q.Before > 0 {
		add("e.seq < ?", q.Before)
	}
	if q.Repository != "" {
		add("e.repo = ?", text(fold(q.Repository)))
	}
	if q.Event != "" {
		add("e.name = ?", text(q.Event))
	}
	if q.State != "" {
		add("r.state = ?", text(q.State))
		if !run.State(q.State).Final() {
			where += " AND r.due IS NOT NULL"
		}
	}
	if q.Limit <= 0 {
		q.Limit = 50
	}
	var found []run.Run
	err := s.view(ctx, func(ctx context.Context, t tx) (err error) {
		found, err = t.runs(ctx, where+" ORDER BY e.seq DESC LIMIT ?", append(args, min(q.Limit, 500))...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	return found, nil
}

// Run gives one run whole: payload, decisions, calls with what they printed; and
// the reports of its repository and commit, which other events may have set.
// The error wraps [ErrNotFound] if there is no such event.
func (s *Store) Run(ctx context.Context, eventID string) (run.Run, []run.Report, error) {
	var found []run.Run
	var reports []run.Report
	err := s.view(ctx, func(ctx context.Context, t tx) (err error) {
		if found, err = t.runs(ctx, "e.id = ?", eventID); err != nil || len(found) == 0 {
			return err
		}
		r := &found[0]
		if r.Event.Payload, err = t.payload(ctx, r.Seq); err != nil {
			return err
		}
		if err := t.outputs(ctx, r); err != nil {
			return err
		}
		reports, err = t.reports(ctx, "repo_id = ? AND sha = ? ORDER BY context", r.Event.Repo.ID, commit(*r))
		return err
	})
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return run.Run{}, nil, fmt.Errorf("read run of %q: %w", eventID, err)
	}
	return found[0], reports, nil
}

// commit is what a run's reports are about.
func commit(r run.Run) string {
	if r.SHA != "" {
		return r.SHA
	}
	return text(r.Event.SHA)
}

// loadWork gives a run with its payload. It is leased: nothing that counts changes
// between one query and the next.
func (s *Store) loadWork(ctx context.Context, seq int64) (run.Run, error) {
	var found []run.Run
	var payload []byte
	bad := map[int64]error{}
	err := s.glance(ctx, func(ctx context.Context, t tx) (err error) {
		asks := append([]ask{t.askRuns(&found, "e.seq = ?", seq)}, askDetails([]any{seq}, func(int64) *run.Run {
			if len(found) == 0 {
				return new(run.Run)
			}
			return &found[0]
		}, bad)...)
		return t.all(ctx, append(asks, askOne(new(bool), []any{&payload}, "SELECT data FROM payloads WHERE seq = ?", seq))...)
	})
	if err == nil && len(found) == 0 {
		err = errUnreadable
	}
	if err == nil && bad[seq] != nil {
		err = fmt.Errorf("%w: %w", errUnreadable, bad[seq])
	}
	if err == nil && payload != nil {
		found[0].Event.Payload, err = unpackPayload(payload)
	}
	if err != nil {
		return run.Run{}, fmt.Errorf("load run %d: %w", seq, err)
	}
	return found[0], nil
}

// errReadTime is the cause of a read that took too long.
var errReadTime = errors.New("the database took too long to read")

// view runs fn on one state of the database, for a limited time.
func (s *Store) view(ctx context.Context, fn func(context.Context, tx) error) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.readTime, errReadTime)
	defer cancel()
	defer func() {
		if err != nil && errors.Is(context.Cause(ctx), errReadTime) {
			err = fmt.Errorf("%w: %w", errReadTime, err)
		}
	}()
	if s.d.snapshot != "" {
		p, err := newPipeline(ctx, s.read, s.d.snapshot)
		if err != nil {
			return err
		}
		defer p.rollback(ctx)
		return fn(ctx, tx{p, s})
	}
	q, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = q.Rollback() }()
	return fn(ctx, tx{serial{q}, s})
}

// glance runs fn's queries without a transaction around them, where that is
// cheaper.
func (s *Store) glance(ctx context.Context, fn func(context.Context, tx) error) error {
	if s.d.snapshot == "" {
		return s.view(ctx, fn)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.readTime, errReadTime)
	defer cancel()
	p, err := newPipeline(ctx, s.read, "")
	if err != nil {
		return err
	}
	defer p.rollback(ctx)
	return fn(ctx, tx{p, s})
}

// reads runs queries that each read a state of their own.
func (s *Store) reads() tx { return tx{serial{s.read}, s} }

const runColumns = `e.seq, e.id, e.data, r.state, r.waits, r.attempt, r.lost, r.trust, r.sha, r.changed,
	r.problem, r.outcome, r.note, r.begun, r.ended, r.version, r.approval, r.command`

// runs gives the runs that the condition selects, with decisions and calls. One
// that can't be read is logged and left out, so that it hides no other.
func (t tx) runs(ctx context.Context, where string, args ...any) ([]run.Run, error) {
	var found []run.Run
	if err := t.all(ctx, t.askRuns(&found, where, args...)); err != nil {
		return nil, err
	}
	bad := map[int64]error{}
	for part := range slices.Chunk(found, 100) {
		if err := t.details(ctx, part, bad); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(found, func(r run.Run) bool {
		if bad[r.Seq] != nil {
			t.unreadable(r.Event.ID, bad[r.Seq])
		}
		return bad[r.Seq] != nil
	}), nil
}

func (t tx) askRuns(found *[]run.Run, where string, args ...any) ask {
	return ask{"SELECT " + runColumns + " FROM events e JOIN runs r ON r.seq = e.seq WHERE " + where, args, func(scan func(...any) error) error {
		r, err := scanRun(scan)
		if errors.Is(err, errUnreadable) {
			t.unreadable(r.Event.ID, err)
			return nil
		}
		*found = append(*found, r)
		return err
	}}
}

func (t tx) unreadable(id string, err error) {
	t.s.cfg.Log.Error().Err(err).Str("event_id", id).Msg("a stored run can't be read")
}

func scanRun(scan func(...any) error) (run.Run, error) {
	var r run.Run
	var id, data, state, trust, problem, outcome, approval, command string
	var begun, ended int64
	err := scan(&r.Seq, &id, &data, &state, &r.Waits, &r.Attempt, &r.Lost, &trust, &r.SHA, &r.Changed,
		&problem, &outcome, &r.Note, &begun, &ended, &r.Version, &approval, &command)
	if err != nil {
		return r, err
	}
	r.State, r.Trust, r.Outcome = run.State(state), event.Trust(trust), run.Outcome(outcome)
	r.Begun, r.Ended = timeOf(begun), timeOf(ended)
	if err := decode([]byte(data), &r.Event); err != nil {
		r.Event.ID = id
		return r, err
	}
	return r, errors.Join(decodeInto(&r.Problem, problem), decodeInto(&r.Approval, approval), decodeInto(&r.Command, command))
}

// decodeInto reads what is kept as JSON, or nothing from an empty text.
func decodeInto[T any](into **T, data string) error {
	if data == "" {
		return nil
	}
	*into = new(T)
	return decode([]byte(data), *into)
}

func decode(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return nil
}

// details adds decisions and calls, and says of which runs they can't be read.
func (t tx) details(ctx context.Context, found []run.Run, bad map[int64]error) error {
	at := make(map[int64]*run.Run, len(found))
	seqs := make([]any, len(found))
	for i := range found {
		at[found[i].Seq], seqs[i] = &found[i], found[i].Seq
	}
	return t.all(ctx, askDetails(seqs, func(seq int64) *run.Run { return at[seq] }, bad)...)
}

// askDetails asks for the decisions and calls of runs, and says of which they can't
// be read.
func askDetails(seqs []any, of func(seq int64) *run.Run, bad map[int64]error) []ask {
	in := list(len(seqs))
	decisions := func(scan func(...any) error) error {
		var seq int64
		var packed []byte
		if err := scan(&seq, &packed); err != nil {
			return err
		}
		data, err := unpack(packed)
		if err == nil {
			err = decode(data, &of(seq).Decisions)
		}
		if err != nil {
			bad[seq] = err
		}
		return nil
	}
	calls := func(scan func(...any) error) error {
		var seq int64
		var data, result string
		if err := scan(&seq, &data, &result); err != nil {
			return err
		}
		c, err := callOf(data, result)
		if err != nil {
			bad[seq] = err
		}
		of(seq).Calls = append(of(seq).Calls, c)
		return nil
	}
	return []ask{
		{"SELECT seq, data FROM decisions WHERE seq IN " + in, seqs, decisions},
		{"SELECT seq, data, result FROM calls WHERE seq IN " + in + " ORDER BY seq, n", seqs, calls},
	}
}

func callOf(data, result string) (run.CallState, error) {
	var c run.CallState
	if err := decode([]byte(data), &c); err != nil {
		return c, err
	}
	if result == "" {
		return c, nil
	}
	c.Result = new(run.Result)
	return c, decode([]byte(result), c.Result)
}

// outputs adds what the run's calls printed.
func (t tx) outputs(ctx context.Context, r *run.Run) error {
	return t.each(ctx, func(scan func(...any) error) error {
		var module, function string
		var packed []byte
		if err := scan(&module, &function, &packed); err != nil {
			return err
		}
		data, err := unpack(packed)
		if err != nil {
			return err
		}
		for i := range r.Calls {
			c := &r.Calls[i]
			if text(c.Call.Module) == module && text(c.Call.Function) == function && c.Result != nil {
				c.Result.Output = string(data)
			}
		}
		return nil
	}, "SELECT module, function, data FROM outputs WHERE seq = ?", r.Seq)
}

// payload gives the vendor's object as it came, or nil if there is none (any more).
func (t tx) payload(ctx context.Context, seq int64) (json.RawMessage, error) {
	var packed []byte
	found, err := t.one(ctx, []any{&packed}, "SELECT data FROM payloads WHERE seq = ?", seq)
	if err != nil || !found {
		return nil, err
	}
	return unpackPayload(packed)
}

func unpackPayload(packed []byte) (json.RawMessage, error) {
	data, err := unpack(packed)
	if err != nil {
		return nil, fmt.Errorf("%w: payload: %w", errUnreadable, err)
	}
	return data, nil
}

// Unreported gives the runs, at most limit, that changed since reports were
// planned for them, or that the reporter wants to see again at a time that has
// come; without payloads and outputs. After [Store.PlanReports] a run is not
// given again before it changes.
func (s *Store) Unreported(ctx context.Context, now time.Time, limit int) ([]run.Run, error) {
	var found []run.Run
	err := s.view(ctx, func(ctx context.Context, t tx) (err error) {
		found, err = t.runs(ctx, "r.look IS NOT NULL AND r.look <= ? ORDER BY r.look, r.seq LIMIT ?", nanos(now), limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list what is not reported: %w", err)
	}
	return found, nil
}
