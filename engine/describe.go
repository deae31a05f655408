package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/iancoleman/strcase"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// describeQuery reads all of a module in one go. The element types of lists are
// followed three levels down.
const describeQuery = `
fragment T on TypeDef{kind optional asObject{name} asInterface{name} asInput{name} asScalar{name} asEnum{name members{name value}}}
fragment A on FunctionArg{name description defaultValue defaultPath ignore
 typeDef{...T asList{elementTypeDef{...T asList{elementTypeDef{...T asList{elementTypeDef{...T}}}}}}}}
query describe($id:ID!){version node(id:$id){... on Module{name
 enums{asEnum{name members{name value}}}
 objects{asObject{name constructor{args{...A}}
  functions{name description sourceMap{filename line column} args{...A}
   returnType{...T asList{elementTypeDef{...T asList{elementTypeDef{...T asList{elementTypeDef{...T}}}}}}}}}}}}}`

// The answer to describeQuery.
type (
	described struct {
		Version string
		Node    struct {
			Name    string
			Enums   []struct{ AsEnum *enumDef }
			Objects []struct{ AsObject *objectDef }
		}
	}
	objectDef struct {
		Name        string
		Constructor *struct{ Args []argDef }
		Functions   []functionDef
	}
	functionDef struct {
		Name, Description string
		SourceMap         *struct {
			Filename     string
			Line, Column int
		}
		ReturnType typeDef
		Args       []argDef
	}
	argDef struct {
		Name, DefaultPath string
		DefaultValue      *json.RawMessage
		Ignore            []string
		TypeDef           typeDef
	}
	typeDef struct {
		Kind                                     string
		Optional                                 bool
		AsObject, AsInterface, AsInput, AsScalar *named
		AsEnum                                   *enumDef
		AsList                                   *struct{ ElementTypeDef typeDef }
	}
	named   struct{ Name string }
	enumDef struct {
		Name    string
		Members []struct{ Name, Value string }
	}
)

// describe reads the module's table.
func (s *Session) describe(ctx context.Context, id string) (module, error) {
	var out described
	if err := s.query(ctx, describeQuery, map[string]any{"id": id}, &out); err != nil {
		return module{}, s.loadError(ctx, err)
	}
	main, err := out.main()
	if err != nil {
		return module{}, &event.Problem{
			Public: fmt.Sprintf("the module %s has no main object", s.plan.Path),
			Hint:   "its source needs a type named after the module, and may not compile: `dagger functions -m " + s.plan.Path + "` in a checkout shows more",
			Err:    err,
		}
	}
	r := reading{root: s.plan.Path, enums: map[string]*enumDef{}}
	for _, e := range out.Node.Enums {
		if e.AsEnum != nil {
			r.enums[e.AsEnum.Name] = e.AsEnum
		}
	}
	table := run.Table{Name: out.Node.Name}
	if main.Constructor != nil {
		table.Constructor = r.params(main.Constructor.Args)
	}
	for _, f := range main.Functions {
		table.Functions = append(table.Functions, r.function(f))
	}
	slices.SortStableFunc(table.Functions, bySource)
	m := module{
		table: table, object: main.Name, field: strcase.ToLowerCamel(out.Node.Name), engine: out.Version,
		selections: map[string]string{},
	}
	for _, o := range out.Node.Objects {
		if o.AsObject != nil {
			m.selections[o.AsObject.Name] = ownSelection(o.AsObject, r)
		}
	}
	return m, nil
}

// main is the main object: the one that is named after the module.
func (d described) main() (*objectDef, error) {
	for _, o := range d.Node.Objects {
		if o.AsObject != nil && foldName(o.AsObject.Name) == foldName(d.Node.Name) {
			return o.AsObject, nil
		}
	}
	return nil, errors.New("none of its objects is named after it")
}

// bySource orders functions as the source does; the engine sorts them by name.
func bySource(a, b run.Function) int {
	return cmp.Or(cmp.Compare(a.Source.File, b.Source.File), cmp.Compare(a.Source.Line, b.Source.Line), cmp.Compare(a.Source.Column, b.Source.Column))
}

// reading turns the engine's answer into the vocabulary.
type reading struct {
	root string
	// enums are the module's own: where an enum is used, its members are missing.
	enums map[string]*enumDef
}

func (r reading) function(f functionDef) run.Function {
	fn := run.Function{Name: f.Name, Description: f.Description, Params: r.params(f.Args), Returns: r.typ(f.ReturnType)}
	if m := f.SourceMap; m != nil {
		file := m.Filename
		if r.root != "." {
			file = strings.TrimPrefix(file, r.root+"/")
		}
		fn.Source = run.Location{File: file, Line: m.Line, Column: m.Column}
	}
	return fn
}

func (r reading) params(args []argDef) []run.Param {
	var params []run.Param
	for _, a := range args {
		p := run.Param{Name: a.Name, Type: r.typ(a.TypeDef), Optional: a.TypeDef.Optional, DefaultPath: a.DefaultPath, Ignore: a.Ignore}
		if len(a.Ignore) == 0 {
			p.Ignore = nil
		}
		p.Default = defaultOf(a.DefaultValue)
		params = append(params, p)
	}
	return params
}

// defaultOf is a default as JSON. The engine hands it over as JSON in a string;
// no default and the default null are the same.
func defaultOf(raw *json.RawMessage) json.RawMessage {
	if raw == nil {
		return nil
	}
	text := []byte(*raw)
	var inner string
	if json.Unmarshal(text, &inner) == nil {
		text = []byte(inner)
	}
	if !json.Valid(text) || string(text) == "null" {
		return nil
	}
	return text
}

func (r reading) typ(d typeDef) run.Type {
	t := run.Type{Kind: run.Kind(strings.ToLower(strings.TrimSuffix(d.Kind, "_KIND")))}
	for _, n := range []*named{d.AsObject, d.AsInterface, d.AsInput, d.AsScalar} {
		if n != nil {
			t.Name = n.Name
		}
	}
	if d.AsEnum != nil {
		r.enum(&t, d.AsEnum)
	}
	if d.AsList != nil {
		elem := r.typ(d.AsList.ElementTypeDef)
		t.Elem = &elem
	}
	return t
}

func (r reading) enum(t *run.Type, e *enumDef) {
	if own, ok := r.enums[e.Name]; ok && len(e.Members) == 0 {
		e = own
	}
	t.Name = e.Name
	for _, m := range e.Members {
		t.Members = append(t.Members, m.Name)
		t.Values = append(t.Values, m.Value)
	}
}

// foldName makes spellings of a name equal that differ in case and separators.
func foldName(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}
