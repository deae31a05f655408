package main

import "context"

type Refused struct{}

func (m *Refused) Go(a string, ctx context.Context) {}
