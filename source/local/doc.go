// Package local makes an event without a webhook: what a person at the command
// line says should be taken to have happened, on a working tree.
//
// The event is trusted (who can run the agent on a folder can run its code) and
// never reported. Where no payload is given, one is made in the code host's
// shape from what git knows, so that functions that read it work the same; it
// holds only what git can tell.
package local
