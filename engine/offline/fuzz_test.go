package offline

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/franela/pocketci/event"
)

// No source makes the reader panic, and what it refuses is a problem.
func FuzzRead(f *testing.F) {
	for _, pattern := range []string{"testdata/*/*/*.go", "testdata/*/*/src/*/*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			f.Fatalf("%s: %d files, error %v", pattern, len(names), err)
		}
		for _, name := range names {
			raw, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(`{"name": "`+filepath.Base(filepath.Dir(name))+`", "sdk": "go"}`, string(raw))
			f.Add(`{"name": "refused", "sdk": {"source": "go"}}`, string(raw))
		}
	}
	for _, source := range []string{
		"package main\n\ntype Ci struct{ T T }\n\ntype T []T\n\ntype P *P\n\nfunc (Ci) Go(t T, p P) {}",
		"package main\n\ntype Ci = Ci\n\ntype A = B\n\ntype B = A\n\nfunc (c Ci) Go(a A) B { return a }",
		"package main\n\ntype Ci[T any] struct{ Value T }\n\nfunc (c *Ci[T]) Go(v T) []T { return nil }",
		"package main\n\ntype Ci struct{}\n\nfunc (c *Ci) Go(struct{}) (a, b int) { return }\n\nfunc New(...Ci) Ci { return Ci{} }",
		"//line /x.go:7\npackage main\n\ntype Ci struct{ *Ci }\n\nfunc (c Ci) Go(\n\n\t// +default=[\n\ta string) {}",
		"package main\n\ntype Ci struct{ I }\n\ntype I interface{ I; DaggerObject; Go(Ci) I }",
		"package main\n\ntype DaggerObject int\n\nconst New = iota\n\ntype Ci struct{}",
	} {
		f.Add(`{"name": "ci", "sdk": "go", "dependencies": ["x", {"name": "y"}]}`, source)
	}
	f.Fuzz(func(t *testing.T, manifest, source string) {
		files := fstest.MapFS{"dagger.json": {Data: []byte(manifest)}, "main.go": {Data: []byte(source)}}
		table, err := Read(t.Context(), files, ".")
		var problem *event.Problem
		if err != nil && !errors.As(err, &problem) {
			t.Fatalf("the error %v is no problem", err)
		}
		if err == nil {
			if _, err := json.Marshal(table); err != nil {
				t.Fatalf("the table can't be encoded: %v", err)
			}
		}
	})
}

// The scanner finds annotations where this expression does, and takes nothing
// but them out of the text.
func FuzzPragmas(f *testing.F) {
	for _, text := range []string{
		"", "+optional", "words\n+default=\"a\"\nmore", "2+2=4, c++\n", "+ a = b\n", "+a=\n+b", "+default=[\n1,\n2] rest\n+optional\r\n",
		"+x\t+y\n", "++\n+=\n+==\n", "\t +a\f\n", "+default={\"+b\": \"+c\n\"}\n+d", "+a \n+b",
	} {
		f.Add(text)
	}
	reference := regexp.MustCompile(`[ \t]*\+[ \t]*(\S+?)(?:=[ \t]*|\r?\n|$)`)
	f.Fuzz(func(t *testing.T, text string) {
		found, rest := parsePragmas(text)
		keys := map[string]bool{}
		for _, match := range reference.FindAllStringSubmatch(text, -1) {
			keys[match[1]] = true
		}
		for key := range found {
			if !keys[key] {
				t.Errorf("found the key %q, which isn't in %q", key, text)
			}
		}
		if len(keys) > 0 && len(found) == 0 {
			t.Errorf("found nothing in %q", text)
		}
		if len(found) == 0 && rest != text {
			t.Errorf("%q became %q without any annotation", text, rest)
		}
		if !isSubsequence(rest, text) {
			t.Errorf("what remains of %q is %q", text, rest)
		}
	})
}

func isSubsequence(part, of string) bool {
	for i := range len(part) {
		at := strings.IndexByte(of, part[i])
		if at < 0 {
			return false
		}
		of = of[at+1:]
	}
	return true
}

func TestPragmasAreReadAsTheEngineReadsThem(t *testing.T) {
	for _, test := range []struct {
		text, key string
		want      any
		rest      string
	}{
		{"+optional", "optional", nil, ""},
		{"Words.\n+optional\nMore.\n", "optional", nil, "Words.\nMore.\n"},
		{"+default=bare words\n", "default", "bare words", ""},
		{"+default=\"quoted\" dropped\n", "default", "quoted", ""},
		{"+default=\n", "default", nil, ""},
		{"+default=\n5\nrest", "default", 5.0, "rest"},
		{"+ default=true", "default", true, ""},
		{"behind text +default=1", "default", 1.0, "behind text"},
		{"+ignore=[\"a\",\n\"b\"]\nrest", "ignore", []any{"a", "b"}, "rest"},
		{"+default=\"+optional\"\n", "default", "+optional", ""},
		{"+default=[broken\n", "default", "[broken", ""},
		{"+a\r\nrest", "a", nil, "rest"},
	} {
		found, rest := parsePragmas(test.text)
		value, ok := found[test.key]
		gotJSON, _ := json.Marshal(value)
		wantJSON, _ := json.Marshal(test.want)
		if !ok || string(gotJSON) != string(wantJSON) || rest != test.rest {
			t.Errorf("%q: got %s (found: %v) and the rest %q, want %s and %q", test.text, gotJSON, ok, rest, wantJSON, test.rest)
		}
	}
}
