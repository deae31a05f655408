package main

type Refused struct{}

func (m *Refused) Id() string { return "" }
