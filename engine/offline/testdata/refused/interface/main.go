package main

import "context"

type Refused struct{}

type Duck interface {
	Quack(ctx context.Context) (string, error)
}

func (m *Refused) Go(duck Duck) {}
