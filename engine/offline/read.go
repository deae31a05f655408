package offline

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/franela/pocketci/run"
)

// Read gives the table of the Go module whose dagger.json stands in the folder
// modulePath of files ("." is the root; any [run.Files] or [io/fs.FS] will do).
// Places in it are relative to that folder.
//
// A module that can't be read, for what it is or for what is wrong with it, is
// an [event.Problem]; any other error is one of reading files. A context that
// ends stops the reading with its cause.
func Read(ctx context.Context, files fs.FS, modulePath string) (run.Table, error) {
	m, err := readManifest(files, modulePath)
	if err != nil {
		return run.Table{}, fmt.Errorf("read module %s: %w", modulePath, err)
	}
	fset, parsed, err := parse(ctx, files, m)
	if err != nil {
		return run.Table{}, fmt.Errorf("read module %s: %w", modulePath, err)
	}
	p, err := check(m, fset, parsed)
	if err != nil {
		return run.Table{}, fmt.Errorf("read module %s: %w", modulePath, err)
	}
	table, err := p.table()
	if err != nil {
		return run.Table{}, fmt.Errorf("read module %s: %w", modulePath, err)
	}
	return table, nil
}
