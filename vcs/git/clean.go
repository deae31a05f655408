package git

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// clean removes what killed processes left behind. It tells whether it could:
// not while somebody works in the mirror.
func (r *mirror) clean() (bool, error) {
	f, err := os.OpenFile(r.lock, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	alone, err := tryLock(f, true)
	if err != nil || !alone {
		return false, err
	}
	if err := r.cleanAside(); err != nil {
		return false, err
	}
	return true, r.cleanInside()
}

// cleanAside removes clones on their way in or out.
func (r *mirror) cleanAside() error {
	for _, pattern := range []string{".new-*", ".old-*"} {
		left, err := filepath.Glob(glob(r.dir) + pattern)
		if err != nil {
			return err
		}
		for _, dir := range left {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// cleanInside removes lock files and half-written objects.
func (r *mirror) cleanInside() error {
	removed := 0
	err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() && !strings.HasPrefix(d.Name(), "tmp_objdir-") || !stale(path, d) {
			return err
		}
		removed++
		if err := os.RemoveAll(path); err != nil {
			return err
		}
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
	if removed > 0 {
		r.m.cfg.Log.Info().Str("mirror", filepath.Base(r.dir)).Int("files", removed).Msg("removed what a killed git process left")
	}
	return err
}

// stale tells whether nobody needs a file in a repository that nobody writes to.
func stale(path string, d fs.DirEntry) bool {
	name := d.Name()
	switch {
	case strings.HasSuffix(name, ".lock"), strings.HasPrefix(name, "tmp_"), strings.HasPrefix(name, ".tmp-"):
		return true
	case strings.HasSuffix(name, ".keep"):
		// git fetch keeps a new pack until refs point into it.
		text, err := os.ReadFile(path)
		return err == nil && bytes.HasPrefix(text, []byte("fetch-pack "))
	}
	return false
}

// glob takes the meaning off a path's characters.
func glob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
