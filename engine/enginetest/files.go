package enginetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"testing/fstest"
)

// Files is a tree in memory, by slash-separated path. A file with the mode
// fs.ModeSymlink holds its target, one with fs.ModeIrregular is a submodule.
type Files struct{ fstest.MapFS }

// NewFiles makes a tree of regular files.
func NewFiles(content map[string]string) Files {
	m := fstest.MapFS{}
	for name, text := range content {
		m[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return Files{m}
}

// Hash is a digest of the content of a file or folder.
func (f Files) Hash(_ context.Context, name string) (string, error) {
	if _, err := f.Lstat(name); err != nil {
		return "", err
	}
	h := sha256.New()
	err := fs.WalkDir(f.MapFS, name, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		entry := f.MapFS[path]
		fmt.Fprintf(h, "%s %v %q\n", path, entry.Mode, entry.Data)
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)), err
}
