package scrub

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
)

// forms are the ways in which a value appears in text. None is shorter than
// MinLength.
func forms(value string) []string {
	if len(value) < MinLength {
		return nil
	}
	all := []string{value}
	add := func(form string) {
		if len(form) >= MinLength {
			all = append(all, form)
		}
	}
	for _, escaped := range []string{url.QueryEscape(value), url.PathEscape(value), percent(value)} {
		add(escaped)
		add(lowerHex(escaped))
	}
	for _, escaped := range []string{quoted(value, false), quoted(value, true)} {
		add(escaped)
		add(quoted(escaped, false)) // JSON within JSON
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		add(enc.EncodeToString([]byte(value)))
		for _, form := range aligned(enc.WithPadding(base64.NoPadding), []byte(value)) {
			add(form)
		}
	}
	return all
}

// aligned gives what is always the same in base64 text that holds value at any
// offset: for each of the three alignments the characters that depend on
// nothing but the value. Short remainders are dropped: they would match by chance.
func aligned(enc *base64.Encoding, value []byte) []string {
	const enough = 8
	var all []string
	for offset := range 3 {
		text := enc.EncodeToString(append(make([]byte, offset), value...))
		first := []int{0, 2, 3}[offset]
		last := (offset + len(value)) * 8 / 6
		if last-first >= enough || offset == 0 && first < last {
			all = append(all, text[first:last])
		}
	}
	return all
}

// quoted is the inside of value as a JSON string, with or without HTML escapes.
func quoted(value string, html bool) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(html)
	if enc.Encode(value) != nil {
		return value
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(b.String(), "\n"), `"`), `"`)
}

// percent escapes every byte that is not unreserved in RFC 3986.
func percent(value string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
	return b.String()
}

// lowerHex writes the digits of percent escapes in lower case.
func lowerHex(escaped string) string {
	b := []byte(escaped)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], bytes.ToLower(b[i+1:i+3]))
			i += 2
		}
	}
	return string(b)
}
