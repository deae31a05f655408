package main

import (
	"context"

	"dagger/embedded/internal/dagger"
)

type Embedded struct {
	Shared
	*Deeper
}

type Shared struct{ Tag string }

type Deeper struct{ Deepest }

type Deepest struct{ Number int }

// Own is the object's own.
func (m *Embedded) Own() string { return "" }

// Common is promoted.
func (s *Shared) Common(ctx context.Context, src *dagger.Directory) error { return nil }

// Hidden is covered by the object's own.
func (s *Shared) Covered(a string) string { return a }

func (m *Embedded) Covered() string { return "" }

// Bottom comes from two levels below.
func (d Deepest) Bottom(
	// +default=3
	times int,
) int {
	return times
}
