package event

// RerunOf tells of an event that somebody asked to run again. The event itself is
// a copy of the first one under an id of its own; its provenance is [Rerun].
type RerunOf struct {
	// Of is the id of the event whose run is repeated; results that were not
	// asked for are taken over from there.
	Of string `json:"of"`
	// Asked is the id of the event by which it was asked for, By who asked.
	Asked string `json:"asked"`
	By    Sender `json:"by"`
	// Functions are those to run again, as "function" or "module/function", as the
	// engine reports them; none: all.
	Functions []string `json:"functions,omitempty"`
	// Trust is what the first run was settled to have; this one never has more.
	Trust Trust `json:"trust"`
}
