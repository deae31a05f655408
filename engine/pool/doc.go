// Package pool makes one engine of several runner hosts.
//
// An event goes to the host that its repository's id ranks first (rendezvous
// hashing), because the engine's cache is warm there: adding or removing a host
// moves the repositories of that host and no others. Every agent that names the
// same hosts ranks them alike.
//
// It goes to the next one in its ranking while the first one is
//
//   - busy: [Config.Sessions] sessions are open there, or [Config.Calls] calls
//     under way. If all are busy, the one with the fewest sessions gets it: the
//     pool never waits, because whoever opens a session may hold another one. How
//     much goes on over all hosts is the caller's to bound.
//   - left alone: it could not be reached, or went away in the middle of its work.
//     That lasts [Config.Rest] after the first failure, twice as long after each
//     further one, up to [Config.RestMost], give or take a fifth. A session that
//     opens ends it. If all are left alone, those are tried whose time ends first.
//
// A host that can't be reached ([run.ErrNoEngine]) costs nothing: the next one is
// asked at once. One that goes away while it loads a module or makes a call
// ([run.ErrEngineLost]) is the caller's to hear of. The same work is not put to
// the next host here, because it may be what brought the first one down.
package pool
