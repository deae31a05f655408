package main

import "context"

type Refused struct{}

type Item struct{}

func (i *Item) Go(ctx context.Context, f func()) {}

func (m *Refused) Items() []*Item { return nil }
