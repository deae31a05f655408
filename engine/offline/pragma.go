package offline

import (
	"encoding/json"
	"strings"
)

// pragmas are the `+key` and `+key=value` annotations of a comment. A value is
// what encoding/json makes of it, a bare one its text to the end of the line;
// nil if there is none.
type pragmas map[string]any

// parsePragmas takes the annotations out of a comment's text and returns what
// remains, which is the description.
//
// An annotation is a plus sign, the key directly after it (blanks may stand
// between) and either an equals sign or the end of the line. It may stand
// anywhere in a line. A JSON value may span lines; what follows it on its last
// line is dropped.
func parsePragmas(text string) (pragmas, string) {
	found := pragmas{}
	var rest strings.Builder
	taken := 0
	for from := 0; ; {
		m, ok := nextPragma(text, from)
		if !ok {
			break
		}
		from = m.end
		if m.start < taken {
			continue // it stands inside an earlier one's value
		}
		value, end := any(nil), m.end
		if m.hasValue {
			value, end = pragmaValue(text, m.end)
		}
		found[m.key] = value
		rest.WriteString(text[taken:m.start])
		taken = end
	}
	rest.WriteString(text[taken:])
	return found, rest.String()
}

// pragma is one match: text[start:end] holds all but the value.
type pragma struct {
	key        string
	start, end int
	hasValue   bool
}

func nextPragma(text string, from int) (pragma, bool) {
	for i := from; i < len(text); i++ {
		if text[i] != '+' {
			continue
		}
		m, ok := pragmaAt(text, i)
		if !ok {
			continue
		}
		for m.start > from && isBlank(text[m.start-1]) {
			m.start--
		}
		return m, true
	}
	return pragma{}, false
}

// pragmaAt matches at the plus sign. The key ends at the first equals sign or
// line end that leaves it at least one character.
func pragmaAt(text string, plus int) (pragma, bool) {
	begin := skipBlanks(text, plus+1)
	for i := begin; i < len(text) && !isSpace(text[i]); {
		i++
		switch m := (pragma{key: text[begin:i], start: plus}); {
		case i == len(text):
			m.end = i
			return m, true
		case text[i] == '=':
			m.end, m.hasValue = skipBlanks(text, i+1), true
			return m, true
		case text[i] == '\n':
			m.end = i + 1
			return m, true
		case strings.HasPrefix(text[i:], "\r\n"):
			m.end = i + 2
			return m, true
		}
	}
	return pragma{}, false
}

// pragmaValue reads the value at from and tells where the text goes on.
func pragmaValue(text string, from int) (value any, end int) {
	decoder := json.NewDecoder(strings.NewReader(text[from:]))
	if err := decoder.Decode(&value); err == nil {
		return value, lineEnd(text, from+int(decoder.InputOffset()))
	}
	end = lineEnd(text, from)
	bare := strings.TrimSuffix(strings.TrimSuffix(text[from:end], "\n"), "\r")
	if bare == "" {
		return nil, end
	}
	return bare, end
}

// lineEnd is the beginning of the line after the one that holds from.
func lineEnd(text string, from int) int {
	if i := strings.IndexByte(text[from:], '\n'); i >= 0 {
		return from + i + 1
	}
	return len(text)
}

func skipBlanks(text string, i int) int {
	for i < len(text) && isBlank(text[i]) {
		i++
	}
	return i
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func isSpace(c byte) bool { return isBlank(c) || c == '\n' || c == '\r' || c == '\f' }

// text is a pragma's value as a string; ok is false if it is of another kind.
func (p pragmas) text(key string) (value string, set, ok bool) {
	raw, set := p[key]
	if !set {
		return "", false, true
	}
	value, ok = raw.(string)
	return value, true, ok
}

// flag is true for a bare pragma and for a true one.
func (p pragmas) flag(key string) bool {
	raw, set := p[key]
	if set && raw == nil {
		return true
	}
	on, _ := raw.(bool)
	return on
}
