package git

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/vcs/git/gittest"
)

// refNames are names at the edge of what git allows.
func refNames() []string {
	names := []string{
		"refs/heads/main", "refs/heads/feature/x", "refs/heads/-x", "refs/heads/--upload-pack=x", "refs/heads/$(x)", "refs/heads/`x`", `refs/heads/"x"`,
		"refs/heads/x'y", "refs/heads/x;y", "refs/heads/x&y|z", "refs/heads/été", "refs/heads/\xff", "refs/heads/日本", "refs/heads/@", "refs/heads/@x", "refs/heads/x@y",
		"refs/heads/x!", "refs/heads/#1", "refs/heads/{x}", "refs/heads/x,y", "refs/heads/<x>", "refs/heads/(x)", "refs/heads/x%y", "refs/heads/x+y=z",
		"refs/heads/x.y", "refs/heads/x.lockk", "refs/heads/lock", "refs/heads/x.LOCK", "refs/heads/HEAD", "a/b", "refs/heads/0000000000000000000000000000000000000000",
		// not allowed:
		"", "/", "main", "@", "refs", "refs/", "refs/heads/", "/refs/heads/x", "refs//heads/x", "refs/heads/x/", "refs/heads/x//y", "refs/heads/.x", "refs/.heads/x",
		"refs/heads/x/.y", "refs/heads/x..y", "refs/heads/..", "refs/heads/.", "refs/heads/x.", "refs/heads/x.lock", "refs/heads/x.lock/y", "refs/heads/@{", "refs/heads/x@{1}",
		"refs/heads/x y", "refs/heads/x~1", "refs/heads/x^", "refs/heads/x:y", "refs/heads/x?", "refs/heads/x*", "refs/heads/x[y", `refs/heads/x\y`,
		"refs/heads/x\ty", "refs/heads/x\ny", "refs/heads/x\x7f", "refs/heads/x\x01", "refs/heads/x ",
	}
	for c := 1; c < 256; c++ {
		names = append(names, "refs/heads/a"+string([]byte{byte(c)})+"b", "refs/heads/"+string([]byte{byte(c)}), "refs/heads/a"+string([]byte{byte(c)}))
	}
	return names
}

// TestValidRef: the same names as git.
func TestValidRef(t *testing.T) {
	for _, name := range refNames() {
		cmd := exec.CommandContext(t.Context(), "git", "check-ref-format", name)
		cmd.Env = gittest.Env()
		if want := cmd.Run() == nil; validRef(name) != want {
			t.Errorf("%q: %v, git says %v", name, !want, want)
		}
	}
}

func FuzzValidRef(f *testing.F) {
	for _, name := range refNames()[:80] {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if strings.Contains(name, "\x00") {
			if validRef(name) {
				t.Error("a name with a zero byte")
			}
			return
		}
		cmd := exec.CommandContext(t.Context(), "git", "check-ref-format", name)
		cmd.Env = gittest.Env()
		if want := cmd.Run() == nil; validRef(name) != want {
			t.Errorf("%q: %v, git says %v", name, !want, want)
		}
	})
}

func TestSlots(t *testing.T) {
	names := make([]string, 2*slotCount)
	for i := range names {
		names[i] = fmt.Sprintf("refs/heads/%d", i)
	}
	got := slots(names)
	seen := map[string]bool{}
	for i, ref := range got {
		if ref == "" {
			continue
		}
		if seen[ref] || !validRef(ref) {
			t.Errorf("%s: %s", names[i], ref)
		}
		seen[ref] = true
	}
	if len(seen) != slotCount {
		t.Errorf("%d slots", len(seen))
	}
	if a, b := slots([]string{"x"})[0], slots([]string{"x", "y"})[0]; a != b {
		t.Errorf("one name, two slots: %s, %s", a, b)
	}
}

func TestIsSHA(t *testing.T) {
	for s, want := range map[string]bool{
		noSHA: true, strings.Repeat("f", 64): true,
		"": false, noSHA[:39]: false, noSHA + "0": false, strings.ToUpper(strings.Repeat("f", 40)): false, "-" + noSHA[1:]: false, strings.Repeat("g", 40): false,
	} {
		if isSHA(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
	if !isZero(zeroSHA) || !isZero("") || isZero(noSHA) {
		t.Error("zeros")
	}
}

// rawTree writes a tree object.
func rawTree(entries ...entry) []byte {
	var b bytes.Buffer
	for _, e := range entries {
		id, _ := hex.DecodeString(e.oid)
		fmt.Fprintf(&b, "%s %s\x00%s", strconv.FormatUint(uint64(e.mode), 8), e.name, id)
	}
	return b.Bytes()
}

func TestParseTree(t *testing.T) {
	want := []entry{{"a", 0o100644, noSHA}, {"b c\n", 0o40000, noSHA}, {"\xff", 0o120000, zeroSHA}, {"sub", 0o160000, noSHA}, {"old", 0o100664, noSHA}}
	got, err := parseTree(rawTree(want...), 20)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(entry{})); diff != "" || err != nil {
		t.Error(diff, err)
	}
	long := []entry{{"a", 0o100644, strings.Repeat("ab", 32)}}
	if got, err := parseTree(rawTree(long...), 32); err != nil || got[0].oid != long[0].oid {
		t.Errorf("sha256: %v, %v", got, err)
	}
	for name, data := range map[string][]byte{
		"cut in the id":   rawTree(want...)[:20],
		"cut in the name": []byte("100644 a"),
		"no mode":         []byte("a\x00" + strings.Repeat("x", 20)),
		"a bad mode":      []byte("9 a\x00" + strings.Repeat("x", 20)),
		"a device":        rawTree(entry{"a", 0o020000, noSHA}),
		"no name":         rawTree(entry{"", 0o100644, noSHA}),
		"this folder":     rawTree(entry{".", 0o40000, noSHA}),
		"one up":          rawTree(entry{"..", 0o40000, noSHA}),
		"two steps":       rawTree(entry{"a/b", 0o100644, noSHA}),
		"from the root":   rawTree(entry{"/a", 0o100644, noSHA}),
	} {
		if got, err := parseTree(data, 20); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzParseTree(f *testing.F) {
	f.Add(rawTree(entry{"a", 0o100644, noSHA}, entry{"b", 0o40000, noSHA}))
	f.Add([]byte("100644 a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := parseTree(data, 20)
		if err != nil {
			return
		}
		for _, e := range entries {
			if !validPath(e.name) || !isSHA(e.oid) {
				t.Errorf("entry %+v", e)
			}
		}
		again, err := parseTree(rawTree(entries...), 20)
		if diff := cmp.Diff(entries, again, cmp.AllowUnexported(entry{})); diff != "" || err != nil {
			t.Error(diff, err)
		}
	})
}

func TestParseCommit(t *testing.T) {
	a, b, tree := strings.Repeat("a", 40), strings.Repeat("b", 40), strings.Repeat("c", 40)
	for _, tc := range []struct {
		name, kind, text string
		want             commit
		bad              bool
	}{
		{"a root", "commit", "tree " + tree + "\nauthor x\n\nparent " + a, commit{noSHA, tree, nil}, false},
		{"a merge", "commit", "tree " + tree + "\nparent " + a + "\nparent " + b + "\nauthor x\n\n", commit{noSHA, tree, []string{a, b}}, false},
		{"a parent in the message", "commit", "tree " + tree + "\nparent " + a + "\nauthor x\n\nparent " + b + "\n", commit{noSHA, tree, []string{a}}, false},
		{"nothing after the tree", "commit", "tree " + tree, commit{noSHA, tree, nil}, false},
		{"a tag", "tag", "object " + a + "\ntype commit\n", commit{}, true},
		{"a tree before it", "commit", "parent " + a + "\ntree " + tree + "\n", commit{}, true},
		{"a tree that is none", "commit", "tree ../x\n", commit{}, true},
		{"nothing", "commit", "", commit{}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parseCommit(object{oid: noSHA, kind: tc.kind, data: []byte(tc.text)})
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(commit{})); diff != "" || (err != nil) != tc.bad {
				t.Error(diff, err)
			}
		})
	}
}

func FuzzParseCommit(f *testing.F) {
	f.Add([]byte("tree " + noSHA + "\nparent " + noSHA + "\nauthor x\n\nmessage"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseCommit(object{oid: noSHA, kind: "commit", data: data})
		if err != nil {
			return
		}
		for _, id := range append(c.parents, c.tree) {
			if !isSHA(id) {
				t.Errorf("id %q", id)
			}
		}
	})
}

func TestParseHeader(t *testing.T) {
	for line, want := range map[string]string{
		noSHA + " blob 12":           "",
		"x^{commit} missing":         "object is missing",
		"x^{commit} ambiguous":       "object is missing",
		noSHA + " blob":              `git cat-file said "` + noSHA + ` blob"`,
		noSHA + " blob -1":           `git cat-file said "` + noSHA + ` blob -1"`,
		noSHA + " blob 1x":           `git cat-file said "` + noSHA + ` blob 1x"`,
		"blob 12 " + noSHA:           `git cat-file said "blob 12 ` + noSHA + `"`,
		"":                           `git cat-file said ""`,
		"something else was missing": `git cat-file said "something else was missing"`,
	} {
		got, err := parseHeader(line, "x^{commit}")
		if want == "" && (err != nil || got.kind != "blob" || got.size != 12) || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%q: %+v, %v", line, got, err)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add(noSHA+" blob 12", "HEAD")
	f.Add("HEAD missing", "HEAD")
	f.Fuzz(func(t *testing.T, line, spec string) {
		got, err := parseHeader(line, spec)
		if err == nil && (!isSHA(got.oid) || got.size < 0) {
			t.Errorf("%+v", got)
		}
	})
}

// FuzzSplitter: however a stream is cut, the records are the same.
func FuzzSplitter(f *testing.F) {
	f.Add([]byte("M\x00a\nb\x00D\x00\x00"), 3)
	f.Add([]byte("no end"), 1)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		size = max(1, size%64)
		var got []string
		s := &splitter{sep: 0, fn: func(r []byte) error { got = append(got, string(r)); return nil }}
		for i := 0; i < len(data); i += size {
			if _, err := s.Write(data[i:min(i+size, len(data))]); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.flush(); err != nil {
			t.Fatal(err)
		}
		want := strings.Split(string(data), "\x00")
		if want[len(want)-1] == "" {
			want = want[:len(want)-1]
		}
		if diff := cmp.Diff(want, got, cmpEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSplitterIsBounded(t *testing.T) {
	s := &splitter{sep: 0, fn: func([]byte) error { return nil }}
	if _, err := s.Write(bytes.Repeat([]byte("x"), maxRecord+1)); err == nil {
		t.Error("a record without end")
	}
	fn := bounded(func([]byte) {})
	for range maxNames/maxRecord + 1 {
		if err := fn(bytes.Repeat([]byte("x"), maxRecord)); err != nil {
			wantProblem(t, err, nil, "the event changes too many files")
			return
		}
	}
	t.Error("names without end")
}

func TestParseAddress(t *testing.T) {
	for address, want := range map[string][3]string{
		"https://github.com/octo/hello.git":              {"github.com", "octo", "hello"},
		"https://github.com/octo/hello":                  {"github.com", "octo", "hello"},
		"https://github.com/octo/hello/":                 {"github.com", "octo", "hello"},
		"https://octo:s3cret@git.example.com:8443/o/h":   {"git.example.com", "o", "h"},
		"http://127.0.0.1:8080/octo/hello":               {"127.0.0.1", "octo", "hello"},
		"ssh://git@github.com:22/octo/hello.git":         {"github.com", "octo", "hello"},
		"git@github.com:octo/hello.git":                  {"github.com", "octo", "hello"},
		"github.com:octo/hello":                          {"github.com", "octo", "hello"},
		"git@gitlab.com:group/sub/hello.git":             {"gitlab.com", "group/sub", "hello"},
		"git://github.com/octo/hello.git":                {"github.com", "octo", "hello"},
		"git@github.com:octo/.git.git":                   {"github.com", "octo", ".git"},
		"/srv/git/octo/hello.git":                        {},
		"../octo/hello":                                  {},
		"file:///srv/git/octo/hello.git":                 {},
		"file://host/srv/git/octo/hello.git":             {},
		`C:\work\octo\hello`:                             {},
		"C:/work/octo/hello":                             {},
		"https://github.com/hello":                       {},
		"https://github.com/":                            {},
		"":                                               {},
		"origin":                                         {},
		"https://github.com/octo/hello%20x":              {"github.com", "octo", "hello x"},
		"/srv/with:colon/octo/hello":                     {},
		"https://[::1]:80/octo/hello":                    {"::1", "octo", "hello"},
		"git@github.com:/octo/hello.git":                 {"github.com", "octo", "hello"},
		"https://github.com//octo//hello":                {"github.com", "octo/", "hello"},
		"user@host.example.com:~user/octo/hello.git":     {"host.example.com", "~user/octo", "hello"},
		"https://github.com/octo/hello.git?x=1#fragment": {"github.com", "octo", "hello"},
	} {
		var got [3]string
		got[0], got[1], got[2] = parseAddress(address)
		if got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"https://u:p@github.com/octo/hello.git", "git@github.com:octo/hello.git", "C:/x/y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		host, owner, name := parseAddress(address)
		all := []string{host, owner, name}
		some, every := false, true
		for _, s := range all {
			some, every = some || s != "", every && s != ""
		}
		if some != every || strings.Contains(name, "/") {
			t.Errorf("%q: %q", address, all)
		}
	})
}

func FuzzAddRef(f *testing.F) {
	f.Add(noSHA + "\trefs/tags/v1\n" + noSHA + "\trefs/tags/v1^{}\n")
	f.Fuzz(func(t *testing.T, lines string) {
		var refs []Ref
		for line := range strings.Lines(lines) {
			refs = addRef(refs, strings.TrimSuffix(line, "\n"))
		}
		for _, r := range refs {
			if !isSHA(r.Commit()) || strings.HasSuffix(r.Name, "^{}") || !strings.HasPrefix(r.Name, "refs/") {
				t.Errorf("%+v", r)
			}
		}
	})
}
