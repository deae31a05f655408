package dispatch

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/franela/pocketci/run"
)

// Bounds on globs: a repository must not make the agent busy with a pattern.
const (
	maxGlobs        = 1000
	maxGlobLength   = 4096
	maxAlternatives = 1000
)

// globs are the conditions on one value: accepted if none excludes and one
// matches, or if there are only excludes. None at all accept everything.
type globs struct {
	accept, except []glob
	// text is how they were written, for people.
	text string
}

func (g globs) empty() bool { return len(g.accept)+len(g.except) == 0 }

// accepts tells whether a value is accepted under any of its spellings and
// excluded under none.
func (g globs) accepts(spellings ...string) bool {
	matched := len(g.accept) == 0
	for _, s := range spellings {
		matched = matched || anyMatches(g.accept, s)
	}
	if !matched {
		return false
	}
	for _, s := range spellings {
		if anyMatches(g.except, s) {
			return false
		}
	}
	return true
}

func anyMatches(list []glob, s string) bool {
	for i := range list {
		if list[i].match(s) {
			return true
		}
	}
	return false
}

// glob is one doublestar pattern, with the fixed text that every match begins
// with, ends with and holds: most files are told apart by that alone.
type glob struct {
	pattern                string
	prefix, suffix, needle string
	literal                bool
}

func (g *glob) match(name string) bool {
	if g.literal {
		return name == g.pattern
	}
	if !strings.HasSuffix(name, g.suffix) || !strings.HasPrefix(name, g.prefix) || !strings.Contains(name, g.needle) {
		return false
	}
	return doublestar.MatchUnvalidated(g.pattern, name)
}

// globMeta are the characters with a meaning in a glob.
const globMeta = `*?[]{}\`

// newGlob prepares a pattern that is valid.
func newGlob(pattern string) glob {
	first := strings.IndexAny(pattern, globMeta)
	if first < 0 {
		return glob{pattern: pattern, prefix: pattern, literal: true}
	}
	g := glob{pattern: pattern}
	if strings.Contains(pattern, `\`) {
		return g // escapes are rare; doublestar alone knows them
	}
	// A doublestar may stand for nothing and take the slash beside it along.
	g.prefix = strings.TrimRight(pattern[:first], "/")
	g.suffix = strings.TrimLeft(pattern[strings.LastIndexAny(pattern, globMeta)+1:], "/")
	g.needle = longestFixed(pattern)
	return g
}

// longestFixed is the longest text that every match of a pattern without escapes
// holds: what stands between its wildcards, outside brackets and braces.
func longestFixed(pattern string) string {
	longest := ""
	depth, class, start := 0, false, 0
	end := func(i int) {
		if fixed := strings.Trim(pattern[start:i], "/"); depth == 0 && !class && len(fixed) > len(longest) {
			longest = fixed
		}
		start = i + 1
	}
	for i := range len(pattern) {
		switch c := pattern[i]; {
		case class:
			class = c != ']'
			start = i + 1
		case c == '[':
			end(i)
			class = true
		case c == '{':
			end(i)
			depth++
		case c == '}':
			depth--
			start = i + 1
		case c == '*' || c == '?':
			end(i)
		}
	}
	end(len(pattern))
	return longest
}

// compile makes globs of entries; folded ones are compared with folded values.
func compile(entries []string, folded bool) (globs, error) {
	g := globs{text: strings.Join(entries, ",")}
	if len(entries) > maxGlobs {
		return g, fmt.Errorf("more than %d globs", maxGlobs)
	}
	for _, entry := range entries {
		pattern, except := strings.CutPrefix(entry, "!")
		pattern = strings.TrimSpace(pattern)
		if err := checkGlob(pattern); err != nil {
			return g, fmt.Errorf("%s: %w", shown(entry), err)
		}
		if folded {
			pattern = foldGlob(pattern)
		}
		if except {
			g.except = append(g.except, newGlob(pattern))
		} else {
			g.accept = append(g.accept, newGlob(pattern))
		}
	}
	return g, nil
}

// checkGlob says what is wrong with a pattern.
func checkGlob(pattern string) error {
	switch {
	case pattern == "":
		return fmt.Errorf("no glob after the exclamation mark")
	case len(pattern) > maxGlobLength:
		return fmt.Errorf("the glob is longer than %d bytes", maxGlobLength)
	case !doublestar.ValidatePattern(pattern):
		return fmt.Errorf("not a valid glob (is a bracket or brace left open?)")
	case alternatives(pattern) > maxAlternatives:
		return fmt.Errorf("the glob's braces have more than %d combinations", maxAlternatives)
	}
	return nil
}

// alternatives is an upper bound of what a pattern's braces multiply to.
func alternatives(pattern string) int {
	total := 1
	var open []int
	walkGlob(pattern, func(c byte, class bool) {
		switch {
		case class:
		case c == '{':
			open = append(open, 1)
		case c == ',' && len(open) > 0:
			open[len(open)-1]++
		case c == '}' && len(open) > 0:
			total = min(total*open[len(open)-1], maxAlternatives+1)
			open = open[:len(open)-1]
		}
	})
	return total
}

// walkGlob gives each byte of a pattern that is not escaped, and whether it
// stands in a bracket. It calls what an escape hides nothing.
func walkGlob(pattern string, visit func(c byte, class bool)) {
	class := false
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '\\':
			i++
			continue
		case class && c == ']':
			class = false
		case !class && c == '[':
			class = true
		}
		visit(c, class)
	}
}

// foldGlob folds a pattern as values are folded. In a bracket a dash is a range,
// so there only the case is folded.
func foldGlob(pattern string) string {
	var b strings.Builder
	class := false
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '\\' && i+1 < len(pattern):
			i++
			if class || fold(pattern[i:i+1]) != "" {
				b.WriteString(pattern[i-1 : i+1])
			}
			continue
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case isSeparator(rune(c)) || c == ' ':
			continue
		}
		b.WriteByte(c)
	}
	return strings.ToLower(b.String())
}

// splitEntries splits a comma-separated list outside braces and brackets, trims
// the entries and drops empty ones.
func splitEntries(s string) []string {
	var entries []string
	depth, class, start := 0, false, 0
	add := func(entry string) {
		if entry = strings.TrimSpace(entry); entry != "" {
			entries = append(entries, entry)
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '{':
			depth++
		case c == '}':
			depth = max(0, depth-1)
		case c == ',' && depth == 0:
			add(s[start:i])
			start = i + 1
		}
	}
	add(s[start:])
	return entries
}

// defaultEntries reads a parameter's default: a comma-separated string, or a list
// of which each element is one entry. An enum's member stands for its value.
func defaultEntries(p run.Param) ([]string, error) {
	if len(p.Default) == 0 || string(p.Default) == "null" {
		return nil, nil
	}
	var text string
	if json.Unmarshal(p.Default, &text) == nil {
		if p.Type.Kind == run.KindEnum {
			return []string{escapeGlob(memberValue(p.Type, text))}, nil
		}
		return splitEntries(text), nil
	}
	var list []string
	if json.Unmarshal(p.Default, &list) != nil {
		return nil, fmt.Errorf("the default is neither a string nor a list of strings")
	}
	var entries []string
	for _, entry := range list {
		if entry = strings.TrimSpace(entry); entry != "" {
			entries = append(entries, entry)
		}
	}
	return entries, nil
}

// escapeGlob makes a pattern that matches a text and nothing else.
func escapeGlob(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(globMeta, s[i]) >= 0 || i == 0 && s[i] == '!' {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// shown makes a value of somebody else fit into a sentence: quoted if it is
// empty or holds anything unprintable, and cut.
func shown(s string) string {
	const most = 80
	cut := s
	if len(s) > most {
		cut = strings.ToValidUTF8(s[:most], "") + "…"
	}
	plain := s != "" && !strings.ContainsFunc(cut, func(c rune) bool { return !strconv.IsPrint(c) || c == '"' || c == ' ' })
	if plain {
		return cut
	}
	return strconv.Quote(cut)
}
