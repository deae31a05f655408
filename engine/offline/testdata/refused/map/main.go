package main

type Refused struct{}

func (m *Refused) Go(values map[string]string) {}
