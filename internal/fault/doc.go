// Package fault drives the fault test: it delivers signed webhooks to an agent
// that runs as a process, kills, stops and starves it meanwhile, and holds what
// came of it against what was promised.
//
//	go test ./cmd/agent -run TestFault -v              # CI's size, about a minute
//	go test ./cmd/agent -run TestFault -v -timeout 60m -fault.full
//	go test ./cmd/agent -run TestFault -v -timeout 60m -fault.engine
//
// The full one makes 1,000 deliveries at full speed, with duplicates, reordering and
// late ones mixed in, while the agent is killed at 50 random moments and at each
// named point, is stopped and continued, and is shut down; then the same with an
// engine that dies, hangs and is not there. With -fault.engine the engine is the
// real one, if one is at hand, and fewer events do.
//
// What got no 2xx is delivered again under the same id, as a person would at the
// code host. At the end the agent works off what is left, and then
//
//   - the store has exactly the events whose deliveries were answered with 2xx, and
//     perhaps some whose answer was cut off, which were delivered again;
//   - each has one finished run, with the outcome that its functions must have, or,
//     if its engine was taken away three times, with a report that says so;
//   - no function was called again after its result was on disk;
//   - each context of each commit shows the right last state on the code host: none
//     is pending, none is missing, none is there that should not be.
package fault
