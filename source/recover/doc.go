// Package recover takes in what a code host meant to deliver and could not.
//
// Code hosts do not deliver again by themselves. They do keep a record of what
// their webhooks tried: GitHub for 72 hours. A [Sweeper] reads it at start and
// every five minutes and holds it against the ledger in the store:
//
//	list each hook's deliveries ─► group by GUID ─► which of them are stored?
//	        ─► fetch the payload of those that are not ─► parse ─► append (recovered)
//
// An event that was fetched has the id that its delivery has ("github:<GUID>"),
// so that delivery, recovery and a manual redelivery are one event whichever comes
// first, and so is what several hooks deliver under one GUID.
//
// # What is missing
//
// The store is the authority, not the answer that the code host noted: a proxy may
// have answered for us, and we may have stored what we then answered 503 to. An
// event that is not stored is missing, except
//
//   - pings;
//   - what we refused: 400, 401, 413, 415. A secret that the operator took away
//     stays taken away; such events are counted as refused;
//   - what somebody answered with 2xx before the hook first delivered to us: it was
//     another receiver's;
//   - what was answered with 2xx by our word that it repeats, byte for byte, an
//     event that came under another id.
//
// Deliveries that failed before the hook was first heard of are taken in as well.
//
// # Guarantees
//
//   - Events are appended in the order in which they were first attempted. Of more
//     than 200 that are missing the newest, which somebody waits for, and the oldest,
//     which the code host forgets first, take turns. What is outdated by then is a
//     question of ancestry, not of this order (package refs).
//   - Fetching ends when hooks are to be read again: thousands of missing events
//     don't keep what is missed meanwhile from being noticed. What is left is told,
//     in the log and as [event.Coverage].Pending.
//   - What a hook's record showed, and how far it was read (the cursor), are
//     written in one transaction before anything is fetched. A crash, a disk or a
//     network that fails at any point costs nothing but the repetition: the cursor
//     never passes a delivery that is not in the ledger, and a delivery stays
//     missing in the ledger until its event is on disk.
//   - Deliveries are listed once they ended; so each sweep goes 15 minutes back
//     beyond the cursor.
//   - A missing event that is older than Config.MaxAge is a gap: it is told, and
//     not repaired.
//   - A hook that can't be read for lack of a permission is told with the
//     permission's name, and tried again after an hour, and when the agent is
//     started again. It delays no other.
//   - Reading hooks takes at most half of Config.Share requests an hour: with many
//     hooks sweeps are further apart. That there are no more than the share in all
//     is for the Host to see to; when it says so (run.RetryAfter.Ours), the next
//     sweep fetches the rest. A limit of the code host ends a sweep, and the next
//     one waits for it; it goes on with what was tried longest ago.
//   - A sweep that was interrupted for longer than the code host remembers leaves a
//     time of which nobody can know: [event.Coverage] says which.
//
// # What it is not
//
// The payload from the API is the object that was sent, not the bytes that were
// signed. What proves it genuine is the connection to the code host; the parser
// is told which hook it came through and refuses what that hook can't have sent.
package recover
