package main

import "dagger/refused/internal/dagger"

type Refused struct{}

func (m *Refused) Go(
	// +ignore=x
	dir *dagger.Directory,
) {
}
