package status

import (
	"slices"
	"strings"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// grace is how long a run may take before anything pending is shown of it.
const grace = 10 * time.Second

// Plan says what the commit should show of a run as it stands: a status per
// function that was called, skipped or in error, and the event's summary. It is
// pure; the same run gives the same reports. again is when to plan the same run
// once more even if it has not changed by then; zero: when it has changed.
//
// A pending report may not be sent before the run is ten seconds old: its
// NotBefore says so. An event that asks for no status, one that has no commit
// (yet), one that was recorded and one that has not been begun have no reports.
func Plan(r run.Run, now time.Time) (reports []run.Report, again time.Time) {
	return planner{}.plan(r, now)
}

// planner is Plan with what the agent is set up with.
type planner struct {
	// scrub takes secrets out of a text; may be nil.
	scrub func(string) string
	// targetURL is where a status links to; may be nil.
	targetURL func(run.Run) string
}

func (p planner) plan(r run.Run, now time.Time) ([]run.Report, time.Time) {
	if !r.Event.Status || commit(r) == "" {
		return nil, time.Time{}
	}
	switch {
	case r.State == run.Recorded:
		return p.recorded(r), time.Time{}
	case r.State == run.Queued && r.Begun.IsZero():
		// Shown only once it is begun: a thousand events in the queue would use up
		// the budget that results need.
		return nil, time.Time{}
	case !decided(r) && !awaitsApproval(r) && now.Before(due(r)):
		return nil, due(r)
	}
	var reports []run.Report
	for _, d := range r.Decisions {
		if s, ok := p.function(r, d); ok {
			reports = append(reports, p.report(r, s))
		}
	}
	return append(reports, p.report(r, p.summary(r))), time.Time{}
}

// report makes an outbox row of a status.
func (p planner) report(r run.Run, s run.Status) run.Report {
	s.Description = either(p.describe(s.Description), string(s.State))
	if p.targetURL != nil {
		s.TargetURL = p.targetURL(r)
	}
	row := run.Report{Repo: r.Event.Repo, SHA: commit(r), Status: s, Seq: r.Seq}
	if s.State == run.StatusPending && !awaitsApproval(r) {
		row.NotBefore = due(r)
	}
	return row
}

// recorded ends a summary that may have been shown as pending before it turned
// out that there is nothing to dispatch; otherwise nothing is said.
func (p planner) recorded(r run.Run) []run.Report {
	shown := !r.Begun.IsZero() && !r.Ended.Before(due(r))
	held := r.Trust == event.Untrusted && r.Event.SHATrust != event.Trusted
	if !shown && !held {
		return nil
	}
	return []run.Report{p.report(r, run.Status{
		Context:     summaryContext(r.Event.Name),
		State:       run.StatusSuccess,
		Description: either(r.Note, r.Event.Reason, "nothing to dispatch"),
		Skip:        true,
	})}
}

// function is the status of one function, if its decision has one.
func (p planner) function(r run.Run, d run.Decision) (run.Status, bool) {
	s := run.Status{Context: functionContext(d, r.Event.Name)}
	switch d.Verdict {
	case run.VerdictCalled:
		s.State, s.Description = called(r, d)
	case run.VerdictSkipped:
		s.State, s.Skip = run.StatusSuccess, true
		s.Description = "skipped: " + either(strings.TrimPrefix(d.Reason, "skipped: "), "nothing to do")
	case run.VerdictError:
		s.State, s.Description = run.StatusError, either(d.Reason, "the function can't be called as it is written")
	default:
		return s, false
	}
	return s, true
}

// called is the state of a function that was to be called.
func called(r run.Run, d run.Decision) (run.StatusState, string) {
	c, begun := find(r, d)
	switch {
	case begun && c.Result != nil:
		state, text := ended(r, *c.Result)
		if state == run.StatusSuccess && ofBase(r, c.Call) {
			text += ", of the base's files"
		}
		return state, text
	case r.State == run.Done:
		return run.StatusError, either(problem(r), r.Note, string(unsuccessful(r.Outcome)), "not called")
	case r.State != run.Running:
		return run.StatusPending, waiting(r)
	case begun:
		return run.StatusPending, "running"
	}
	return run.StatusPending, "waiting for its turn"
}

// ended is the state of a call that has its result, with the text as it came:
// what is secret in it can only be told while it is whole.
func ended(r run.Run, res run.Result) (run.StatusState, string) {
	took := res.Ended.Sub(res.Begun)
	if r.Approval != nil && res.Error != "" {
		// What a stranger's code says is for the API only; a status is ours.
		res.Error = ""
		if res.Outcome == run.Failure {
			return run.StatusFailure, "failed; the API has what it says"
		}
	}
	switch res.Outcome {
	case run.Success:
		return run.StatusSuccess, succeeded(took, res.Cached)
	case run.Failure:
		return run.StatusFailure, either(res.Error, "failed")
	case run.TimedOut:
		if strings.HasPrefix(res.Error, "timed out") {
			return run.StatusFailure, res.Error
		}
		return run.StatusFailure, "timed out after " + took.Round(time.Second).String()
	case run.Cancelled:
		return run.StatusError, either(res.Error, r.Note, "cancelled")
	}
	return run.StatusError, either(res.Error, problem(r), "error of the agent; its log has the cause")
}

// ofBase tells whether a call for a fork's commit was given files, and none of
// them the commit's: its success says nothing about that.
func ofBase(r run.Run, c run.Call) bool {
	files := false
	for _, a := range slices.Concat(c.Constructor, c.Args) {
		if a.Kind == run.ArgSource {
			return false
		}
		files = files || a.Kind == run.ArgDirectory || a.Kind == run.ArgFile
	}
	return files && r.Approval != nil
}

// succeeded says how long a function took, to a tenth of a second below ten.
func succeeded(took time.Duration, cached bool) string {
	text := "succeeded"
	switch {
	case took >= 10*time.Second:
		text += " in " + took.Round(time.Second).String()
	case took > 0:
		text += " in " + max(took.Round(100*time.Millisecond), 100*time.Millisecond).String()
	}
	if cached {
		text += " (cached)"
	}
	return text
}

// waiting says why a run that is not being worked on isn't.
func waiting(r run.Run) string {
	if r.State != run.Waiting || r.Waits == "" {
		return "waiting for its turn"
	}
	return "waiting for " + strings.TrimPrefix(r.Waits, "waiting for ")
}

// awaitsApproval tells whether a person has to say yes first. That is shown at
// once: nothing else would tell the person.
func awaitsApproval(r run.Run) bool {
	return r.State == run.Waiting && strings.HasPrefix(strings.TrimPrefix(r.Waits, "waiting for "), "approval of ")
}

// due is when a run is old enough for something pending to be shown of it.
func due(r run.Run) time.Time {
	if r.Begun.IsZero() {
		return r.Event.ReceivedAt.Add(grace)
	}
	return r.Begun.Add(grace)
}

// commit is the commit to report on. What the delivery says is good until the
// checkout knows better.
func commit(r run.Run) string { return either(r.SHA, r.Event.SHA) }

// decided tells whether it is known what is called.
func decided(r run.Run) bool { return r.State == run.Done || len(r.Decisions) > 0 }

// find gives a function's call, the newest if there are several.
func find(r run.Run, d run.Decision) (run.CallState, bool) {
	var found run.CallState
	var ok bool
	for _, c := range r.Calls {
		if c.Call.Module == d.Module && c.Call.Function == d.Function {
			found, ok = c, true
		}
	}
	return found, ok
}

// problem is the run's own problem, under its module's name.
func problem(r run.Run) string {
	if r.Problem == nil {
		return ""
	}
	if r.Problem.Module != "" {
		return r.Problem.Module + ": " + r.Problem.Public
	}
	return r.Problem.Public
}

// either is the first text that says something.
func either(texts ...string) string {
	for _, t := range texts {
		if strings.TrimSpace(t) != "" {
			return t
		}
	}
	return ""
}

// unsuccessful is the outcome, or nothing if it is a success.
func unsuccessful(o run.Outcome) run.Outcome {
	if o == run.Success {
		return ""
	}
	return o
}
