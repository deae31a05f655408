package dispatch

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/franela/pocketci/run"
)

func TestSplitEntries(t *testing.T) {
	tests := []struct {
		in   string
		want []string
	}{
		{"", nil},
		{" , ,", nil},
		{"main", []string{"main"}},
		{" main , dev ", []string{"main", "dev"}},
		{"{a,b},c", []string{"{a,b}", "c"}},
		{"{a,{b,c}},d", []string{"{a,{b,c}}", "d"}},
		{"[a,b],c", []string{"[a,b]", "c"}},
		{"[{],c", []string{"[{]", "c"}},
		{"{[}],a},c", []string{"{[}],a}", "c"}},
		{`a\,b,c`, []string{`a\,b`, "c"}},
		{`a\{,b`, []string{`a\{`, "b"}},
		{"a},b", []string{"a}", "b"}},
		{"{a,b", []string{"{a,b"}},
		{"[a,b", []string{"[a,b"}},
		{"a b,c", []string{"a b", "c"}},
		{`a\`, []string{`a\`}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, splitEntries(tt.in)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", tt.in, diff)
		}
	}
}

func TestGlobsThatAreRefused(t *testing.T) {
	for _, entry := range []string{
		"[", "a[", "[]", "[]a]", "{a", "a}", "{a,{b}", `a\`, "!", "! ", "![",
		strings.Repeat("a", maxGlobLength+1), strings.Repeat("{a,b}", 20),
	} {
		if _, err := compile([]string{entry}, false); err == nil {
			t.Errorf("%.40q is taken", entry)
		}
	}
	if _, err := compile(slices.Repeat([]string{"a"}, maxGlobs+1), false); err == nil {
		t.Error("any number of globs is taken")
	}
	if _, err := compile([]string{"{a,b}{c,d}[{,}]", `\{{a,b,c}`}, false); err != nil {
		t.Error(err)
	}
}

func TestFoldGlob(t *testing.T) {
	for in, want := range map[string]string{
		"Pull_Request*":     "pullrequest*",
		"pull-request.{A,}": "pullrequest{a,}",
		"[A-Z_]x-y":         "[a-z_]xy",
		`\_a\*`:             `a\*`,
		`[\]-_]-`:           `[\]-_]`,
	} {
		if got := foldGlob(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestEscapeGlob(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.StringMatching(`[!a-c*?{}\[\]\\/,]{1,8}`).Draw(rt, "text")
		g, err := compile([]string{escapeGlob(s)}, false)
		if err != nil || !g.accepts(s) {
			rt.Fatalf("%q does not match itself: %v", s, err)
		}
		if other := rapid.StringMatching(`[!a-c*?{}\[\]\\/,]{1,8}`).Draw(rt, "other"); other != s && g.accepts(other) {
			rt.Fatalf("%q matches %q", s, other)
		}
	})
}

// TestShortcutsChangeNothing: a glob, and the choice of candidates, answers as doublestar does.
func TestShortcutsChangeNothing(t *testing.T) {
	pattern := rapid.StringMatching(`(\*\*/|\*|/|a|b|\.go|\?|\{a,b\}|\{\*\*,a\}|\[ab\]|/\*\*|\\a|\[!a/\]|x\*|]|,){1,6}`)
	name := rapid.StringMatching(`(a|b|/|\.go|c|x|]|,){0,6}`)
	rapid.Check(t, func(rt *rapid.T) {
		p, n := pattern.Draw(rt, "pattern"), name.Draw(rt, "name")
		want, err := doublestar.Match(p, n)
		if err != nil {
			return
		}
		g := newGlob(p)
		if got := g.match(n); got != want {
			rt.Errorf("%q against %q: %v, want %v", p, n, got, want)
		}
		files := newChangedFiles([]string{n, "zz", "0", "a.go.x"})
		if _, got := files.first(globs{accept: []glob{g}, except: []glob{newGlob("zz"), newGlob("0"), newGlob("a.go.x")}}); got != want && !strings.Contains("zz 0 a.go.x", n) {
			rt.Errorf("%q among others against %q: %v, want %v", n, p, got, want)
		}
	})
}

// TestExcludesWin: an excluded value is never accepted, whatever else there is.
func TestExcludesWin(t *testing.T) {
	globs := rapid.SliceOfN(rapid.SampledFrom([]string{"**", "a", "!b", "*", "{a,b}", "!{c,d}"}), 0, 4)
	rapid.Check(t, func(rt *rapid.T) {
		entries := globs.Draw(rt, "entries")
		g, err := compile(append(entries, "!a"), false)
		if err != nil {
			rt.Fatal(err)
		}
		if g.accepts("a") || g.accepts("x", "a") {
			rt.Errorf("%v accepts a", g.text)
		}
	})
}

func FuzzGlob(f *testing.F) {
	for _, s := range []string{"**/*.go", "{a,b}/[!c]*", "a/**", "!x", `\**`, "a/**/", "{**,a}/b"} {
		f.Add(s, "a/b.go")
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 60 || len(name) > 60 || !utf8.ValidString(pattern) || !utf8.ValidString(name) {
			return // doublestar may be slow then, and takes any broken byte for any other
		}
		g, err := compile([]string{pattern}, false)
		if err != nil {
			return
		}
		got := g.accepts(name)
		bare, except := strings.CutPrefix(pattern, "!")
		want, err := doublestar.Match(strings.TrimSpace(bare), name)
		if err != nil {
			t.Fatalf("%q was taken, and is a bad pattern", pattern)
		}
		if got != (want != except) {
			t.Errorf("%q against %q: %v", pattern, name, got)
		}
		if _, err := compile([]string{pattern}, true); err != nil {
			t.Errorf("folded: %v", err)
		}
	})
}

func FuzzDefault(f *testing.F) {
	for _, s := range []string{`"a,b"`, `["a","b"]`, `null`, `3`, `"{a,b},[c,d]"`, `{"a":1}`, `["",null]`, `"\\,"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		entries, err := defaultEntries(run.Param{Default: json.RawMessage(raw)})
		for _, e := range entries {
			if e == "" || e != strings.TrimSpace(e) || err != nil {
				t.Errorf("%q: entry %q, %v", raw, e, err)
			}
		}
		var text string
		if json.Unmarshal(raw, &text) == nil && err == nil {
			// Splitting loses nothing but separators and space.
			strip := strings.NewReplacer(",", "", " ", "").Replace
			if strings.Join(strings.Fields(strip(text)), "") != strings.Join(strings.Fields(strip(strings.Join(entries, ""))), "") {
				t.Errorf("%q became %q", text, entries)
			}
		}
	})
}
