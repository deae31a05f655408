package offline

import (
	"fmt"
	"go/types"
	"strings"

	"github.com/franela/pocketci/run"
)

// reference is a type as a signature mentions it.
type reference struct {
	typ run.Type
	// optional is true for a pointer to a scalar value.
	optional bool
	// named is the declared type that the engine looks into next, or nil.
	named *types.Named
	// enum is set if the type is an enum.
	enum *enum
	// barred says why the type can't be part of the API, nil if it can. A private
	// field may have such a type.
	barred error
}

// maxNesting bounds how deep a type is followed: Go allows `type T []T`.
const maxNesting = 64

// refer resolves a type; pointer tells that the signature points at it.
func (p *pkg) refer(t types.Type, pointer bool) (reference, error) {
	return p.follow(t, nil, pointer, 0)
}

// follow resolves t, which is the content of the declared type named (or nil).
func (p *pkg) follow(t types.Type, named *types.Named, pointer bool, depth int) (reference, error) {
	if depth++; depth > maxNesting {
		return reference{}, fmt.Errorf("the type is nested too deep")
	}
	switch t := t.(type) {
	case *types.Alias:
		return p.follow(t.Rhs(), nil, pointer, depth)
	case *types.Named:
		return p.follow(t.Underlying(), t, pointer, depth)
	case *types.Pointer:
		return p.follow(t.Elem(), named, true, depth)
	case *types.Slice:
		elem, err := p.follow(t.Elem(), nil, pointer, depth)
		if err != nil {
			return reference{}, err
		}
		elemType := elem.typ
		return reference{typ: run.Type{Kind: run.KindList, Elem: &elemType}, named: elem.named, barred: elem.barred}, nil
	case *types.Basic:
		return p.referBasic(t, named, pointer)
	case *types.Struct:
		return p.referDeclared(named, run.KindObject, "a struct without a name")
	case *types.Interface:
		return p.referDeclared(named, run.KindInterface, "an interface without a name")
	}
	return reference{}, fmt.Errorf("%s can't be part of a function", describe(t))
}

// describe names a kind of Go type that has no equivalent.
func describe(t types.Type) string {
	switch t.(type) {
	case *types.Map:
		return "a map"
	case *types.Signature:
		return "a func"
	case *types.Chan:
		return "a channel"
	case *types.Array:
		return "an array (a slice can)"
	}
	return "the type " + t.String()
}

func (p *pkg) referDeclared(named *types.Named, kind run.Kind, unnamed string) (reference, error) {
	if named == nil {
		return reference{}, fmt.Errorf("%s can't be part of a function", unnamed)
	}
	name := camel(named.Obj().Name())
	ref := reference{typ: run.Type{Kind: kind, Name: name}, barred: p.bar(named)}
	if !isDagger(named.Obj().Pkg()) {
		ref.typ.Name, ref.named = p.prefixed(name), named
	}
	return ref, nil
}

// bar tells why the engine has no way to know a declared type, nil if it has.
func (p *pkg) bar(named *types.Named) error {
	obj := named.Obj()
	switch {
	case isDagger(obj.Pkg()):
		return p.barCore(named)
	case obj.Pkg() != p.types:
		return fmt.Errorf("%s is a type of another package", named)
	case !obj.Exported():
		return fmt.Errorf("the type %s is not exported", obj.Name())
	case p.isTaken(named):
		return fmt.Errorf("%s is the name of a type of the core API", obj.Name())
	}
	return nil
}

// barCore is bar for what the Dagger package has beside the core API's objects.
func (p *pkg) barCore(named *types.Named) error {
	name := named.Obj().Name()
	if types.IsInterface(named) {
		return fmt.Errorf("an interface of the core API can't be part of a function")
	}
	if camel(name) != name {
		// The engine looks the type up in its own casing, and doesn't find it.
		return fmt.Errorf("%s can't be part of a function: the engine knows no %s", name, camel(name))
	}
	for _, dependency := range p.manifest.dependencies {
		if !isCoreObject(name) && strings.HasPrefix(name, camel(dependency)) {
			return fmt.Errorf("%s is a type of the module %s: only its own types and the core API's can be part of a function", name, dependency)
		}
	}
	return nil
}

// isTaken tells whether the engine would take the type for one of the core API's,
// and then refuse to have it twice.
func (p *pkg) isTaken(named *types.Named) bool {
	name := camel(named.Obj().Name())
	switch named.Underlying().(type) {
	case *types.Struct:
		return isCoreObject(name)
	case *types.Basic:
		return coreMembers(name) != nil
	}
	return false
}

func (p *pkg) referBasic(t *types.Basic, named *types.Named, pointer bool) (reference, error) {
	if t.Kind() == types.Invalid {
		return reference{}, fmt.Errorf("the type is not known")
	}
	if named != nil {
		if isDagger(named.Obj().Pkg()) {
			return referCore(named.Obj().Name(), pointer), nil
		}
		if members := p.members(named); len(members) > 0 {
			return p.referEnum(named, members), nil
		}
	}
	kind, ok := basicKind(t)
	if !ok {
		return reference{}, fmt.Errorf("%s can't be part of a function", t)
	}
	return reference{typ: run.Type{Kind: kind}, optional: pointer}, nil
}

// basicKind leaves out unsigned and complex numbers: the engine has none.
func basicKind(t *types.Basic) (run.Kind, bool) {
	switch t.Info() {
	case types.IsString:
		return run.KindString, true
	case types.IsInteger:
		return run.KindInteger, true
	case types.IsFloat:
		return run.KindFloat, true
	case types.IsBoolean:
		return run.KindBoolean, true
	}
	return "", false
}

// referCore refers to a scalar or an enum of the core API. The engine does not
// list the members of the latter with a module.
func referCore(of string, pointer bool) reference {
	if members := coreMembers(of); members != nil {
		e := &enum{}
		for _, name := range members {
			e.members = append(e.members, member{original: name, name: name})
		}
		return reference{typ: run.Type{Kind: run.KindEnum, Name: of}, enum: e}
	}
	return reference{typ: run.Type{Kind: run.KindScalar, Name: camel(of)}, optional: pointer}
}

// prefixed is the name that the engine gives a type of the module: the module's
// name and the type's (in camel case), unless that begins with it already.
func (p *pkg) prefixed(name string) string {
	module := camel(p.manifest.name)
	rest, has := strings.CutPrefix(name, module)
	switch {
	case has && rest == "":
		return module
	case has && 'A' <= rest[0] && rest[0] <= 'Z':
		return camel(p.manifest.name + rest)
	}
	return camel(p.manifest.name + "_" + name)
}
