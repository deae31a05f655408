package offline

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/types"
	"reflect"
	"slices"
	"strings"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// table reads the main object: its methods are the module's functions, the
// function New makes it.
func (p *pkg) table() (run.Table, error) {
	main, err := p.mainObject()
	if err != nil {
		return run.Table{}, err
	}
	if p.isTaken(main) {
		return run.Table{}, p.refuse(main.Obj().Pos(), "%s is the name of a type of the core API: the module needs another", main.Obj().Name())
	}
	table := run.Table{Name: p.manifest.name}
	var next []*types.Named
	if build, ok := p.types.Scope().Lookup("New").(*types.Func); ok {
		if err := p.makes(build, main); err != nil {
			return run.Table{}, err
		}
		f, named, err := p.function(build)
		if err != nil {
			return run.Table{}, err
		}
		table.Constructor, next = f.Params, append(next, named...)
	}
	seen := map[*types.Named]bool{main: true}
	table.Functions, next, err = p.object(main, next)
	slices.SortStableFunc(table.Functions, bySource)
	for err == nil && len(next) > 0 {
		declared := next[0]
		next = next[1:]
		if !seen[declared] {
			seen[declared] = true
			_, next, err = p.object(declared, next)
		}
	}
	return table, err
}

// bySource orders functions as the source does, file by file.
func bySource(a, b run.Function) int {
	return cmp.Or(
		cmp.Compare(a.Source.File, b.Source.File),
		cmp.Compare(a.Source.Line, b.Source.Line),
		cmp.Compare(a.Source.Column, b.Source.Column),
	)
}

// mainObject is the exported struct that is named like the module.
func (p *pkg) mainObject() (*types.Named, error) {
	want := camel(p.manifest.name)
	for _, name := range p.types.Scope().Names() {
		obj, ok := p.types.Scope().Lookup(name).(*types.TypeName)
		if !ok || !obj.Exported() || camel(name) != want {
			continue
		}
		named, ok := types.Unalias(obj.Type()).(*types.Named)
		if !ok {
			continue
		}
		if _, ok := named.Underlying().(*types.Struct); ok && named.Obj().Pkg() == p.types {
			return named, nil
		}
	}
	return nil, &event.Problem{
		Public: fmt.Sprintf("%s has no struct %s, whose methods would be the functions of the module %q", p.manifest.source, want, p.manifest.name),
		Hint:   fmt.Sprintf("declare `type %s struct{}`", want),
	}
}

// makes refuses a constructor that doesn't return the main object.
func (p *pkg) makes(build *types.Func, main *types.Named) error {
	results := build.Signature().Results()
	if results.Len() > 0 {
		made := results.At(0).Type()
		if ptr, ok := made.(*types.Pointer); ok {
			made = ptr.Elem()
		}
		if types.Unalias(made) == main {
			return nil
		}
	}
	return p.refuse(build.Pos(), "New has to return the main object %s", main.Obj().Name())
}

// object reads the functions of a declared type and finds the types that it
// mentions, which it appends to next. The engine walks all of them while it
// loads a module, and refuses it for any mistake on the way.
func (p *pkg) object(named *types.Named, next []*types.Named) ([]run.Function, []*types.Named, error) {
	var methods *types.MethodSet
	_, isStruct := named.Underlying().(*types.Struct)
	switch named.Underlying().(type) {
	case *types.Struct:
		methods = types.NewMethodSet(types.NewPointer(named))
	case *types.Interface:
		if !types.Implements(named, p.marker) {
			return nil, nil, p.refuse(named.Obj().Pos(), "the interface %s has to embed DaggerObject", named.Obj().Name())
		}
		methods = types.NewMethodSet(named)
	default:
		return nil, next, nil
	}
	var functions []run.Function
	for method := range methods.Methods() {
		fn, ok := method.Obj().(*types.Func)
		if !ok || !fn.Exported() || fn.Name() == marker {
			continue
		}
		if isStruct && isInterface(fn.Signature().Recv()) {
			return nil, nil, p.refuse(named.Obj().Pos(), "%s: the method %s comes from an interface that it embeds", named.Obj().Name(), fn.Name())
		}
		f, mentioned, err := p.function(fn)
		if err != nil {
			return nil, nil, err
		}
		if f.Name == "id" {
			return nil, nil, p.refuse(fn.Pos(), "a function can't be called id")
		}
		functions, next = addFunction(functions, f), append(next, mentioned...)
	}
	fields, err := p.fieldTypes(named)
	return functions, append(next, fields...), err
}

func isInterface(recv *types.Var) bool { return recv != nil && types.IsInterface(recv.Type()) }

// addFunction appends a function; one of the same name takes the earlier one's place.
func addFunction(to []run.Function, f run.Function) []run.Function {
	if i := slices.IndexFunc(to, func(g run.Function) bool { return g.Name == f.Name }); i >= 0 {
		to[i] = f
		return to
	}
	return append(to, f)
}

// fieldTypes finds the declared types of an object's public fields.
func (p *pkg) fieldTypes(named *types.Named) ([]*types.Named, error) {
	object, ok := named.Underlying().(*types.Struct)
	if !ok {
		return nil, nil
	}
	source := p.structOf(named)
	var found []*types.Named
	for i := range object.NumFields() {
		field := object.Field(i)
		if !field.Exported() {
			continue
		}
		ref, err := p.refer(field.Type(), false)
		if err != nil {
			return nil, p.refuse(field.Pos(), "field %s: %s", field.Name(), err)
		}
		name := fieldName(field, object.Tag(i))
		isPrivate := i < len(source) && gather(source[i].Doc, source[i].Comment).flag("private")
		if name == "-" || isPrivate {
			continue
		}
		if ref.barred != nil {
			return nil, p.refuse(field.Pos(), "field %s: %s", field.Name(), ref.barred)
		}
		if lowerCamel(name) == "id" {
			return nil, p.refuse(field.Pos(), "a field can't be called id")
		}
		if ref.named != nil {
			found = append(found, ref.named)
		}
	}
	return found, nil
}

// fieldName is the name that the field has in JSON, and so in the API.
func fieldName(field *types.Var, tag string) string {
	if name, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ","); name != "" {
		return name
	}
	return field.Name()
}

// structOf finds the fields of a declared struct in the source, or none.
func (p *pkg) structOf(named *types.Named) []*ast.Field {
	for _, file := range p.files {
		for _, decl := range file.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range group.Specs {
				declared, ok := spec.(*ast.TypeSpec)
				if !ok || declared.Name.Pos() != named.Obj().Pos() {
					continue
				}
				if source, ok := declared.Type.(*ast.StructType); ok {
					return spread(source.Fields)
				}
			}
		}
	}
	return nil
}

// function reads one function and the declared types that it mentions.
func (p *pkg) function(fn *types.Func) (run.Function, []*types.Named, error) {
	sig, ok := p.signatures[fn.Pos()]
	if !ok {
		return run.Function{}, nil, p.refuse(fn.Pos(), "%s is a method of another package's type", fn.Name())
	}
	notes, description := parsePragmas(sig.doc.Text())
	if err := checkNotes(notes); err != nil {
		return run.Function{}, nil, p.refuse(fn.Pos(), "%s: %s", fn.Name(), err)
	}
	params, err := p.params(fn, sig)
	if err != nil {
		return run.Function{}, nil, err
	}
	returns, err := p.result(fn)
	if err != nil {
		return run.Function{}, nil, err
	}
	f := run.Function{
		Name:        lowerCamel(fn.Name()),
		Description: strings.TrimSpace(description),
		Source:      p.location(sig.typ.Pos()),
		Returns:     returns.typ,
	}
	var mentioned []*types.Named
	if returns.named != nil {
		mentioned = append(mentioned, returns.named)
	}
	for _, one := range params {
		f.Params = append(f.Params, one.Param)
		if one.named != nil {
			mentioned = append(mentioned, one.named)
		}
	}
	return f, mentioned, nil
}

// checkNotes refuses annotations of a function that the engine refuses.
func checkNotes(notes pragmas) error {
	if _, set, ok := notes.text("cache"); set && !ok {
		return fmt.Errorf("+cache needs a duration, session or never")
	}
	for _, key := range []string{"check", "generate", "up"} {
		if raw, set := notes[key]; set && raw != nil {
			if _, ok := raw.(bool); !ok {
				return fmt.Errorf("+%s is true or false", key)
			}
		}
	}
	return nil
}

// result reads what a function returns: nothing, an error, a value, or both.
func (p *pkg) result(fn *types.Func) (reference, error) {
	results := fn.Signature().Results()
	isError := func(i int) bool { return results.At(i).Type().String() == "error" }
	switch {
	case results.Len() == 0, results.Len() == 1 && isError(0):
		return reference{typ: run.Type{Kind: run.KindVoid}}, nil
	case results.Len() > 2:
		return reference{}, p.refuse(fn.Pos(), "%s returns more than a value and an error", fn.Name())
	case results.Len() == 2 && !isError(1):
		return reference{}, p.refuse(fn.Pos(), "the second thing that %s returns has to be an error", fn.Name())
	}
	ref, err := p.refer(results.At(0).Type(), false)
	if err = cmp.Or(err, ref.barred); err != nil {
		return reference{}, p.refuse(fn.Pos(), "%s: what it returns: %s", fn.Name(), err)
	}
	return ref, nil
}
