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
	begun     []begun
	results   []result
}

// begun is a call that is about to be made.
type begun struct{ module, function, data string }

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
	switch {
	case err != nil:
	case p.State == "" && len(p.Results) == 0:
		err = s.note(ctx, st)
	default:
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
		st.begun = append(st.begun, begun{text(b.Call.Module), text(b.Call.Function), data})
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

// note writes a step that tells something of the run, and changes nothing for
// others: each statement writes only if the lease still is the run's, which it can't
// become again, so that none has to wait for another's answer.
func (s *Store) note(ctx context.Context, st *step) error {
	tries := ""
	if st.decisions != nil {
		tries = "CASE WHEN EXISTS (SELECT 1 FROM decisions d WHERE d.seq = runs.seq) THEN tries ELSE 1 END"
	}
	var held int64
	err := s.do(ctx, true, func(ctx context.Context, t tx) error {
		set, args := s.assignments(st, false, false, tries)
		if err := t.laterCount(ctx, &held, "UPDATE runs SET "+set+" WHERE"+isHeld, append(args, st.l.EventID, st.l.Fence)...); err != nil {
			return err
		}
		if st.decisions != nil {
			if err := t.later(ctx, "INSERT INTO decisions (seq, data) SELECT seq, ? FROM runs WHERE"+isHeld+" ON CONFLICT DO NOTHING",
				st.decisions, st.l.EventID, st.l.Fence); err != nil {
				return err
			}
		}
		for _, b := range st.begun {
			if err := t.later(ctx, `INSERT INTO calls (seq, n, module, function, data)
				SELECT seq, (SELECT COUNT(*) FROM calls c WHERE c.seq = runs.seq), ?, ?, ? FROM runs WHERE`+isHeld+`
				ON CONFLICT (seq, module, function) DO UPDATE SET data = excluded.data WHERE calls.result = ''`,
				b.module, b.function, b.data, st.l.EventID, st.l.Fence); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && held == 0 {
		err = ErrLeaseLost
	}
	return err
}

// standing is what a run has before a step: itself, locked, and as far as the step
// touches them, whether it has decisions, and its calls; true are those without a
// result.
type standing struct {
	member
	decided bool
	calls   map[callKey]bool
}

// standing reads the run that is held under a lease.
func (t tx) standing(ctx context.Context, st *step) (had standing, err error) {
	const own = " WHERE seq = (SELECT seq FROM events WHERE id = ?)"
	var found bool
	var one int64
	asks := []ask{t.askMember(&found, &had.member, st.l)}
	if st.decisions != nil {
		asks = append(asks, askOne(&had.decided, []any{&one}, "SELECT 1 FROM decisions"+own, st.l.EventID))
	}
	if len(st.begun)+len(st.results) > 0 {
		had.calls = map[callKey]bool{}
		asks = append(asks, ask{"SELECT seq, module, function, CASE WHEN result = '' THEN 1 ELSE 0 END FROM calls" + own, []any{st.l.EventID},
			func(scan func(...any) error) error {
				var k callKey
				var open int64
				err := scan(&k.seq, &k.module, &k.function, &open)
				had.calls[k] = open != 0
				return err
			}})
	}
	if err = t.all(ctx, asks...); err == nil && !found {
		err = ErrLeaseLost
	}
	return had, err
}

// advance writes the step under its lease.
func (s *Store) advance(ctx context.Context, t tx, st *step) error {
	had, err := t.standing(ctx, st)
	if err != nil {
		return err
	}
	m := had.member
	if m.cancel != "" && st.p.State.Final() && st.p.Outcome != run.Cancelled {
		return &run.Stopped{Why: m.cancel}
	}
	woken := m.woken != 0 || m.cancel != ""
	if st.p.State == run.Waiting && st.p.For == run.ForSlot {
		due, err := t.keepLine(ctx, m)
		if err != nil {
			return err
		}
		woken = woken || due
	}
	further := st.decisions != nil && !had.decided
	if further {
		if err := t.later(ctx, "INSERT INTO decisions (seq, data) VALUES (?, ?)", m.seq, st.decisions); err != nil {
			return err
		}
	}
	ended, err := t.steps(ctx, had, st)
	if err != nil {
		return err
	}
	set, args := s.assignments(st, woken, m.cancel != "", st.tries(further || ended))
	if err := t.later(ctx, "UPDATE runs SET "+set+" WHERE seq = ?", append(args, m.seq)...); err != nil {
		return err
	}
	if err := t.leave(ctx, m, st); err != nil {
		return err
	}
	if st.p.State == run.Queued || woken {
		return s.d.announce(ctx, t)
	}
	return nil
}

// steps writes which calls begin, or are made again, and the results of those that
// were begun and have none. ended tells that there was one.
func (t tx) steps(ctx context.Context, had standing, st *step) (ended bool, err error) {
	for _, b := range st.begun {
		k := callKey{had.seq, b.module, b.function}
		open, known := had.calls[k]
		switch {
		case !known:
			err = t.later(ctx, "INSERT INTO calls (seq, n, module, function, data) VALUES (?, ?, ?, ?, ?)",
				had.seq, len(had.calls), b.module, b.function, b.data)
			had.calls[k] = true
		case open:
			err = t.later(ctx, "UPDATE calls SET data = ? WHERE seq = ? AND module = ? AND function = ?", b.data, had.seq, b.module, b.function)
		}
		if err != nil {
			return false, err
		}
	}
	for _, r := range st.results {
		k := callKey{had.seq, r.module, r.function}
		if !had.calls[k] {
			continue
		}
		had.calls[k], ended = false, true
		if err := t.end(ctx, had.seq, r); err != nil {
			return false, err
		}
	}
	return ended, nil
}

// tries is the count of holders that died with the run after the step. further tells
// that it gets further than ever: what ended its former holders did not end this one.
func (st *step) tries(further bool) string {
	switch {
	case further && (st.p.State == "" || st.p.State == run.Running):
		return "1"
	case further:
		return "0"
	case st.p.State == run.Queued || st.p.State == run.Waiting:
		return "tries - 1"
	}
	return ""
}

// assignments are the columns that the step changes.
func (s *Store) assignments(st *step, woken, cancelled bool, tries string) (set string, args []any) {
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
	if tries != "" {
		columns = append(columns, "tries = "+tries)
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

// end writes the result of a call that has none.
func (t tx) end(ctx context.Context, seq int64, r result) error {
	err := t.later(ctx, "UPDATE calls SET result = ? WHERE seq = ? AND module = ? AND function = ?", r.data, seq, r.module, r.function)
	if err != nil || r.output == nil {
		return err
	}
	return t.later(ctx, "INSERT INTO outputs (seq, module, function, data) VALUES (?, ?, ?, ?)", seq, r.module, r.function, r.output)
}
