package scrub_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/franela/pocketci/engine/scrub"
)

const secret = `p@ss w/ö"rd<&>+=`

func TestString(t *testing.T) {
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	nested, err := json.Marshal(map[string]string{"inner": fmt.Sprintf(`{"token":%s}`, quoted)})
	if err != nil {
		t.Fatal(err)
	}
	std, raw := base64.StdEncoding, base64.RawURLEncoding
	tests := map[string]struct{ in, want string }{
		"as it is":              {"a " + secret + " b", "a *** b"},
		"twice":                 {secret + secret, "******"},
		"in a query":            {"?t=" + url.QueryEscape(secret), "?t=***"},
		"in a path":             {"/" + url.PathEscape(secret) + "/", "/***/"},
		"in lower case hex":     {"/" + strings.ToLower(url.QueryEscape(secret)), "/***"},
		"in JSON":               {string(quoted), `"***"`},
		"in JSON within JSON":   {string(nested), `{"inner":"{\"token\":\"***\"}"}`},
		"in base64":             {std.EncodeToString([]byte(secret)), "***"},
		"in base64 for URLs":    {raw.EncodeToString([]byte(secret)), "***"},
		"in a basic header":     {"Basic " + std.EncodeToString([]byte("x:"+secret)), "Basic eDp***"},
		"in base64, shifted":    {std.EncodeToString([]byte("abcd" + secret + "efgh")), "YWJjZH***"},
		"nothing of it":         {"p@ss w/", "p@ss w/"},
		"empty":                 {"", ""},
		"the mask stays":        {"*** " + secret, "*** ***"},
		"beside other letters":  {"x" + secret + "x", "x***x"},
		"with its line's end":   {secret + "\n", "***\n"},
		"over invalid UTF-8":    {"\xff" + secret + "\xff", "\xff***\xff"},
		"in the middle of much": {strings.Repeat("p@ss ", 1000) + secret, strings.Repeat("p@ss ", 1000) + "***"},
	}
	s := scrub.New(secret)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := s.String(tt.in)
			if !strings.HasPrefix(got, tt.want) || len(got) > len(tt.want)+8 {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if b := s.Bytes([]byte(tt.in)); string(b) != got {
				t.Errorf("as bytes: %q", b)
			}
		})
	}
}

func TestLongestValueWins(t *testing.T) {
	s := scrub.New("abcd", "abcdefgh", "efghij")
	for in, want := range map[string]string{"abcdefgh": "***", "abcdefg": "***efg", "abcdefghij": "***ij", "abcd efghij": "*** ***"} {
		if got := s.String(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestLinesOfALongValue(t *testing.T) {
	key := "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nshort\n-----END KEY-----\n"
	s := scrub.New(key)
	for in, want := range map[string]string{
		key:                                   "***",
		"  MIIEvQIBADANBgkq":                  "  ***",
		strings.ReplaceAll(key, "\n", "\r\n"): "***\r\n***\r\nshort\r\n***\r\n",
		"short":                               "short",
	} {
		if got := s.String(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestWhatIsNotScrubbed(t *testing.T) {
	for name, s := range map[string]*scrub.Scrubber{"no values": scrub.New(), "short ones": scrub.New("", "a", "abc"), "nil": nil, "the zero value": {}} {
		if got := s.String("a b abc ***"); got != "a b abc ***" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestWriterFindsWhatIsSplit(t *testing.T) {
	s := scrub.New(secret, "second-secret")
	text := "a " + secret + " b second-secret c " + secret[:5] + " d"
	want := s.String(text)
	for piece := 1; piece <= len(text); piece++ {
		var got bytes.Buffer
		w := s.Writer(&got)
		for rest := []byte(text); len(rest) > 0; {
			n := min(piece, len(rest))
			if m, err := w.Write(rest[:n]); m != n || err != nil {
				t.Fatal(m, err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got.String() != want {
			t.Errorf("in pieces of %d: %q", piece, got.String())
		}
	}
}

func TestWriterHoldsBackNoMoreThanItMust(t *testing.T) {
	var got bytes.Buffer
	w := scrub.New("hunter22").Writer(&got)
	fmt.Fprint(w, "a line\nhunt")
	if got.String() != "a line\n" {
		t.Errorf("got %q", got.String())
	}
	fmt.Fprint(w, "ing\n")
	if got.String() != "a line\nhunting\n" {
		t.Errorf("got %q", got.String())
	}
}

func TestWriterPassesErrorsOn(t *testing.T) {
	full := errors.New("disk full")
	w := scrub.New("hunter22").Writer(failing{full})
	if _, err := w.Write([]byte("text")); !errors.Is(err, full) {
		t.Errorf("write: %v", err)
	}
	w = scrub.New("hunter22").Writer(failing{full})
	if _, err := w.Write([]byte("hunter")); err != nil {
		t.Errorf("nothing was written yet: %v", err)
	}
	if err := w.Close(); !errors.Is(err, full) {
		t.Errorf("close: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// FuzzScrub: no value survives in any of the promised forms, and a stream gives
// the same as the whole.
func FuzzScrub(f *testing.F) {
	f.Add("hunter22", "hunter23", "x", "y", uint8(3))
	f.Add(secret, "p@ss", secret[:7], secret[3:], uint8(1))
	f.Add("aaaa", "aaaaa", "aaa", "a", uint8(2))
	f.Fuzz(func(t *testing.T, value, other, before, after string, piece uint8) {
		if len(value) < scrub.MinLength || strings.Contains(value, "*") {
			return
		}
		s := scrub.New(value, other)
		quoted, _ := json.Marshal(value)
		for _, form := range []string{
			value, url.QueryEscape(value), url.PathEscape(value), strings.Trim(string(quoted), `"`),
			base64.StdEncoding.EncodeToString([]byte(value)), base64.RawURLEncoding.EncodeToString([]byte(value)),
		} {
			text := before + form + after
			clean := s.String(text)
			if strings.Contains(clean, value) && !overlaps(value, other) {
				t.Fatalf("%q is left in %q (from %q)", value, clean, text)
			}
			var stream bytes.Buffer
			w := s.Writer(&stream)
			for rest := []byte(text); len(rest) > 0; {
				n := min(int(piece)+1, len(rest))
				w.Write(rest[:n])
				rest = rest[n:]
			}
			w.Close()
			if stream.String() != clean {
				t.Fatalf("streamed: %q, as a whole: %q", stream.String(), clean)
			}
		}
	})
}

// overlaps: what is left beside a scrubbed value can, with the mask between,
// not become a value, since values hold no asterisks here; but another value
// may take a part of this one away.
func overlaps(value, other string) bool {
	return other != "" && strings.ContainsAny(value, other)
}

func BenchmarkScrub(b *testing.B) {
	s := scrub.New(secret, "ghp_0123456789abcdefghijklmnopqrstuvwxyz", "AKIAIOSFODNN7EXAMPLE")
	line := []byte(strings.Repeat("ok  \tgithub.com/franela/pocketci/engine\t3.070s coverage: 81% of statements\n", 1000))
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		s.Bytes(line)
	}
}
