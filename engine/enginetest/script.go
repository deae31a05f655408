package enginetest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strings"
	"unicode"

	"github.com/franela/pocketci/run"
)

// script is what the functions of a module do, by folded name.
type script map[string][]step

// constructorName is what the constructor is called in Go source.
const constructorName = "new"

// step is one `//fake:` comment.
type step struct{ verb, rest string }

// readScript reads the comments in the bodies of a module's functions.
func readScript(src run.Source) (script, error) {
	s := script{}
	err := fs.WalkDir(src.Tree.Files, src.ModulePath, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != src.ModulePath && (d.Name() == "internal" || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case !d.Type().IsRegular() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := src.Tree.Files.ReadFile(name)
		if err != nil {
			return err
		}
		return s.addFile(name, text)
	})
	return s, err
}

// addFile adds the functions of one file.
func (s script) addFile(name string, text []byte) error {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, text, parser.ParseComments)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	for _, decl := range file.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Body == nil || fn.Recv == nil && fold(fn.Name.Name) != constructorName {
			continue
		}
		var steps []step
		for _, group := range file.Comments {
			for _, c := range group.List {
				if c.Pos() > fn.Body.Lbrace && c.End() < fn.Body.Rbrace {
					steps = appendStep(steps, c.Text)
				}
			}
		}
		s[fold(fn.Name.Name)] = steps
	}
	return nil
}

// appendStep reads one comment.
func appendStep(steps []step, comment string) []step {
	text, ok := strings.CutPrefix(comment, "//")
	if !ok {
		return steps
	}
	text, ok = strings.CutPrefix(strings.TrimSpace(text), "fake:")
	if !ok {
		return steps
	}
	verb, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	return append(steps, step{verb: verb, rest: strings.TrimSpace(rest)})
}

// fold makes the engine's spelling of a name and the source's equal.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}
