package store

import "context"

// Transact runs statements in a transaction, none of which is waited for, so that
// tests in store_test can do what nobody else does.
func (s *Store) Transact(ctx context.Context, queries ...string) error {
	return s.do(ctx, false, func(ctx context.Context, t tx) error {
		for _, q := range queries {
			if err := t.later(ctx, q); err != nil {
				return err
			}
		}
		return nil
	})
}
