package main

import (
	"context"

	"dagger/inline/internal/dagger"
)

type Inline struct{}

func (m *Inline) OnGithubPush(ctx context.Context, args struct {
	// The repository.
	Src *dagger.Directory
	// +optional
	// +default="main"
	Filter                 string
	OnChanges              []string // +default=["**/*.go"]
	GhUsername, GhPassword *dagger.Secret
	First, Second          string // +optional
}) error {
	return nil
}

func (m *Inline) NoContext(args struct {
	Name string
}) string {
	return args.Name
}

func (m *Inline) Pointer(ctx context.Context, args *struct {
	// +optional
	Depth int
}) string {
	return ""
}

func (m *Inline) Empty(ctx context.Context, args struct{}) string { return "" }
