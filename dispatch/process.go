package dispatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Process works on one run until it is done, waits, or is handed back, and
// records which. It is what the workers do with a lease; a local run calls it
// with a recorder of its own.
func (d *Dispatcher) Process(ctx context.Context, w run.Work) {
	if p, ok := d.work(ctx, w); ok {
		d.handBack(ctx, d.logOf(w), w.Lease, p)
	}
}

// work works on one run. If ok, p is how it ended and is still to be recorded.
func (d *Dispatcher) work(ctx context.Context, w run.Work) (p run.Progress, ok bool) {
	return d.workOn(ctx, w, (*task).do)
}

// workOn does with a run what do says.
func (d *Dispatcher) workOn(ctx context.Context, w run.Work, do func(*task, context.Context) error) (p run.Progress, ok bool) {
	t := &task{Dispatcher: d, lease: w.Lease, run: w.Run, log: d.logOf(w)}
	if w.Cancel != "" {
		p := d.stopped(w.Run, w.Cancel)
		t.logEnd(p, true, nil)
		return p, true
	}
	leave, p, ok := d.admit(w, d.Clock())
	if !ok {
		t.logEnd(p, true, nil)
		return p, true
	}
	defer leave()
	err := guarded(func() error { return do(t, ctx) })
	if err == nil {
		return run.Progress{}, false
	}
	p, ok = d.ending(ctx, w.Run, t.run, err)
	if p.State == run.Queued { // It goes back as it was.
		t.unwritten = run.Progress{Results: t.unwritten.Results}
	}
	p = with(p, t.unwritten)
	t.logEnd(p, ok, err)
	return p, ok
}

// logOf names the run in the log.
func (d *Dispatcher) logOf(w run.Work) zerolog.Logger {
	e := w.Run.Event
	return d.Log.With().Str("event_id", e.ID).Int64("run_id", w.Run.Seq).Str("repo", e.Repo.FullName()).Str("sha", e.SHA).Logger()
}

// task is one run in one worker's hands.
type task struct {
	*Dispatcher
	lease run.Lease
	run   run.Run
	log   zerolog.Logger
	// unwritten is what run shows already and the next step that is written takes
	// along.
	unwritten run.Progress
	// begun ends the deadline of the start.
	begun func()
	lane  lane
	// batches have sessions to close once the run's end is recorded: nobody shall
	// wait for an engine that tidies up.
	batches []*batch
	// groups limit the repository's functions.
	groups []group
}

// guarded keeps a bug in one run from ending the agent. Whatever a stage does in
// a goroutine of its own goes through it too.
func guarded(do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &event.Problem{
				Public: "internal error of pocketci",
				Hint:   "the agent's log has the stack; please report it",
				Err:    fmt.Errorf("panic: %v\n%s", v, debug.Stack()),
			}
		}
	}()
	return do()
}

// do takes the run through the stages, in the order of the package comment. All
// but the calls have to be done in the time for the start.
func (t *task) do(ctx context.Context) error {
	ctx, begun, end := t.starting(ctx)
	defer end()
	defer func() {
		for _, b := range t.batches {
			t.close(b)
		}
	}()
	t.begun = begun
	return overdue(ctx, t.stages(ctx))
}

func (t *task) stages(ctx context.Context) error {
	e := t.run.Event
	if err := t.identify(ctx, e); err != nil {
		return err
	}
	if err := t.outdated(ctx, e); err != nil {
		return err
	}
	if err := t.obey(ctx); err != nil {
		return err
	}
	sha, err := t.settleSHA(ctx, e)
	if err != nil {
		return err
	}
	if sha != event.Trusted {
		return t.runUntrusted(ctx)
	}
	sender, err := t.settleSender(ctx, e)
	if err != nil {
		return err
	}
	tree, err := t.Repositories.Checkout(ctx, e)
	if err != nil {
		return fmt.Errorf("checkout %s@%s: %w", e.Repo.FullName(), e.SHA, err)
	}
	if c, ok := tree.Files.(io.Closer); ok {
		defer func() { _ = c.Close() }()
	}
	t.find(run.Progress{Trust: event.Lower(sha, sender), SHA: tree.SHA, Changed: changed(tree)})
	return t.dispatch(ctx, tree)
}

// dispatch decides, calls and ends the run of a commit that is the repository's own.
func (t *task) dispatch(ctx context.Context, tree run.Tree) error {
	settings, err := t.Policy.Settings(ctx, t.run.Event, tree)
	if err != nil {
		return fmt.Errorf("read the settings of %s@%s: %w", t.run.Event.Repo.FullName(), tree.SHA, err)
	}
	return t.carryOut(ctx, tree, settings)
}

// carryOut does with a tree's modules what the settings say.
func (t *task) carryOut(ctx context.Context, tree run.Tree, settings run.Settings) error {
	if settings.Missing != "" {
		return &nothing{reason: settings.Missing}
	}
	groups, err := compileGroups(settings.Concurrency.Groups)
	if err != nil {
		return err
	}
	t.groups = groups
	if err := t.enter(ctx, settings.Concurrency); err != nil {
		return err
	}
	plans, err := t.decide(ctx, tree, settings)
	if err != nil {
		return err
	}
	if err := t.call(ctx, plans); err != nil {
		return err
	}
	p := t.conclude(plans)
	if err := t.advance(ctx, p); err != nil {
		return err
	}
	t.logEnd(p, true, nil)
	return nil
}

// advance records a step, then takes it into the task's own view of the run.
func (t *task) advance(ctx context.Context, p run.Progress) error {
	if err := t.record(ctx, with(p, t.unwritten)); err != nil {
		return fmt.Errorf("record progress of %s: %w", t.run.Event.ID, err)
	}
	t.unwritten = run.Progress{}
	t.run = t.run.Apply(p, t.Clock())
	return nil
}

// find takes into the task's view of the run what the next step is written with.
func (t *task) find(p run.Progress) {
	t.unwritten = with(p, t.unwritten)
	t.run = t.run.Apply(p, t.Clock())
}

// write records what was only found so far.
func (t *task) write(ctx context.Context) error {
	if p := t.unwritten; p.Trust == "" && p.SHA == "" && p.Changed == nil && len(p.Results) == 0 {
		return nil
	}
	return t.advance(ctx, run.Progress{})
}

// with adds to a step what was found out before it.
func with(p, found run.Progress) run.Progress {
	if p.Trust == "" {
		p.Trust = found.Trust
	}
	if p.SHA == "" {
		p.SHA = found.SHA
	}
	if p.Changed == nil {
		p.Changed = found.Changed
	}
	p.Results = append(slices.Clone(found.Results), p.Results...)
	return p
}

// logEnd says once how the work on a run ended.
func (t *task) logEnd(p run.Progress, ok bool, err error) {
	var ev *zerolog.Event
	var waiting *hold
	switch {
	case !ok:
		ev = t.log.Warn()
	case p.State == run.Waiting && !errors.As(err, &waiting), p.Outcome == run.Errored:
		ev = t.log.Warn()
	default:
		ev = t.log.Info()
	}
	if err != nil && !errors.As(err, &waiting) {
		ev = ev.Str("error", t.Scrub(err.Error()))
	}
	ev.Str("state", string(p.State)).Str("outcome", string(p.Outcome)).Str("waits_for", p.Waits).
		Int("attempt", t.run.Attempt).Str("note", p.Note).Msg("run")
}

// changed is the number of changed files, -1 where the event has no diff.
func changed(tree run.Tree) *int {
	n := len(tree.Changes)
	if !tree.HasDiff {
		n = -1
	}
	return &n
}
