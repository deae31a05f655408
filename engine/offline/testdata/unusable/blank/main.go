package main

type Refused struct{}

func (m *Refused) Go(_ string) {}
