package main

type Refused struct{}

type Container struct{ Name string }

func (m *Refused) Go() *Container { return nil }
