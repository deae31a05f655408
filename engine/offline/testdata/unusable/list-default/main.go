package main

type Refused struct{}

func (m *Refused) Go(
	// +default="a,b"
	list []string,
) {
}
