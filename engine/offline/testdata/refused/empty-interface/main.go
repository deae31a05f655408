package main

type Refused struct{}

func (m *Refused) Go(v any) {}
