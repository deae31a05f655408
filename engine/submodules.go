package engine

import (
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
				Hint:   "submodules may lead to repositories only that the operator allows, and those of a fork's commit are never followed",
			}
		}
	}
	return nil
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
