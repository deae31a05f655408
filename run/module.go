package run

// Settings is what a repository's pocketci.yaml asks for.
type Settings struct {
	// Named tells that `modules:` was used: contexts then carry the module's name.
	Named   bool
	Modules []Module
	// Missing says, in one sentence, that the repository has neither settings nor
	// a module; Modules is empty then, and nothing is dispatched.
	Missing string
	// Concurrency says in what order the repository's runs and calls go.
	Concurrency Concurrency
}

// Module is a repository's settings for one module.
type Module struct {
	// Name is the entry's name under `modules:`, or empty.
	Name string `json:"name,omitempty"`
	// Path is the module's folder, cleaned and relative to the root.
	Path string `json:"path"`
	// Paths are doublestar globs that gate every function; none: always.
	Paths []string `json:"paths,omitempty"`
	// Secrets maps parameter names to variables of the agent.
	Secrets []Secret `json:"secrets,omitempty"`
	// Depth is the history in src; 0 is all of it, with tags.
	Depth int `json:"depth"`
}

// Secret maps a parameter to a variable of the agent's environment.
type Secret struct {
	Name    string `json:"name"`
	FromEnv string `json:"from_env"`
}

// SecretValues are the values for one module's session, by parameter name (as
// pocketci.yaml spells it). They are never stored, logged or reported.
type SecretValues map[string]string
