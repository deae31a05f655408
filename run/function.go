package run

import "encoding/json"

// Table is what a module offers, as the engine (or the offline reader) tells.
type Table struct {
	// Name is the module's own name (dagger.json).
	Name string `json:"name"`
	// Constructor holds the parameters of the main object's constructor.
	Constructor []Param `json:"constructor,omitempty"`
	// Functions are the main object's, in the order of the source.
	Functions []Function `json:"functions"`
}

// Function is one function of a module's main object.
type Function struct {
	// Name is as the engine reports it: onGithubPullRequest.
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Source      Location `json:"source,omitzero"`
	Params      []Param  `json:"params,omitempty"`
	Returns     Type     `json:"returns"`
}

// Param is a parameter of a function or of the constructor.
type Param struct {
	// Name is as the engine reports it: lower camel case.
	Name string `json:"name"`
	Type Type   `json:"type"`
	// Optional is the engine's word; a parameter with a Default or a DefaultPath
	// may be left out too: see Required.
	Optional bool `json:"optional,omitempty"`
	// Default is JSON, or nil if there is none.
	Default json.RawMessage `json:"default,omitempty"`
	// DefaultPath is that of a Directory or File parameter, as written.
	DefaultPath string `json:"default_path,omitempty"`
	// Ignore are the patterns that go with it.
	Ignore []string `json:"ignore,omitempty"`
}

// Required tells that a call without this parameter would be refused.
func (p Param) Required() bool {
	return !p.Optional && len(p.Default) == 0 && p.DefaultPath == ""
}

// Kind is a type's kind, after the engine's TypeDefKind without its suffix.
type Kind string

const (
	KindString    Kind = "string"
	KindInteger   Kind = "integer"
	KindFloat     Kind = "float"
	KindBoolean   Kind = "boolean"
	KindScalar    Kind = "scalar"
	KindList      Kind = "list"
	KindObject    Kind = "object"
	KindInterface Kind = "interface"
	KindInput     Kind = "input"
	KindEnum      Kind = "enum"
	KindVoid      Kind = "void"
)

// Type is a parameter's or a return value's type.
type Type struct {
	Kind Kind `json:"kind"`
	// Name is that of an object, interface, scalar or enum: Directory, Secret.
	Name string `json:"name,omitempty"`
	// Elem is a list's element type.
	Elem *Type `json:"elem,omitempty"`
	// Members are an enum's member names.
	Members []string `json:"members,omitempty"`
	// Values are the values of these members, in the same order; nil where they
	// are not known.
	Values []string `json:"values,omitempty"`
}

// Is tells whether the type is the object of that name.
func (t Type) Is(object string) bool { return t.Kind == KindObject && t.Name == object }

// ListOf tells whether the type is a list of that kind.
func (t Type) ListOf(k Kind) bool { return t.Kind == KindList && t.Elem != nil && t.Elem.Kind == k }

// Location is a place in a module's source, relative to the module's folder.
type Location struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}
