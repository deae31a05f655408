package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

const (
	manifestName = "dagger.json"
	// maxManifest bounds a dagger.json in bytes.
	maxManifest = 1 << 20
	// maxSearch bounds in bytes and files what is searched for default paths.
	maxSearch      = 8 << 20
	maxSearchFiles = 2000
)

// manifest is a dagger.json, as far as it says what a module is made of. Its
// keys are those of the engine's v0.x format; a key that is not among them
// stands in Unknown.
type manifest struct {
	SDK          sdk         `json:"sdk"`
	Source       string      `json:"source"`
	Include      []string    `json:"include"`
	Exclude      []string    `json:"exclude"`
	Dependencies []reference `json:"dependencies"`
	Toolchains   []reference `json:"toolchains"`
	Blueprint    *reference  `json:"blueprint"`

	Unknown string `json:"-"`
}

// knownKeys are all keys of the format; those that are not in manifest don't
// say anything about files.
func knownKeys() map[string]bool {
	return map[string]bool{
		"$schema": true, "name": true, "description": true, "engineVersion": true, "sdk": true,
		"blueprint": true, "toolchains": true, "include": true, "exclude": true,
		"dependencies": true, "source": true, "codegen": true, "clients": true,
		"disableDefaultFunctionCaching": true,
	}
}

// sdk is written as a string or as an object.
type sdk struct {
	Source string `json:"source"`
}

func (s *sdk) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &s.Source)
	}
	type object sdk
	return json.Unmarshal(b, (*object)(s))
}

// reference is a module that another one pulls in, written as a string or as
// an object.
type reference struct {
	Source string `json:"source"`
	Pin    string `json:"pin"`
}

func (r *reference) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &r.Source)
	}
	type object reference
	return json.Unmarshal(b, (*object)(r))
}

// errNoManifest: the folder holds no dagger.json.
var errNoManifest = errors.New("no dagger.json")

// readManifest reads the dagger.json of the module at root.
func readManifest(files run.Files, root string) (manifest, error) {
	name := manifestPath(root)
	info, err := files.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return manifest{}, errNoManifest
	case err != nil:
		return manifest{}, fmt.Errorf("look at %s: %w", name, err)
	case !info.Mode().IsRegular():
		return manifest{}, &event.Problem{Public: fmt.Sprintf("%s is not a regular file", name)}
	case info.Size() > maxManifest:
		return manifest{}, &event.Problem{Public: fmt.Sprintf("%s is larger than 1 MiB", name)}
	}
	text, err := files.ReadFile(name)
	if err != nil {
		return manifest{}, fmt.Errorf("read %s: %w", name, err)
	}
	m, err := parseManifest(text)
	if err != nil {
		return manifest{}, &event.Problem{Public: fmt.Sprintf("%s can't be read: %v", name, err)}
	}
	return m, nil
}

// parseManifest reads a dagger.json's text.
func parseManifest(text []byte) (manifest, error) {
	var m manifest
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(text, &keys); err != nil {
		return m, err
	}
	if keys == nil {
		return m, errors.New("it is not an object")
	}
	known := knownKeys()
	for key := range keys {
		if !known[key] && (m.Unknown == "" || key < m.Unknown) {
			m.Unknown = key
		}
	}
	unknown := m.Unknown
	if err := json.Unmarshal(text, &m); err != nil {
		return m, err
	}
	m.Unknown = unknown
	return m, nil
}

func (m manifest) hasSDK() bool { return m.SDK.Source != "" }

// patterns are `include`, and `exclude` as negated ones.
func (m manifest) patterns() []string {
	all := append([]string(nil), m.Include...)
	for _, pattern := range m.Exclude {
		if rest, not := strings.CutPrefix(pattern, "!"); not {
			all = append(all, rest)
		} else if pattern != "" {
			all = append(all, "!"+pattern)
		}
	}
	return all
}

// references are all modules that this one pulls in. An SDK is one, unless it
// is built into the engine (a name without a slash).
func (m manifest) references() []reference {
	all := append([]reference(nil), m.Dependencies...)
	all = append(all, m.Toolchains...)
	if m.Blueprint != nil {
		all = append(all, *m.Blueprint)
	}
	if strings.ContainsAny(m.SDK.Source, "/:") || strings.HasPrefix(m.SDK.Source, ".") {
		all = append(all, reference{Source: m.SDK.Source})
	}
	return all
}

// local tells, in the engine's order, whether the reference is a folder of the
// repository.
func (r reference) local(files run.Files, root string) bool {
	s := r.Source
	switch {
	case r.Pin != "":
		return false
	case strings.HasPrefix(s, "/"), strings.HasPrefix(s, "."):
		return true
	case strings.Contains(s, "://"):
		return false
	case !strings.Contains(s, "."):
		return true
	}
	name := path.Join(root, s)
	if !fs.ValidPath(name) {
		return false
	}
	info, err := files.Lstat(name)
	return err == nil && info.IsDir()
}

// pinned tells whether a remote reference names one commit.
func (r reference) pinned() bool {
	if isSHA(r.Pin) {
		return true
	}
	_, version, found := strings.Cut(afterScheme(r.Source), "@")
	if i := strings.LastIndex(version, "@"); i >= 0 {
		version = version[i+1:]
	}
	return found && isSHA(version)
}

func afterScheme(s string) string {
	if _, rest, ok := strings.Cut(s, "://"); ok {
		return rest
	}
	return s
}

// isSHA tells whether s is a full commit id (SHA-1 or SHA-256).
func isSHA(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	return strings.Trim(s, "0123456789abcdef") == ""
}

func manifestPath(root string) string { return path.Join(root, manifestName) }

// missing says for people that there is no module at root.
func missing(root, parent string, err error) error {
	if !errors.Is(err, errNoManifest) {
		return err
	}
	if parent != "" {
		return &event.Problem{
			Public: fmt.Sprintf("%s depends on %s, which holds no dagger.json", manifestPath(parent), root),
			Err:    err,
		}
	}
	return &event.Problem{
		Public: fmt.Sprintf("no Dagger module: %s is missing", manifestPath(root)),
		Hint:   "run `dagger init` there and commit it, or set module-path in pocketci.yaml to the module's folder",
		Err:    err,
	}
}

// checkPath refuses a path that leaves the repository or that leads through
// anything but real folders.
func checkPath(files run.Files, name string) error {
	if !fs.ValidPath(name) {
		return &event.Problem{Public: fmt.Sprintf("the module path %q leaves the repository", name)}
	}
	if name == "." {
		return nil
	}
	done := ""
	for part := range strings.SplitSeq(name, "/") {
		done = path.Join(done, part)
		info, err := files.Lstat(done)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // dagger.json will be found missing
		case err != nil:
			return fmt.Errorf("look at %s: %w", done, err)
		case info.Mode()&fs.ModeSymlink != 0:
			return &event.Problem{Public: fmt.Sprintf("the module path leads through the symlink %s", done), Hint: "use the folder itself"}
		case info.Mode()&fs.ModeIrregular != 0:
			return &event.Problem{Public: fmt.Sprintf("the module path leads into the submodule %s", done), Hint: "modules are read from the repository itself"}
		case !info.IsDir():
			return &event.Problem{Public: fmt.Sprintf("%s is not a folder", done)}
		}
	}
	return nil
}

// usesDefaultPath tells whether a module's source mentions a default path. What
// is too large to be searched counts as if it did.
func (p *planner) usesDefaultPath(root string, m manifest) bool {
	mention := regexp.MustCompile(`(?i)default_?path`)
	searched, files := 0, 0
	found := errors.New("found")
	err := fs.WalkDir(p.files, path.Join(root, m.Source), func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		text, err := p.files.ReadFile(name)
		if err != nil {
			return err
		}
		searched += len(text)
		if files > maxSearchFiles || searched > maxSearch || mention.Match(text) {
			return found
		}
		return nil
	})
	return err != nil
}
