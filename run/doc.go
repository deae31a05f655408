// Package run says what we did about an event. It is vocabulary: values that
// grow from stage to stage, and no behaviour beyond reading them.
//
//	Event → Tree → Table (functions) → Decisions → Calls → Results → Run
//
// No stage edits what an earlier one made. What must survive a crash goes to the
// store as a [Progress], under a [Lease] whose fence keeps a stalled worker from
// writing over its successor.
package run
