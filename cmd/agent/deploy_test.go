package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"github.com/franela/pocketci/config"
)

// TestDeployExamples: each file reads as YAML, and each agent in them is started
// with settings that the program has.
func TestDeployExamples(t *testing.T) {
	agents := 0
	err := filepath.WalkDir(filepath.Join("..", "..", "deploy"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		docs := yaml.NewDecoder(bytes.NewReader(text))
		for {
			var doc any
			if err := docs.Decode(&doc); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			for _, args := range commands(doc) {
				agents++
				checkCommand(t, path, args)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if agents < 5 {
		t.Errorf("%d agents are started in the examples, want at least 5", agents)
	}
}

// commands are the lists below args or command that start an agent.
func commands(node any) (found [][]string) {
	switch n := node.(type) {
	case map[string]any:
		for key, value := range n {
			list, ok := value.([]any)
			if !ok || key != "args" && key != "command" {
				found = append(found, commands(value)...)
				continue
			}
			var args []string
			for _, a := range list {
				s, _ := a.(string)
				args = append(args, s)
			}
			if len(args) > 0 && slices.Contains([]string{"receive", "work"}, args[0]) {
				found = append(found, args)
			}
		}
	case []any:
		for _, value := range n {
			found = append(found, commands(value)...)
		}
	}
	return found
}

func checkCommand(t *testing.T, path string, args []string) {
	t.Helper()
	w := system(fakeEngine)
	env, err := config.TakeEnvironment(emptyEnvironment{})
	if err != nil {
		t.Fatal(err)
	}
	c := map[string]func(world, *config.Environment) *cobra.Command{"receive": receiveCommand, "work": workCommand}[args[0]](w, env)
	if err := c.ParseFlags(args[1:]); err != nil {
		t.Errorf("%s: agent %v: %v", path, args, err)
	}
}
