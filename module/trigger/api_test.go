package trigger

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// The module can't show this package's types, so it declares them again. Both
// have to have the same fields, or one would silently stay empty.
func TestTheModuleShowsEveryFieldWithAComment(t *testing.T) {
	declared := structs(t, "../main.go", "../types.go")
	for name, of := range map[string]any{
		"Pocketci": Event{}, "Repository": Repository{}, "User": User{}, "Person": Person{}, "Commit": Commit{},
		"CommitPush": CommitPush{}, "PullRequestSide": PullRequestSide{}, "PullRequest": PullRequest{}, "Issue": Issue{},
		"Comment": Comment{}, "Review": Review{}, "Asset": Asset{}, "Release": Release{},
	} {
		shown, ok := declared[name]
		if !ok {
			t.Errorf("the module has no type %s", name)
			continue
		}
		delete(declared, name)
		ours := map[string]string{}
		for field := range fields(reflect.TypeOf(of)) {
			ours[field.Tag.Get("json")] = strings.ReplaceAll(field.Type.String(), "trigger.", "")
		}
		if !maps.Equal(ours, shown) {
			t.Errorf("%s has the fields\n%v, the module's has\n%v", name, ours, shown)
		}
		for field := range shown {
			if !unicode.IsLower(rune(field[0])) {
				t.Errorf("%s.%s is not in lower camel case", name, field)
			}
		}
	}
	for name := range declared {
		t.Errorf("the module's type %s is no type of this package", name)
	}
}

func fields(of reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range of.NumField() {
			if field := of.Field(i); field.IsExported() && !yield(field) {
				return
			}
		}
	}
}

// structs reads the public fields of the exported structs: name in JSON to type.
func structs(t *testing.T, files ...string) map[string]map[string]string {
	t.Helper()
	found := map[string]map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			object, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			found[spec.Name.Name] = public(t, spec.Name.Name, object)
			return false
		})
	}
	return found
}

func public(t *testing.T, of string, object *ast.StructType) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, field := range object.Fields.List {
		name := reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("json")
		words := strings.Fields(field.Doc.Text())
		if slices.Contains(words, "+private") {
			continue
		}
		if len(words) < 2 {
			t.Errorf("%s.%s has no comment", of, name)
		}
		found[name] = typeName(field.Type)
	}
	return found
}

func typeName(expr ast.Expr) string {
	switch expr := expr.(type) {
	case *ast.Ident:
		return expr.Name
	case *ast.ArrayType:
		return "[]" + typeName(expr.Elt)
	}
	return "?"
}
