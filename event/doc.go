// Package event says what happened: it is the vocabulary that every other
// package shares, and it imports nothing but the standard library.
//
// An [Event] is made once, by the package of the code host that sent it, and
// never edited afterwards. What later stages find out (the commit that a ref
// pointed at, the changed files, whether the event may run) stands in values
// of package run beside it.
//
// Identity. Two deliveries are one event if they have the same ID, or the same
// Type and repository and a byte-equal payload. The store enforces it.
package event
