package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// History knows the runs that there were.
type History interface {
	// PullRuns gives the runs of a pull request's events for one commit, newest
	// first, without payloads and outputs.
	PullRuns(ctx context.Context, repoID int64, pull int, sha string, limit int) ([]run.Run, error)
	// Run gives one run whole; its error wraps [run.ErrNotFound] if there is none.
	Run(ctx context.Context, eventID string) (run.Run, []run.Report, error)
}

// Events takes events in.
type Events interface {
	Append(ctx context.Context, e event.Event) (event.Receipt, error)
}

const (
	// rerunSuffix makes the id of a re-run of the id of the comment that asked for
	// it: one comment starts one.
	rerunSuffix = ":rerun"
	// rerunLook bounds how many runs of a commit are looked through.
	rerunLook = 200
)

// rerun carries out /test and /retest: a copy of an event of the pull request's
// newest commit is taken in, under an id of its own. It has what the first one
// had, its sender too, and never more trust.
func (t *task) rerun(ctx context.Context, said run.Comment, words spoken) (run.Command, error) {
	e, l := t.run.Event, t.Lanes
	id := e.ID + rerunSuffix
	done := run.Command{Verdict: run.CommandDone, Started: id}
	_, _, err := l.History.Run(ctx, id)
	if err == nil {
		return done, nil // it was taken in before the agent ended
	}
	if !errors.Is(err, run.ErrNotFound) {
		return done, fmt.Errorf("look for %s: %w", id, err)
	}
	if most := map[string]int{commandTest: 1, commandRetest: 0}[words.name]; len(words.args) > most {
		return refused("it takes " + map[string]string{commandTest: "one function at most", commandRetest: "nothing behind it"}[words.name])
	}
	p, err := t.openPull(ctx)
	if err != nil {
		return done, err
	}
	runs, err := l.History.PullRuns(ctx, e.Repo.ID, p.Number, p.HeadSHA, rerunLook)
	if err != nil {
		return done, fmt.Errorf("look for what ran: %w", err)
	}
	which, functions, err := chooseRerun(words, runs)
	if err != nil {
		return done, err
	}
	first, _, err := l.History.Run(ctx, which.Event.ID)
	if err != nil {
		return done, fmt.Errorf("read what ran: %w", err)
	}
	again := repeat(first, functions)
	again.ID, again.ReceivedAt = id, t.Clock().UTC().Round(0)
	again.Rerun.Asked, again.Rerun.By = e.ID, said.Author
	if _, err := l.Events.Append(ctx, again); err != nil {
		return done, fmt.Errorf("take %s in: %w", id, err)
	}
	done.Reason = "runs again"
	if len(functions) > 0 {
		done.Reason += ": " + strings.Join(functions, ", ")
	}
	return done, nil
}

// repeat is the event of a run once more. What was not trusted stays so, whatever
// has become of its sender since.
func repeat(first run.Run, functions []string) event.Event {
	e := first.Event
	e.Provenance, e.Hook = event.Rerun, event.Hook{}
	e.Rerun = &event.RerunOf{Of: first.Event.ID, Functions: functions, Trust: first.Trust}
	if first.Trust != event.Trusted {
		e.Rerun.Trust, e.SenderTrust = event.Untrusted, event.Untrusted
	}
	return e
}

// chooseRerun finds which run, of those of one commit, newest first, is to be
// repeated, and which of its functions; none: all.
func chooseRerun(words spoken, runs []run.Run) (which run.Run, functions []string, err error) {
	no := func(reason string) (run.Run, []string, error) {
		return run.Run{}, nil, &unobeyed{run.CommandRefused, reason}
	}
	runs = slices.DeleteFunc(slices.Clone(runs), func(r run.Run) bool { return r.State == run.Recorded })
	at := slices.IndexFunc(runs, func(r run.Run) bool { return isPush(r.Event) })
	if len(words.args) > 0 {
		at = slices.IndexFunc(runs, func(r run.Run) bool { return len(called(r, words.args[0])) > 0 })
		if at < 0 {
			return no("no function of that name was called for the pull request's newest commit")
		}
	}
	if at < 0 {
		return no("nothing ran for the pull request's newest commit; have the code host deliver its event again")
	}
	which = runs[at]
	newest := runs[slices.IndexFunc(runs, func(r run.Run) bool { return alike(r.Event, which.Event) })]
	switch {
	case newest.State == run.Waiting && strings.HasPrefix(newest.Waits, waitsApproval):
		return no("the newest commit waits for approval, which " + words.name + " does not give")
	case newest.State != run.Done:
		return no("it has not ended yet; " + commandCancel + " ends it")
	case len(words.args) > 0:
		return newest, called(which, words.args[0]), nil
	case words.name == commandTest:
		return newest, nil, nil
	case newest.Outcome == run.Success:
		return no("everything succeeded; " + commandTest + " runs it again all the same")
	}
	return newest, unsuccessful(newest), nil
}

// isPush tells whether an event says that the pull request has a new commit.
func isPush(e event.Event) bool {
	return e.Name == "pull_request" && slices.Contains([]string{"opened", "reopened", "synchronize"}, e.Action)
}

// alike tells whether two events of one commit reach the same functions: of two of
// them one is the other's repetition, or as good as that.
func alike(a, b event.Event) bool {
	return a.Name == b.Name && a.Action == b.Action && a.Filter == b.Filter && a.BaseRef == b.BaseRef
}

// called gives the functions of that name that a run called, or could not call as
// they are written. The name is compared without case and dashes; its module may
// stand before it.
func called(r run.Run, name string) []string {
	var found []string
	for _, d := range r.Decisions {
		if d.Verdict != run.VerdictCalled && d.Verdict != run.VerdictError {
			continue
		}
		if full := functionKey(d.Module, d.Function); foldFunction(full) == foldFunction(name) || foldFunction(d.Function) == foldFunction(name) {
			found = append(found, full)
		}
	}
	return found
}

func foldFunction(name string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
}

// functionKey is "function", or "module/function".
func functionKey(module, function string) string {
	if module == "" {
		return function
	}
	return module + "/" + function
}

// unsuccessful gives the functions of a run that did not succeed; none if it did
// not get that far, or ended with a problem of its own.
func unsuccessful(r run.Run) []string {
	if r.Problem != nil {
		return nil
	}
	succeeded := map[string]bool{}
	for _, c := range r.Calls {
		succeeded[functionKey(c.Call.Module, c.Call.Function)] = c.Result != nil && c.Result.Outcome == run.Success
	}
	var list []string
	for _, d := range r.Decisions {
		key := functionKey(d.Module, d.Function)
		if d.Verdict == run.VerdictError || d.Verdict == run.VerdictCalled && !succeeded[key] {
			list = append(list, key)
		}
	}
	return list
}

// takeOver records, for a re-run of some functions, the results of the others from
// the run that is repeated: what the commit shows in the end counts all of them.
// What has none there is called.
func (t *task) takeOver(ctx context.Context, plans []plan) error {
	again := t.run.Event.Rerun
	if again == nil || len(again.Functions) == 0 || t.Lanes.History == nil {
		return nil
	}
	before, _, err := t.Lanes.History.Run(ctx, again.Of)
	if errors.Is(err, run.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what %s repeats: %w", t.run.Event.ID, err)
	}
	if before.Event.Repo.ID != t.run.Event.Repo.ID || before.SHA != t.run.SHA || pin(before) != pin(t.run) {
		return nil
	}
	var p run.Progress
	for _, pl := range plans {
		for _, c := range pl.match.Calls {
			if slices.Contains(again.Functions, functionKey(c.Module, c.Function)) || t.run.Finished(c.Module, c.Function) {
				continue
			}
			if had, ok := result(before, c); ok {
				c.Attempt = had.Attempt
				p.Begun = append(p.Begun, run.CallState{Call: c, Begun: had.Begun})
				p.Results = append(p.Results, had)
			}
		}
	}
	if p.Results == nil {
		return nil
	}
	return t.advance(ctx, p)
}

// pin is the commit that a run's modules came from, if that is not its own.
func pin(r run.Run) string {
	if r.Approval == nil {
		return ""
	}
	return r.Approval.BaseSHA
}

// result is what became of a call in another run.
func result(of run.Run, c run.Call) (run.Result, bool) {
	for _, had := range of.Calls {
		if had.Call.Module == c.Module && had.Call.Function == c.Function && had.Result != nil {
			r := *had.Result
			if r.From == "" {
				r.From = of.Event.ID
			}
			return r, true
		}
	}
	return run.Result{}, false
}
