package engine

import (
	"strings"
)

// submoduleURLs are the values of `url` in a .gitmodules, whatever section they
// stand in. It reads the text as git does, character by character, because what
// git takes for a URL must not go unseen; where git would give up it goes on
// with the next line.
func submoduleURLs(text string) []string {
	c := &configText{rest: strings.ReplaceAll(strings.TrimPrefix(text, "\uFEFF"), "\r\n", "\n")}
	var urls []string
	for c.rest != "" {
		switch b := c.next(); {
		case b == '#' || b == ';':
			c.line()
		case b == '[':
			c.section()
		case isLetter(b):
			if key, found := c.key(b); found && strings.EqualFold(key, "url") {
				urls = append(urls, c.value())
			} else if found {
				c.value()
			}
		}
	}
	return urls
}

// configText is what is left of a configuration file.
type configText struct{ rest string }

// next takes one character; the end is a line's end.
func (c *configText) next() byte {
	if c.rest == "" {
		return '\n'
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	return b
}

// line skips the rest of a line.
func (c *configText) line() {
	_, c.rest, _ = strings.Cut(c.rest, "\n")
}

// section skips a section's header. What follows on the same line counts.
func (c *configText) section() {
	quoted := false
	for {
		switch b := c.next(); {
		case b == '\n', b == ']' && !quoted:
			return
		case b == '"':
			quoted = !quoted
		case b == '\\' && quoted:
			c.next()
		}
	}
}

// key reads a variable's name, which begins with b. found tells that a value follows.
func (c *configText) key(b byte) (name string, found bool) {
	key := []byte{b}
	for c.rest != "" && (isLetter(c.rest[0]) || c.rest[0] == '-' || '0' <= c.rest[0] && c.rest[0] <= '9') {
		key = append(key, c.next())
	}
	c.rest = strings.TrimLeft(c.rest, " \t")
	if !strings.HasPrefix(c.rest, "=") {
		c.line()
		return "", false
	}
	c.next()
	return string(key), true
}

// value reads a value: quotes group, a backslash escapes or continues the line,
// a comment ends it, white space around it does not belong to it.
func (c *configText) value() string {
	var value []byte
	keep := 0 // white space beyond it is dropped if nothing follows
	quoted, comment := false, false
	for {
		b := c.next()
		switch {
		case b == '\n':
			return string(value[:keep])
		case comment:
		case isSpace(b) && !quoted:
			if len(value) > 0 {
				value = append(value, b)
			}
		case (b == '#' || b == ';') && !quoted:
			comment = true
		case b == '"':
			quoted = !quoted
			keep = len(value)
		case b == '\\':
			if b = c.next(); b != '\n' {
				value = append(value, escaped(b))
			}
			keep = len(value)
		default:
			value = append(value, b)
			keep = len(value)
		}
	}
}

// escaped is the character that a letter after a backslash stands for.
func escaped(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	}
	return c
}

func isLetter(b byte) bool { return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' }

func isSpace(b byte) bool { return strings.IndexByte(" \t\r\v\f", b) >= 0 }
