package main

type Refused struct{}

// +cache=5
func (m *Refused) Go() {}
