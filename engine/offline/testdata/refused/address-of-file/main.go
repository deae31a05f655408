package main

import "dagger/refused/internal/dagger"

type Refused struct{}

func (m *Refused) Go(
	// +defaultAddress="alpine"
	file *dagger.File,
) {
}
