package offline

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/franela/pocketci/run"
)

// param is a parameter, and what the engine asks of it beyond the table.
type param struct {
	run.Param
	// named is the declared type that the engine looks into next, or nil.
	named *types.Named
}

// params reads the parameters of a function: a leading context is dropped, the
// fields of a single inline struct take its place.
func (p *pkg) params(fn *types.Func, sig signature) ([]param, error) {
	vars := fn.Signature().Params()
	first := 0
	if vars.Len() > 0 && isContext(vars.At(0).Type()) {
		first = 1
	}
	if first+1 == vars.Len() && first < len(sig.typ.Params.List) {
		if inline, ok := inlineStruct(vars.At(first).Type()); ok {
			return p.fields(inline, sig.typ.Params.List[first].Type)
		}
	}
	var found []param
	places := spread(sig.typ.Params)
	for i := first; i < vars.Len() && i < len(places); i++ {
		doc, line := comments(p.fset, sig, places, i)
		variadic := fn.Signature().Variadic() && i == vars.Len()-1
		one, err := p.param(vars.At(i), places[i].Pos(), doc, line, variadic)
		if err != nil {
			return nil, err
		}
		found = add(found, one)
	}
	return found, nil
}

// fields reads the fields of an inline struct as parameters.
func (p *pkg) fields(inline *types.Struct, expr ast.Expr) ([]param, error) {
	for {
		star, ok := expr.(*ast.StarExpr)
		if !ok {
			break
		}
		expr = star.X
	}
	source, ok := expr.(*ast.StructType)
	if !ok {
		return nil, p.refuse(expr.Pos(), "the struct has to be written out here, or be a named type")
	}
	var found []param
	places := spread(source.Fields)
	for i := 0; i < inline.NumFields() && i < len(places); i++ {
		one, err := p.param(inline.Field(i), places[i].Pos(), places[i].Doc, places[i].Comment, false)
		if err != nil {
			return nil, err
		}
		found = add(found, one)
	}
	return found, nil
}

// add appends a parameter; one of the same name takes the earlier one's place.
func add(to []param, one param) []param {
	if i := slices.IndexFunc(to, func(p param) bool { return p.Name == one.Name }); i >= 0 {
		to[i] = one
		return to
	}
	return append(to, one)
}

func (p *pkg) param(v *types.Var, pos token.Pos, doc, line *ast.CommentGroup, variadic bool) (param, error) {
	if isContext(v.Type()) {
		return param{}, p.refuse(pos, "parameter %s: only the first one can be a context", v.Name())
	}
	if _, ok := v.Type().(*types.Struct); ok {
		return param{}, p.refuse(pos, "parameter %s: a struct without a name has to be the only parameter", v.Name())
	}
	base, pointer := v.Type(), false
	for ptr, ok := base.(*types.Pointer); ok; ptr, ok = base.(*types.Pointer) {
		base, pointer = ptr.Elem(), true
	}
	ref, err := p.refer(base, pointer)
	if err = cmp.Or(err, ref.barred); err != nil {
		return param{}, p.refuse(pos, "parameter %s: %s", v.Name(), err)
	}
	name := lowerCamel(v.Name())
	if _, ok := base.(*types.Basic); ok && v.Name() == "" {
		name = base.String()
	}
	if name == "" || name[0] <= '9' {
		return param{}, p.refuse(pos, "the parameter needs a name")
	}
	one := param{named: ref.named, Param: run.Param{Name: name, Type: ref.typ}}
	notes := gather(doc, line)
	one.Optional = ref.optional || notes.flag("optional") || one.Type.Is("Workspace")
	if err := one.annotate(notes, ref); err != nil {
		return param{}, p.refuse(pos, "parameter %s: %s", v.Name(), err)
	}
	_, hasDefault := notes["default"]
	if _, set := notes["deprecated"]; set && !one.Optional && !hasDefault && !variadic && !pointer {
		return param{}, p.refuse(pos, "parameter %s is required and so can't be deprecated", v.Name())
	}
	return one, nil
}

// gather takes the annotations of both comments; the trailing one wins.
func gather(doc, line *ast.CommentGroup) pragmas {
	found, _ := parsePragmas(doc.Text())
	trailing, _ := parsePragmas(line.Text())
	for key, value := range trailing {
		found[key] = value
	}
	return found
}

func isContext(t types.Type) bool { return t.String() == "context.Context" }

func inlineStruct(t types.Type) (*types.Struct, bool) {
	for {
		ptr, ok := t.(*types.Pointer)
		if !ok {
			break
		}
		t = ptr.Elem()
	}
	s, ok := t.(*types.Struct)
	return s, ok
}
