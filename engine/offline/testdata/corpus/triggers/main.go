// My-ci builds and tests on events of a code host.
package main

import (
	"context"
	"fmt"

	"dagger/my-ci/internal/dagger"
)

// MyCi is the main object.
type MyCi struct{}

// Build builds everything.
//
// It takes the whole repository, and says so
// in two lines.
func (m *MyCi) Build(ctx context.Context, src *dagger.Directory) (*dagger.Container, error) {
	return dag.Container().WithDirectory("/src", src).Sync(ctx)
}

func (m MyCi) Dispatch(ctx context.Context, src *dagger.Directory, eventTrigger *dagger.File, ghUsername, ghPassword *dagger.Secret) error {
	return nil
}

// TestOnGithubPullRequest runs the tests.
func (m *MyCi) TestOnGithubPullRequest(ctx context.Context,
	// +optional
	// +default="**/**.go,go.*"
	onChanges string,
	// Which actions it takes.
	// +default="synchronize,opened,reopened"
	filter string,
	src *dagger.Directory,
	eventTrigger *dagger.File,
	ghUsername, ghPassword *dagger.Secret) error {
	return fmt.Errorf("unused")
}

func (m *MyCi) hidden(ctx context.Context) error { return nil }

func helper(m map[string]int) {}
