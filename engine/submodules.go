package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// checkSubmodules refuses a tree with submodules that are not allowed, before
// the engine, which fetches them along with every tree and with the repository's
// own credentials, would follow them. Without allow none is. Submodules of
// submodules can't be seen from here: allow only repositories that are trusted
// with that.
func checkSubmodules(tree run.Tree, allow func(repository, submodule string) bool) error {
	if tree.Origin.URL == "" {
		return nil // a working tree is handed over as it is
	}
	text, err := tree.Files.ReadFile(".gitmodules")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("read .gitmodules: %w", err)
	}
	for _, line := range submoduleURLs(string(text)) {
		target := resolveSubmodule(tree.Origin.URL, line)
		if allow == nil || !allow(tree.Origin.URL, target) {
			return &event.Problem{
				Public: fmt.Sprintf("the submodule %s is not allowed", clip(line, 200)),
				Hint:   "submodules may lead to repositories only that the operator allows",
			}
		}
	}
	return nil
}

// packer is what the files of a tree may offer: a folder of this machine with a
// repository that holds the tree's commit, as deep as depth says, and no files.
type packer interface {
	Pack(ctx context.Context, depth int) (dir string, err error)
}

// hasSubmodules tells whether an engine that fetches the tree would look for
// submodules, whatever .gitmodules is and says.
func hasSubmodules(tree run.Tree) (bool, error) {
	_, err := tree.Files.Lstat(".gitmodules")
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for submodules: %w", err)
	}
	return true, nil
}

// unfollowed gives the id of a tree whose submodules are empty folders. An engine
// that fetches a commit follows its submodules, and nothing keeps it from that. So it
// gets the commit from here, in a repository without files, and restores them:
// what is uncommitted there is that all of them are gone, and before that they were
// there.
func (s *Session) unfollowed(ctx context.Context, tree run.Tree, depth int) (string, error) {
	p, ok := tree.Files.(packer)
	if !ok {
		return "", &event.Problem{
			Public: "the commit has submodules, which are not followed for commits of forks",
			Hint:   "push the commit to a branch of the repository to run it with them",
		}
	}
	return s.memo.get(ctx, s.ctx, fmt.Sprint("unfollowed ", depth), func(ctx context.Context) (string, error) {
		dir, err := p.Pack(ctx, depth)
		var problem *event.Problem
		if errors.As(err, &problem) {
			return "", err
		}
		if err != nil {
			return "", &fetchError{err}
		}
		var out idOf
		err = s.query(ctx, fmt.Sprintf(`{host{directory(path:%s,noCache:true){asGit{uncommitted{before{id}}}}}}`, literalString(dir)), nil, &out)
		if err != nil {
			return "", &fetchError{err}
		}
		return out.Host.Directory.AsGit.Uncommitted.Before.ID, nil
	})
}

// resolveSubmodule makes a relative URL (./x, ../x) absolute, as git does.
func resolveSubmodule(repository, target string) string {
	if !strings.HasPrefix(target, "./") && !strings.HasPrefix(target, "../") {
		return target
	}
	u, err := url.Parse(repository)
	if err != nil {
		return target
	}
	u.Path = path.Join("/", u.Path, target)
	u.RawPath = ""
	return u.String()
}
