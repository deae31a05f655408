package main

type Refused struct{}

func (m *Refused) Go() (string, string, error) { return "", "", nil }
