package offline

import (
	"go/ast"
	"go/token"
	"strings"
)

// spread gives each name of a field list a field of its own, so that places and
// types go in step; comments stay with the first name.
func spread(list *ast.FieldList) []*ast.Field {
	var fields []*ast.Field
	if list == nil {
		return nil
	}
	for _, field := range list.List {
		if len(field.Names) == 0 {
			fields = append(fields, field)
		}
		for i, name := range field.Names {
			one := &ast.Field{Names: []*ast.Ident{name}, Type: field.Type, Tag: field.Tag}
			if i == 0 {
				one.Doc, one.Comment = field.Doc, field.Comment
			}
			fields = append(fields, one)
		}
	}
	return fields
}

// comments finds the comment above a parameter and the one behind it, which the
// parser doesn't attach to parameters. A comment belongs to the parameter if it
// ends on its line or the one before, or begins on its line, and nothing else
// there could claim it.
func comments(fset *token.FileSet, sig signature, places []*ast.Field, i int) (doc, line *ast.CommentGroup) {
	lineOf := func(pos token.Pos) int { return fset.Position(pos).Line }
	own := lineOf(places[i].Pos())
	before := lineOf(sig.typ.Params.Pos())
	if i > 0 {
		before = lineOf(places[i-1].Pos())
	}
	after := lineOf(sig.typ.Params.End())
	if i+1 < len(sig.typ.Params.List) && i+1 < len(places) {
		after = lineOf(places[i+1].Pos())
	}
	for _, group := range sig.file.Comments {
		first, last := group.List[0], group.List[len(group.List)-1]
		if doc == nil && before < own-1 {
			if end := lineOf(last.Pos()) + strings.Count(last.Text, "\n"); end == own || end == own-1 {
				doc = group
			}
		}
		if line == nil && after != own && lineOf(first.Pos()) == own {
			line = group
		}
	}
	return doc, line
}
