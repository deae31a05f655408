package main

type Refused struct{}

type item struct{}

func (m *Refused) Go() *item { return nil }
