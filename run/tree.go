package run

import (
	"context"
	"io/fs"
)

// Tree is a repository at the event's commit, as git gave it.
type Tree struct {
	// SHA is the commit.
	SHA string
	// Hash is the root tree's object id: equal content, equal hash.
	Hash string
	// HasDiff tells an event without a diff from one that changed nothing.
	HasDiff bool
	// Changes are the changed files' exact names, deleted ones and both names of
	// a rename included, sorted. Deleted are those of them that are gone.
	Changes, Deleted []string
	// Files reads the tree.
	Files Files
	// Origin is where the engine gets the same content from.
	Origin Origin
}

// Files reads one tree of a repository. Names are slash-separated paths as in
// io/fs; Lstat and ReadLink see symlinks, and a submodule is an irregular file.
type Files interface {
	fs.ReadLinkFS
	fs.ReadFileFS
	fs.ReadDirFS
	// Hash is the git object id of the file or folder ("." is the root):
	// equal content, equal hash.
	Hash(ctx context.Context, name string) (string, error)
}

// Origin is where the engine gets a tree's content: a repository and a commit,
// or a folder of this machine.
type Origin struct {
	// URL is the repository's https (or loopback http) address, without credentials.
	URL string
	// Ref is the ref through which SHA is reachable; may be empty.
	Ref string
	SHA string
	// Username and Token are for URL's host only. They are never stored.
	Username string `json:"-"`
	Token    string `json:"-"`
	// Dir is a folder of this machine, instead of URL.
	Dir string
}

// Source is what the engine needs to load a module: a tree and a place in it.
type Source struct {
	// Tree is what the module is loaded from, and what parameters with a default
	// path are filled from.
	Tree Tree
	// Head is where `src` comes from, if that is not Tree: the commit of a fork,
	// whose module and settings must not be used. Its submodules are not followed.
	Head *Tree
	// RepoID keys what is kept apart between repositories (secrets' names).
	RepoID int64
	// ModulePath is the folder of the module, relative to the tree's root ("." is it).
	ModulePath string
	// Depth is the history in src: 1 is the commit alone, 0 everything, with tags.
	Depth int
	// Lane keeps trusted and untrusted work apart.
	Lane Lane
}

// Subject is the tree that the event is about: Head if there is one, else Tree.
func (s Source) Subject() Tree {
	if s.Head != nil {
		return *s.Head
	}
	return s.Tree
}

// Lane is where an event's calls run.
type Lane string

const (
	LaneTrusted   Lane = "trusted"
	LaneUntrusted Lane = "untrusted"
)
