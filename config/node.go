package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/franela/pocketci/event"
)

// at is a problem at a place of pocketci.yaml.
func at(n *yaml.Node, hint, format string, args ...any) *event.Problem {
	return &event.Problem{
		Public: fmt.Sprintf("%s:%d:%d: %s", fileName, n.Line, n.Column, fmt.Sprintf(format, args...)),
		Hint:   hint,
	}
}

// parse gives the root of the one document in data, or nil if there is nothing in it.
func parse(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, syntax(err)
	}
	var second yaml.Node
	switch err := dec.Decode(&second); {
	case err == nil:
		return nil, at(&second, "remove the line ---", "a second document")
	case !errors.Is(err, io.EOF):
		return nil, syntax(err)
	}
	root := doc.Content[0]
	if err := plain(root); err != nil {
		return nil, err
	}
	if isNull(root) {
		return nil, nil
	}
	return root, nil
}

// syntax is the problem of a file that is no YAML. The library tells the line, if at all.
func syntax(err error) *event.Problem {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	place := fileName
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if line, what, ok := strings.Cut(rest, ": "); ok {
			place, text = place+":"+line, what
		}
	}
	return &event.Problem{Public: place + ": not valid YAML: " + text, Err: err}
}

// plain refuses aliases and anchors, wherever they stand: a few of them can mean
// a document of any size.
func plain(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return at(n, "write the value out", "anchors and aliases are not supported")
	}
	for _, c := range n.Content {
		if err := plain(c); err != nil {
			return err
		}
	}
	return nil
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// field is one key of a mapping and its value.
type field struct{ key, value *yaml.Node }

// mapping reads a mapping whose keys are known. A key that is missing has a zero field.
func mapping(n *yaml.Node, what string, known ...string) (map[string]field, error) {
	if n.Kind != yaml.MappingNode || n.ShortTag() != "!!map" {
		return nil, wrongType(n, what, "a mapping")
	}
	fields := map[string]field{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			return nil, wrongType(key, "a key", "a string")
		case !slices.Contains(known, key.Value):
			return nil, at(key, "known keys: "+strings.Join(known, ", "), "unknown key %s%s", shown(key.Value), suggest(key.Value, known))
		case fields[key.Value].key != nil:
			return nil, at(key, "", "%s stands here for the second time", shown(key.Value))
		}
		fields[key.Value] = field{key, value}
	}
	return fields, nil
}

// list gives a list's entries; an empty value is an empty list.
func list(n *yaml.Node, what string) ([]*yaml.Node, error) {
	if isNull(n) {
		return nil, nil
	}
	if n.Kind != yaml.SequenceNode || n.ShortTag() != "!!seq" {
		return nil, wrongType(n, what, "a list")
	}
	return n.Content, nil
}

// text gives a string.
func text(n *yaml.Node, what string) (string, error) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		return "", wrongType(n, what, "a string")
	}
	return n.Value, nil
}

func wrongType(n *yaml.Node, what, want string) error {
	hint := ""
	if want == "a string" && n.Kind == yaml.ScalarNode && !isNull(n) && strings.HasPrefix(n.Tag, "!!") {
		hint = "put it in quotes if that is what you mean"
	}
	return at(n, hint, "%s must be %s, not %s", what, want, typeText(n))
}

// typeText names what a node is.
func typeText(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!str":
		return "a string"
	case "!!int":
		return "a number"
	case "!!float":
		return "a decimal number"
	case "!!bool":
		return "a boolean"
	case "!!null":
		return "nothing"
	}
	return "a " + shown(n.Tag)
}

// suggest names the known key that is nearest to what was written.
func suggest(written string, known []string) string {
	fold := strings.NewReplacer("-", "", "_", "", " ", "").Replace
	best, least := "", 0
	for _, k := range known {
		d := distance(fold(strings.ToLower(written)), fold(k))
		if best == "" || d < least {
			best, least = k, d
		}
	}
	switch {
	case best == "":
		return ""
	case least <= max(1, len(written)/3):
		return fmt.Sprintf(", did you mean %q?", best)
	}
	return fmt.Sprintf("; the nearest known one is %q", best)
}

// distance is the number of single-letter edits between two words. Words of any
// length that somebody else wrote count by their first 64 bytes.
func distance(a, b string) int {
	a, b = a[:min(len(a), 64)], b[:min(len(b), 64)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
