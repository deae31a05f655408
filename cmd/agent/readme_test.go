package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/franela/pocketci/config"
)

var update = flag.Bool("update", false, "write what README.md generates anew")

// TestReadme holds the parts of README.md that are made from the program: the
// table of settings, and answers of the API, which golden files hold.
// `go test ./cmd/agent -run Readme -update` writes them anew.
func TestReadme(t *testing.T) {
	path := filepath.Join("..", "..", "README.md")
	had, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := replace(t, string(had), `(?s)<!-- settings -->.*?<!-- /settings -->`, func(string) string {
		return "<!-- settings -->\n" + settingsTable(t) + "<!-- /settings -->"
	})
	text = replace(t, text, `(?s)<!-- golden (\S+) -->.*?<!-- /golden -->`, func(block string) string {
		name := strings.Fields(block)[2]
		golden, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		return "<!-- golden " + name + " -->\n```json\n" + strings.TrimSpace(string(golden)) + "\n```\n<!-- /golden -->"
	})
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(text, string(had)); diff != "" {
		t.Errorf("README.md is not what the program says; -update writes it (-program +README)\n%s", diff)
	}
}

func replace(t *testing.T, text, pattern string, with func(string) string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	if !re.MatchString(text) {
		t.Fatalf("README.md has no place that matches %s", pattern)
	}
	return re.ReplaceAllStringFunc(text, with)
}

// settingsTable is a row for each flag, in the order of `--help`.
func settingsTable(t *testing.T) string {
	t.Helper()
	w := system(fakeEngine)
	w.machine = config.Machine{CPUs: 2, StateDir: "~/.local/state"}
	env, err := config.TakeEnvironment(emptyEnvironment{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| flag | default | meaning |\n|---|---|---|\n")
	serveCommand(w, env).Flags().VisitAll(func(f *pflag.Flag) {
		kind, usage := pflag.UnquoteUsage(f)
		value := f.DefValue
		if value != "" {
			value = "`" + value + "`"
		}
		fmt.Fprintf(&b, "| `--%s` %s | %s | %s |\n", f.Name, strings.ReplaceAll(kind, "|", `\|`), value, strings.ReplaceAll(usage, "|", `\|`))
	})
	return b.String()
}

// emptyEnvironment has nothing set.
type emptyEnvironment struct{}

func (emptyEnvironment) Environ() []string     { return nil }
func (emptyEnvironment) Unsetenv(string) error { return nil }
