package main

type Refused struct{}

// +check=sometimes
func (m *Refused) Go() {}
