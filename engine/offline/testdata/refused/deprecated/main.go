package main

type Refused struct{}

func (m *Refused) Go(
	// +deprecated="use b"
	a string,
) {
}
