package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// defaultGrants are made to all repositories, if the operator names them.
func defaultGrants() []string {
	return []string{"GITHUB_USERNAME", "GITHUB_TOKEN", secretPrefix + "*"}
}

// secretPrefix begins the names of variables that are there to be secrets.
const secretPrefix = "POCKETCI_SECRET_"

// Grants says which of the agent's variables a repository may have as secrets.
// The zero value grants nothing.
type Grants struct{ rules []grantRule }

// grantRule is one grant, or one that takes grants away.
type grantRule struct {
	deny bool
	// repo and ref are globs; empty ones fit all.
	repo, ref string
	// name is a variable's; if prefix is true, the beginning of one.
	name   string
	prefix bool
}

// ParseGrants reads grants of the form `[owner/name[@ref-glob]=]NAME` and
// `-[owner/name[@ref-glob]=]NAME`, which takes away what stands before it.
//
//   - owner/name may be a glob and is compared without case; without it the grant
//     is to all repositories.
//   - ref-glob is matched against the event's ref. One that does not begin with
//     refs/ is a branch: `main` is refs/heads/main. Tags are refs/tags/…; a pull
//     request's ref is refs/pull/<n>/head, so a branch's grant is not its.
//   - NAME may end in `*`, if there is something before it.
//
// defaults puts the default grants before the others.
func ParseGrants(specs []string, defaults bool) (Grants, error) {
	if defaults {
		specs = slices.Concat(defaultGrants(), specs)
	}
	var g Grants
	for _, s := range specs {
		rule, err := parseGrant(s)
		if err != nil {
			return Grants{}, err
		}
		g.rules = append(g.rules, rule)
	}
	return g, nil
}

func parseGrant(spec string) (grantRule, error) {
	var r grantRule
	rest, deny := strings.CutPrefix(strings.TrimSpace(spec), "-")
	r.deny = deny
	// A ref may hold an equals sign, a name can't.
	name := rest
	if i := strings.LastIndexByte(rest, '='); i >= 0 {
		scope := rest[:i]
		name = rest[i+1:]
		repo, ref, hasRef := strings.Cut(scope, "@")
		var err error
		if r.repo, err = repoGlob(repo); err != nil {
			return r, err
		}
		if hasRef {
			if err := checkGlob(ref); err != nil {
				return r, fmt.Errorf("ref of %s: %w", shown(spec), err)
			}
			r.ref = fullRef(ref)
		}
	}
	r.name, r.prefix = strings.CutSuffix(name, "*")
	switch {
	case !isVariable(r.name):
		return r, fmt.Errorf("%s is not [owner/name[@ref]=]NAME: %s is no variable's name", shown(spec), shown(name))
	case deny, r.prefix && r.name == secretPrefix:
	case r.prefix && strings.HasPrefix(secretPrefix, r.name):
		return r, errors.New(shown(spec) + " is too wide; write " + secretPrefix + "*")
	case forbidden(r.name):
		return r, fmt.Errorf("%s is the agent's own and can't be granted", r.name)
	}
	return r, nil
}

// Allows tells whether a repository (owner/name) may have a variable as a secret
// for an event on ref, which is a full name such as refs/heads/main; for an event
// without one, that of the default branch.
func (g Grants) Allows(repo, ref, name string) bool {
	if forbidden(name) {
		return false
	}
	allowed := false
	for _, r := range g.rules {
		if r.fits(repo, ref, name) {
			allowed = !r.deny
		}
	}
	return allowed
}

func (r grantRule) fits(repo, ref, name string) bool {
	if name != r.name && (!r.prefix || !strings.HasPrefix(name, r.name)) {
		return false
	}
	if r.repo != "" && !doublestar.MatchUnvalidated(r.repo, strings.ToLower(repo)) {
		return false
	}
	return r.ref == "" || doublestar.MatchUnvalidated(r.ref, ref)
}

// mentions tells whether any grant is of this variable, to whomever.
func (g Grants) mentions(name string) bool {
	return !forbidden(name) && slices.ContainsFunc(g.rules, func(r grantRule) bool {
		return !r.deny && (name == r.name || r.prefix && strings.HasPrefix(name, r.name))
	})
}

// fullRef makes a branch's glob one of a full ref's.
func fullRef(glob string) string {
	if strings.HasPrefix(glob, "refs/") {
		return glob
	}
	return "refs/heads/" + glob
}

// own are the agent's variables besides POCKETCI_*: the webhook's secret and
// the credentials of its engine and store.
func own() []string {
	return []string{
		hookVariable, "PGPASSWORD", "PGPASSFILE", "PGSERVICE", "PGSERVICEFILE", "PGUSER", "PGHOST", "PGHOSTADDR",
		"PGSSLKEY", "PGSSLPASSWORD", "PGSSLCERT", "PGOPTIONS",
	}
}

// forbidden tells whether a variable can never be a secret of a repository.
func forbidden(name string) bool {
	upper := strings.ToUpper(name)
	switch {
	case strings.HasPrefix(upper, secretPrefix):
		return len(upper) == len(secretPrefix)
	case strings.HasPrefix(upper, "POCKETCI_"), upper == "POCKETCI":
		return true
	case strings.HasPrefix(upper, appPrefix):
		return true
	case strings.HasPrefix(upper, "DAGGER_"), strings.HasPrefix(upper, "_EXPERIMENTAL_DAGGER_"):
		return true
	}
	return slices.Contains(own(), upper)
}

// isVariable tells whether it can be the name of an environment variable.
func isVariable(name string) bool {
	for i, c := range name {
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', c == '_', i > 0 && '0' <= c && c <= '9':
		default:
			return false
		}
	}
	return name != ""
}
