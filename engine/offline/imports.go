package offline

import (
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"strconv"
	"strings"
)

// imports stands in for the packages that a module imports: each has exactly the
// names that the module's declarations mention, as types. For the Dagger package
// that is all there is to know, because a function can only take and return core
// types and the module's own. Types of other packages can't be part of a function.
type imports map[string]*types.Package

// Import gives the stand-in; it makes [imports] a [types.Importer].
func (im imports) Import(importPath string) (*types.Package, error) {
	if found := im[importPath]; found != nil {
		return found, nil
	}
	made := types.NewPackage(importPath, packageName(importPath))
	made.MarkComplete()
	im[importPath] = made
	return made, nil
}

// standIns prepares the packages that the files mention.
func standIns(files []*ast.File) imports {
	im := imports{}
	for _, file := range files {
		named := map[string]*types.Package{}
		for _, spec := range file.Imports {
			importPath, err := strconv.Unquote(spec.Path.Value)
			if err != nil || importPath == "C" || importPath == "unsafe" {
				continue
			}
			made, _ := im.Import(importPath)
			name := made.Name()
			if spec.Name != nil {
				name = spec.Name.Name
			}
			named[name] = made
			if name == "." && isDagger(made) {
				declareCore(made)
			}
		}
		for _, decl := range file.Decls {
			declareMentioned(decl, named)
		}
	}
	return im
}

// declareCore declares all that a file may mean which imports the Dagger package
// without a name.
func declareCore(in *types.Package) {
	for _, names := range [][]string{coreObjects(), coreEnums(), coreScalars(), coreInterfaces(), {"ID", daggerObject}} {
		for _, name := range names {
			declare(in, name)
		}
	}
}

// declareMentioned declares every name that the declaration's signature takes
// out of one of the packages.
func declareMentioned(decl ast.Decl, named map[string]*types.Package) {
	ast.Inspect(decl, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BlockStmt:
			return false
		case *ast.SelectorExpr:
			if from, ok := n.X.(*ast.Ident); ok && named[from.Name] != nil && n.Sel.IsExported() {
				declare(named[from.Name], n.Sel.Name)
			}
		}
		return true
	})
}

func declare(in *types.Package, name string) {
	if in.Scope().Lookup(name) != nil {
		return
	}
	obj := types.NewTypeName(token.NoPos, in, name, nil)
	types.NewNamed(obj, underlying(in, name), nil)
	in.Scope().Insert(obj)
}

// underlying is as much of a type as is needed to tell its kind.
func underlying(in *types.Package, name string) types.Type {
	switch {
	case in.Path() == "context" && name == "Context":
		return types.NewInterfaceType(nil, nil).Complete()
	case !isDagger(in):
		return types.NewStruct(nil, nil)
	case name == daggerObject:
		return markerInterface(in)
	case isCoreInterface(name):
		return types.NewInterfaceType(nil, nil).Complete()
	case isCoreScalar(name), coreMembers(name) != nil:
		return types.Typ[types.String]
	}
	return types.NewStruct(nil, nil)
}

// isDagger tells whether the package is the generated client, or the library
// that it is made from.
func isDagger(p *types.Package) bool {
	return p != nil && (p.Path() == "dagger.io/dagger" || strings.HasSuffix(p.Path(), "/internal/dagger"))
}

// daggerObject is the interface that every interface in a signature has to
// embed. The generated code declares it beside the module's own source.
const daggerObject = "DaggerObject"

// marker is the method by which it is recognized here.
const marker = "XXX_GraphQLType"

func markerInterface(in *types.Package) types.Type {
	method := types.NewFunc(token.NoPos, in, marker, types.NewSignatureType(nil, nil, nil, nil, nil, false))
	return types.NewInterfaceType([]*types.Func{method}, nil).Complete()
}

// packageName guesses the name that a package gives itself. Only where the
// guess misses does a type of another package count as an unknown one.
func packageName(importPath string) string {
	base := path.Base(importPath)
	if _, err := strconv.ParseUint(strings.TrimPrefix(base, "v"), 10, 16); err == nil {
		base = path.Base(path.Dir(importPath)) // a major version
	}
	base, _, _ = strings.Cut(base, ".")
	return base[strings.LastIndexByte(base, '-')+1:]
}
