package main

type Refused struct{}

type Item struct{ ID string }

func (m *Refused) Go() *Item { return nil }
