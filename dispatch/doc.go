// Package dispatch moves one event from the store to a finished run.
//
//	lease ─► settle trust ─► checkout ─► settings ─► order ─► table ─► match ─► call × N ─► done
//
// Guarantees:
//
//   - An event is worked on under a lease. What a stage found out is written
//     before the next hand-over: decisions and the attempt before the first call,
//     each result as it comes. After a crash the run continues there: a call may
//     be made again (at least once), a finished one is not.
//   - Nothing of a commit that is not the repository's own is checked out, loaded or
//     called without an approval of exactly that commit by somebody who may write,
//     which is asked of the code host again when the run starts. Then its files are
//     given to functions as src and nothing else of it counts: the settings are the
//     default branch's, the modules those of the base as it was approved; the engine
//     is the one for such commits, and there are no secrets but those that are
//     listed for a function there (lane.go, approve.go).
//   - What a comment asks for is carried out if its author may write and the code
//     host confirms author and text; once, also after a crash; refused, it is
//     answered once. It is no approval, and never raises trust (command.go).
//   - Matching ([MatchEvent]) is pure and explains every decision.
//   - A function's failure ends that function's call; the others go on. A lost
//     engine, an unreachable code host and a shutdown are nobody's failure: the run
//     goes back to the store and is tried again. See ending.go for which is which.
//   - Waiting costs no attempt; an attempt is spent when an engine session is open
//     and calls begin, or when the engine goes away before that. After three
//     attempts that lost their engine the run ends in error. The second of them is
//     made while this agent calls nothing else, the third one call at a time: what
//     ran when an engine died of memory may be why (alone.go).
//   - Runs of one branch, and of one pull request, go in the order that the settings
//     ask for, across all agents: pushes to a branch queue, a newer commit of a pull
//     request supersedes older ones. What arrived late does neither. Who waits for a
//     person is in nobody's way (order.go).
//   - A run that somebody cancels, or that is superseded, stops within a second,
//     whichever agent has it; its calls end cancelled, with what they printed so
//     far. Cancelling and ending meet in the store: the first one counts (cancel.go).
//   - Commands in comments are obeyed while all workers are busy (urgent.go).
//   - Functions of a named group are called no more at once than its limit says,
//     across all agents. A call that stands in line counts for nothing: neither
//     against its time nor as one of MaxCalls; a run with nothing else left to call
//     takes no worker and no session (group.go).
//   - A run has separate deadlines for waiting, starting and running (deadline.go).
//   - An agent whose lease was not renewed for half its time, because it was stopped
//     or its store went away, cancels its calls before it begins anything else, and
//     gives the run back if it still is its own. A result that came by then is kept.
//     A write that the store does not take is tried for as long as the run is ours
//     (keep.go).
//   - A run that five agents died with becomes a dead letter. From the third try on
//     such runs are worked on one at a time, by an agent that has lived for a while:
//     what only was near when something brought the agent down does not pay for it
//     (dead.go).
//   - [Dispatcher.Start] returns once workers lease; [Dispatcher.Stop] waits for
//     them and hands unfinished work back.
package dispatch
