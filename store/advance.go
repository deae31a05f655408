package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/franela/pocketci/run"
)

// step is a run's progress as it is written, made before the transaction.
type step struct {
	l         run.Lease
	p         run.Progress
	decisions []byte
	problem   string
	approval  string
	command   string
	begun     [][]any
	results   []result
}

// result is a call's result, and apart from it what the call printed.
type result struct {
	module, function, data string
	output                 []byte
}

// Advance writes a step of the run in one transaction; what it means stands at
// [run.Run.Apply]. Queued and Waiting give the lease back: a queued run is due
// at NotBefore, a waiting one too, or only when it is woken if that is zero.
// Done and Recorded end the run. Its error wraps [ErrLeaseLost], and nothing is
// written, if the lease is not the run's newest or was given back; or it is a
// [*run.Stopped] if the run was cancelled and the step ends it otherwise.
func (s *Store) Advance(ctx context.Context, l run.Lease, p run.Progress) error {
	st, err := s.step(l, p)
	if err == nil {
		err = s.do(ctx, true, func(ctx context.Context, t tx) error { return s.advance(ctx, t, st) })
	}
	if err != nil {
		return fmt.Errorf("advance %s: %w", l.EventID, err)
	}
	if p.State != "" || len(p.Results) > 0 { // Others may wait for it.
		s.work.set()
	}
	return nil
}

func (s *Store) step(l run.Lease, p run.Progress) (*step, error) {
	st := &step{l: l, p: p}
	var err error
	if p.Decisions != nil {
		if st.decisions, err = s.packJSON(p.Decisions); err != nil {
			return nil, err
		}
	}
	if p.Problem != nil {
		if st.problem, err = encode(p.Problem); err != nil {
			return nil, err
		}
	}
	if p.Approval != nil {
		if st.approval, err = encode(p.Approval); err != nil {
			return nil, err
		}
	}
	if p.Command != nil {
		if st.command, err = encode(p.Command); err != nil {
			return nil, err
		}
	}
	for _, b := range p.Begun {
		b.Result = nil
		data, err := encode(b)
		if err != nil {
			return nil, err
		}
		st.begun = append(st.begun, []any{text(b.Call.Module), text(b.Call.Function), data})
	}
	for _, r := range p.Results {
		written, err := s.result(r)
		if err != nil {
			return nil, err
		}
		st.results = append(st.results, written)
	}
	return st, nil
}

func (s *Store) packJSON(v any) ([]byte, error) {
	data, err := encode(v)
	if err != nil {
		return nil, err
	}
	return s.pack.pack([]byte(data))
}

func (s *Store) result(r run.Result) (written result, err error) {
	written = result{module: text(r.Module), function: text(r.Function)}
	if r.Output != "" {
		if written.output, err = s.pack.pack([]byte(r.Output)); err != nil {
			return result{}, err
		}
	}
	r.Output = ""
	written.data, err = encode(r)
	return written, err
}

// advance writes the step under its lease.
func (s *Store) advance(ctx context.Context, t tx, st *step) error {
	m, err := t.member(ctx, st.l)
	if err != nil {
		return err
	}
	if m.cancel != "" && st.p.State.Final() && st.p.Outcome != run.Cancelled {
		return &run.Stopped{Why: m.cancel}
	}
	seq, woken := m.seq, m.woken != 0 || m.cancel != ""
	if st.p.State == run.Waiting && st.p.For == run.ForSlot {
		due, err := t.keepLine(ctx, m)
		if err != nil {
			return err
		}
		woken = woken || due
	}
	set, args := s.assignments(st, woken, m.cancel != "")
	if _, err := t.exec(ctx, "UPDATE runs SET "+set+" WHERE seq = ?", append(args, seq)...); err != nil {
		return err
	}
	var news int64
	if st.decisions != nil {
		if news, err = t.exec(ctx, "INSERT INTO decisions (seq, data) VALUES (?, ?) ON CONFLICT DO NOTHING", seq, st.decisions); err != nil {
			return err
		}
	}
	for _, b := range st.begun {
		if err := t.begin(ctx, seq, b); err != nil {
			return err
		}
	}
	for _, r := range st.results {
		n, err := t.end(ctx, seq, r)
		if err != nil {
			return err
		}
		news += n
	}
	if news > 0 {
		// It got further than ever: what ended its former holders did not end this one.
		if _, err := t.exec(ctx, "UPDATE runs SET tries = CASE WHEN state = ? THEN 1 ELSE 0 END WHERE seq = ?", string(run.Running), seq); err != nil {
			return err
		}
	}
	if err := t.leave(ctx, m, st); err != nil {
		return err
	}
	if st.p.State == run.Queued || woken {
		return s.d.announce(ctx, t)
	}
	return nil
}

// assignments are the columns that the step changes.
func (s *Store) assignments(st *step, woken, cancelled bool) (set string, args []any) {
	p := st.p
	columns := []string{"version = version + 1", "look = 0"}
	add := func(column string, value any) {
		columns, args = append(columns, column+" = ?"), append(args, value)
	}
	if p.State != "" {
		add("state", string(p.State))
		add("waits", text(p.Waits))
	}
	switch {
	case p.State.Final():
		add("ended", nanos(s.cfg.Clock()))
		add("due", nil)
		add("place", placeNone)
	case p.State == run.Waiting && woken, p.State == run.Queued && cancelled:
		add("due", dueNow)
	case p.State == run.Queued:
		add("due", nanos(p.NotBefore))
	case p.State == run.Waiting && p.NotBefore.IsZero():
		add("due", dueWoken)
	case p.State == run.Waiting:
		add("due", nanos(p.NotBefore))
	}
	if p.State != "" && p.State != run.Running {
		columns = append(columns, "lease_owner = ''", "lease_until = 0", "woken = 0")
	}
	if p.State == run.Queued || p.State == run.Waiting {
		columns = append(columns, "tries = tries - 1")
	}
	if p.State == run.Waiting && p.For == run.ForPerson {
		add("aside", 1)
		add("place", placeNone)
	}
	if p.Attempt != nil {
		add("attempt", *p.Attempt)
	}
	if p.Lost != nil {
		add("lost", *p.Lost)
	}
	if p.Changed != nil {
		add("changed", *p.Changed)
	}
	for _, c := range []struct{ column, value string }{
		{"trust", text(p.Trust)}, {"sha", text(p.SHA)}, {"problem", st.problem},
		{"outcome", text(p.Outcome)}, {"note", text(p.Note)},
		{"approval", st.approval}, {"command", st.command},
	} {
		if c.value != "" {
			add(c.column, c.value)
		}
	}
	return strings.Join(columns, ", "), args
}

// begin writes that a call is about to be made, or made again. One that has its
// result stays as it is.
func (t tx) begin(ctx context.Context, seq int64, call []any) error {
	var n int64
	if _, err := t.one(ctx, []any{&n}, "SELECT COUNT(*) FROM calls WHERE seq = ?", seq); err != nil {
		return err
	}
	_, err := t.exec(ctx, `INSERT INTO calls (seq, n, module, function, data) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (seq, module, function) DO UPDATE SET data = excluded.data WHERE calls.result = ''`,
		append([]any{seq, n}, call...)...)
	return err
}

// end writes a call's result, unless it has one or was never begun: n is then 0.
func (t tx) end(ctx context.Context, seq int64, r result) (n int64, err error) {
	n, err = t.exec(ctx, "UPDATE calls SET result = ? WHERE seq = ? AND module = ? AND function = ? AND result = ''",
		r.data, seq, r.module, r.function)
	if err != nil || n == 0 || r.output == nil {
		return n, err
	}
	_, err = t.exec(ctx, "INSERT INTO outputs (seq, module, function, data) VALUES (?, ?, ?, ?)", seq, r.module, r.function, r.output)
	return n, err
}
