// Package config reads what people set: the operator's settings of the agent,
// and a repository's pocketci.yaml. The repository says what it wants; the
// operator decides what it gets.
//
// # The agent
//
// [Agent] holds the settings. [Agent.Bind] registers a flag for each,
// [FromEnvironment] takes those that were not given from POCKETCI_<FLAG>
// (`--data-dir` is POCKETCI_DATA_DIR), and [Agent.Complete] checks what depends
// on several of them and derives the rest. A flag wins over its variable. What
// is wrong is refused with the name of the flag or variable and the reason.
// Flags that take lists may be repeated; each value may also be a list
// separated by commas (outside braces and brackets).
//
// # Credentials
//
// [TakeEnvironment] reads credentials out of the process environment and
// removes them from it at once, so that no child process inherits them and
// nothing that lists the environment shows them. From then on only the
// [Environment] knows them. (What the kernel keeps of the environment at the
// process's start, /proc/<pid>/environ, is readable by the same user and by
// root; a program can't change that.)
//
// # Grants
//
// A variable of the agent becomes a secret of a repository's function only if
// the operator grants it: [ParseGrants]. GITHUB_USERNAME, GITHUB_TOKEN and
// POCKETCI_SECRET_* are granted to all repositories if `--repos` names them
// ([Repos.Named]). Grants are read in order and the last one that fits decides,
// so `-NAME` takes away what stands before it. The webhook's secret, the
// agent's own settings and the credentials of its store, API and engine are
// never granted, whatever the grants say.
//
// # pocketci.yaml
//
// [Repository] reads it strictly: an unknown key, a wrong type, a duplicate, an
// alias, a second document, a path outside the repository, a symlink or a
// submodule on the way, a reserved or doubled name, a bad glob and a secret that
// is not granted are errors. Each is an [*event.Problem] whose public sentence
// begins with the place (`pocketci.yaml:2:1: …`), made for a commit status; it
// holds names from the file, never values of secrets. Other errors (a tree that
// can't be read) are not the repository's fault and are returned wrapped.
package config
