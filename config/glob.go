package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Bounds on globs, as matching has them.
const (
	maxGlobs        = 1000
	maxGlobLength   = 4096
	maxAlternatives = 1000
)

// checkGlob says what is wrong with a glob; an exclamation mark before it excludes.
func checkGlob(glob string) error {
	pattern := strings.TrimSpace(strings.TrimPrefix(glob, "!"))
	switch {
	case pattern == "":
		return errors.New("an empty glob")
	case len(pattern) > maxGlobLength:
		return fmt.Errorf("a glob of more than %d bytes", maxGlobLength)
	case !doublestar.ValidatePattern(pattern):
		return fmt.Errorf("%s is not a valid glob", shown(glob))
	case alternatives(pattern) > maxAlternatives:
		return fmt.Errorf("%s has more than %d combinations of alternatives", shown(glob), maxAlternatives)
	}
	return nil
}

// alternatives is an upper bound of what a pattern's braces multiply to.
func alternatives(pattern string) int {
	total := 1
	var open []int
	outside(pattern, func(_ int, c byte, _ int) {
		switch {
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

// split splits a list at commas outside braces and brackets, trims its entries
// and drops empty ones.
func split(list string) []string {
	var entries []string
	start := 0
	add := func(entry string) {
		if entry = strings.TrimSpace(entry); entry != "" {
			entries = append(entries, entry)
		}
	}
	outside(list, func(i int, c byte, depth int) {
		if c == ',' && depth == 0 {
			add(list[start:i])
			start = i + 1
		}
	})
	add(list[start:])
	return entries
}

// outside visits each byte that is neither escaped nor in a bracket, with the
// number of braces that are open around it.
func outside(s string, visit func(i int, c byte, depth int)) {
	depth, class := 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\':
			i++
			continue
		case class:
			class = c != ']'
			continue
		case c == '[':
			class = true
			continue
		case c == '}':
			depth = max(0, depth-1)
		}
		visit(i, c, depth)
		if c == '{' {
			depth++
		}
	}
}

// shown makes somebody's text fit into a sentence: quoted, unprintable
// characters escaped, and cut.
func shown(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.Quote(s)
}
