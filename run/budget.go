package run

import "time"

// Rate is how many requests may be made within any time of one length.
type Rate struct {
	N      int
	Within time.Duration
}

// PermitFor is within what time the requests of a [Permit] have ended.
const PermitFor = 30 * time.Second

// Permit is the leave to send requests of one kind (that create content, or that
// read in the background) with one credential.
// All agents of a store share what a credential may send.
type Permit struct {
	// Credential is whose budget it is taken from, ID the permit's number there.
	Credential string
	ID         int64
	// N is how many requests it is for.
	N int
	// Wait is after how long there may be more, if N is less than was asked for.
	Wait time.Duration
	// Limited: the code host itself takes nothing meanwhile.
	Limited bool
}
