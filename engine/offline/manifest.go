package offline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/franela/pocketci/event"
)

// manifestName is the module file of Dagger v0.x.
const manifestName = "dagger.json"

// manifest is what a dagger.json says that matters here.
type manifest struct {
	// name is the module's own.
	name string
	// folder holds the dagger.json, source the Go files; both relative to the root.
	folder, source string
	// dependencies are the names of the modules that it calls.
	dependencies []string
}

// readManifest reads the dagger.json in folder and refuses what isn't a Go module.
func readManifest(files fs.FS, folder string) (manifest, error) {
	folder = path.Clean(folder)
	file := path.Join(folder, manifestName)
	if !fs.ValidPath(file) {
		return manifest{}, &event.Problem{Public: fmt.Sprintf("the module path %q leaves the repository", folder)}
	}
	raw, err := fs.ReadFile(files, file)
	if errors.Is(err, fs.ErrNotExist) {
		return manifest{}, &event.Problem{
			Public: fmt.Sprintf("there is no %s", file),
			Hint:   "set module-path in pocketci.yaml, or make a module with `dagger init --sdk=go`",
			Err:    err,
		}
	}
	if err != nil {
		return manifest{}, fmt.Errorf("read %s: %w", file, err)
	}
	return parseManifest(raw, file, folder)
}

func parseManifest(raw []byte, file, folder string) (manifest, error) {
	var wire struct {
		Name      string          `json:"name"`
		SDK       sdk             `json:"sdk"`
		Source    string          `json:"source"`
		Blueprint json.RawMessage `json:"blueprint"`

		Dependencies []dependency `json:"dependencies"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return manifest{}, &event.Problem{Public: fmt.Sprintf("%s%s can't be read: %s", file, lineOf(raw, err), err), Err: err}
	}
	if len(wire.Blueprint) > 0 && string(wire.Blueprint) != "null" {
		return manifest{}, &event.Problem{
			Public: fmt.Sprintf("only Go modules can be read without an engine: %s takes its functions from a blueprint", file),
			Hint:   "start an engine, or give one with --engine",
		}
	}
	if wire.SDK.source != "go" {
		what := "has no SDK"
		if wire.SDK.source != "" {
			what = "uses the SDK " + wire.SDK.source
		}
		return manifest{}, &event.Problem{
			Public: fmt.Sprintf("only Go modules can be read without an engine: %s %s", file, what),
			Hint:   "start an engine, or give one with --engine",
		}
	}
	if wire.Name == "" {
		return manifest{}, &event.Problem{Public: fmt.Sprintf("%s doesn't name the module", file)}
	}
	source := path.Join(folder, wire.Source)
	if !fs.ValidPath(source) || path.IsAbs(wire.Source) {
		return manifest{}, &event.Problem{Public: fmt.Sprintf("%s: the source %q leaves the repository", file, wire.Source)}
	}
	m := manifest{name: wire.Name, folder: folder, source: source}
	for _, d := range wire.Dependencies {
		if d.name != "" {
			m.dependencies = append(m.dependencies, d.name)
		}
	}
	return m, nil
}

// dependency is either the address of a module or an object with its name.
type dependency struct{ name string }

// UnmarshalJSON takes both; an address alone doesn't tell the name.
func (d *dependency) UnmarshalJSON(raw []byte) error {
	if bytes.HasPrefix(raw, []byte(`"`)) {
		return nil
	}
	var wire struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return err
	}
	d.name = wire.Name
	return nil
}

// sdk is either a name or an object that holds one.
type sdk struct{ source string }

// UnmarshalJSON takes both.
func (s *sdk) UnmarshalJSON(raw []byte) error {
	if bytes.HasPrefix(raw, []byte(`"`)) {
		return json.Unmarshal(raw, &s.source)
	}
	var wire struct {
		Source string `json:"source"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return err
	}
	s.source = wire.Source
	return nil
}

// lineOf is ":line" if the error knows where it happened.
func lineOf(raw []byte, err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	offset := int64(-1)
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	}
	if offset < 0 || offset > int64(len(raw)) {
		return ""
	}
	return fmt.Sprintf(":%d", 1+strings.Count(string(raw[:offset]), "\n"))
}
