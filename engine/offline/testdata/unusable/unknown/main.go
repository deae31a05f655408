package main

type Refused struct{}

func (m *Refused) Go(a Missing) {}
