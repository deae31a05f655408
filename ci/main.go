// Builds, tests and publishes pocketci, by pocketci.
//
// The names of the last five functions say when they run; everything else is an
// ordinary Dagger function: `dagger call -m ci test --src .`
package main

import (
	"context"

	"dagger/ci/internal/dagger"
)

type Ci struct {
	// +private
	Golang string
	// +private
	Base string
	// +private
	Engine string
	// +private
	Repository string
}

// Says what the images are made from, and where they go.
func New(
	// What everything is built and tested in.
	// +default="golang:1.26"
	golang string,
	// What the agent runs on.
	// +default="debian:bookworm-slim"
	base string,
	// Where the dagger CLI comes from.
	// +default="registry.dagger.io/engine:v0.21.8"
	engine string,
	// Where images are published.
	// +default="ghcr.io/franela/pocketci"
	repository string,
) *Ci {
	return &Ci{Golang: golang, Base: base, Engine: engine, Repository: repository}
}

// Runs every test.
func (m *Ci) Test(src *dagger.Directory) *dagger.Container {
	return m.sources(src).WithExec([]string{"go", "run", "./internal/check"})
}

// Runs gofmt and go vet.
func (m *Ci) Lint(src *dagger.Directory) *dagger.Container {
	return m.sources(src).
		WithExec([]string{"sh", "-c", `unformatted=$(gofmt -l .) && echo "$unformatted" && test -z "$unformatted"`}).
		WithExec([]string{"go", "vet", "./..."}).
		WithExec([]string{"go", "-C", "module", "vet", "./trigger"})
}

// Builds the agent. It takes its version from the repository's history.
func (m *Ci) Build(src *dagger.Directory) *dagger.File {
	return m.toolchain().
		WithDirectory("/src", src).
		WithEnvVariable("CGO_ENABLED", "0").
		WithExec([]string{"go", "build", "-trimpath", "-ldflags=-s -w", "-o", "/agent", "./cmd/agent"}).
		File("/agent")
}

// Makes the agent's image: the agent, git and the dagger CLI, run by user 10001.
func (m *Ci) Image(src *dagger.Directory) *dagger.Container {
	cli := dag.Container().From(m.Engine).File("/usr/local/bin/dagger")
	return dag.Container().From(m.Base).
		WithExec([]string{"apt-get", "update"}).
		WithExec([]string{"apt-get", "install", "--yes", "--no-install-recommends", "ca-certificates", "git"}).
		WithExec([]string{"useradd", "--system", "--uid", "10001", "--user-group", "--create-home", "--home-dir", "/var/lib/pocketci", "pocketci"}).
		WithFile("/usr/local/bin/dagger", cli).
		WithFile("/usr/local/bin/agent", m.Build(src)).
		WithEnvVariable("_EXPERIMENTAL_DAGGER_CLI_BIN", "/usr/local/bin/dagger").
		WithEnvVariable("POCKETCI_DATA_DIR", "/var/lib/pocketci/data").
		WithUser("10001:10001").
		WithWorkdir("/var/lib/pocketci").
		WithExposedPort(8080).
		WithEntrypoint([]string{"/usr/local/bin/agent"})
}

// Publishes the agent's image and tells its address.
func (m *Ci) Publish(
	ctx context.Context,
	src *dagger.Directory,
	// The image's tag.
	tag string,
	// Who signs in to the registry.
	username string,
	// What they sign in with.
	password *dagger.Secret,
) (string, error) {
	address := m.Repository + ":" + tag
	return m.Image(src).WithRegistryAuth(address, username, password).Publish(ctx, address)
}

// Tests what a pull request brings, if it changes what tests can see.
func (m *Ci) TestOnGithubPullRequest(
	ctx context.Context,
	src *dagger.Directory,
	// +default=["**", "!**/*.md"]
	onChanges []string,
	// +default="opened,synchronize,reopened"
	filter string,
) error {
	_, err := m.Test(src).Sync(ctx)
	return err
}

// Lints what a pull request brings, if it changes Go code.
func (m *Ci) LintOnGithubPullRequest(
	ctx context.Context,
	src *dagger.Directory,
	// +default=["**/*.go", "**/go.mod"]
	onChanges []string,
	// +default="opened,synchronize,reopened"
	filter string,
) error {
	_, err := m.Lint(src).Sync(ctx)
	return err
}

// Tests every push to main.
func (m *Ci) TestOnGithubPushMain(
	ctx context.Context,
	src *dagger.Directory,
	// +default=["**", "!**/*.md"]
	onChanges []string,
) error {
	_, err := m.Test(src).Sync(ctx)
	return err
}

// Lints every push to main.
func (m *Ci) LintOnGithubPushMain(
	ctx context.Context,
	src *dagger.Directory,
	// +default=["**/*.go", "**/go.mod"]
	onChanges []string,
) error {
	_, err := m.Lint(src).Sync(ctx)
	return err
}

// Publishes an image of every push to main that changes the agent, under the commit's sha.
func (m *Ci) PublishOnGithubPush(
	ctx context.Context,
	src *dagger.Directory,
	eventTrigger *dagger.File,
	ghUsername, ghPassword *dagger.Secret,
	// +default=["**", "!**/*.md", "!**/*_test.go", "!**/testdata/**"]
	onChanges []string,
	// +default="main"
	filter string,
) (string, error) {
	sha, err := dag.Pocketci(eventTrigger).CommitPush().Sha(ctx)
	if err != nil {
		return "", err
	}
	username, err := ghUsername.Plaintext(ctx)
	if err != nil {
		return "", err
	}
	return m.Publish(ctx, src, sha, username, ghPassword)
}

// sources is the toolchain with the repository, without its history: a commit
// that changes nothing here is answered from the cache.
func (m *Ci) sources(src *dagger.Directory) *dagger.Container {
	return m.toolchain().WithDirectory("/src", src.WithoutDirectory(".git"))
}

// toolchain is Go with the caches that all functions share.
func (m *Ci) toolchain() *dagger.Container {
	return dag.Container().From(m.Golang).
		WithMountedCache("/go/pkg/mod", dag.CacheVolume("go-mod")).
		WithMountedCache("/root/.cache/go-build", dag.CacheVolume("go-build")).
		WithWorkdir("/src")
}
