package main

type Refused struct{}

func (m *Refused) Go(a string, b struct{ C string }) {}
