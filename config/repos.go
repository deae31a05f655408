package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
)

// Repos says which repositories may trigger: globs of owner/name, compared
// without case as code hosts do, `!` excludes. The zero value lets all in.
type Repos struct{ accept, except []string }

// ParseRepos reads globs of owner/name. A `*` stops at the slash: `octo/*` is
// everything of octo.
func ParseRepos(globs []string) (Repos, error) {
	var r Repos
	for _, g := range globs {
		glob, except := strings.CutPrefix(strings.TrimSpace(g), "!")
		folded, err := repoGlob(glob)
		if err != nil {
			return Repos{}, err
		}
		if except {
			r.except = append(r.except, folded)
		} else {
			r.accept = append(r.accept, folded)
		}
	}
	return r, nil
}

// Match tells whether a repository (owner/name) may trigger.
func (r Repos) Match(fullName string) bool {
	name := strings.ToLower(fullName)
	if strings.Count(name, "/") != 1 {
		return false
	}
	matches := func(glob string) bool { return doublestar.MatchUnvalidated(glob, name) }
	if slices.ContainsFunc(r.except, matches) {
		return false
	}
	return len(r.accept) == 0 || slices.ContainsFunc(r.accept, matches)
}

// Named tells whether the operator says whose repositories these are: there are
// globs, and in each the owner is written out. Only then are the default grants
// made: `*/*` and `octo-*/*` let accounts in that anybody can make.
func (r Repos) Named() bool {
	return len(r.accept) > 0 && !slices.ContainsFunc(r.accept, func(glob string) bool {
		owner, _, _ := strings.Cut(glob, "/")
		return strings.ContainsAny(owner, `*?[{\`)
	})
}

// String is the globs as a list.
func (r Repos) String() string {
	all := slices.Clone(r.accept)
	for _, g := range r.except {
		all = append(all, "!"+g)
	}
	return strings.Join(all, ",")
}

// repoGlob checks and folds a glob of owner/name.
func repoGlob(glob string) (string, error) {
	if !utf8.ValidString(glob) {
		return "", fmt.Errorf("%s is not UTF-8", shown(glob))
	}
	glob = strings.ToLower(strings.TrimSpace(glob))
	if strings.HasPrefix(glob, "!") {
		return "", fmt.Errorf("%s can't be excluded here", shown(glob))
	}
	if err := checkGlob(glob); err != nil {
		return "", err
	}
	owner, name, ok := strings.Cut(glob, "/")
	switch {
	case !ok:
		return "", fmt.Errorf("%s is not owner/name: for all repositories of an owner write %s/*", shown(glob), glob)
	case owner == "" || name == "" || strings.Contains(name, "/"):
		return "", fmt.Errorf("%s is not owner/name", shown(glob))
	case strings.ContainsAny(glob, " \t\r\n") || hasControl(glob):
		return "", fmt.Errorf("%s holds space or control characters", shown(glob))
	}
	if !doublestar.ValidatePattern(owner) || !doublestar.ValidatePattern(name) {
		return "", fmt.Errorf("%s: write one glob for each owner; the slash can't stand in braces or brackets", shown(glob))
	}
	return glob, nil
}

// fullName checks an exact owner/name and folds it.
func fullName(s string) (string, error) {
	folded, err := repoGlob(s)
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(folded, `*?[]{}\!`) {
		return "", errors.New(shown(s) + " must be one repository, without wildcards")
	}
	return folded, nil
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}
