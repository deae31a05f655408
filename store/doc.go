// Package store remembers events, runs, decisions, calls and the outbox, and
// hands out work under leases. It is one SQL store in two dialects: SQLite, in
// the data folder, for one agent, and PostgreSQL for any number of them.
//
// Guarantees:
//
//   - What [Store.Append], [Store.Advance] and the others returned without error
//     is on disk: SQLite runs with a write-ahead log and synchronous=FULL, read
//     back on each connection. Commits are grouped across callers; one that fails
//     fails alone.
//   - An event is stored once. Its keys (id; vendor, type, repository and SHA-256
//     of the payload) are in a table of their own and outlive it ([Store.Prune]).
//   - Runs are numbered in the order in which their events were accepted, from 1,
//     without gaps.
//   - A run is worked on by one holder. Every write of a holder carries the
//     lease's fence and is refused with [ErrLeaseLost] if the run was handed out
//     again since. A run whose holder is gone is handed out again when the lease
//     and a grace are over; on SQLite as soon as the store is opened again, because
//     a lock on the file proves that the former process ended. How often that
//     happened to a run is counted ([run.Work]'s Tries); from the second time on it
//     rests, whenever the store is opened, before it is handed out again.
//   - Runs are handed out round-robin by repository, within one in the order of
//     acceptance; but one that has to wait for another of its group (a branch's
//     pushes, a pull request's events) not before that one has ended, which wakes it
//     in the same transaction. Whatever changes who may go holds the group's lock:
//     nobody is forgotten, also with several agents. See [Store.Enter].
//   - Cancelling a run, its being superseded and its end meet in its row: the first
//     one that is written counts ([Store.Cancel], [Store.Advance]).
//   - Slots limit how many calls of a named group are made at once. They are held
//     under the run's lease, given out in the order of acceptance, and free when the
//     call has its result or the lease is over ([Store.Take]).
//   - A state of a context reaches the outbox in the transaction that marks the
//     run as looked at; see [Store.PlanReports] for which state replaces which. A
//     try to send is on disk before it begins.
//   - What all agents may send with one credential is counted here, by one clock:
//     never more than its rates in any window ([Store.Permit]).
//   - After the disk failed once (I/O error, corruption) nothing is acknowledged
//     until the store is opened anew: [ErrBroken]. Below a floor of free space
//     Append refuses with [ErrFull], while work in progress goes on.
//
// On PostgreSQL leases follow the database's clock. An agent uses up to 17
// connections (8 to read, or Config.Readers, 8 to write, 1 to hear of others'
// work); synchronous_commit is switched on where it is off. What an agent that
// crashed had under lease is rescued after lease and grace, and a report that it
// was sending after Config.ClaimFor. While the database is gone every call fails;
// when it is back the store goes on by itself.
//
// Times are kept in nanoseconds. Strings lose what is not UTF-8, and columns of
// text lose NUL: both become U+FFFD. Payloads and outputs come back byte for byte.
//
// Secrets: no type that is stored has a field for a secret's value or a
// credential, and none is ever written.
package store
