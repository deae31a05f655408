package main

import "context"

type Refused struct{}

type Duck interface {
	DaggerObject
	Quack(ctx context.Context) (string, error)
}

type Item struct{ Duck }

func (m *Refused) Items() *Item { return nil }
