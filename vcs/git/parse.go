package git

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// commit is what we need to know of one.
type commit struct {
	oid, tree string
	parents   []string
}

// parseCommit reads a commit's header.
func parseCommit(o object) (commit, error) {
	c := commit{oid: o.oid}
	for line := range bytes.Lines(o.data) {
		key, value, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		switch {
		case key == "tree" && isSHA(value) && c.tree == "":
			c.tree = value
		case key == "parent" && isSHA(value) && c.tree != "":
			c.parents = append(c.parents, value)
		default:
			if o.kind != "commit" || c.tree == "" {
				return commit{}, fmt.Errorf("%w: %s is not a commit", errBroken, o.oid)
			}
			return c, nil
		}
	}
	if o.kind != "commit" || c.tree == "" {
		return commit{}, fmt.Errorf("%w: %s is not a commit", errBroken, o.oid)
	}
	return c, nil
}

// File modes of git's trees.
const (
	modeKind = 0o170000
	modeDir  = 0o040000
	modeFile = 0o100000
	modeLink = 0o120000
	modeSub  = 0o160000
)

// entry is one name in a tree.
type entry struct {
	name string
	mode uint32
	oid  string
}

func (e entry) kind() uint32 { return e.mode & modeKind }

// parseTree reads a tree object whose entries' names have idSize bytes. Names
// that could lead out of their folder are refused.
func parseTree(data []byte, idSize int) ([]entry, error) {
	var entries []entry
	for len(data) > 0 {
		head, rest, ok := bytes.Cut(data, []byte{0})
		mode, name, spaced := bytes.Cut(head, []byte(" "))
		if !ok || !spaced || len(rest) < idSize {
			return nil, errors.New("tree is cut off")
		}
		m, err := strconv.ParseUint(string(mode), 8, 32)
		if err != nil {
			return nil, fmt.Errorf("tree holds mode %q", mode)
		}
		e := entry{name: string(name), mode: uint32(m), oid: hex.EncodeToString(rest[:idSize])}
		if !validName(e.name) {
			return nil, fmt.Errorf("tree holds the name %q", name)
		}
		switch e.kind() {
		case modeDir, modeFile, modeLink, modeSub:
		default:
			return nil, fmt.Errorf("tree holds mode %q", mode)
		}
		entries, data = append(entries, e), rest[idSize:]
	}
	return entries, nil
}

// validName tells whether a name is one step down.
func validName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}
