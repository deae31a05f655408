package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// literalString is a text as a GraphQL string.
func literalString(text string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string can always be encoded
	return strings.TrimSuffix(b.String(), "\n")
}

// literalStrings is a GraphQL list of strings.
func literalStrings(texts []string) string {
	parts := make([]string, len(texts))
	for i, text := range texts {
		parts[i] = literalString(text)
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// literalJSON is a JSON value as a GraphQL value: the same but for the keys of
// objects, which are names there.
func literalJSON(raw json.RawMessage) (string, error) {
	if !json.Valid(raw) {
		return "", errors.New("the value is not JSON")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return "", fmt.Errorf("read value: %w", err)
	}
	return literalOf(v)
}

func literalOf(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "null", nil
	case bool:
		return fmt.Sprint(v), nil
	case json.Number:
		return v.String(), nil
	case string:
		return literalString(v), nil
	case []any:
		return literalList(v)
	case map[string]any:
		return literalObject(v)
	}
	return "", fmt.Errorf("a value can't be %T", v)
}

func literalList(list []any) (string, error) {
	parts := make([]string, len(list))
	for i, e := range list {
		text, err := literalOf(e)
		if err != nil {
			return "", err
		}
		parts[i] = text
	}
	return "[" + strings.Join(parts, ",") + "]", nil
}

func literalObject(object map[string]any) (string, error) {
	keys := slices.Sorted(maps.Keys(object))
	parts := make([]string, len(keys))
	for i, key := range keys {
		if !isName(key) {
			return "", fmt.Errorf("%q is not a field's name", key)
		}
		text, err := literalOf(object[key])
		if err != nil {
			return "", err
		}
		parts[i] = key + ":" + text
	}
	return "{" + strings.Join(parts, ",") + "}", nil
}

// isName tells whether s is a name in GraphQL.
func isName(s string) bool {
	for i, r := range s {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
