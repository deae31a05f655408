package run

// Verdict is what was decided about one function.
type Verdict string

const (
	// VerdictCalled: it handles the event, was chosen, and there is something to do.
	VerdictCalled Verdict = "called"
	// VerdictSkipped: it handles the event and was chosen, but none of its files changed.
	VerdictSkipped Verdict = "skipped"
	// VerdictNotChosen: it handles the event, but another function takes it.
	VerdictNotChosen Verdict = "not chosen"
	// VerdictNotHandled: its name or its defaults do not accept the event.
	VerdictNotHandled Verdict = "not handled"
	// VerdictError: it can't be decided or called as it is written.
	VerdictError Verdict = "error"
)

// Decision is what was decided about one function, and why.
type Decision struct {
	// Module is the entry's name under `modules:`, or empty.
	Module   string  `json:"module,omitempty"`
	Function string  `json:"function"`
	Verdict  Verdict `json:"verdict"`
	// Rule is the name of the rule that decided, one of match.go's constants.
	Rule string `json:"rule"`
	// Reason is a sentence for people.
	Reason string `json:"reason"`
	// Hint says what to do about it; may be empty.
	Hint string `json:"hint,omitempty"`
	// ReplacedBy names the function that takes the event instead.
	ReplacedBy string `json:"replaced_by,omitempty"`
	// Compared holds what was compared with what, in order.
	Compared []Comparison `json:"compared,omitempty"`
	Source   Location     `json:"source,omitzero"`
	// NamesEvent tells that the function's name holds the event.
	NamesEvent bool `json:"names_event,omitempty"`
}

// Comparison is one value held against one condition.
type Comparison struct {
	// What is the parameter or the part of the name: "vendor", "filter", "onChanges".
	What string `json:"what"`
	// Value is the event's side, Wanted the function's.
	Value    string `json:"value"`
	Wanted   string `json:"wanted"`
	Accepted bool   `json:"accepted"`
}
