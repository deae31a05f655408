package fault

// Variables of the environment by which the agent under test is told what to do.
// Only the test binary reads them.
const (
	// PointVariable is "point:n": the process kills itself when it reaches the
	// point for the n-th time. EventVariable has only one event's count.
	PointVariable = "FAULT_POINT"
	EventVariable = "FAULT_EVENT"
	// TraceVariable is a file to which a [Line] is added for each call and each
	// result that is on disk.
	TraceVariable = "FAULT_TRACE"
	// LeaseVariable is how long leases last.
	LeaseVariable = "FAULT_LEASE"
	// SilenceVariable is how long a fake engine that hangs may be silent.
	SilenceVariable = "FAULT_SILENCE"
	// SizeVariable is the largest size, in bytes, that a file may have: writes
	// beyond it fail like those to a broken disk.
	SizeVariable = "FAULT_SIZE"
)

// The named points, in the order in which an event meets them.
const (
	// Verified: a delivery is genuine and not stored. Stored: it is not answered.
	Verified, Stored = "verified", "stored"
	// Leased: a worker has the run. TreeKnown, Decided, Attempt: its tree, its
	// decisions, the attempt with the calls to make are on disk.
	Leased, TreeKnown, Decided, Attempt = "leased", "tree known", "decided", "attempt"
	// Called: a call has ended and its result is not on disk. ResultKept: it is.
	Called, ResultKept = "called", "result kept"
	// Done: the run's end is on disk, and nothing is reported.
	Done = "done"
	// Planned: reports are in the outbox. Claimed: it is on disk that they are
	// about to be sent.
	Planned, Claimed = "planned", "claimed"
	// Sending: a report is not sent. Sent: the code host has it, and that is not
	// on disk. Settled: it is.
	Sending, Sent, Settled = "sending", "sent", "settled"
)

// Points are all of them.
func Points() []string {
	return []string{Verified, Stored, Leased, TreeKnown, Decided, Attempt, Called, ResultKept, Done, Planned, Claimed, Sending, Sent, Settled}
}

// Ops of a [Line].
const (
	OpCall   = "call"
	OpResult = "result"
)

// Line is one line of the trace.
type Line struct {
	Op       string `json:"op"`
	Event    string `json:"event"`
	Function string `json:"function"`
	Attempt  int    `json:"attempt"`
}
