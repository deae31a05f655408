package main

type Refused struct{}

type Color string

const Red Color = "red"

func (m *Refused) Go(
	// +default="blue"
	color Color,
) {
}
