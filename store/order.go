package store

import (
	"context"
	"fmt"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Runs of one group (a branch's pushes, a pull request's events) go in an order,
// which the repository's settings give and its default stands for until they are
// read. All that changes who may go happens in transactions that hold the group's
// lock, so nobody is forgotten: whoever finds that another comes first is written
// down as waiting, and whoever ends wakes those who wait.

// What a run's place in its group is.
const (
	placeNone  = 0
	placeWaits = 1
	placeGoes  = 2
)

// parkMost is how many runs one look for work may park.
const parkMost = 64

// member is a run as its group sees it.
type member struct {
	seq, repo, place, slots, woken int64
	grp, tip, ord, state, cancel   string
}

const memberColumns = "seq, repo_id, place, slots, woken, grp, tip, ord, state, cancel"

func (m *member) dest() []any {
	return []any{&m.seq, &m.repo, &m.place, &m.slots, &m.woken, &m.grp, &m.tip, &m.ord, &m.state, &m.cancel}
}

// order is what the settings say, or what holds until they are read.
func (m member) order() run.Order {
	if m.ord != "" {
		return run.Order(m.ord)
	}
	return kindOf(m.grp).DefaultOrder()
}

// kindOf reads the kind out of a group's key.
func kindOf(key string) run.GroupKind {
	for _, k := range []run.GroupKind{run.GroupPush, run.GroupPull} {
		if len(key) > len(k) && key[:len(k)] == string(k) && key[len(k)] == ':' {
			return k
		}
	}
	return ""
}

// member reads the run that is held under a lease, and locks it.
func (t tx) member(ctx context.Context, l run.Lease) (m member, err error) {
	var found bool
	if err = t.all(ctx, t.askMember(&found, &m, l)); err == nil && !found {
		err = ErrLeaseLost
	}
	return m, err
}

func (t tx) askMember(found *bool, m *member, l run.Lease) ask {
	return askOne(found, m.dest(), "SELECT "+memberColumns+" FROM runs WHERE"+isHeld+t.s.d.lock, l.EventID, l.Fence)
}

// lockGroup keeps others out of a group until the transaction ends. Whoever locks
// several rows and groups locks its own run first, then slots' groups by name,
// then its group.
func (t tx) lockGroup(ctx context.Context, repo int64, key string) error {
	if t.s.d.groupLock == "" {
		return nil
	}
	return t.later(ctx, t.s.d.groupLock, fmt.Sprintf("%d %s", repo, key))
}

// ahead is what comes before a run: earlier ones in line, and one that goes.
type ahead struct {
	line, goes        member
	hasLine, hasGoing bool
}

// askAhead asks for the run that has to end before m may go. Nobody waits for what
// has not been let go and came later, so two never wait for each other.
func askAhead(m member, a *ahead) []ask {
	const goes = `SELECT ` + memberColumns + ` FROM runs
		WHERE repo_id = ? AND grp = ? AND place = 2 AND due IS NOT NULL AND aside = 0 AND ord <> 'parallel' AND seq <> ?`
	switch m.order() {
	case run.OrderQueue:
		return []ask{
			askOne(&a.hasLine, a.line.dest(), `SELECT `+memberColumns+` FROM runs WHERE repo_id = ? AND grp = ? AND seq < ?
				AND due IS NOT NULL AND grp <> '' AND aside = 0 AND ord <> 'parallel' ORDER BY seq LIMIT 1`, m.repo, m.grp, m.seq),
			askOne(&a.hasGoing, a.goes.dest(), goes+" LIMIT 1", m.repo, m.grp, m.seq),
		}
	case run.OrderSupersede:
		return []ask{askOne(&a.hasGoing, a.goes.dest(), goes+" AND tip <> ? LIMIT 1", m.repo, m.grp, m.seq, m.tip)}
	}
	return nil
}

// first is the run that comes first; its seq is 0 if there is none.
func (a *ahead) first() member {
	switch {
	case a.hasLine:
		return a.line
	case a.hasGoing:
		return a.goes
	}
	return member{}
}

// first gives the run that has to end before m may go; its seq is 0 if there is
// none.
func (t tx) first(ctx context.Context, m member) (member, error) {
	var a ahead
	err := t.all(ctx, askAhead(m, &a)...)
	return a.first(), err
}

// askNewer asks for the number of the newest event that moved m's group on to
// another commit. What was only recorded moved nothing.
func askNewer(m member, seq *int64) []ask {
	if m.order() != run.OrderSupersede {
		return nil
	}
	return []ask{askOne(new(bool), []any{seq}, `SELECT seq FROM runs WHERE repo_id = ? AND grp = ? AND moves = 1 AND seq > ?
		AND tip <> ? AND state <> 'recorded' ORDER BY seq DESC LIMIT 1`, m.repo, m.grp, m.seq, m.tip)}
}

// event reads an event without its payload.
func (t tx) event(ctx context.Context, seq int64) (e event.Event, err error) {
	var data string
	found, err := t.one(ctx, []any{&data}, "SELECT data FROM events WHERE seq = ?", seq)
	if err != nil || !found {
		return e, err
	}
	return e, decode([]byte(data), &e)
}

// parked tells whether another run comes before m, which is due; m is then not
// due before that one has ended. The reporter does not look at it meanwhile: a
// thousand runs in line would use up what may be sent to the code host.
func (t tx) parked(ctx context.Context, m member) (bool, error) {
	if m.grp == "" || m.place == placeGoes || m.cancel != "" {
		return false, nil
	}
	f, err := t.first(ctx, m)
	if err != nil || f.seq == 0 {
		return false, err
	}
	if err := t.lockGroup(ctx, m.repo, m.grp); err != nil {
		return false, err
	}
	if f, err = t.first(ctx, m); err != nil || f.seq == 0 {
		return false, err
	}
	if err = t.later(ctx, "UPDATE runs SET state = ?, due = ?, place = 1, aside = 0, waits = ?, version = version + 1, look = NULL WHERE seq = ?",
		string(run.Waiting), dueWoken, turnAfter(f.tip), m.seq); err != nil {
		return false, err
	}
	return true, t.nudge(ctx, f)
}

// turnAfter says what a run waits for that another one comes before.
func turnAfter(tip string) string { return "its turn after " + tip }

// nudge has a run looked at that is to be superseded and waits for something else
// meanwhile.
func (t tx) nudge(ctx context.Context, f member) error {
	if f.order() != run.OrderSupersede || f.state == string(run.Running) {
		return nil
	}
	return t.later(ctx, "UPDATE runs SET due = ? WHERE seq = ? AND due IS NOT NULL AND state <> 'running'", dueNow, f.seq)
}

// Enter asks whether a run may go as far as its group is concerned, after the
// repository's settings gave the order. It may if the answer is zero, and keeps
// that until it ends. If First is set it has to wait for that one: give the lease
// back as [run.Waiting] with [run.ForTurn]; it is due when its turn has come,
// also if that comes in between. If Newer is set it was superseded.
//
// What was found out about the commit (Trust, SHA and Changed; nothing else) is
// written with it, as by [Store.Advance].
//
// Its error wraps [ErrLeaseLost], or is a [*run.Stopped] if the run was cancelled.
func (s *Store) Enter(ctx context.Context, l run.Lease, order run.Order, found run.Progress) (run.Standing, error) {
	var st run.Standing
	facts := found.Trust != "" || found.SHA != "" || found.Changed != nil
	err := s.do(ctx, facts, func(ctx context.Context, t tx) error {
		st = run.Standing{}
		m, err := t.member(ctx, l)
		switch {
		case err != nil:
			return err
		case m.cancel != "":
			return &run.Stopped{Why: m.cancel}
		}
		if m.grp != "" {
			if err := t.lockGroup(ctx, m.repo, m.grp); err != nil {
				return err
			}
			m.ord = string(order)
			if st, err = t.stand(ctx, &m); err != nil {
				return err
			}
		}
		set, args := "ord = ?, place = ?", []any{m.ord, m.place}
		if facts {
			more, values := s.assignments(&step{p: run.Progress{Trust: found.Trust, SHA: found.SHA, Changed: found.Changed}}, false, false, "")
			set, args = set+", "+more, append(args, values...)
		}
		if err := t.later(ctx, "UPDATE runs SET "+set+" WHERE seq = ?", append(args, m.seq)...); err != nil {
			return err
		}
		if m.grp != "" && order == run.OrderParallel { // Those behind it need not wait for it.
			return t.wakeGroup(ctx, m.repo, m.grp)
		}
		return nil
	})
	if err != nil {
		return run.Standing{}, fmt.Errorf("enter the order of %s: %w", l.EventID, err)
	}
	if order == run.OrderParallel {
		s.work.set()
	}
	return st, nil
}

// stand finds out how a run stands, and gives it its place.
func (t tx) stand(ctx context.Context, m *member) (st run.Standing, err error) {
	var newer int64
	var a ahead
	asks := askNewer(*m, &newer)
	if m.place != placeGoes {
		asks = append(asks, askAhead(*m, &a)...)
	}
	if len(asks) > 0 {
		err = t.all(ctx, asks...)
	}
	if err != nil {
		return st, err
	}
	if newer > 0 {
		st.Newer, err = t.event(ctx, newer)
		return st, err
	}
	if m.place == placeGoes {
		return st, nil
	}
	m.place = placeGoes
	if f := a.first(); f.seq > 0 {
		m.place = placeWaits
		st.First, st.SHA = f.seq, f.tip
		return st, t.nudge(ctx, f)
	}
	return st, nil
}

// wakeGroup makes due who waits for a run of the group that ended or got out of
// the way. Of those in a queue that is the first one; it wakes the next.
func (t tx) wakeGroup(ctx context.Context, repo int64, grp string) error {
	if err := t.lockGroup(ctx, repo, grp); err != nil {
		return err
	}
	const wake = `UPDATE runs SET place = 0, due = CASE WHEN state = 'running' THEN due ELSE 0 END,
		woken = CASE WHEN state = 'running' THEN 1 ELSE woken END
		WHERE repo_id = ? AND grp = ? AND place = 1 AND due IS NOT NULL`
	if kindOf(grp) == run.GroupPull {
		return t.wakes(ctx, wake, repo, grp)
	}
	if err := t.wakes(ctx, wake+" AND ord = 'supersede'", repo, grp); err != nil {
		return err
	}
	const head = "SELECT MIN(seq) AS seq FROM runs WHERE repo_id = ? AND grp = ? AND place = 1 AND ord = "
	return t.wakes(ctx, wake+" AND seq = (SELECT MIN(seq) FROM ("+head+"'' UNION ALL "+head+"'queue') heads)", repo, grp, repo, grp, repo, grp)
}

// wakes makes runs due, and tells other agents if there are any.
func (t tx) wakes(ctx context.Context, query string, args ...any) error {
	return t.later(ctx, t.s.d.announcing(query), args...)
}

// Heed gives those of the leased runs that are to end before their time: they
// were cancelled, or their group was moved on and their order is to give way.
// Runs whose lease is lost are not among them.
func (s *Store) Heed(ctx context.Context, leases []run.Lease) ([]run.Stop, error) {
	if len(leases) == 0 {
		return nil, nil
	}
	fences := map[string]int64{}
	ids := make([]any, len(leases))
	for i, l := range leases {
		fences[l.EventID], ids[i] = l.Fence, l.EventID
	}
	var stops []run.Stop
	err := s.view(ctx, func(ctx context.Context, t tx) error {
		var moved []int64
		stops, moved = nil, nil
		err := t.each(ctx, func(scan func(...any) error) error {
			var st run.Stop
			var fence, newer int64
			err := scan(&st.EventID, &fence, &st.Why, &newer)
			if err == nil && fence == fences[st.EventID] && (st.Why != "" || newer > 0) {
				stops, moved = append(stops, st), append(moved, newer)
			}
			return err
		}, `SELECT e.id, r.fence, r.cancel, CASE WHEN r.ord <> 'supersede' THEN 0 ELSE COALESCE((
				SELECT MAX(n.seq) FROM runs n WHERE n.repo_id = r.repo_id AND n.grp = r.grp AND n.moves = 1
				AND n.seq > r.seq AND n.tip <> r.tip AND n.state <> 'recorded'), 0) END
			FROM events e JOIN runs r ON r.seq = e.seq WHERE r.state = 'running' AND e.id IN `+list(len(ids)), ids...)
		if err != nil {
			return err
		}
		for i, seq := range moved {
			if seq == 0 || stops[i].Why != "" {
				continue
			}
			if stops[i].Newer, err = t.event(ctx, seq); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look who is to stop: %w", err)
	}
	return stops, nil
}

// Overlook keeps that an event moves its group nowhere, because it is out of
// date: it supersedes nothing any more.
func (s *Store) Overlook(ctx context.Context, eventID string) error {
	err := s.do(ctx, false, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, "UPDATE runs SET moves = 0 WHERE seq = (SELECT seq FROM events WHERE id = ?)", eventID)
		return err
	})
	if err != nil {
		return fmt.Errorf("overlook %s: %w", eventID, err)
	}
	return nil
}

// leave tells others what a step means for them: the run's calls ended, or it
// gave its lease back, got out of the way, or ended.
func (t tx) leave(ctx context.Context, m member, st *step) error {
	switch p := st.p; {
	case p.State.Final(), p.State == run.Waiting && p.For == run.ForPerson:
		return t.left(ctx, m)
	case p.State == run.Queued, p.State == run.Waiting && p.For != run.ForSlot:
		return t.freeSlots(ctx, m)
	case m.slots != 0 && len(st.results) > 0:
		var calls []callKey
		for _, r := range st.results {
			calls = append(calls, callKey{m.seq, r.module, r.function})
		}
		return t.freeSlots(ctx, m, calls...)
	}
	return nil
}
