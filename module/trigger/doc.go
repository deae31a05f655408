// Package trigger reads the eventTrigger file that pocketci passes to a function:
// what happened, in words that are the same for every code host, and the code
// host's own payload. It needs nothing but the standard library, so what the
// module knows of events is tested without an engine.
//
// Guarantees:
//
//   - What the file says of every event (vendor, event, ref, sha, repository,
//     sender, …) can be read from any event, also from one without a payload.
//   - What only some events have (a push, a pull request, a release, …) is an
//     error that names the event where there is none.
//   - Times are RFC 3339, whatever the code host wrote; empty if there is none.
//     Lists are never nil. What a payload doesn't tell is empty, 0 or false.
//   - The payload stays byte for byte what the code host sent.
package trigger
