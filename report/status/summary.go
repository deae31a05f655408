package status

import (
	"fmt"
	"strings"

	"github.com/franela/pocketci/run"
)

// tally counts what became of an event's functions.
type tally struct {
	called, skipped            int
	failed, errored, cancelled int
}

// count goes over the decisions; a function that was called but has no result
// counts as open, which tally leaves out.
func count(r run.Run) tally {
	var t tally
	for _, d := range r.Decisions {
		switch d.Verdict {
		case run.VerdictCalled:
			t.called++
			t.add(r, d)
		case run.VerdictSkipped:
			t.skipped++
		case run.VerdictError:
			t.errored++
		}
	}
	return t
}

// add counts how a called function ended. Without a result at the end of the
// run it was not called, which is an error of ours or somebody's cancelling.
func (t *tally) add(r run.Run, d run.Decision) {
	outcome := run.Outcome("")
	if c, ok := find(r, d); ok && c.Result != nil {
		outcome = c.Result.Outcome
	} else if r.State == run.Done {
		outcome = run.Errored
		if r.Outcome == run.Cancelled {
			outcome = run.Cancelled
		}
	}
	switch outcome {
	case run.Failure, run.TimedOut:
		t.failed++
	case run.Errored:
		t.errored++
	case run.Cancelled:
		t.cancelled++
	}
}

// handled tells whether any function handles the event.
func (t tally) handled() bool { return t.called+t.skipped+t.errored > 0 }

// String is "3 called, 1 skipped: 1 failed".
func (t tally) String() string {
	head := fmt.Sprintf("%d called", t.called)
	if t.skipped > 0 {
		head += fmt.Sprintf(", %d skipped", t.skipped)
	}
	if tail := t.bad(); tail != "" {
		return head + ": " + tail
	}
	switch t.called {
	case 0:
		return head
	case 1:
		return head + ": succeeded"
	}
	return head + ": all succeeded"
}

// bad lists what didn't end well.
func (t tally) bad() string {
	var parts []string
	if t.failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", t.failed))
	}
	switch {
	case t.errored == 1:
		parts = append(parts, "1 error")
	case t.errored > 1:
		parts = append(parts, fmt.Sprintf("%d errors", t.errored))
	}
	if t.cancelled > 0 {
		parts = append(parts, fmt.Sprintf("%d cancelled", t.cancelled))
	}
	return strings.Join(parts, ", ")
}

// summary is the event's own status. It is what a branch protection can
// require: it comes with every event that is dispatched and always ends final.
//
// It counts as a skip as long as nothing is called and nothing is wrong, also
// while that is not yet known: else an event that comes to nothing would take
// the place of another event's result before it knows that it comes to nothing.
func (p planner) summary(r run.Run) run.Status {
	t := count(r)
	s := run.Status{Context: summaryContext(r.Event.Name)}
	if r.State == run.Done {
		s.State, s.Description = conclusion(r, t), p.ending(r, t)
	} else {
		s.State, s.Description = run.StatusPending, progress(r, t)
	}
	s.Skip = t.called == 0 && t.errored == 0 && (s.State == run.StatusSuccess || s.State == run.StatusPending)
	return s
}

// conclusion is the worst of the run's problem and its functions. A run whose
// outcome is not a success is never shown as one, whatever the calls say.
func conclusion(r run.Run, t tally) run.StatusState {
	switch {
	case r.Problem != nil, t.errored > 0:
		return run.StatusError
	case t.failed > 0:
		return run.StatusFailure
	case t.cancelled > 0:
		return run.StatusError
	}
	switch r.Outcome {
	case run.Success, "":
		return run.StatusSuccess
	case run.Failure, run.TimedOut:
		return run.StatusFailure
	}
	return run.StatusError
}

// ending is one sentence about a finished run.
func (p planner) ending(r run.Run, t tally) string {
	lead := either(problem(r), r.Note)
	switch {
	case lead != "" && t.called > 0:
		return firstLine(p.scrubbed(lead)) + "; " + t.String()
	case lead != "":
		return lead
	case t.handled():
		return t.String()
	case unsuccessful(r.Outcome) != "":
		return string(r.Outcome)
	}
	return "no function handles " + either(r.Event.Filter, r.Event.Name)
}

// progress is one sentence about a run that is not finished. It holds still
// while the calls come back one by one: each change would be a request.
func progress(r run.Run, t tally) string {
	switch {
	case r.State != run.Running:
		return waiting(r)
	case len(r.Decisions) == 0:
		return "starting"
	case t.called == 0:
		return "finishing"
	case t.skipped > 0:
		return fmt.Sprintf("%d called, %d skipped: running", t.called, t.skipped)
	}
	return fmt.Sprintf("%d called: running", t.called)
}
