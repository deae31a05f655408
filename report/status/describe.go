package status

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDescription is the longest description that GitHub takes, in characters.
const maxDescription = 140

// escapes are the terminal's: colours, cursor movements, titles. Without them
// the first byte would go as a control character and the rest stay as noise.
var escapes = regexp.MustCompile(`(?:\x1b\[|\x{9b})[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]`)

// describe makes a status's description of any text: its first line that says
// something, without control characters, scrubbed, at most 140 characters.
func (p planner) describe(text string) string {
	// Before the line is cut out, for secrets of several lines; after the control
	// characters are gone, for secrets that were hidden between them; and in both
	// cases before the text is cut, which could leave half of a secret.
	return cut(p.scrubbed(firstLine(p.scrubbed(text))), maxDescription)
}

func (p planner) scrubbed(text string) string {
	if p.scrub == nil {
		return text
	}
	return p.scrub(text)
}

// firstLine is the first line with anything to read, made plain.
func firstLine(text string) string {
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = plain(line); line != "" {
			return line
		}
	}
	return ""
}

// plain takes out what is not text: escape sequences, control characters and
// those that change the direction of writing. Characters beyond U+FFFF become
// U+FFFD, because GitHub refuses a status that holds one.
func plain(line string) string {
	line = escapes.ReplaceAllString(line, "")
	line = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		case r > 0xFFFF:
			return utf8.RuneError
		}
		return r
	}, line)
	return strings.Join(strings.Fields(line), " ")
}

// cut shortens text to n characters, the last of which is then an ellipsis.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return strings.TrimRight(string([]rune(text)[:n-1]), " ") + "…"
}
