package store

import (
	"context"
	"fmt"
	"time"
)

// Turn tells whether what has this name is the holder's to do, and if nobody
// else's turn is under way makes it so for a time. With several agents on one
// database one of them then does it. A turn that ran out is anybody's; work that
// takes longer than its turn may overlap with that of the next holder.
func (s *Store) Turn(ctx context.Context, name, holder string, span time.Duration) (bool, error) {
	var mine bool
	err := s.do(ctx, false, func(ctx context.Context, t tx) error {
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		n, err := t.exec(ctx, `INSERT INTO turns (name, holder, until) VALUES (?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
			WHERE turns.holder = excluded.holder OR turns.until <= ?`, text(name), text(holder), now+int64(span), now)
		mine = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("take the turn for %s: %w", name, err)
	}
	return mine, nil
}
