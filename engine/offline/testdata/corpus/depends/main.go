package main

import (
	"context"

	. "dagger/depends/internal/dagger"
)

type Depends struct{}

// Use calls what it depends on.
func (m *Depends) Use(ctx context.Context, dir *Directory, mode NetworkProtocol, platform Platform) (string, error) {
	return dag.Helper().Hello(ctx)
}
