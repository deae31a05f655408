package run

import (
	"encoding/json"
	"errors"
	"time"
)

// Sentinels of the engine: infrastructure, never a function's own failure.
var (
	// ErrNoEngine: the engine can't be reached; nothing was begun, no attempt is spent.
	ErrNoEngine = errors.New("no engine")
	// ErrEngineLost: the engine went away in the middle; the call has no result.
	ErrEngineLost = errors.New("engine lost")
)

// Call is one invocation of one function.
type Call struct {
	Module   string `json:"module,omitempty"`
	Function string `json:"function"`
	// Constructor and Args are what is passed, only what is declared.
	Constructor []Arg `json:"constructor,omitempty"`
	Args        []Arg `json:"args,omitempty"`
	Returns     Type  `json:"returns"`
	// Attempt is the run's, from 1.
	Attempt int `json:"attempt"`
}

// ArgKind says where an argument's value comes from.
type ArgKind string

const (
	// ArgValue is Value, a JSON literal.
	ArgValue ArgKind = "value"
	// ArgEnum is Value, a JSON string that names an enum's member.
	ArgEnum ArgKind = "enum"
	// ArgSource is the repository at the event's sha, .git included.
	ArgSource ArgKind = "src"
	// ArgTrigger is the eventTrigger file.
	ArgTrigger ArgKind = "trigger"
	// ArgDirectory and ArgFile are Path of the event's tree, less Ignore.
	ArgDirectory ArgKind = "directory"
	ArgFile      ArgKind = "file"
	// ArgSecret is the session's secret named Secret.
	ArgSecret ArgKind = "secret"
)

// Arg is one argument. It never holds a secret's value.
type Arg struct {
	// Name is the parameter's, as the engine reports it.
	Name string  `json:"name"`
	Kind ArgKind `json:"kind"`
	// Value is for ArgValue and ArgEnum.
	Value json.RawMessage `json:"value,omitempty"`
	// Path is as written in the default path: absolute is from the repository's
	// root, relative from the module's folder.
	Path   string   `json:"path,omitempty"`
	Ignore []string `json:"ignore,omitempty"`
	// Secret is the key into SecretValues.
	Secret string `json:"secret,omitempty"`
}

// Outcome is how a call ended.
type Outcome string

const (
	// Success and Failure are the function's own.
	Success Outcome = "success"
	Failure Outcome = "failure"
	// TimedOut: it ran longer than the operator allows; reported as a failure.
	TimedOut Outcome = "timed out"
	// Errored is ours: configuration, loading, a lost engine.
	Errored Outcome = "error"
	// Cancelled: somebody or something newer stopped it.
	Cancelled Outcome = "cancelled"
)

// Result is what became of a call.
type Result struct {
	Module   string  `json:"module,omitempty"`
	Function string  `json:"function"`
	Outcome  Outcome `json:"outcome"`
	// Error is the function's error, scrubbed; empty on success.
	Error string `json:"error,omitempty"`
	// Value is what the function returned, as text.
	Value string `json:"value,omitempty"`
	// Output is what the function printed, head and tail; Cut bytes are missing between.
	Output string    `json:"output,omitempty"`
	Cut    int64     `json:"output_cut,omitempty"`
	Begun  time.Time `json:"started_at"`
	Ended  time.Time `json:"ended_at"`
	// Cached: the engine answered from its cache; nothing ran.
	Cached  bool `json:"cached"`
	Attempt int  `json:"attempt"`
	// From is the event of whose run the result was taken over; empty: it is this
	// run's own.
	From string `json:"from,omitempty"`
}
