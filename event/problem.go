package event

import "errors"

// Sentinels of what a source is told about a delivery.
var (
	// ErrMalformed: the delivery lacks what a code host always sends.
	ErrMalformed = errors.New("malformed delivery")
	// ErrUnsigned: the delivery is not signed with a secret of ours.
	ErrUnsigned = errors.New("unsigned delivery")
	// ErrFull: the store has no room for the event; nothing was written.
	ErrFull = errors.New("store is full")
)

// Problem is an error with a sentence that may be shown to people. What stands
// in Public and Hint reaches statuses, responses and pages; Err, the cause, is
// for the log only.
type Problem struct {
	// Public is one sentence without secrets, paths of the machine or addresses.
	Public string
	// Hint says what to do about it; may be empty.
	Hint string
	// Err is the cause, or nil.
	Err error
}

// Error gives the public sentence and the cause.
func (p *Problem) Error() string {
	if p.Err == nil {
		return p.Public
	}
	return p.Public + ": " + p.Err.Error()
}

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.Err }
