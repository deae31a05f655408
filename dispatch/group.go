package dispatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Slots gives out slots in named groups of functions, of which only so many are
// called at once over all runs of a repository.
type Slots interface {
	// Take takes a slot in each of the groups, or puts the call in line for them.
	Take(ctx context.Context, l run.Lease, module, function string, groups []run.CallGroup) (bool, error)
}

// slotEvery is how often a call that stands in line is asked for again while
// others of its run are under way.
const slotEvery = 500 * time.Millisecond

// group is a named group of functions, ready to be compared with names.
type group struct {
	run.CallGroup
	functions globs
}

// compileGroups prepares the settings' groups.
func compileGroups(list []run.CallGroup) ([]group, error) {
	var groups []group
	for _, g := range list {
		lower := make([]string, len(g.Functions))
		for i, f := range g.Functions {
			lower[i] = strings.ToLower(f)
		}
		functions, err := compile(lower, false)
		if err != nil {
			return nil, &event.Problem{Public: fmt.Sprintf("the functions of group %s: %v", shown(g.Name), err)}
		}
		groups = append(groups, group{g, functions})
	}
	return groups, nil
}

// groupsOf are the groups that a function is in.
func groupsOf(groups []group, module, function string) []run.CallGroup {
	var in []run.CallGroup
	for _, g := range groups {
		if g.functions.accepts(strings.ToLower(function), strings.ToLower(functionKey(module, function))) {
			in = append(in, g.CallGroup)
		}
	}
	return in
}

// seat is a call and the session that it is made in.
type seat struct {
	b *batch
	c run.Call
	// in are the groups that limit it.
	in []run.CallGroup
}

// seats gives the calls of all batches.
func (t *task) seats(batches []*batch) []seat {
	var all []seat
	for _, b := range batches {
		for _, c := range b.calls {
			s := seat{b: b, c: c}
			if t.Slots != nil {
				s.in = groupsOf(t.groups, c.Module, c.Function)
			}
			all = append(all, s)
		}
	}
	return all
}

// take parts the seats into those that may be called now and those in line.
func (t *task) take(ctx context.Context, seats []seat) (free, line []seat, err error) {
	for _, s := range seats {
		got := len(s.in) == 0
		if !got {
			if got, err = t.Slots.Take(ctx, t.lease, s.c.Module, s.c.Function, s.in); err != nil {
				return nil, nil, fmt.Errorf("take a slot for %s: %w", s.c.Function, err)
			}
		}
		if got {
			free = append(free, s)
		} else {
			line = append(line, s)
		}
	}
	return free, line, nil
}

// inLine holds a run that has nothing left to call but what stands in line: it
// needs no worker and no session meanwhile.
func inLine(line []seat) error {
	names := make([]string, len(line[0].in))
	for i, g := range line[0].in {
		names[i] = g.Name
	}
	return &hold{waits: "a slot in group " + strings.Join(names, ", "), kind: run.ForSlot}
}

// begin opens the sessions that the calls are made in and are not open yet, and
// records that they are about to be made.
func (t *task) begin(ctx context.Context, seats []seat, attempt int) error {
	var batches []*batch
	for _, s := range seats {
		if s.b.session == nil && !contains(batches, s.b) {
			batches = append(batches, s.b)
		}
	}
	opening, _, opened := t.starting(ctx)
	err := overdue(opening, t.open(opening, batches, attempt))
	if opened(); err != nil {
		return err
	}
	var begun []run.CallState
	for i := range seats {
		seats[i].c.Attempt = attempt
		begun = append(begun, run.CallState{Call: seats[i].c, Begun: t.Clock()})
	}
	return t.advance(ctx, run.Progress{Attempt: &attempt, Begun: begun})
}

func contains(batches []*batch, b *batch) bool {
	for _, have := range batches {
		if have == b {
			return true
		}
	}
	return false
}

// calling is the calls of one run that are under way.
type calling struct {
	*task
	places  *semaphore.Weighted
	attempt int
	// ended gets each call's end; flying counts those that are to come.
	ended  chan outcome
	flying int
	// lost are the errors for which calls have to be made again.
	lost []error
}

// outcome is the end of one call.
type outcome struct {
	result run.Result
	err    error
}

// callAll makes the calls, records each result as it comes, and makes those in
// line as their slots come free, for as long as others are under way. What is
// still in line then waits without a worker.
func (t *task) callAll(ctx context.Context, places *semaphore.Weighted, attempt int, free, line []seat) error {
	c := &calling{task: t, places: places, attempt: attempt, ended: make(chan outcome)}
	c.start(ctx, free)
	var again <-chan time.Time
	if len(line) > 0 {
		ticker := time.NewTicker(slotEvery)
		defer ticker.Stop()
		again = ticker.C
	}
	for c.flying > 0 {
		select {
		case o := <-c.ended:
			c.flying--
			c.end(ctx, o, c.flying == 0 && len(line) == 0)
		case <-again:
			line = c.advanceLine(ctx, line)
		}
	}
	if len(c.lost) == 0 && len(line) > 0 {
		return inLine(line)
	}
	return errors.Join(c.lost...)
}

// start makes calls.
func (c *calling) start(ctx context.Context, seats []seat) {
	for _, s := range seats {
		c.flying++
		go func() {
			var o outcome
			o.err = guarded(func() (err error) {
				o.result, err = c.callOne(ctx, c.places, s.b.session, s.c)
				return err
			})
			c.ended <- o
		}()
	}
}

// end records what came of a call. The last one's result is written with the run's
// end, unless that is in doubt.
func (c *calling) end(ctx context.Context, o outcome, last bool) {
	p := run.Progress{Results: []run.Result{o.result}}
	switch {
	case o.err != nil:
	case last && len(c.lost) == 0 && ctx.Err() == nil:
		c.find(p)
	default:
		o.err = c.advance(ctx, p)
	}
	if o.err != nil {
		c.lost = append(c.lost, o.err)
	}
}

// advanceLine makes the calls whose turn has come and gives those that are left.
func (c *calling) advanceLine(ctx context.Context, line []seat) []seat {
	if ctx.Err() != nil || len(c.lost) > 0 || len(line) == 0 {
		return line
	}
	free, rest, err := c.take(ctx, line)
	if err == nil && len(free) > 0 {
		err = c.begin(ctx, free, c.attempt)
	}
	if err != nil {
		c.lost = append(c.lost, err)
		return line
	}
	c.start(ctx, free)
	return rest
}
