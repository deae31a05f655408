package main

import (
	"context"

	"dagger/returns/internal/dagger"
)

type Returns struct{}

func (m *Returns) Nothing()                                                          {}
func (m *Returns) Error() error                                                      { return nil }
func (m *Returns) OnlyContext(ctx context.Context) error                             { return nil }
func (m *Returns) Text() (string, error)                                             { return "", nil }
func (m *Returns) Number() int                                                       { return 0 }
func (m *Returns) Truth(context.Context) (bool, error)                               { return false, nil }
func (m *Returns) Many() ([]string, error)                                           { return nil, nil }
func (m *Returns) Container() *dagger.Container                                      { return nil }
func (m *Returns) Containers(ctx context.Context) ([]*dagger.Container, error)       { return nil, nil }
func (m *Returns) Pointer() *string                                                  { return nil }
func (m *Returns) Variadic(ctx context.Context, first string, rest ...string) string { return "" }
func (m *Returns) VariadicOptional(
	// +optional
	rest ...*dagger.Directory,
) {
}
