package engine

import (
	"fmt"
	"os"
	"path/filepath"
)

// folders are the ones that sessions and the tables' cache use, below Config.Dir.
type folders struct {
	// home and docker are empty, so that no login of the operator is found.
	home, docker string
	// work is a session's working directory. It holds an empty .env: the engine
	// looks for one in the working directory and all folders above it, and would
	// otherwise take defaults of functions' parameters from the operator's.
	work string
	// state is for what the CLI keeps for itself.
	state string
	// tables is the cache of tables.
	tables string
}

// makeFolders makes them, for this user only.
func makeFolders(dir string) (folders, error) {
	f := folders{
		home:   filepath.Join(dir, "home"),
		docker: filepath.Join(dir, "docker"),
		work:   filepath.Join(dir, "work"),
		state:  filepath.Join(dir, "state"),
		tables: filepath.Join(dir, "tables"),
	}
	for _, name := range []string{dir, f.home, f.docker, f.work, f.state, f.tables} {
		if err := os.MkdirAll(name, 0o700); err != nil {
			return f, fmt.Errorf("make the engine's folders: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(f.work, ".env"), nil, 0o600); err != nil {
		return f, fmt.Errorf("make the engine's folders: %w", err)
	}
	return f, nil
}
