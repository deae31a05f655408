package main

type Refused struct{}

func (m *Refused) Go(
	// +default=5
	text string,
) {
}
