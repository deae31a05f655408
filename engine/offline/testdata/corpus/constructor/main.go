package main

import "dagger/constructor/internal/dagger"

type Constructor struct {
	Token *dagger.Secret
	name  string
}

// New is documented too.
func New(args struct {
	// +default="world"
	Name string
	// +optional
	Token *dagger.Secret
}) Constructor {
	return Constructor{Token: args.Token, name: args.Name}
}

func (c Constructor) Hello() string { return "hello " + c.name }
