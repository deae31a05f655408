package offline

import (
	"go/constant"
	"go/types"
	"slices"
	"strings"

	"github.com/iancoleman/strcase"

	"github.com/franela/pocketci/run"
)

// enum is a declared type with constants.
type enum struct{ members []member }

// member is one of them.
type member struct {
	// original is the constant's name without the type's, name the engine's form.
	original, name string
	// value is the constant's own, as text.
	value string
}

// members are the package's constants of the type, in alphabetical order. A
// type without any is just another name for what it is made of.
func (p *pkg) members(named *types.Named) []member {
	var found []member
	trim := true
	for _, name := range p.types.Scope().Names() {
		c, ok := p.types.Scope().Lookup(name).(*types.Const)
		if !ok || c.Type() != named {
			continue
		}
		trim = trim && strings.HasPrefix(name, named.Obj().Name())
		found = append(found, member{original: name, value: valueText(c.Val())})
	}
	for i := range found {
		if trim {
			found[i].original = strings.TrimPrefix(found[i].original, named.Obj().Name())
		}
		found[i].name = memberName(found[i].original)
	}
	return found
}

func valueText(v constant.Value) string {
	switch {
	case v == nil || v.Kind() == constant.Unknown:
		return ""
	case v.Kind() == constant.String:
		return constant.StringVal(v)
	}
	return v.ExactString()
}

func (p *pkg) referEnum(named *types.Named, members []member) reference {
	name := camel(named.Obj().Name())
	typ := run.Type{Kind: run.KindEnum, Name: p.prefixed(name)}
	for _, m := range members {
		typ.Members = append(typ.Members, m.name)
		typ.Values = append(typ.Values, m.value)
	}
	return reference{typ: typ, named: named, enum: &enum{members: members}, barred: p.bar(named)}
}

// memberName is the engine's form of an enum member's name.
func memberName(name string) string {
	if isScreaming(name) {
		return name
	}
	return strcase.ToScreamingSnake(name)
}

func isScreaming(name string) bool {
	for i, c := range name {
		switch {
		case 'A' <= c && c <= 'Z':
		case i > 0 && ('0' <= c && c <= '9' || c == '_'):
		default:
			return false
		}
	}
	return name != ""
}

// find looks a default up, by name first and then by value.
func (e *enum) find(text string) (member, bool) {
	if i := slices.IndexFunc(e.members, func(m member) bool { return m.original == text }); i >= 0 {
		return e.members[i], true
	}
	if i := slices.IndexFunc(e.members, func(m member) bool { return m.value == text }); i >= 0 {
		return e.members[i], true
	}
	return member{}, false
}
