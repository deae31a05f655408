package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/spf13/pflag"

	"github.com/franela/pocketci/event"
)

// Same is the value of --untrusted-engine that has approved commits of strangers
// run beside everything else: the operator's word that approval is enough.
const Same = "same"

// Untrusted is what the operator decided about commits that are not a
// repository's own. The zero value lets none of them run.
type Untrusted struct {
	// Engines are the runner hosts for them, Same alone, or none.
	Engines []string
	// Secrets are those that functions get there all the same.
	Secrets UntrustedSecrets
	// Forks are the repositories in which forks of those who may write to them
	// count as the repository itself.
	Forks Forks
}

// bind registers the flags.
func (u *Untrusted) bind(fs *pflag.FlagSet) {
	bindList(fs, "untrusted-engine", "host", "Dagger runner hosts for approved commits of forks; "+Same+": they run beside everything else (default: they don't run)",
		func(all []string) (err error) { u.Engines, err = parseUntrustedEngines(all); return err })
	bindList(fs, "untrusted-secret", "owner/name=function:NAME", "granted variables that a function has as secrets even for an approved commit of a fork",
		func(all []string) (err error) { u.Secrets, err = ParseUntrustedSecrets(all); return err })
	bindList(fs, "trust-collaborator-forks", "globs", "owner/name globs of the repositories in which a fork counts as the repository itself, if its owner may write there",
		func(all []string) (err error) { u.Forks, err = ParseForks(all); return err })
}

// Beside tells that they run beside everything else.
func (u *Untrusted) Beside() bool { return slices.Contains(u.Engines, Same) }

// Apart refuses, with an [*event.Problem], an engine that is among those for
// everything else, without a word that this is meant.
func (u *Untrusted) Apart(engines []string) error {
	for _, host := range u.Engines {
		if host != Same && slices.Contains(engines, host) {
			return &event.Problem{
				Public: "--untrusted-engine: " + host + " is the engine for everything else (--engine)",
				Hint:   "a function can become root in an engine; name another one, or say " + Same + " if approval is enough for you",
			}
		}
	}
	return nil
}

func parseUntrustedEngines(all []string) ([]string, error) {
	if slices.Contains(all, Same) {
		if len(all) > 1 {
			return nil, fmt.Errorf("%s stands alone: there is no other engine then", Same)
		}
		return all, nil
	}
	hosts, err := parseEngines(all)
	if err != nil {
		return nil, fmt.Errorf("%w, nor %s", err, Same)
	}
	return hosts, nil
}

// UntrustedSecrets are the secrets that functions have for commits that are not
// the repository's own. The zero value lists none.
type UntrustedSecrets struct{ rules []untrustedRule }

// untrustedRule lists one variable for one function of a repository's glob.
type untrustedRule struct{ repo, function, name string }

// ParseUntrustedSecrets reads `owner/name=function:NAME`. The repository may be a
// glob; the function and the variable are written out. The function is compared
// without case and dashes.
func ParseUntrustedSecrets(specs []string) (UntrustedSecrets, error) {
	var s UntrustedSecrets
	for _, spec := range specs {
		repo, rest, scoped := strings.Cut(spec, "=")
		function, name, named := strings.Cut(rest, ":")
		if !scoped || !named || !isFunction(function) || !isVariable(name) {
			return UntrustedSecrets{}, fmt.Errorf("%s is not owner/name=function:NAME, with a function and a variable", shown(spec))
		}
		if forbidden(name) {
			return UntrustedSecrets{}, fmt.Errorf("%s is the agent's own and can't be given", name)
		}
		glob, err := repoGlob(repo)
		if err != nil {
			return UntrustedSecrets{}, err
		}
		s.rules = append(s.rules, untrustedRule{glob, foldName(function), name})
	}
	return s, nil
}

// isFunction tells whether it can be the name of a function, in any casing.
func isFunction(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_')
	})
}

// Allows tells whether a variable is listed for a function of a repository
// (owner/name).
func (s UntrustedSecrets) Allows(repo, function, name string) bool {
	repo, function = strings.ToLower(repo), foldName(function)
	return slices.ContainsFunc(s.rules, func(r untrustedRule) bool {
		return r.name == name && r.function == function && doublestar.MatchUnvalidated(r.repo, repo)
	})
}

// Forks are repositories whose collaborators' forks are trusted. The zero value
// has none.
type Forks struct{ repos Repos }

// ParseForks reads globs of owner/name as [ParseRepos] does.
func ParseForks(globs []string) (Forks, error) {
	r, err := ParseRepos(globs)
	return Forks{r}, err
}

// Trusts tells whether a repository (owner/name) is among them.
func (f Forks) Trusts(repo string) bool { return len(f.repos.accept) > 0 && f.repos.Match(repo) }
