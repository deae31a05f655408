package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

const (
	fileName = "pocketci.yaml"
	// maxFileSize is far more than anybody writes by hand, in bytes.
	maxFileSize = 64 << 10
	// defaultDepth is the history in src: the commit alone.
	defaultDepth = 1
	moduleFile   = "dagger.json"
	defaultPath  = "ci"
)

// Files reads a repository's tree; [run.Files] is one. Lstat does not follow
// symlinks, and a submodule is an irregular file to it.
type Files interface {
	Lstat(name string) (fs.FileInfo, error)
	ReadFile(name string) ([]byte, error)
}

// Scope is whose settings are read; grants are decided by it.
type Scope struct {
	// Repo is owner/name.
	Repo string
	// Ref is the full name of the event's ref; of an event without one, the
	// default branch's.
	Ref string
}

// ScopeOf is an event's scope.
func ScopeOf(e event.Event) Scope {
	s := Scope{Repo: e.Repo.FullName(), Ref: e.Ref}
	if s.Ref == "" && e.Repo.DefaultBranch != "" {
		s.Ref = "refs/heads/" + e.Repo.DefaultBranch
	}
	return s
}

// Repository reads the pocketci.yaml of a tree. Without one, and with one that
// is empty, the settings are the default ones; without one and without a module
// they say that there is nothing to dispatch ([run.Settings].Missing). What is
// wrong with the file is an [*event.Problem]; any other error means that the
// tree can't be read.
func Repository(files Files, scope Scope, grants Grants) (run.Settings, error) {
	r := &reader{files: files, scope: scope, grants: grants}
	data, found, err := r.load()
	if err != nil {
		return run.Settings{}, err
	}
	if !found {
		return r.withoutFile()
	}
	root, err := parse(data)
	if err != nil {
		return run.Settings{}, err
	}
	if root == nil {
		root = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: 1, Column: 1}
	}
	return r.settings(root)
}

// reader reads one repository's settings.
type reader struct {
	files  Files
	scope  Scope
	grants Grants
}

// load reads the file, which must be one.
func (r *reader) load() (data []byte, found bool, err error) {
	info, err := r.files.Lstat(fileName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("look for %s: %w", fileName, err)
	}
	if kind := notRegular(info.Mode()); kind != "" {
		return nil, false, &event.Problem{Public: fileName + " is " + kind, Hint: "it must be a file of the repository itself"}
	}
	if info.Size() <= maxFileSize {
		if data, err = r.files.ReadFile(fileName); err != nil {
			return nil, false, fmt.Errorf("read %s: %w", fileName, err)
		}
	}
	if max(info.Size(), int64(len(data))) > maxFileSize {
		return nil, false, &event.Problem{Public: fmt.Sprintf("%s is larger than %d KiB", fileName, maxFileSize>>10)}
	}
	return data, true, nil
}

// notRegular says what a file is that is none.
func notRegular(m fs.FileMode) string {
	switch {
	case m.IsRegular():
		return ""
	case m&fs.ModeSymlink != 0:
		return "a symlink"
	case m.IsDir():
		return "a folder"
	case m&fs.ModeIrregular != 0:
		return "a submodule"
	}
	return "no regular file"
}

// withoutFile is the default, if there is a module.
func (r *reader) withoutFile() (run.Settings, error) {
	const other = "pocketci.yml"
	if _, err := r.files.Lstat(other); err == nil {
		return run.Settings{}, &event.Problem{Public: other + " is not read", Hint: "rename it to " + fileName}
	}
	place, ok, err := r.findModule()
	if err != nil {
		return run.Settings{}, err
	}
	if !ok {
		return run.Settings{Missing: "the repository has no " + fileName + " and no Dagger module (" + moduleFile + ") in ./" + defaultPath + " or at its root"}, nil
	}
	return run.Settings{Modules: []run.Module{{Path: place, Depth: defaultDepth}}}, nil
}

// findModule is the default of module-path: ./ci if it holds a module, else the
// root. Nothing is followed to get there.
func (r *reader) findModule() (place string, ok bool, err error) {
	info, err := r.stat(defaultPath)
	if err != nil {
		return "", false, err
	}
	if info != nil && info.IsDir() {
		if ok, err := r.holdsModule(defaultPath); ok || err != nil {
			return defaultPath, ok, err
		}
	}
	ok, err = r.holdsModule(".")
	return ".", ok, err
}

func (r *reader) holdsModule(dir string) (bool, error) {
	info, err := r.stat(path.Join(dir, moduleFile))
	return info != nil && info.Mode().IsRegular(), err
}

// stat is Lstat, with nil for what is not there.
func (r *reader) stat(name string) (fs.FileInfo, error) {
	info, err := r.files.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for %s: %w", name, err)
	}
	return info, nil
}

// settings reads the whole file.
func (r *reader) settings(root *yaml.Node) (run.Settings, error) {
	f, err := mapping(root, fileName, "module-path", "paths", "secrets", "depth", "concurrency", "modules")
	if err != nil {
		return run.Settings{}, err
	}
	depth, err := readDepth(f["depth"].value)
	if err != nil {
		return run.Settings{}, err
	}
	order, err := readConcurrency(f["concurrency"].value)
	if err != nil {
		return run.Settings{}, err
	}
	var s run.Settings
	if f["modules"].key != nil {
		s, err = r.modules(f, depth)
	} else {
		s, err = r.single(f, root, depth)
	}
	if err != nil {
		return run.Settings{}, err
	}
	s.Concurrency = order
	return s, nil
}

// single reads the keys of a file that is about one module.
func (r *reader) single(f map[string]field, root *yaml.Node, depth int) (run.Settings, error) {
	m, err := r.module(f, root)
	if err != nil {
		return run.Settings{}, err
	}
	m.Depth = depth
	return run.Settings{Modules: []run.Module{m}}, nil
}

// modules reads the entries of `modules:`, which stand instead of one module's keys.
func (r *reader) modules(f map[string]field, depth int) (run.Settings, error) {
	for _, key := range []string{"module-path", "paths", "secrets"} {
		if other := f[key].key; other != nil {
			return run.Settings{}, at(other, "move it into the entries of modules", "%s and modules exclude each other", key)
		}
	}
	entries, err := list(f["modules"].value, "modules")
	if err != nil {
		return run.Settings{}, err
	}
	if len(entries) == 0 {
		return run.Settings{}, at(f["modules"].value, "leave the key out for one module", "modules has no entries")
	}
	s := run.Settings{Named: true}
	names := map[string]bool{}
	for _, n := range entries {
		m, err := r.namedModule(n, names)
		if err != nil {
			return run.Settings{}, err
		}
		m.Depth = depth
		s.Modules = append(s.Modules, m)
	}
	return s, nil
}

// namedModule reads one entry of `modules:`.
func (r *reader) namedModule(n *yaml.Node, names map[string]bool) (run.Module, error) {
	f, err := mapping(n, "a module", "name", "module-path", "paths", "secrets")
	if err != nil {
		return run.Module{}, err
	}
	for _, key := range []string{"name", "module-path"} {
		if f[key].key == nil {
			return run.Module{}, at(n, "", "a module without %s", key)
		}
	}
	name, err := text(f["name"].value, "name")
	if err != nil {
		return run.Module{}, err
	}
	// Code hosts compare contexts without case.
	folded := strings.ToLower(name)
	switch {
	case !isModuleName(name):
		return run.Module{}, at(f["name"].value, "letters, digits, dots, dashes and underscores, up to 64", "%s can't be a module's name", shown(name))
	case names[folded]:
		return run.Module{}, at(f["name"].value, "", "a second module is called %s", shown(name))
	}
	names[folded] = true
	m, err := r.module(f, n)
	m.Name = name
	return m, err
}

func isModuleName(name string) bool {
	return name != "" && len(name) <= 64 && !strings.ContainsFunc(name, func(c rune) bool {
		return !('A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.ContainsRune("._-", c))
	})
}

// module reads the keys of one module: module-path, paths and secrets.
func (r *reader) module(f map[string]field, whole *yaml.Node) (run.Module, error) {
	var m run.Module
	var err error
	if n := f["module-path"].value; n != nil {
		m.Path, err = r.modulePath(n)
	} else {
		m.Path, err = r.defaultModule(whole)
	}
	if err != nil {
		return run.Module{}, err
	}
	if m.Paths, err = readPaths(f["paths"].value); err != nil {
		return run.Module{}, err
	}
	m.Secrets, err = r.secrets(f["secrets"].value)
	return m, err
}

// defaultModule is where the module is if the file does not say.
func (r *reader) defaultModule(whole *yaml.Node) (string, error) {
	place, ok, err := r.findModule()
	if err == nil && !ok {
		err = at(whole, "make one with dagger init, or set module-path", "neither ./%s nor the repository's root holds a %s", defaultPath, moduleFile)
	}
	return place, err
}

// readPaths reads the module's gate.
func readPaths(n *yaml.Node) ([]string, error) {
	if n == nil {
		return nil, nil
	}
	entries, err := list(n, "paths")
	if err != nil {
		return nil, err
	}
	if len(entries) > maxGlobs {
		return nil, at(n, "", "paths has more than %d globs", maxGlobs)
	}
	var globs []string
	for _, e := range entries {
		glob, err := text(e, "an entry of paths")
		if err != nil {
			return nil, err
		}
		if err := checkGlob(glob); err != nil {
			return nil, at(e, "", "paths: %s", err)
		}
		globs = append(globs, strings.TrimSpace(glob))
	}
	return globs, nil
}

// readDepth reads how much history src has.
func readDepth(n *yaml.Node) (int, error) {
	if n == nil {
		return defaultDepth, nil
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" {
		return 0, wrongType(n, "depth", "a whole number")
	}
	depth, err := strconv.ParseInt(n.Value, 10, 32)
	if err != nil || depth < 0 {
		return 0, at(n, "1 is the commit alone, 0 all of the history", "depth must be a whole number from 0 to 2147483647")
	}
	return int(depth), nil
}
