package offline

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// pkg is the module's package, with its declarations' types resolved.
type pkg struct {
	manifest manifest
	fset     *token.FileSet
	files    []*ast.File
	types    *types.Package
	// marker is the generated DaggerObject interface.
	marker *types.Interface
	// signatures are those of functions and methods, by the place of their names.
	signatures map[token.Pos]signature
}

// signature is a declared function's source.
type signature struct {
	file *ast.File
	doc  *ast.CommentGroup
	typ  *ast.FuncType
}

// check resolves the types of the package's declarations. Function bodies and
// what is wrong with them don't matter, nor do names that can't be resolved
// unless a function's signature holds one.
func check(m manifest, fset *token.FileSet, files []*ast.File) (p *pkg, err error) {
	defer func() {
		// The type checker has been made to panic by source that no build accepts.
		if r := recover(); r != nil {
			p, err = nil, &event.Problem{
				Public: fmt.Sprintf("the Go files in %s can't be read", m.source),
				Err:    fmt.Errorf("check types: %v", r),
			}
		}
	}()
	config := types.Config{
		Importer:         standIns(files),
		IgnoreFuncBodies: true,
		FakeImportC:      true,
		Error:            func(error) {},
	}
	name := files[0].Name.Name
	checked := types.NewPackage("dagger/"+m.name, name)
	object := types.NewTypeName(token.NoPos, checked, daggerObject, nil)
	types.NewNamed(object, markerInterface(checked), nil)
	checked.Scope().Insert(object)
	// Errors were taken one by one above; what matters is found where it is used.
	_ = types.NewChecker(&config, fset, checked, nil).Files(files)
	p = &pkg{manifest: m, fset: fset, files: files, types: checked, signatures: map[token.Pos]signature{}}
	p.marker, _ = object.Type().Underlying().(*types.Interface)
	for _, file := range files {
		p.index(file)
	}
	return p, nil
}

// index notes where the file's functions, methods and interface methods stand.
func (p *pkg) index(file *ast.File) {
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			p.signatures[decl.Name.Pos()] = signature{file: file, doc: decl.Doc, typ: decl.Type}
		case *ast.GenDecl:
			ast.Inspect(decl, func(n ast.Node) bool {
				iface, ok := n.(*ast.InterfaceType)
				if !ok {
					return true
				}
				for _, field := range iface.Methods.List {
					if typ, ok := field.Type.(*ast.FuncType); ok && len(field.Names) > 0 {
						p.signatures[field.Names[0].Pos()] = signature{file: file, doc: field.Doc, typ: typ}
					}
				}
				return true
			})
		}
	}
}

// location is a place as the engine's source map gives it, made relative to the
// module's folder.
func (p *pkg) location(pos token.Pos) run.Location {
	at := p.fset.Position(pos)
	file := at.Filename
	if p.manifest.folder != "." {
		file = strings.TrimPrefix(file, p.manifest.folder+"/")
	}
	return run.Location{File: file, Line: at.Line, Column: at.Column}
}
