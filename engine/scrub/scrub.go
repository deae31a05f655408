package scrub

import (
	"bytes"
	"sort"
	"strings"
)

const (
	// Mask stands where a value stood.
	Mask = "***"
	// MinLength is the length in bytes from which on a value is scrubbed.
	MinLength = 4
	// minLine is the length from which on a line of a longer value is scrubbed.
	minLine = 12
)

// Scrubber replaces values by [Mask]. The zero value scrubs nothing.
type Scrubber struct {
	// needles are all forms of all values; at one place the longest one wins.
	needles [][]byte
	// byFirst holds, by first byte, indexes into needles, longest first.
	byFirst [256][]int
}

// New makes a scrubber of values. Empty and short ones are left out.
func New(values ...string) *Scrubber {
	seen := map[string]bool{}
	for _, v := range values {
		for _, part := range parts(v) {
			for _, form := range forms(part) {
				seen[form] = true
			}
		}
	}
	s := &Scrubber{}
	for form := range seen {
		s.needles = append(s.needles, []byte(form))
	}
	sort.Slice(s.needles, func(i, j int) bool {
		if len(s.needles[i]) != len(s.needles[j]) {
			return len(s.needles[i]) > len(s.needles[j])
		}
		return bytes.Compare(s.needles[i], s.needles[j]) < 0
	})
	for i, n := range s.needles {
		s.byFirst[n[0]] = append(s.byFirst[n[0]], i)
	}
	return s
}

// String gives text without the values.
func (s *Scrubber) String(text string) string {
	if s.idle() {
		return text
	}
	out, _ := s.scrub(nil, []byte(text), true)
	return string(out)
}

// Bytes gives a copy of b without the values.
func (s *Scrubber) Bytes(b []byte) []byte {
	if s.idle() {
		return bytes.Clone(b)
	}
	out, _ := s.scrub(nil, b, true)
	return out
}

// idle tells whether there is nothing to look for.
func (s *Scrubber) idle() bool { return s == nil || len(s.needles) == 0 }

// scrub appends src without the values to dst and gives the rest of src that
// can't be decided yet because more may follow; with last there is no rest.
func (s *Scrubber) scrub(dst, src []byte, last bool) (out, rest []byte) {
	from := 0
	for i := 0; i < len(src); {
		n, open := s.match(src[i:])
		switch {
		case open && !last:
			return append(dst, src[from:i]...), src[i:]
		case n > 0:
			dst = append(append(dst, src[from:i]...), Mask...)
			i += n
			from = i
		default:
			i++
		}
	}
	return append(dst, src[from:]...), nil
}

// match gives the length of the longest needle that b begins with, or 0. open
// tells that a longer one could still come of it if b went on.
func (s *Scrubber) match(b []byte) (n int, open bool) {
	for _, i := range s.byFirst[b[0]] {
		needle := s.needles[i]
		if len(needle) <= len(b) {
			if bytes.HasPrefix(b, needle) {
				return len(needle), open
			}
			continue
		}
		if bytes.HasPrefix(needle, b) {
			open = true
		}
	}
	return 0, open
}

// parts are the value itself, without the line ends around it, and the long
// ones of its lines.
func parts(value string) []string {
	trimmed := strings.Trim(value, "\r\n")
	all := []string{value, trimmed}
	if strings.ContainsAny(trimmed, "\r\n") {
		for _, line := range strings.FieldsFunc(trimmed, func(r rune) bool { return r == '\r' || r == '\n' }) {
			if len(line) >= minLine {
				all = append(all, line)
			}
		}
	}
	return all
}
