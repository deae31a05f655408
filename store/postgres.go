package store

import (
	"context"
	"errors"
)

func (s *Store) openPostgres(context.Context) error                                   { return errors.New("soon") }
func (s *Store) direct(ctx context.Context, fn func(context.Context, tx) error) error { return nil }
