package store

import (
	"context"
	"fmt"
	"math"
	"path/filepath"

	"github.com/franela/pocketci/run"
)

// do runs fn in a transaction: with others' on SQLite, directly on PostgreSQL.
// fn may run more than once and must set what it gives anew each time. What was
// begun is brought to its end whatever becomes of ctx, so that its outcome is
// known. changed says that the reporters have something to look at.
func (s *Store) do(ctx context.Context, changed bool, fn func(context.Context, tx) error) error {
	select {
	case <-s.closing:
		return ErrClosed
	default:
	}
	o := &op{fn: fn}
	if s.write != nil {
		o.err = s.direct(ctx, fn)
	} else {
		if err := s.writer.hand(ctx, o); err != nil {
			return err
		}
		<-o.done
	}
	if o.err == nil && changed {
		s.watch.tell()
	}
	return o.err
}

// room tells whether there is more free disk space than the floor.
func (s *Store) room() error {
	if s.file == "" || s.cfg.Floor < 0 {
		return nil
	}
	free, err := s.free()
	if err != nil || free >= s.cfg.Floor {
		return nil // If the system can't say, the write itself will.
	}
	return fmt.Errorf("%w: %d MiB are free, %d MiB is the floor", ErrFull, free>>20, s.cfg.Floor>>20)
}

func (s *Store) free() (int64, error) { return freeSpace(filepath.Dir(s.file)) }

// takeBack hands on what a former process had when it ended. The lock says that
// it did end.
func (s *Store) takeBack(ctx context.Context) error {
	err := s.do(ctx, false, func(ctx context.Context, t tx) error {
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		n, err := t.exec(ctx, `UPDATE runs SET state = ?, due = ?,
				lease_owner = '', lease_until = 0, woken = 0, version = version + 1, look = 0
			WHERE due IS NOT NULL AND state = ?`, string(run.Queued), dueNow, string(run.Running))
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, `UPDATE runs SET due = MAX(due, ? + (1 << (MIN(tries, 10) - 2)) * ?)
			WHERE due IS NOT NULL AND state = ? AND tries >= 2`, now, int64(s.cfg.Calm), string(run.Queued)); err != nil {
			return err
		}
		if n > 0 {
			s.cfg.Log.Info().Int64("runs", n).Msg("taking back what a former process had begun")
		}
		_, err = t.exec(ctx, "UPDATE reports SET claim_until = 0 WHERE claim_until > 0")
		return err
	})
	if err != nil {
		return fmt.Errorf("take back leases: %w", err)
	}
	return nil
}

// before is the smallest number: every repository comes after it.
const before = int64(math.MinInt64)
