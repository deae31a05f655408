// Fuzz runs every fuzz test of the repository, one after the other.
//
//	go run ./internal/fuzz [-time 20s] [package folder prefix]
//
// go test fuzzes one function at a time; this finds them all. It exits 1 if one
// failed; go test then has left the input under testdata/fuzz.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	each := flag.Duration("time", 20*time.Second, "how long each one runs")
	flag.Parse()
	tests, err := find(".", flag.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(2)
	}
	os.Exit(run(ctx, tests, *each))
}

// target is one fuzz test.
type target struct{ dir, name string }

// find reads the test files below root for fuzz tests.
func find(root, prefix string) ([]target, error) {
	var found []target
	decl := regexp.MustCompile(`(?m)^func (Fuzz\w+)\(\w+ \*testing\.F\)`)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") || !strings.HasPrefix(filepath.ToSlash(path), prefix) {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range decl.FindAllSubmatch(src, -1) {
			found = append(found, target{filepath.Dir(path), string(bytes.Clone(m[1]))})
		}
		return nil
	})
	return found, err
}

// run fuzzes the targets and gives the exit code.
func run(ctx context.Context, tests []target, each time.Duration) int {
	failed := 0
	for _, t := range tests {
		fmt.Printf("== %s %s\n", t.dir, t.name)
		cmd := exec.CommandContext(ctx, "go", "test", "-run=^$", "-fuzz=^"+t.name+"$", "-fuzztime="+each.String(), ".")
		cmd.Dir, cmd.Stdout, cmd.Stderr = t.dir, os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			failed++
		}
	}
	fmt.Printf("%d fuzz tests, %d failed\n", len(tests), failed)
	if failed > 0 {
		return 1
	}
	return 0
}
