package main

import (
	"context"

	"dagger/paths/internal/dagger"
)

type Paths struct {
	// +private
	Source *dagger.Directory
	// +private
	Settings settings
	Skipped  settings `json:"-"`
}

type settings struct{ level int }

// New takes the repository itself.
func New(
	ctx context.Context,
	// The repository.
	// +defaultPath="/"
	// +ignore=["**", "!**/*.go", "node_modules"]
	source *dagger.Directory,
	// +defaultPath=./go.mod
	manifest *dagger.File,
	// +optional
	token *dagger.Secret,
	// +default="1.26"
	version string,
) (*Paths, error) {
	return &Paths{Source: source}, nil
}

// Docs reads the documentation.
func (m *Paths) Docs(
	// +optional
	// +defaultPath="/docs"
	docs *dagger.Directory,
	// +ignore=[]
	plain *dagger.Directory,
	// +ignore=[".git"]
	patterns *dagger.Directory,
	// +defaultPath="README.md"
	readme *dagger.File, // trailing words
	// +defaultPath="/"
	repository *dagger.GitRepository,
	// +defaultAddress="alpine:3"
	base *dagger.Container,
	workspace *dagger.Workspace,
) {
}
