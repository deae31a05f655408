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

// submoduleURLs are the URLs in a .gitmodules, as they are written. It reads
// generously: a line that git would not take for a URL may be among them.
func submoduleURLs(text string) []string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\\\n", "")
	var urls []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		// A section's header may be followed by a key on the same line.
		if strings.HasPrefix(line, "[") {
			if i := strings.LastIndexByte(line, ']'); i >= 0 {
				line = strings.TrimSpace(line[i+1:])
			}
		}
		key, value, ok := strings.Cut(line, "=")
		if ok && strings.EqualFold(strings.TrimSpace(key), "url") {
			urls = append(urls, unquote(strings.TrimSpace(value)))
		}
	}
	return urls
}

// unquote takes a value out of the quotes and escapes of git's configuration
// files, and a comment off its end.
func unquote(value string) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && i+1 < len(value):
			i++
			b.WriteByte(value[i])
		case (c == '#' || c == ';') && !quoted:
			return strings.TrimSpace(b.String())
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
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
