package main

import (
	"net/url"
	"strings"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/vcs/github"
)

// submodules says which submodules the engine may follow. It fetches them with
// the agent's token, which may read more than the repository's people may: so only
// on the configured host, and there those that may trigger if --repos names
// owners, else those of the repository's own owner.
func submodules(web string, repos config.Repos) func(repository, submodule string) bool {
	return func(repository, submodule string) bool {
		from, ok := fullName(web, repository)
		to, ok2 := fullName(web, submodule)
		if !ok || !ok2 {
			return false
		}
		if repos.Named() {
			return repos.Match(to)
		}
		owner, _, _ := strings.Cut(from, "/")
		other, _, _ := strings.Cut(to, "/")
		return strings.EqualFold(owner, other)
	}
}

// fullName is the owner/name of a repository's address on the host.
func fullName(web, address string) (string, bool) {
	base, err := url.Parse(web)
	if err != nil {
		return "", false
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != base.Scheme || !strings.EqualFold(u.Host, base.Host) || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", false
	}
	rest, ok := strings.CutPrefix(u.Path, strings.TrimSuffix(base.Path, "/")+"/")
	if !ok {
		return "", false
	}
	owner, name, _ := strings.Cut(strings.TrimSuffix(strings.TrimSuffix(rest, "/"), ".git"), "/")
	return owner + "/" + name, github.ValidName(owner) && github.ValidName(name)
}
