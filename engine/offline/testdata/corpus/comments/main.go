package main

import (
	"context"

	"dagger/comments/internal/dagger"
)

type Comments struct{}

// The comment of the function +optional
func (m *Comments) OneLine(ctx context.Context, a string, b int) error { return nil }

// Trailing has its annotations behind the parameters.
func (m *Comments) Trailing(
	ctx context.Context,
	a string, // +default="a"
	b string, // +optional
	c, d string, // +default="both?"
	e string) error { // +default="not a parameter's"
	return nil
}

func (m *Comments) Mixed(ctx context.Context,
	// +default="above"
	a string,
	// +optional
	b string, // +default="behind"
	// +default="above both"
	c, d string,

	// +default="after a gap"

	e string,
	/* +default="in a block" */
	f string,
	g string, /* +default="block behind" */
	/* +default="same line" */ h string,
	// +default="above"
	i string, // +default="behind wins"
	j,
	// +optional
	k string,
	l string, m2 string, // +optional
) error {
	return nil
}

func (m *Comments) First(
	// +default="directly below the parenthesis"
	a string,
) error {
	return nil
}

func (m *Comments) FirstAfterGap(

	// +default="after a gap"
	a string,
) error {
	return nil
}

func (m *Comments) SecondLine(a string,
	b string,
	// +optional
	c string) error {
	return nil
}

func (m *Comments) Body(a string) error {
	// +optional
	return nil
}

// Directives are no text.
//
//go:noinline
//nolint:all
func (m *Comments) Directives() {}

// Lists:
//   - one
//   - two
//
// # Heading
//
// +cache="session"
// Done. +check
func (m *Comments) Annotated(src *dagger.Directory) error { return nil }

func (m *Comments) Unnamed(context.Context, string, int) error { return nil }

var unused = 1 // +optional
