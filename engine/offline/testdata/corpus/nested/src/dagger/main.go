package main

import "context"

type Nested struct{}

// Where tells that the source is two folders down.
func (n *Nested) Where(ctx context.Context) (string, error) { return "", nil }
