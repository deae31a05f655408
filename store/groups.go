package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/franela/pocketci/run"
)

// Calls of functions that a named group limits take a slot each in it. A slot is
// held under the run's lease: a holder whose lease is over holds nothing. Who
// waits is let in by the number of its run, so in the order of acceptance, and a
// call of several groups takes all of its slots at once or none: the oldest that
// waits waits for holders only.

// callKey names a call within its repository.
type callKey struct {
	seq              int64
	module, function string
}

func (k callKey) compare(other callKey) int {
	return cmp.Or(cmp.Compare(k.seq, other.seq), cmp.Compare(k.module, other.module), cmp.Compare(k.function, other.function))
}

// slotKey is what a slots' group is locked by.
func slotKey(name string) string { return "slots " + name }

// Take takes a slot in each of the groups for a call of a leased run, and tells
// whether it got them. If not, it is in line: ask again, or give the lease back as
// [run.Waiting] with [run.ForSlot]; the run is due when its time has come. Slots
// are given back when the call has its result, and when the run is given back or
// ends. To take what is held already is harmless.
//
// Its error wraps [ErrLeaseLost], or is a [*run.Stopped] if the run was cancelled.
func (s *Store) Take(ctx context.Context, l run.Lease, module, function string, groups []run.CallGroup) (bool, error) {
	groups = slices.Clone(groups)
	slices.SortFunc(groups, func(a, b run.CallGroup) int { return cmp.Compare(a.Name, b.Name) })
	var got bool
	err := s.do(ctx, false, func(ctx context.Context, t tx) error {
		got = false
		m, err := t.member(ctx, l)
		switch {
		case err != nil:
			return err
		case m.cancel != "":
			return &run.Stopped{Why: m.cancel}
		}
		got, err = t.take(ctx, m, l.Fence, callKey{m.seq, text(module), text(function)}, groups)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("take slots for %s of %s: %w", function, l.EventID, err)
	}
	return got, nil
}

func (t tx) take(ctx context.Context, m member, fence int64, k callKey, groups []run.CallGroup) (bool, error) {
	now, err := t.now(ctx)
	if err != nil {
		return false, err
	}
	free := true
	for _, g := range groups {
		name := text(g.Name)
		if err := t.lockGroup(ctx, m.repo, slotKey(name)); err != nil {
			return false, err
		}
		ok, err := t.room(ctx, m.repo, name, k, g.Limit, now)
		if err != nil {
			return false, err
		}
		free = free && ok
	}
	for _, g := range groups {
		err := t.later(ctx, `INSERT INTO slots (repo_id, grp, seq, module, function, fence, held, most) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (repo_id, grp, seq, module, function) DO UPDATE SET fence = excluded.fence, held = excluded.held, most = excluded.most
			WHERE slots.fence <> excluded.fence OR slots.held <> excluded.held OR slots.most <> excluded.most`, // to ask again writes nothing
			m.repo, text(g.Name), k.seq, k.module, k.function, fence, number(free), g.Limit)
		if err != nil {
			return false, err
		}
	}
	return free, t.later(ctx, "UPDATE runs SET slots = 1 WHERE seq = ? AND slots = 0", m.seq)
}

// room tells whether a group has a slot for a call: fewer than limit are held, and
// nobody waits who came before.
func (t tx) room(ctx context.Context, repo int64, group string, k callKey, limit int, now int64) (bool, error) {
	taken, ok := 0, true
	err := t.each(ctx, func(scan func(...any) error) error {
		var other callKey
		var isHeld, works int64
		if err := scan(&other.seq, &other.module, &other.function, &isHeld, &works); err != nil {
			return err
		}
		switch {
		case other == k:
		case isHeld != 0 && works > 0:
			taken++
		case isHeld == 0 && works >= 0 && other.compare(k) < 0:
			ok = false
		}
		return nil
	}, slotStates+" WHERE s.repo_id = ? AND s.grp = ? AND r.due IS NOT NULL", now, repo, group)
	return ok && taken < limit, err
}

// slotStates gives calls of groups, and of each whether its run is being worked
// on under the same lease (1), given back (0), or its holder is gone (-1).
const slotStates = `SELECT s.seq, s.module, s.function, s.held, CASE
	WHEN r.state <> 'running' THEN 0 WHEN r.fence = s.fence AND r.due > ? THEN 1 ELSE -1 END
	FROM slots s JOIN runs r ON r.seq = s.seq`

// freeSlots gives back the slots that a run holds or waits for: all of them, or
// those of some calls.
func (t tx) freeSlots(ctx context.Context, m member, calls ...callKey) error {
	if m.slots == 0 {
		return nil
	}
	where, args := " WHERE seq = ?", []any{m.seq}
	if len(calls) > 0 {
		where += " AND (1 = 0"
		for _, k := range calls {
			where, args = where+" OR module = ? AND function = ?", append(args, k.module, k.function)
		}
		where += ")"
	}
	var names []string
	err := t.each(ctx, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		names = append(names, name)
		return err
	}, "SELECT DISTINCT grp FROM slots"+where+" ORDER BY grp", args...)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := t.lockGroup(ctx, m.repo, slotKey(name)); err != nil {
			return err
		}
	}
	if err := t.later(ctx, "DELETE FROM slots"+where, args...); err != nil {
		return err
	}
	for _, name := range names {
		if err := t.wakeSlot(ctx, m.repo, name); err != nil {
			return err
		}
	}
	if len(calls) > 0 {
		return nil
	}
	return t.later(ctx, "UPDATE runs SET slots = 0 WHERE seq = ?", m.seq)
}

// wakeSlot makes the first run due that was given back to wait for a slot of the
// group. Those that are worked on ask by themselves.
func (t tx) wakeSlot(ctx context.Context, repo int64, group string) error {
	return t.wakes(ctx, `UPDATE runs SET due = ? WHERE seq = (
			SELECT s.seq FROM slots s JOIN runs r ON r.seq = s.seq
			WHERE s.repo_id = ? AND s.grp = ? AND s.held = 0 AND r.state = ? AND r.due = ? ORDER BY s.seq LIMIT 1)
		AND state = ?`, dueNow, repo, group, string(run.Waiting), dueWoken, string(run.Waiting))
}

// keepLine is what becomes of the slots of a run that is given back to wait for
// one. due tells that it need not wait: one came free in between.
func (t tx) keepLine(ctx context.Context, m member) (due bool, err error) {
	type line struct {
		name string
		most int
		k    callKey
	}
	var lines []line
	err = t.each(ctx, func(scan func(...any) error) error {
		l := line{k: callKey{seq: m.seq}}
		err := scan(&l.name, &l.k.module, &l.k.function, &l.most)
		lines = append(lines, l)
		return err
	}, "SELECT grp, module, function, most FROM slots WHERE seq = ? AND held = 0 ORDER BY grp, module, function", m.seq)
	if err != nil {
		return false, err
	}
	now, err := t.now(ctx)
	if err != nil {
		return false, err
	}
	blocked := map[callKey]bool{}
	for _, l := range lines {
		if err := t.lockGroup(ctx, m.repo, slotKey(l.name)); err != nil {
			return false, err
		}
		free, err := t.room(ctx, m.repo, l.name, l.k, l.most, now)
		if err != nil {
			return false, err
		}
		blocked[l.k] = blocked[l.k] || !free
	}
	for _, b := range blocked {
		due = due || !b
	}
	return due, nil
}
