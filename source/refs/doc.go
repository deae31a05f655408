// Package refs finds what moved in a repository without an event, and says of an
// event whether it is still news.
//
// # Finding
//
// There are moves that a code host delivers nothing of: GitHub sends no push event
// when more than three tags are pushed at once, and a delivery can be lost beyond
// what package recover can fetch. So a [Reconciler] looks, at intervals, where the
// branches, tags and open pull requests of every known repository stand, and holds
// that against the moves that events told of:
//
//	stands where it stood              nothing
//	an event told of it                nothing; that is where it stands now
//	no event, for less than Grace      looked at again
//	no event, for longer               becomes one: a push, a tag, a pull request
//	                                   opened, reopened or synchronized
//
// Guarantees:
//
//   - The first look at a repository is the baseline: nothing runs. So is one after
//     nobody looked for longer than MaxAge: nothing older is repaired by itself.
//   - A move is one event, by repository, event, ref, before and after
//     ([event.Move.FoundID]). Whether a delivery told of it in the meantime is made
//     sure in the transaction that stores it. One that comes later is absorbed: see
//     below.
//   - What moved several times becomes one event, from where it stood to where it
//     stands.
//   - Repositories are looked up by their numeric id. Whoever takes over a name is
//     not taken for the one who had it.
//   - A deleted ref is no event. It is forgotten after Grace, so that a list that
//     came incomplete does not make all the others new.
//   - The event is on disk before the look is noted. A crash between the two is
//     harmless: the next look finds that the event told of it.
//   - A limit of the code host ends a round; the next one goes on with the
//     repository that was tried longest ago. What can't be read is told with the
//     permission that is missing, asked for again after an hour or a restart, and delays no
//     other.
//
// # Order
//
// [Judge] says whether a push, a tag or a pull request's new head is outdated, by
// ancestry and by where the ref stands now, never by when it arrived; and whether
// it is a late delivery of what was found already. It is pure. An [Order] asks for
// what Judge has to know. An event that came in order is judged without asking.
package refs
