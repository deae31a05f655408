package engine

import (
	"crypto/rand"
	"encoding/hex"
)

// trace is the identity of a call in the engine's telemetry (W3C trace context):
// all that happens for the call has its trace id.
type trace struct {
	id   [16]byte
	span [8]byte
}

// newTrace makes one that nobody else has.
func newTrace() trace {
	var t trace
	_, _ = rand.Read(t.id[:]) // never fails
	_, _ = rand.Read(t.span[:])
	t.id[0] |= 1 // all zeros is no id
	t.span[0] |= 1
	return t
}

// parent is the traceparent header: version 00, sampled.
func (t trace) parent() string {
	return "00-" + hex.EncodeToString(t.id[:]) + "-" + hex.EncodeToString(t.span[:]) + "-01"
}
