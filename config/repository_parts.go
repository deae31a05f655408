package config

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/iancoleman/strcase"
	"gopkg.in/yaml.v3"

	"github.com/franela/pocketci/run"
)

// modulePath reads a folder of the repository. Every step to it must be a real
// folder of the tree.
func (r *reader) modulePath(n *yaml.Node) (string, error) {
	written, err := text(n, "module-path")
	if err != nil {
		return "", err
	}
	clean := path.Clean(written)
	switch {
	case written == "":
		return "", at(n, "the repository's root is .", "module-path is empty")
	case path.IsAbs(written):
		return "", at(n, "it is relative to the repository's root", "module-path %s is absolute", shown(written))
	case clean == ".." || strings.HasPrefix(clean, "../"):
		return "", at(n, "it is relative to the repository's root", "module-path %s is outside the repository", shown(written))
	case !fs.ValidPath(clean) || strings.ContainsRune(clean, 0):
		return "", at(n, "", "module-path %s is not a path", shown(written))
	}
	for i := 0; clean != "."; {
		step := clean
		if next := strings.IndexByte(clean[i:], '/'); next >= 0 {
			step = clean[:i+next]
		}
		info, err := r.stat(step)
		if err != nil {
			return "", err
		}
		if why := notFolder(info); why != "" {
			return "", at(n, "", "module-path %s: %s %s", shown(written), shown(step), why)
		}
		if step == clean {
			break
		}
		i = len(step) + 1
	}
	return clean, nil
}

// notFolder says why a step can't be taken.
func notFolder(info fs.FileInfo) string {
	switch {
	case info == nil:
		return "does not exist"
	case info.IsDir():
		return ""
	case info.Mode().IsRegular():
		return "is a file"
	}
	return "is " + notRegular(info.Mode())
}

// reserved are the parameters that are filled from the event.
func reserved() []string {
	return []string{"src", "eventTrigger", "vendor", "event", "filter", "action", "ref", "sha", "baseBranch", "onChanges"}
}

// secrets reads the mapping of parameters to variables.
func (r *reader) secrets(n *yaml.Node) ([]run.Secret, error) {
	if n == nil {
		return nil, nil
	}
	entries, err := list(n, "secrets")
	if err != nil {
		return nil, err
	}
	var secrets []run.Secret
	seen := map[string]string{}
	for _, e := range entries {
		s, err := r.secret(e, seen)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, s)
	}
	return secrets, nil
}

// secret reads one entry; seen are the names so far in the engine's casing.
func (r *reader) secret(n *yaml.Node, seen map[string]string) (run.Secret, error) {
	f, err := mapping(n, "a secret", "name", "from-env")
	if err != nil {
		return run.Secret{}, err
	}
	for _, key := range []string{"name", "from-env"} {
		if f[key].key == nil {
			return run.Secret{}, at(n, "", "a secret without %s", key)
		}
	}
	name, err := text(f["name"].value, "name")
	if err != nil {
		return run.Secret{}, err
	}
	if err := secretName(f["name"].value, name, seen); err != nil {
		return run.Secret{}, err
	}
	variable, err := text(f["from-env"].value, "from-env")
	if err != nil {
		return run.Secret{}, err
	}
	if err := r.granted(f["from-env"].value, variable); err != nil {
		return run.Secret{}, err
	}
	return run.Secret{Name: name, FromEnv: variable}, nil
}

// secretName checks a parameter's name as the engine will spell it.
func secretName(n *yaml.Node, name string, seen map[string]string) error {
	cased := strcase.ToLowerCamel(name)
	switch {
	case !isParameter(name):
		return at(n, "letters, digits, dashes and underscores", "%s can't be a parameter's name", shown(name))
	case slices.Contains(reserved(), cased):
		return at(n, "that parameter is filled from the event; call yours something else", "the name %s is reserved", shown(name))
	case seen[cased] == name:
		return at(n, "", "a second secret is called %s", shown(name))
	case seen[cased] != "":
		return at(n, "", "the secrets %s and %s are one parameter (%s)", shown(seen[cased]), shown(name), cased)
	}
	seen[cased] = name
	return nil
}

// isParameter tells whether it can be a parameter's name in some language.
func isParameter(name string) bool {
	letter := name != "" && ('A' <= name[0] && name[0] <= 'Z' || 'a' <= name[0] && name[0] <= 'z')
	return letter && isVariable(strings.ReplaceAll(name, "-", "_"))
}

// granted refuses a variable that the operator does not grant.
func (r *reader) granted(n *yaml.Node, variable string) error {
	switch {
	case !isVariable(variable):
		return at(n, "", "%s is no variable's name", shown(variable))
	case forbidden(variable):
		return at(n, "use another variable; "+secretPrefix+"* are there for it", "%s is the agent's own and can't be a secret", shown(variable))
	case r.grants.Allows(r.scope.Repo, r.scope.Ref, variable):
		return nil
	}
	return at(n, fmt.Sprintf("the operator grants it with --allow-secret %s=%s", r.scope.Repo, variable),
		"%s is not granted to %s", shown(variable), r.grantee(variable))
}

// grantee names who is refused: with the ref, if another ref would have it.
func (r *reader) grantee(variable string) string {
	byRef := slices.ContainsFunc(r.grants.rules, func(g grantRule) bool {
		anywhere := grantRule{repo: g.repo, name: g.name, prefix: g.prefix}
		return g.ref != "" && !g.deny && anywhere.fits(r.scope.Repo, "", variable)
	})
	if byRef {
		return fmt.Sprintf("%s on %s", r.scope.Repo, shown(r.scope.Ref))
	}
	return r.scope.Repo
}
