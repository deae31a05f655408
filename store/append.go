package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Due times with a meaning of their own.
const (
	dueNow   = int64(0)
	dueWoken = int64(math.MaxInt64)
)

// row is an event as it is written.
type row struct {
	event   event.Event
	data    string
	payload []byte
	size    int
	digest  []byte
	receipt event.Receipt
}

// Append stores the event; when it returns without error the event is on disk.
// An event that is known already (the same ID, or for deliveries the same
// vendor, type and repository with a byte-equal payload) is not stored again:
// the receipt then names the first one. One with a Reason is stored as recorded
// and never handed out.
//
// The payload is not kept in memory. If ctx ends first, the event may have been
// stored or not; to append it again is harmless. Errors are [ErrFull],
// [ErrBroken], [ErrClosed], or what the database says.
func (s *Store) Append(ctx context.Context, e event.Event) (event.Receipt, error) {
	r, err := s.row(e)
	if err != nil {
		return event.Receipt{}, fmt.Errorf("append %q: %w", e.ID, err)
	}
	o := &op{row: r, after: func() { s.appended(r) }}
	if err := s.writer.hand(ctx, o); err != nil {
		return event.Receipt{}, fmt.Errorf("append %s: %w", e.ID, err)
	}
	select {
	case <-o.done:
	case <-ctx.Done():
		return event.Receipt{}, fmt.Errorf("append %s: %w", e.ID, context.Cause(ctx))
	}
	if o.err != nil {
		return event.Receipt{}, fmt.Errorf("append %s: %w", e.ID, o.err)
	}
	return r.receipt, nil
}

// appended wakes those who wait for a new event.
func (s *Store) appended(r *row) {
	if r.receipt.Duplicate {
		return
	}
	if r.event.Reason == "" {
		s.work.set()
	}
	if run.MayCommand(r.event) {
		s.urgent.set()
	}
	s.watch.tell()
}

// maxID bounds an event's id, in bytes.
const maxID = 512

// row makes what is written of the event, the costly part of it, in the
// caller's goroutine.
func (s *Store) row(e event.Event) (*row, error) {
	if e.ID == "" || len(e.ID) > maxID || !utf8.ValidString(e.ID) || strings.ContainsRune(e.ID, 0) {
		return nil, errors.New("the id is empty, too long or not text")
	}
	r := &row{digest: digest(e)}
	var err error
	if len(e.Payload) > 0 {
		if r.payload, err = s.pack.pack(e.Payload); err != nil {
			return nil, err
		}
	}
	if r.data, err = encode(e); err != nil {
		return nil, err
	}
	r.event, r.size = e, len(e.Payload)
	r.event.Payload = nil
	return r, nil
}

// digest is the identity of a delivery by its content, or nil for an event that
// has none: what people ask for again on purpose, and what has no payload.
func digest(e event.Event) []byte {
	switch e.Provenance {
	case event.Local, event.Replay, event.Rerun:
		return nil
	}
	if len(e.Payload) == 0 {
		return nil
	}
	h := sha256.New()
	for _, part := range []string{e.Vendor, e.Type} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(e.Repo.ID)))
	body := sha256.Sum256(e.Payload)
	h.Write(body[:])
	return h.Sum(nil)
}

// appendRows writes the events of a group in the order in which they came.
func (s *Store) appendRows(ctx context.Context, t tx, ops []*op) error {
	// Taking the numbers first also locks out appends of other agents: two groups
	// with the same events in another order would deadlock.
	last, err := t.count(ctx, "seq", len(ops))
	if err != nil {
		return err
	}
	fresh, err := s.remember(ctx, t, ops)
	if err != nil {
		return err
	}
	seq := last - int64(len(ops))
	var events, payloads, runs [][]any
	for _, o := range ops {
		r := o.row
		if !fresh[r.event.ID] {
			if err := r.duplicate(ctx, t); err != nil {
				return err
			}
			continue
		}
		delete(fresh, r.event.ID)
		seq++
		r.receipt = event.Receipt{ID: r.event.ID}
		events = append(events, r.eventColumns(seq))
		runs = append(runs, r.runColumns(seq, nanos(s.cfg.Clock())))
		if r.size > 0 {
			payloads = append(payloads, []any{seq, r.size, r.payload})
		}
	}
	if seq < last {
		if _, err := t.count(ctx, "seq", int(seq-last)); err != nil {
			return err
		}
	}
	for _, table := range []struct {
		head string
		rows [][]any
	}{
		{"INSERT INTO events (seq, id, vendor, name, repo_id, repo, received_at, data)", events},
		{"INSERT INTO payloads (seq, size, data)", payloads},
		{"INSERT INTO runs (seq, repo_id, state, due, ended, grp, tip, moves, urgent)", runs},
	} {
		if err := t.insert(ctx, table.head, table.rows, "", nil); err != nil {
			return err
		}
	}
	if len(runs) == 0 {
		return nil
	}
	return s.d.announce(ctx, t)
}

// count moves a counter and gives its new value.
func (t tx) count(ctx context.Context, name string, by int) (int64, error) {
	var value int64
	found, err := t.one(ctx, []any{&value}, "UPDATE counters SET value = value + ? WHERE name = ? RETURNING value", by, name)
	if err == nil && !found {
		err = fmt.Errorf("no counter %s", name)
	}
	return value, err
}

// remember writes the keys of the events and gives the ids of those that were
// not known.
func (s *Store) remember(ctx context.Context, t tx, ops []*op) (map[string]bool, error) {
	at := nanos(s.cfg.Clock())
	keys := make([][]any, len(ops))
	for i, o := range ops {
		var digest any
		if o.row.digest != nil {
			digest = o.row.digest
		}
		keys[i] = []any{o.row.event.ID, digest, at}
	}
	fresh := make(map[string]bool, len(ops))
	err := t.insert(ctx, "INSERT INTO seen (id, digest, at)", keys, " ON CONFLICT DO NOTHING RETURNING id",
		func(scan func(...any) error) error {
			var id string
			if err := scan(&id); err != nil {
				return err
			}
			fresh[id] = true
			return nil
		})
	return fresh, err
}

// duplicate finds the event that this one repeats.
func (r *row) duplicate(ctx context.Context, t tx) error {
	var first string
	found, err := t.one(ctx, []any{&first},
		"SELECT id FROM seen WHERE id = ? OR digest = ? ORDER BY CASE WHEN id = ? THEN 0 ELSE 1 END LIMIT 1",
		r.event.ID, r.digest, r.event.ID)
	if err != nil {
		return err
	}
	if !found {
		return errors.New("the event is known and not known")
	}
	r.receipt = event.Receipt{ID: first, Duplicate: true}
	return nil
}

func (r *row) eventColumns(seq int64) []any {
	e := r.event
	return []any{seq, e.ID, text(e.Vendor), text(e.Name), e.Repo.ID, text(fold(e.Repo.FullName())), nanos(e.ReceivedAt), r.data}
}

func (r *row) runColumns(seq, now int64) []any {
	if r.event.Reason != "" {
		return []any{seq, r.event.Repo.ID, string(run.Recorded), nil, now, "", "", int64(0), int64(0)}
	}
	g := run.GroupOf(r.event)
	return []any{seq, r.event.Repo.ID, string(run.Queued), dueNow, int64(0), text(g.Key()), text(r.event.SHA), number(g.Moves), number(run.MayCommand(r.event))}
}

// fold is a name as it is compared: code hosts ignore the case of owner and name.
func fold(name string) string { return strings.ToLower(name) }
