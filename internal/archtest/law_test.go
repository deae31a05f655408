// Package archtest holds the laws of the house: which package may import which,
// and what production code never does. It reads the files itself: a test that
// runs `go list` is served stale answers by the test cache.
package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/franela/pocketci/"

// leaves are the packages that every stage may import.
var leaves = []string{"event", "run"}

// wiring are the packages that may import everything.
var wiring = []string{"cmd", "e2e", "internal"}

// file is one Go file of this module.
type file struct {
	path string // slash-separated, from the root
	dir  string // its folder
	test bool
	*ast.File
	fset *token.FileSet
}

// files reads every Go file of this module; nested modules and test data are not of it.
func files(t *testing.T) []file {
	t.Helper()
	root := filepath.Join("..", "..")
	var all []file
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel != "." && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") || isModule(path)) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, file{path: rel, dir: filepath.ToSlash(filepath.Dir(rel)), test: strings.HasSuffix(rel, "_test.go"), File: f, fset: fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("read %d files: the walk does not see the module", len(all))
	}
	return all
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// TestImports: a stage imports event, run and its own children; only cmd/agent
// imports stages. Tests may also use the fakes of other packages (…test).
func TestImports(t *testing.T) {
	for _, f := range files(t) {
		if slices.Contains(wiring, top(f.dir)) {
			continue
		}
		for _, spec := range f.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			rel, ours := strings.CutPrefix(imported, module)
			if !ours || slices.Contains(leaves, rel) || rel == f.dir || strings.HasPrefix(rel, f.dir+"/") {
				continue
			}
			if f.test && (strings.HasSuffix(rel, "test") || strings.HasPrefix(f.dir, rel+"/")) {
				continue
			}
			if parent := path.Dir(f.dir); strings.HasSuffix(f.dir, "test") && (rel == parent || strings.HasPrefix(rel, parent+"/")) {
				continue // a fake speaks its parent's words
			}
			t.Errorf("%s imports %s: a stage imports event, run and its own children", f.path, rel)
		}
	}
}

// TestLeaves: the vocabulary imports nothing of ours but itself.
func TestLeaves(t *testing.T) {
	for _, f := range files(t) {
		if !slices.Contains(leaves, f.dir) || f.test {
			continue
		}
		for _, spec := range f.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			if path == module+"event" && f.dir == "run" {
				continue
			}
			if strings.Contains(path, ".") {
				t.Errorf("%s imports %s: the vocabulary needs the standard library only", f.path, path)
			}
		}
	}
}

// TestDaggerStaysInEngine: one package knows the SDK.
func TestDaggerStaysInEngine(t *testing.T) {
	for _, f := range files(t) {
		for _, spec := range f.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			if strings.HasPrefix(path, "dagger.io/dagger") && top(f.dir) != "engine" && top(f.dir) != "e2e" {
				t.Errorf("%s imports %s: only engine does", f.path, path)
			}
		}
	}
}

// TestSize: files under 500 lines, functions under 80.
func TestSize(t *testing.T) {
	for _, f := range files(t) {
		if f.test {
			continue
		}
		if n := f.fset.Position(f.End()).Line; n > 500 {
			t.Errorf("%s has %d lines; 500 are the most", f.path, n)
		}
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok {
				n := f.fset.Position(fn.End()).Line - f.fset.Position(fn.Pos()).Line + 1
				if n > 80 {
					t.Errorf("%s: %s has %d lines; 80 are the most", f.path, fn.Name.Name, n)
				}
			}
		}
	}
}

// TestForbidden: what production code never does.
func TestForbidden(t *testing.T) {
	calls := map[string]string{
		"time.Sleep":          "wait on a condition",
		"http.DefaultClient":  "the client is injected",
		"http.Get":            "the client is injected",
		"context.WithCancel":  "use WithCancelCause: every cancel has a cause",
		"context.WithTimeout": "use WithTimeoutCause: every cancel has a cause",
	}
	names := []string{"util", "utils", "common", "types", "helpers", "misc"}
	for _, f := range files(t) {
		if slices.Contains(names, f.Name.Name) {
			t.Errorf("%s: package %s says nothing", f.path, f.Name.Name)
		}
		if f.test || strings.HasSuffix(f.dir, "test") {
			continue
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && calls[x.Name+"."+n.Sel.Name] != "" {
					t.Errorf("%s: %s.%s: %s", f.fset.Position(n.Pos()), x.Name, n.Sel.Name, calls[x.Name+"."+n.Sel.Name])
				}
			case *ast.CallExpr:
				if x, ok := n.Fun.(*ast.Ident); ok && x.Name == "panic" {
					t.Errorf("%s: panic: return an error", f.fset.Position(n.Pos()))
				}
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name == "init" {
					t.Errorf("%s: init: wire it in cmd/agent", f.fset.Position(n.Pos()))
				}
			}
			return true
		})
	}
}

// TestInterfaces: one or two methods, at their consumer; optional ones are embedded.
func TestInterfaces(t *testing.T) {
	for _, f := range files(t) {
		ast.Inspect(f.File, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if i, ok := spec.Type.(*ast.InterfaceType); ok && i.Methods.NumFields() > 2 && !f.test && f.dir != "run" {
				t.Errorf("%s: interface %s has %d methods; two are the most", f.path, spec.Name.Name, i.Methods.NumFields())
			}
			return true
		})
	}
}

func top(dir string) string { first, _, _ := strings.Cut(dir, "/"); return first }
