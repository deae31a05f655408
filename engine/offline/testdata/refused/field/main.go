package main

type Refused struct{}

type Item struct{ Values map[string]string }

func (m *Refused) Items() []*Item { return nil }
