// Package status reports runs as commit statuses.
//
// # What a commit shows
//
// [Plan] says it; it is pure. Per event there is
//
//	pocketci/test-on-github-push          a function that holds the event in its name
//	pocketci/api/test-on-github-push      the same in the module "api" of `modules:`
//	pocketci/dispatch (push)              one that holds no event
//	pocketci (push)                       the summary, which always ends final
//
//	pending   what isn't done ten seconds after the run was begun; at once only
//	          "waiting for approval of <sha>"
//	success   also for "skipped: none of 3 changed files matches **/*.go"
//	failure   the function's error, its first line; "timed out after 1h0m0s"
//	error     ours: configuration, loading, a lost engine, cancelled; a function
//	          that can't be called as it is written
//
// Functions that were not chosen or do not handle the event have no context.
// Problems of configuration, loading and constructors are the summary's. It
// counts: "3 called, 1 skipped: 1 failed", or says "no function handles labeled".
//
// A status is a skip if its event did nothing for it: a skipped function, a
// summary of an event that called nothing (and had nothing wrong), and a summary
// while that is not known yet. The outbox keeps a skip from replacing another
// event's result, and lets a result replace a skip, whichever came first.
//
// # How it gets there
//
// A [Sender] keeps what the commits show as the store says. It plans every
// version of every run into the outbox and sends what the outbox holds; both
// survive a crash. Nothing here is kept in memory that may not be lost.
//
//   - Each state arrives, however long the code host is down or limits us. Waits
//     double from 2 seconds to 2 minutes.
//   - Only the newest state of a row is sent, and one request per row is in flight.
//   - A try whose end is not known (a crash, a lost answer) is followed by a look
//     at the commit's statuses, not by a second request that does the same.
//   - Never more than 80 requests that create content in any minute and 500 in
//     any hour with one credential ([Budget]), over all agents of a store and all
//     that they send: permits for them are the store's ([Permits]). Failures and
//     errors go first.
//   - A limit of the code host ([run.RetryAfter]) is the credential's: it holds all
//     of its requests, other agents' too, until it ends, at most an hour, before it
//     is asked again. Other credentials (installations of a GitHub App) go on.
//   - Each repository has a queue of its own. What can't be sent now, for its
//     repository's or its credential's sake, stays in the outbox and is in
//     nobody's way.
//   - What it refuses for good ([run.ErrRefused]) becomes a dead letter. A repository
//     that fails or hangs is asked with one request at a time and after a wait of
//     its own; it delays no other repository by more than the requests in flight.
//   - Texts are scrubbed, hold no control characters, and fit what GitHub accepts:
//     140 characters of description, 255 of context, nothing beyond U+FFFF.
//
// Sources: GitHub's REST documentation, "Commit statuses" and "Rate limits for
// the REST API" (secondary limits).
package status
