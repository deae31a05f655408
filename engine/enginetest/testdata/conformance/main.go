// A module for the conformance suite: a real engine runs the code, the fake one
// carries out the comments.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"dagger/conformance/internal/dagger"
)

// Level is how much is said.
type Level string

const (
	Quiet Level = "quiet"
	Loud  Level = "loud"
)

type Conformance struct {
	Greeting string
	Docs     *dagger.Directory
}

func New(
	// How to greet.
	// +default="hi"
	greeting string,
	// +defaultPath="/docs"
	// +ignore=["*.txt"]
	docs *dagger.Directory,
	// +optional
	broken bool,
) (*Conformance, error) {
	//fake: fail-if broken the constructor is broken
	if broken {
		return nil, errors.New("the constructor is broken")
	}
	return &Conformance{Greeting: greeting, Docs: docs}, nil
}

// Says that all is well.
func (m *Conformance) OnGithub() error {
	return nil
}

func (m *Conformance) OnGithubPush(
	// +default="main,release/*"
	filter string,
	// +default=["**/*.go","!vendor/**"]
	onChanges []string,
	// +default="quiet"
	level Level,
	// +optional
	note string,
	// +default=3
	count int,
	src *dagger.Directory,
) error {
	return nil
}

func (m *Conformance) Greet() string {
	//fake: arg greeting
	return m.Greeting
}

func (m *Conformance) Fails() error {
	//fake: print before
	//fake: fail tests failed: 3 of 10
	fmt.Println("before")
	return errors.New("tests failed: 3 of 10")
}

func (m *Conformance) Panics() error {
	//fake: panic oh no
	panic("oh no")
}

func (m *Conformance) FailingExec(ctx context.Context) (string, error) {
	//fake: exec 3 bad thing
	return dag.Container().From("alpine:latest").
		WithExec([]string{"sh", "-c", "echo bad thing >&2; exit 3"}).
		Stdout(ctx)
}

func (m *Conformance) Slow(ctx context.Context) error {
	//fake: print tick
	//fake: sleep 5m
	fmt.Println("tick")
	select {
	case <-ctx.Done():
	case <-time.After(5 * time.Minute):
	}
	return ctx.Err()
}

func (m *Conformance) Prints(ctx context.Context, what string) error {
	//fake: print-arg what
	//fake: print-arg what
	fmt.Println(what)
	fmt.Fprintln(os.Stderr, what)
	return nil
}

func (m *Conformance) Floods(what string) error {
	//fake: flood 20000
	for i := range 20000 {
		fmt.Printf("line %d\n", i)
	}
	return nil
}

func (m *Conformance) Contains(ctx context.Context, what string) error {
	//fake: print-arg what
	_, err := dag.Container().From("alpine:latest").WithExec([]string{"echo", what}).Sync(ctx)
	return err
}

func (m *Conformance) Leaks(ctx context.Context, token *dagger.Secret) (string, error) {
	//fake: echo-secret token
	//fake: return-secret token
	text, err := token.Plaintext(ctx)
	fmt.Println(text)
	return text, err
}

func (m *Conformance) FailsWithSecret(ctx context.Context, token *dagger.Secret) error {
	//fake: fail-with-secret token
	text, err := token.Plaintext(ctx)
	if err != nil {
		return err
	}
	return errors.New("can't log in as " + text)
}

func (m *Conformance) Trigger(ctx context.Context, eventTrigger *dagger.File) (string, error) {
	//fake: contents eventTrigger
	return eventTrigger.Contents(ctx)
}

func (m *Conformance) TriggerName(ctx context.Context, eventTrigger *dagger.File) (string, error) {
	//fake: return eventTrigger.json
	return eventTrigger.Name(ctx)
}

func (m *Conformance) Entries(ctx context.Context, src *dagger.Directory) ([]string, error) {
	//fake: entries src
	return src.Entries(ctx)
}

func (m *Conformance) DocsEntries(ctx context.Context) ([]string, error) {
	//fake: entries docs
	return m.Docs.Entries(ctx)
}

func (m *Conformance) RootEntries(
	ctx context.Context,
	// +defaultPath="/"
	// +ignore=["*.md", ".git"]
	source *dagger.Directory,
) ([]string, error) {
	//fake: entries source
	return source.Entries(ctx)
}

func (m *Conformance) Notes(
	ctx context.Context,
	// +defaultPath="notes.md"
	file *dagger.File,
) (string, error) {
	//fake: contents file
	return file.Contents(ctx)
}

func (m *Conformance) Missing(
	ctx context.Context,
	// +defaultPath="/nowhere"
	dir *dagger.Directory,
) ([]string, error) {
	//fake: entries dir
	return dir.Entries(ctx)
}

func (m *Conformance) Number() int {
	//fake: return 42
	return 42
}

func (m *Conformance) Yes() bool {
	//fake: return true
	return true
}

func (m *Conformance) Many() []string {
	//fake: returns a;b
	return []string{"a", "b"}
}

func (m *Conformance) Echo(level Level, count int, ratio float64, words []string) string {
	//fake: return LOUD 7 1.5 ["a" "b"]
	return fmt.Sprintf("%s %d %v %q", map[Level]string{Loud: "LOUD", Quiet: "QUIET"}[level], count, ratio, words)
}

func (m *Conformance) Built(what string) *dagger.Container {
	//fake: print-arg what
	return dag.Container().From("alpine:latest").WithExec([]string{"echo", what})
}

func (m *Conformance) Unbuildable() *dagger.Container {
	//fake: exec 4 can not build
	return dag.Container().From("alpine:latest").WithExec([]string{"sh", "-c", "echo can not build >&2; exit 4"})
}

func (m *Conformance) AllBuilt() []*dagger.Container {
	//fake: exec 4 can not build
	return []*dagger.Container{m.Built("x"), m.Unbuildable()}
}

// What only a real engine can be asked follows.

func (m *Conformance) Glob(ctx context.Context, src *dagger.Directory, pattern string) ([]string, error) {
	return src.Glob(ctx, pattern)
}

func (m *Conformance) Reads(ctx context.Context, uri string, nonce string) (string, error) {
	return dag.Secret(uri).Plaintext(ctx)
}

func (m *Conformance) Size(ctx context.Context, eventTrigger *dagger.File) (int, error) {
	return eventTrigger.Size(ctx)
}

func (m *Conformance) Works(ctx context.Context, nonce string) error {
	_, err := dag.Container().From("alpine:latest").WithExec([]string{"echo", nonce}).Sync(ctx)
	return err
}

type Report struct{ Text string }

func (m *Conformance) Reports() *Report {
	return &Report{Text: "fine"}
}
