package main

type Refused struct{}

func (m *Refused) Go(
	// +defaultPath="/"
	dir string,
) {
}
