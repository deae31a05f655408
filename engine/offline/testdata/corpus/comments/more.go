package main

import "context"

// Carriage is read again with Windows line ends.
// Second line.
func (m *Comments) Carriage(ctx context.Context,
	// +default="x"
	a string,
	// +optional
	b string, // +default=bare
	/* +default=[1,
	2] */
	c []int,
) error {
	return nil
}
