// Package web is the agent's API: what the store knows, as JSON. It reads; people
// act at the front door, by events.
//
// # Requests
//
//	GET /api/events        a list, newest first
//	    ?limit=50          1 to 200
//	    &before=42         only runs with a smaller number: the `next` of the page before
//	    &repository=o/n    owner/name, in any case
//	    &event=push        the event's name, as in function names
//	    &state=done        recorded, queued, waiting, running or done
//	GET /api/events/{id}   one event with all that is known of it; ids hold a colon,
//	                       as it is or as %3A
//	GET /api/status        the deliveries counted, and how store, engine and outbox are
//
// Refusals are {"error":"…","hint":"…"}: 400 for a query that is not understood (a
// misspelt parameter is, it does not show everything), 401, 404, 405 with Allow,
// 421, and 503 with Retry-After if the store can't be read.
//
// # What they answer
//
// A list is {"events":[…],"next":N}; next is absent on the last page. The items are
// an [Item], one event is an [Event], the status is a [Status]; testdata holds an
// example of each, which the tests compare byte for byte. The shape only grows:
// fields are added, none changes its meaning. Absent means: there is none, or it is
// not known yet. Lists that an event always has (decisions, calls, reports) are
// there, if empty. Times are RFC 3339 in UTC.
//
//	state      recorded (note says why nothing is done), queued, waiting (waits_for
//	           says for what), running, done
//	outcome    the worst of the calls and of problem, once done: success, failure,
//	           timed out, error, cancelled
//	problem    what went wrong outside a function: {module, error, hint}
//	run        the run's number, in the order in which events were accepted
//	trust      trusted or untrusted, once settled
//	decisions  per function the verdict (called, skipped, not chosen, not handled,
//	           error), the rule, the reason, what was compared, where it stands
//	calls      what was passed (of secrets the name only), how it ended, what it
//	           returned and printed (output_cut bytes are missing in the middle);
//	           without an outcome it is under way
//	reports    what the commit shows; without sent_at it waits, dead says why it was
//	           given up
//
// `agent run --json` prints the same as /api/events/{id}: see [Detail].
//
// # Who is let in
//
// The API shows what private repositories print, so it has a listener of its own
// ([NewServer]) and every request needs the token ([Token]), also from this
// machine: other users, browsers and containers are on it too.
//
//   - A web page can make a browser send requests here. It can't add the token, and
//     no CORS header lets it read an answer.
//   - A page can have its own host name resolve to this address (DNS rebinding). The
//     Host header then still holds that name, and 421 is the answer, before the token
//     is looked at. Accepted are localhost, loopback addresses, the listener's host,
//     the address that the connection came to, and names that the operator gives.
//     X-Forwarded-Host counts for nothing.
//   - The token is compared in constant time, is taken from the Authorization header
//     only (never from the address, which is logged and kept), and is not logged.
//   - Refused requests can't fill the log, nor write control characters into it.
package web
