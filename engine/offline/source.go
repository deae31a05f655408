package offline

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/scanner"
	"go/token"
	"io"
	"io/fs"
	"path"
	"runtime"
	"strings"

	"github.com/franela/pocketci/event"
)

// generatedName is the file that the SDK writes beside the module's own.
const generatedName = "dagger.gen.go"

// parse parses the Go files that a build of the module would take: those of its
// source folder itself, for Linux, without tests and generated code.
func parse(ctx context.Context, files fs.FS, m manifest) (*token.FileSet, []*ast.File, error) {
	entries, err := fs.ReadDir(files, m.source)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("list %s: %w", m.source, err)
	}
	target := buildTarget(files)
	fset := token.NewFileSet()
	var parsed []*ast.File
	for _, entry := range entries {
		if err := context.Cause(ctx); err != nil {
			return nil, nil, err
		}
		if !isSource(entry) {
			continue
		}
		name := path.Join(m.source, entry.Name())
		// A file whose header can't be read is parsed all the same: the parser says where.
		if match, err := target.MatchFile(m.source, entry.Name()); err == nil && !match {
			continue
		}
		file, err := parseFile(fset, files, name)
		if err != nil {
			return nil, nil, err
		}
		if len(parsed) > 0 && file.Name.Name != parsed[0].Name.Name {
			return nil, nil, &event.Problem{
				Public: fmt.Sprintf("%s: package %s stands beside package %s",
					fset.Position(file.Name.Pos()), file.Name.Name, parsed[0].Name.Name),
				Hint: "a folder holds one package",
			}
		}
		parsed = append(parsed, file)
	}
	if len(parsed) == 0 {
		return nil, nil, &event.Problem{
			Public: fmt.Sprintf("there are no Go files in %s", m.source),
			Hint:   "`dagger init --sdk=go` writes the first one",
		}
	}
	return fset, parsed, nil
}

// isSource tells whether the go command would look at the file at all.
func isSource(entry fs.DirEntry) bool {
	name := entry.Name()
	return !entry.IsDir() && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") &&
		name != generatedName && !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "_")
}

func parseFile(fset *token.FileSet, files fs.FS, name string) (*ast.File, error) {
	raw, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	file, err := parser.ParseFile(fset, name, raw, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		sentence := err.Error()
		if list := (scanner.ErrorList)(nil); errors.As(err, &list) && len(list) > 0 {
			sentence = list[0].Error()
		}
		return nil, &event.Problem{Public: sentence, Hint: "`gofmt -l .` shows every mistake of this kind"}
	}
	return file, nil
}

// buildTarget is what the engine compiles modules for, reading from files.
func buildTarget(files fs.FS) build.Context {
	target := build.Default
	target.GOOS, target.GOARCH = "linux", runtime.GOARCH
	target.CgoEnabled, target.BuildTags = false, nil
	target.JoinPath = path.Join
	target.OpenFile = func(name string) (io.ReadCloser, error) { return files.Open(name) }
	return target
}
