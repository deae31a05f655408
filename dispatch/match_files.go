package dispatch

import (
	"slices"
	"strings"
)

// changedFiles are the changed files' names, laid out so that a glob looks only
// at those that its fixed text allows: of a push of 10,000 files, a pattern for
// one folder or one kind of file sees few.
type changedFiles struct {
	sorted []string
	// kinds are the names by what follows their last dot, the dot included.
	kinds map[string][]string
}

func newChangedFiles(names []string) *changedFiles {
	if !slices.IsSorted(names) {
		names = slices.Sorted(slices.Values(names))
	}
	return &changedFiles{sorted: names}
}

// first finds a name that the globs accept: the first one of the first glob
// that has any.
func (f *changedFiles) first(g globs) (string, bool) {
	if len(g.accept) == 0 {
		i := slices.IndexFunc(f.sorted, func(name string) bool { return !anyMatches(g.except, name) })
		if i < 0 {
			return "", false
		}
		return f.sorted[i], true
	}
	for i := range g.accept {
		p := &g.accept[i]
		for _, name := range f.candidates(p) {
			if p.match(name) && !anyMatches(g.except, name) {
				return name, true
			}
		}
	}
	return "", false
}

// candidates are the names that may match; it leaves none out that does.
func (f *changedFiles) candidates(g *glob) []string {
	if g.prefix != "" {
		from, _ := slices.BinarySearch(f.sorted, g.prefix)
		to := len(f.sorted)
		if end, ok := after(g.prefix); ok {
			to, _ = slices.BinarySearch(f.sorted, end)
		}
		return f.sorted[from:to]
	}
	if kind := kindOf(g.suffix); kind != "" {
		return f.ofKind(kind)
	}
	return f.sorted
}

// after is the least text that sorts behind everything with this prefix.
func after(prefix string) (string, bool) {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return string(b[:i+1]), true
		}
	}
	return "", false
}

// ofKind are the names with this kind.
func (f *changedFiles) ofKind(kind string) []string {
	if f.kinds == nil {
		f.kinds = map[string][]string{}
		for _, name := range f.sorted {
			k := kindOf(name)
			f.kinds[k] = append(f.kinds[k], name)
		}
	}
	return f.kinds[kind]
}

// kindOf is what a name has from its last dot on: two names of which one ends
// in the other's tail with a dot in it have the same.
func kindOf(name string) string {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[i:]
	}
	return ""
}
