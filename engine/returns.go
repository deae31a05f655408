package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/franela/pocketci/run"
)

// selection is what is asked of a function's value. Objects do nothing until
// something is asked of them: what has a `sync` is synced, so that its work is
// done; of others the id is asked for. The elements of a list are each asked.
func (s *Session) selection(ctx context.Context, t run.Type) (string, error) {
	for t.Kind == run.KindList && t.Elem != nil {
		t = *t.Elem
	}
	switch t.Kind {
	case run.KindInterface:
		return "{id}", nil
	case run.KindObject:
		if own, ok := s.module.selections[t.Name]; ok {
			return own, nil
		}
		return s.memo.get(ctx, s.ctx, "selection "+t.Name, func(ctx context.Context) (string, error) {
			return s.coreSelection(ctx, t.Name)
		})
	}
	return "", nil
}

// coreSelection asks the schema whether a type of the engine has a `sync`. Only
// the fields' names are asked for: their arguments take the engine two seconds.
func (s *Session) coreSelection(ctx context.Context, object string) (string, error) {
	var out struct {
		Type *struct{ Fields []struct{ Name string } }
	}
	if err := s.query(ctx, fmt.Sprintf(`{type:__type(name:%s){fields{name}}}`, literalString(object)), nil, &out); err != nil {
		return "", err
	}
	if out.Type == nil {
		return "", fmt.Errorf("the engine does not know the type %s", object)
	}
	for _, f := range out.Type.Fields {
		if f.Name == "sync" {
			return "{sync}", nil
		}
	}
	return "{id}", nil
}

// ownSelection is what is asked of an object of the module: its own function
// `sync`, if that can be called without arguments.
func ownSelection(o *objectDef, r reading) string {
	for _, f := range o.Functions {
		if f.Name != "sync" {
			continue
		}
		fn := r.function(f)
		if slices.ContainsFunc(fn.Params, run.Param.Required) {
			return "{id}"
		}
		switch innermost(fn.Returns).Kind {
		case run.KindObject, run.KindInterface:
			return "{sync{id}}"
		}
		return "{sync}"
	}
	return "{id}"
}

// returned is a function's value as text: a string as it is, other scalars as
// JSON writes them, the elements of a list in lines, nothing for an object (its
// id tells people nothing) and for null.
func returned(t run.Type, raw json.RawMessage) string {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return ""
	case t.Kind == run.KindList && t.Elem != nil:
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil || innermost(t).Kind == run.KindObject || innermost(t).Kind == run.KindInterface {
			return ""
		}
		lines := make([]string, len(list))
		for i, e := range list {
			lines[i] = scalar(e)
		}
		return clip(strings.Join(lines, "\n"), maxValue)
	case t.Kind == run.KindObject || t.Kind == run.KindInterface || t.Kind == run.KindVoid:
		return ""
	}
	return clip(scalar(raw), maxValue)
}

func innermost(t run.Type) run.Type {
	for t.Kind == run.KindList && t.Elem != nil {
		t = *t.Elem
	}
	return t
}

// scalar is a JSON string's content, or other JSON as it is.
func scalar(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}
