package engine

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// idOf is the answer to a query that ends in an id, however deep.
type idOf struct {
	Git struct {
		Commit struct {
			Tree struct{ ID string }
		}
	}
	Host struct {
		Directory struct {
			ID    string
			AsGit struct {
				Uncommitted struct {
					Before struct{ ID string }
				}
			}
		}
		File struct{ ID string }
	}
	SetSecret struct{ ID string }
	Directory struct {
		WithNewFile struct {
			File struct{ ID string }
		}
	}
	Node struct {
		ID     string
		Filter struct {
			ID       string
			AsModule struct{ ID string }
		}
		AsModule  struct{ ID string }
		Directory struct {
			ID     string
			Filter struct{ ID string }
		}
		File struct{ ID string }
	}
}

// tree gives the id of the tree that the module comes from, .git included. depth
// is as in run.Source: 1 is the commit alone, 0 is everything, with tags.
func (s *Session) tree(ctx context.Context, depth int) (string, error) {
	return s.treeOf(ctx, "tree", s.spec.Source.Tree.Origin, depth)
}

// src gives the id of the tree that the event is about: that of a fork's commit,
// where the module is not taken from there, with its submodules empty.
func (s *Session) src(ctx context.Context) (string, error) {
	head, depth := s.spec.Source.Head, s.spec.Source.Depth
	if head == nil {
		return s.tree(ctx, depth)
	}
	some, err := hasSubmodules(*head)
	if err != nil {
		return "", err
	}
	if some {
		return s.unfollowed(ctx, *head, depth)
	}
	id, err := s.treeOf(ctx, "head", head.Origin, depth)
	if errors.Is(err, errSubmodules) { // without addresses: none could be followed
		return s.unfollowed(ctx, *head, depth)
	}
	return id, err
}

func (s *Session) treeOf(ctx context.Context, name string, origin run.Origin, depth int) (string, error) {
	return s.memo.get(ctx, s.ctx, fmt.Sprint(name, " ", depth), func(ctx context.Context) (string, error) {
		if origin.Dir != "" {
			return s.hostDirectory(ctx, origin.Dir, nil, nil)
		}
		return s.gitTree(ctx, origin, depth)
	})
}

// hostDirectory is a folder of this machine without what git ignores.
func (s *Session) hostDirectory(ctx context.Context, dir string, include, exclude []string) (string, error) {
	var out idOf
	err := s.query(ctx, fmt.Sprintf(`{host{directory(path:%s,noCache:true,gitignore:true%s){id}}}`,
		literalString(dir), filterArgs(include, exclude)), nil, &out)
	if err != nil {
		return "", &fetchError{err}
	}
	return out.Host.Directory.ID, nil
}

// gitTree has the engine fetch the commit.
func (s *Session) gitTree(ctx context.Context, origin run.Origin, depth int) (string, error) {
	auth := ""
	if origin.Token != "" {
		id, err := s.secret(ctx, "git token of "+origin.URL, origin.Token)
		if err != nil {
			return "", err
		}
		auth = ",httpAuthToken:" + literalString(id)
		if origin.Username != "" {
			auth += ",httpAuthUsername:" + literalString(origin.Username)
		}
	}
	history := fmt.Sprintf("depth:%d", depth)
	if depth <= 0 {
		history = "depth:0,includeTags:true"
	}
	var out idOf
	err := s.query(ctx, fmt.Sprintf(`{git(url:%s%s){commit(id:%s){tree(%s){id}}}}`,
		literalString(origin.URL), auth, literalString(origin.SHA), history), nil, &out)
	if err != nil {
		return "", gone(origin, err)
	}
	return out.Git.Commit.Tree.ID, nil
}

// errSubmodules: the engine has the commit and could not get its submodules.
var errSubmodules = errors.New("submodules can't be fetched")

// gone tells a commit that is not there any more, or whose submodules can't be had,
// which people must hear of, from a code host that can't be reached, which is tried
// again. Of submodules the engine tells no more than that; they are on the host from
// which the commit just came.
func gone(origin run.Origin, err error) error {
	text := err.Error()
	if strings.Contains(text, "failed to update submodules") && !errors.Is(err, run.ErrEngineLost) {
		return &event.Problem{
			Public: fmt.Sprintf("the submodules of %s can't be fetched", origin.SHA),
			Hint: "each one needs its address in .gitmodules, a commit that its repository still has, and the agent's credential the right to read that; " +
				"a folder that was committed with its own .git in it is a submodule without an address",
			Err: fmt.Errorf("%w: %w", errSubmodules, err),
		}
	}
	for _, sign := range []string{"not our ref", "couldn't find remote ref", "unadvertised object", "sha fetch unsupported"} {
		if strings.Contains(text, sign) && !errors.Is(err, run.ErrEngineLost) {
			return &event.Problem{
				Public: fmt.Sprintf("the commit %s is gone: the code host does not serve it any more", origin.SHA),
				Hint:   "it was probably replaced by a force-push, or its branch was deleted",
				Err:    err,
			}
		}
	}
	return &fetchError{err}
}

// part gives the id of a folder or file of the event's tree.
func (s *Session) part(ctx context.Context, a run.Arg) (string, error) {
	name, err := s.place(a)
	if err != nil {
		return "", err
	}
	key := fmt.Sprintf("%s %q %q", a.Kind, name, a.Ignore)
	return s.memo.get(ctx, s.ctx, key, func(ctx context.Context) (string, error) {
		tree, err := s.tree(ctx, s.spec.Source.Depth)
		if err != nil {
			return "", err
		}
		var out idOf
		switch {
		case a.Kind == run.ArgFile:
			err = s.query(ctx, onDirectory(tree, fmt.Sprintf("file(path:%s){id}", literalString(name))), nil, &out)
			return out.Node.File.ID, err
		case name == "." && len(a.Ignore) == 0:
			return tree, nil
		case name == ".":
			err = s.query(ctx, onDirectory(tree, fmt.Sprintf("filter(exclude:%s){id}", literalStrings(a.Ignore))), nil, &out)
			return out.Node.Filter.ID, err
		case len(a.Ignore) == 0:
			err = s.query(ctx, onDirectory(tree, fmt.Sprintf("directory(path:%s){id}", literalString(name))), nil, &out)
			return out.Node.Directory.ID, err
		}
		err = s.query(ctx, onDirectory(tree, fmt.Sprintf("directory(path:%s){filter(exclude:%s){id}}",
			literalString(name), literalStrings(a.Ignore))), nil, &out)
		return out.Node.Directory.Filter.ID, err
	})
}

// place is where a default path points to, relative to the repository's root:
// an absolute one begins there, a relative one in the module's folder. It stays
// in the repository.
func (s *Session) place(a run.Arg) (string, error) {
	name := path.Join(s.plan.Path, a.Path)
	if path.IsAbs(a.Path) {
		name = path.Clean("." + path.Clean(a.Path))
	}
	if name == ".." || strings.HasPrefix(name, "../") {
		return "", fmt.Errorf("the default path %q of %s leaves the repository", a.Path, a.Name)
	}
	return name, nil
}

// onDirectory selects something of a directory that is known by its id.
func onDirectory(id, selection string) string {
	return fmt.Sprintf(`{node(id:%s){... on Directory{%s}}}`, literalString(id), selection)
}

// filterArgs are the arguments that narrow a directory.
func filterArgs(include, exclude []string) string {
	text := ""
	if len(include) > 0 {
		text += ",include:" + literalStrings(include)
	}
	if len(exclude) > 0 {
		text += ",exclude:" + literalStrings(exclude)
	}
	return text
}
