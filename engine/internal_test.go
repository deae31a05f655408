package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

func TestLiteralJSON(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"a string":            {`"a\"b\u00e9\n<&>"`, `"a\"bé\n<&>"`},
		"a number as written": {`12345678901234567890`, `12345678901234567890`},
		"a float":             {`-1.5e3`, `-1.5e3`},
		"a list":              {`[true,null,[1]]`, `[true,null,[1]]`},
		"an object":           {`{"b":1,"a":{"c":"d"}}`, `{a:{c:"d"},b:1}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := literalJSON(json.RawMessage(tt.in))
			if err != nil || got != tt.want {
				t.Errorf("got %s %v", got, err)
			}
		})
	}
	for _, bad := range []string{``, `{`, `1 2`, `{"a b":1}`, `{"":1}`, `{"a){steal":1}`} {
		if got, err := literalJSON(json.RawMessage(bad)); err == nil {
			t.Errorf("%s is taken as %s", bad, got)
		}
	}
}

// FuzzLiteralJSON: what is written is one value of a query, and means the same.
func FuzzLiteralJSON(f *testing.F) {
	f.Add(`{"a":["x\"){y","\\",1e5,null]}`)
	f.Add("\"\\u2028\u007f\"")
	f.Fuzz(func(t *testing.T, text string) {
		literal, err := literalJSON(json.RawMessage(text))
		if err != nil {
			return
		}
		doc, err := parser.ParseQuery(&ast.Source{Input: "{f(a:" + literal + ")}"})
		if err != nil {
			t.Fatalf("%s is not GraphQL: %v", literal, err)
		}
		field, ok := doc.Operations[0].SelectionSet[0].(*ast.Field)
		if !ok || len(doc.Operations) != 1 || len(doc.Operations[0].SelectionSet) != 1 || len(field.Arguments) != 1 || len(field.SelectionSet) != 0 {
			t.Fatalf("%s breaks out of its place", literal)
		}
		if s := field.Arguments[0].Value; s.Kind == ast.StringValue {
			var want string
			if err := json.Unmarshal([]byte(text), &want); err != nil || s.Raw != want {
				t.Errorf("%s means %q, not %q", literal, s.Raw, want)
			}
		}
	})
}

func TestHeadTail(t *testing.T) {
	tests := map[string]struct {
		head, tail int
		in         []string
		want       string
		cut        int64
	}{
		"all of it":                    {10, 10, []string{"ab", "cd"}, "abcd", 0},
		"all, over both":               {4, 4, []string{"a\nb\nc\nd\n"}, "a\nb\nc\nd\n", 0},
		"ends at lines":                {5, 5, []string{"one\ntwo\n", "three\nfour\n", "six\n"}, "one\n[15 bytes of output are not kept]\nsix\n", 15},
		"without lines":                {2, 2, []string{strings.Repeat("x", 10)}, "xx[6 bytes of output are not kept]\nxx", 6},
		"what is not UTF-8 is told so": {4, 4, []string{"a\xffb"}, "a\uFFFDb", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHeadTail(tt.head, tt.tail)
			for _, s := range tt.in {
				h.write([]byte(s))
			}
			got, cut := h.text()
			if got != tt.want || cut != tt.cut {
				t.Errorf("got %q, cut %d", got, cut)
			}
		})
	}
}

// FuzzHeadTail: nothing is lost uncounted, whatever the pieces.
func FuzzHeadTail(f *testing.F) {
	f.Add("one\ntwo\nthree\n", uint8(3), uint8(4), uint8(5))
	f.Fuzz(func(t *testing.T, text string, piece, head, tail uint8) {
		if !utf8.ValidString(text) {
			return
		}
		h := newHeadTail(int(head), int(tail))
		for rest := text; rest != ""; {
			n := min(int(piece)+1, len(rest))
			h.write([]byte(rest[:n]))
			rest = rest[n:]
		}
		got, cut := h.text()
		if cut == 0 {
			if got != text {
				t.Errorf("got %q", got)
			}
			return
		}
		first, last, ok := strings.Cut(got, fmt.Sprintf("[%d bytes of output are not kept]\n", cut))
		if !ok || len(h.head)+len(h.tail)+int(cut) != len(text) {
			t.Errorf("%d + %d bytes are kept and %d are cut of %d: %q", len(h.head), len(h.tail), cut, len(text), got)
		}
		if utf8.ValidString(string(h.head)) && !strings.HasPrefix(text, first) || utf8.ValidString(string(h.tail)) && !strings.HasSuffix(text, last) {
			t.Errorf("%q and %q are not the ends of %q", first, last, text)
		}
	})
}

func TestTableCache(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cache := func(t *testing.T) *tableCache {
		return &tableCache{dir: t.TempDir(), most: 10, clock: func() time.Time { return now }}
	}
	table := run.Table{Name: "x", Functions: []run.Function{{Name: "onGithub", Params: []run.Param{{Name: "a", Default: json.RawMessage(`"<b>"`)}}}}}
	put := func(t *testing.T, c *tableCache, key, version string) {
		t.Helper()
		if err := c.put(key, "host", version, table); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("gives what was put", func(t *testing.T) {
		c := cache(t)
		if _, ok := c.get("k", "host"); ok {
			t.Error("an empty cache knows a table")
		}
		put(t, c, "k", "v1")
		got, ok := c.get("k", "host")
		if diff := cmp.Diff(table, got); !ok || diff != "" {
			t.Error(ok, diff)
		}
		if _, ok := c.get("other", "host"); ok {
			t.Error("another key")
		}
		if _, ok := c.get("k", "other"); ok {
			t.Error("a host whose version is not known")
		}
	})
	t.Run("forgets when the engine is another", func(t *testing.T) {
		c := cache(t)
		put(t, c, "k", "v1")
		put(t, c, "other", "v2")
		if _, ok := c.get("k", "host"); ok {
			t.Error("the table is the old engine's")
		}
	})
	t.Run("does not believe a file that was changed", func(t *testing.T) {
		for name, change := range map[string]func(text []byte) []byte{
			"empty":     func([]byte) []byte { return nil },
			"cut":       func(b []byte) []byte { return b[:len(b)/2] },
			"edited":    func(b []byte) []byte { return []byte(strings.Replace(string(b), "onGithub", "onGitlab", 1)) },
			"not JSON":  func([]byte) []byte { return []byte("x") },
			"old":       func(b []byte) []byte { return []byte(strings.Replace(string(b), `"format":"1"`, `"format":"0"`, 1)) },
			"of no sum": func(b []byte) []byte { return []byte(strings.Replace(string(b), `"sum"`, `"mus"`, 1)) },
		} {
			c := cache(t)
			put(t, c, "k", "v1")
			file := c.file("k", "v1")
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, change(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, ok := c.get("k", "host"); ok {
				t.Errorf("a file that is %s is believed", name)
			}
			put(t, c, "k", "v1")
			if _, ok := c.get("k", "host"); !ok {
				t.Errorf("a file that is %s is not replaced", name)
			}
		}
	})
	t.Run("drops what was not used for longest", func(t *testing.T) {
		c := cache(t)
		for i := range 10 {
			now = now.Add(time.Minute)
			put(t, c, fmt.Sprint(i), "v1")
			if err := os.Chtimes(c.file(fmt.Sprint(i), "v1"), now, now); err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(time.Minute)
		if _, ok := c.get("0", "host"); !ok {
			t.Fatal("gone too soon")
		}
		put(t, c, "new", "v1")
		left, err := filepath.Glob(filepath.Join(c.dir, "*.json"))
		if err != nil || len(left) > 10 {
			t.Errorf("%d tables are kept: %v", len(left), err)
		}
		for key, want := range map[string]bool{"0": true, "new": true, "1": false} {
			if _, ok := c.get(key, "host"); ok != want {
				t.Errorf("table %s is kept: %t", key, ok)
			}
		}
		if leftovers, _ := filepath.Glob(filepath.Join(c.dir, ".new-*")); len(leftovers) > 0 {
			t.Errorf("left over: %v", leftovers)
		}
	})
	t.Run("says when it can't write", func(t *testing.T) {
		c := cache(t)
		c.dir = filepath.Join(c.dir, "gone")
		if err := c.put("k", "host", "v1", table); err == nil {
			t.Error("no error")
		}
	})
}

func TestReturned(t *testing.T) {
	str, object := run.Type{Kind: run.KindString}, run.Type{Kind: run.KindObject, Name: "File"}
	list := func(of run.Type) run.Type { return run.Type{Kind: run.KindList, Elem: &of} }
	tests := map[string]struct {
		typ  run.Type
		raw  string
		want string
	}{
		"a string":               {str, `"a\nb"`, "a\nb"},
		"a number":               {run.Type{Kind: run.KindFloat}, `1.5`, "1.5"},
		"an enum":                {run.Type{Kind: run.KindEnum}, `"LOUD"`, "LOUD"},
		"nothing":                {run.Type{Kind: run.KindVoid}, `null`, ""},
		"null":                   {str, `null`, ""},
		"a list":                 {list(str), `["a","b"]`, "a\nb"},
		"a list of lists":        {list(list(str)), `[["a"],["b","c"]]`, "[\"a\"]\n[\"b\",\"c\"]"},
		"an empty list":          {list(str), `[]`, ""},
		"an object":              {object, `{"id":"x"}`, ""},
		"a list of objects":      {list(object), `[{"id":"x"}]`, ""},
		"a list that isn't one":  {list(str), `"x"`, ""},
		"too much":               {str, `"` + strings.Repeat("x", maxValue+10) + `"`, strings.Repeat("x", maxValue) + "…"},
		"a type we do not know":  {run.Type{}, `{"a":1}`, `{"a":1}`},
		"a boolean":              {run.Type{Kind: run.KindBoolean}, `false`, "false"},
		"a scalar of the engine": {run.Type{Kind: run.KindScalar, Name: "JSON"}, `"{}"`, "{}"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := returned(tt.typ, json.RawMessage(tt.raw)); got != tt.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestOwnSelection(t *testing.T) {
	fn := func(returns string, args ...argDef) *objectDef {
		return &objectDef{Functions: []functionDef{{Name: "other"}, {Name: "sync", ReturnType: typeDef{Kind: returns, AsObject: &named{"X"}}, Args: args}}}
	}
	required, optional := argDef{Name: "a"}, argDef{Name: "a", TypeDef: typeDef{Optional: true}}
	tests := map[string]struct {
		object *objectDef
		want   string
	}{
		"no sync":                   {&objectDef{}, "{id}"},
		"a sync that gives a value": {fn("STRING_KIND"), "{sync}"},
		"a sync that gives nothing": {fn("VOID_KIND"), "{sync}"},
		"a sync that gives objects": {fn("OBJECT_KIND"), "{sync{id}}"},
		"a sync that wants more":    {fn("OBJECT_KIND", required), "{id}"},
		"a sync that would like to": {fn("OBJECT_KIND", optional), "{sync{id}}"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := ownSelection(tt.object, reading{}); got != tt.want {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestFailureTexts(t *testing.T) {
	tests := map[string]struct{ got, want string }{
		"trace marks are cut": {cutTrace("a [traceparent:0a-1b] b [traceparent:0a-1b]"), "a b"},
		"a command":           {ExecText([]string{"sh", "-c", "x"}, 3, "out\n", "err\n"), "exit code 3: sh -c x\nerr\nout"},
		"a long command":      {ExecText([]string{strings.Repeat("y", 300)}, 1, "", ""), "exit code 1: " + strings.Repeat("y", 200) + "…"},
		"a panic":             {PanicText("noise\npanic: oh\n\ngoroutine 1\n"), "panic: oh\nnoise\npanic: oh\n\ngoroutine 1"},
		"only a panic":        {PanicText("panic: oh"), "panic: oh"},
		"no panic":            {PanicText("all is well"), ""},
		"a compiler's line":   {placed("# pkg\n./main.go:1:2: undefined: x\n./main.go:9:9: y"), "./main.go:1:2: undefined: x"},
		"no compiler's line":  {placed("nothing here: 12"), ""},
		"the end of much":     {tail(strings.Repeat("0123456789\n", 10), 25), "…\n0123456789\n0123456789\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("got %q, want %q", tt.got, tt.want)
			}
		})
	}
}

func TestGone(t *testing.T) {
	origin := run.Origin{SHA: "3f2a"}
	var problem *event.Problem
	if err := gone(origin, errors.New("fatal: remote error: upload-pack: not our ref 3f2a")); !errors.As(err, &problem) {
		t.Errorf("a commit that is gone: %v", err)
	}
	for _, err := range []error{errors.New("Could not resolve host"), fmt.Errorf("not our ref: %w", run.ErrEngineLost), context.DeadlineExceeded} {
		if got := gone(origin, err); errors.As(got, &problem) || !errors.Is(got, err) {
			t.Errorf("%v: %v", err, got)
		}
	}
}

func TestSubmodules(t *testing.T) {
	const repo = "https://h.org/o/n"
	tests := map[string]struct {
		text string
		want []string
	}{
		"none":                 {"", nil},
		"one":                  {"[submodule \"a\"]\n\tpath = a\n\turl = https://h.org/o/a\n", []string{"https://h.org/o/a"}},
		"relative":             {"[submodule \"a\"]\n url=../b.git\n[submodule \"c\"]\n URL = ./c\n", []string{"https://h.org/o/b.git", "https://h.org/o/n/c"}},
		"climbing out":         {"url = ../../../../x\n", []string{"https://h.org/x"}},
		"quoted, commented":    {"url = \"https://h.org/o/#a\" # no\n", []string{"https://h.org/o/#a"}},
		"on the header's line": {"[submodule \"a\"] url = https://evil.org/x\n", []string{"https://evil.org/x"}},
		"continued":            {"url = https://evil.\\\norg/x\n", []string{"https://evil.org/x"}},
		"Windows' line ends":   {"[submodule \"a\"]\r\nurl = https://h.org/a\r\n", []string{"https://h.org/a"}},
		"other transports":     {"url = git@h.org:o/a\nurl = file:///etc\nurl = ext::sh\n", []string{"git@h.org:o/a", "file:///etc", "ext::sh"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, u := range submoduleURLs(tt.text) {
				got = append(got, resolveSubmodule(repo, u))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzSubmodules: whatever git takes for a submodule's URL is among those that
// are checked.
func FuzzSubmodules(f *testing.F) {
	git, err := exec.LookPath("git")
	if err != nil {
		f.Skip("no git to compare with")
	}
	for _, seed := range []string{
		"[submodule \"a\"]\n\tpath = a\n\turl = ../b\n", "[submodule \"a\"] url = \"x y\" ; c\n", "[submodule \"a\"]\nurl=a\\\nb\n",
		"[submodule \"a]\"]URL=\"a#b\"c\n", "[submodule \"\\\"]\"]\nurl = a\\tb\n", "[submodule.a]\nurl\nurl = \n", "\xef\xbb\xbf[submodule \"a\"]\nurl = x\n",
		"[submodule \"a\"]\nx = \"y\\\nurl = z\"\n", "[submodule \"a\"] url = https://h/x]\n", "[submodule \"a\"]\nx = y\\\\\nurl = z\n",
		"[submodule \"a\"]\n# c \\\nurl = z\n", "[submodule \"a\"]\nx = y # c \\\nurl = \" z \" w \n", "[submodule \"]\\\"]\"]\nurl=\"a;b\" ;c",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "\x00") || strings.Contains(strings.ToLower(text), "include") {
			return
		}
		cmd := exec.Command(git, "config", "--file", "-", "--null", "--get-regexp", `^submodule\..*\.url$`)
		cmd.Stdin, cmd.Dir = strings.NewReader(text), t.TempDir()
		out, err := cmd.Output()
		if err != nil {
			return // not a configuration file, or no URL in it
		}
		ours := submoduleURLs(text)
		for entry := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
			_, url, ok := strings.Cut(entry, "\n")
			if ok && url != "" && !slices.Contains(ours, url) {
				t.Errorf("git reads %q; we read %q", url, ours)
			}
		}
	})
}
