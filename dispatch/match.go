package dispatch

import (
	"fmt"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// The rules that decide, as [run.Decision] names them.
const (
	// RuleNotTrigger: the name has no On<Vendor> and is not Dispatch.
	RuleNotTrigger = "not a trigger"
	// RuleName: the name is for another vendor, event or filter.
	RuleName = "name"
	// RuleNamedOnly: the event reaches only functions whose name holds it.
	RuleNamedOnly = "named only"
	// RuleDefault: the default of vendor, event, filter or baseBranch does not accept it.
	RuleDefault = "default"
	// RuleHelper: a prefixed function without an event that can't be filled and
	// takes nothing of ours is somebody's helper.
	RuleHelper = "helper"
	// RuleGlob: a default holds a bad glob, or can't be read as globs.
	RuleGlob = "bad glob"
	// RuleMostSpecific: within a prefix the most specific names are chosen.
	RuleMostSpecific = "most specific"
	// RuleCatchAll: On<Vendor> alone takes what no other function handles.
	RuleCatchAll = "catch-all"
	// RuleDispatch: Dispatch takes what nothing else handles.
	RuleDispatch = "dispatch"
	// RulePaths and RuleOnChanges: none of the changed files is accepted.
	RulePaths     = "paths"
	RuleOnChanges = "onChanges"
	// RuleArgument: a parameter can't be filled.
	RuleArgument = "argument"
	// RuleConstructor: a parameter of the module's constructor can't be filled.
	RuleConstructor = "constructor"
)

// Input is what matching looks at: one event and one module.
type Input struct {
	Event event.Event
	// SHA is the event's commit, resolved.
	SHA string
	// HasDiff tells an event without a diff from one that changed nothing.
	HasDiff bool
	// Changes are the changed files' exact names, deleted ones included.
	Changes []string
	Module  run.Module
	Table   run.Table
	// Secrets has, for each of the module's secrets by its name as pocketci.yaml
	// spells it, an empty string if it can be given, else why not. One that is
	// missing here is not given.
	Secrets map[string]string
}

// Match is what was decided, and the calls that follow from it.
type Match struct {
	// Decisions has one for every function of the table, in the table's order.
	Decisions []run.Decision
	// Calls has one for every function that was decided to be called, in the
	// same order. Their attempt is the caller's to set.
	Calls []run.Call
}

// MatchEvent decides which functions of a module an event calls, and with what.
// It is pure: no I/O, no clock, and the same answer for the same input.
//
// The error is an [*event.Problem]: something that all functions need is wrong
// (the constructor's parameters, the module's paths) and there was something to
// call. The decisions stand beside it, without calls; each function that would
// have been called is an error then. What is wrong with one function only is in
// that function's decision.
func MatchEvent(in Input) (Match, error) {
	m := newMatcher(in)
	all := make([]*candidate, len(in.Table.Functions))
	for i, f := range in.Table.Functions {
		all[i] = m.route(f)
	}
	m.choose(all)
	calls, problem := m.calls(all)
	match := Match{Decisions: make([]run.Decision, len(all)), Calls: calls}
	for i, c := range all {
		match.Decisions[i] = c.Decision
	}
	if problem != nil {
		return match, problem
	}
	return match, nil
}

// matcher holds one input and what is worked out once for all functions.
type matcher struct {
	in     Input
	values map[string][]string // of the conditions, in all their spellings
	filler *filler
	files  *changedFiles
	gates  map[string]gate
}

func newMatcher(in Input) *matcher {
	e := in.Event
	return &matcher{
		in: in,
		values: map[string][]string{
			paramVendor:     {fold(e.Vendor)},
			paramEvent:      eventForms(e.Name),
			paramFilter:     {e.Filter},
			paramBaseBranch: {e.BaseRef},
		},
		filler: newFiller(in),
		files:  newChangedFiles(in.Changes),
		gates:  map[string]gate{},
	}
}

// candidate is a function on its way to a decision.
type candidate struct {
	run.Decision
	fn      run.Function
	reading reading
	// last is true for Dispatch.
	last bool
	// handles: name and defaults accept the event. Whatever becomes of it, nothing
	// less specific takes its place.
	handles bool
	// onChanges are the globs of its own gate.
	onChanges []string
}

// catchAll tells whether it is On<Vendor> without anything else.
func (c *candidate) catchAll() bool {
	return !c.last && c.reading.prefix == "" && c.reading.level == levelVendor
}

// open tells whether the function is still to be called.
func (c *candidate) open() bool { return c.handles && c.Verdict == "" }

func (c *candidate) decide(v run.Verdict, rule, reason, hint string) {
	c.Verdict, c.Rule, c.Reason, c.Hint = v, rule, reason, hint
}

// compare records one comparison and gives its outcome.
func (c *candidate) compare(what, value, wanted string, accepted bool) bool {
	c.Compared = append(c.Compared, run.Comparison{What: what, Value: value, Wanted: wanted, Accepted: accepted})
	return accepted
}

// route answers the first question: does the function handle the event?
func (m *matcher) route(f run.Function) *candidate {
	c := &candidate{fn: f, last: isDispatch(f.Name)}
	c.Module, c.Function, c.Source = m.in.Module.Name, f.Name, f.Source
	if !m.nameAccepts(c) || m.isHelper(c) || !m.defaultsAccept(c) {
		return c
	}
	c.handles = true
	return c
}

// nameAccepts reads the name.
func (m *matcher) nameAccepts(c *candidate) bool {
	e := m.in.Event
	c.reading = readName(c.fn.Name, e)
	r := c.reading
	c.NamesEvent = r.level >= levelEvent
	switch {
	case c.last && e.NamedOnly, r.level == levelVendor && e.NamedOnly:
		c.decide(run.VerdictNotHandled, RuleNamedOnly, shown(e.Name)+" reaches only functions whose name holds it", "")
		return false
	case c.last:
		return true
	case !r.trigger:
		c.decide(run.VerdictNotHandled, RuleNotTrigger, "its name has no On"+camel(e.Vendor), m.lostOnHint(c.fn.Name))
		return false
	case !c.compare(paramVendor, e.Vendor, wantedVendor(c.fn.Name, r, e), r.vendor):
		c.decide(run.VerdictNotHandled, RuleName, "its name is not for "+shown(e.Vendor), "")
		return false
	case r.level == levelVendor:
		return true
	case !r.namesEvent:
		c.compare(paramEvent, e.Name, r.rest, false)
		c.decide(run.VerdictNotHandled, RuleName, "its name is not for "+shown(e.Name), "")
		return false
	}
	c.compare(paramEvent, e.Name, r.rest[:len(r.rest)-len(r.tail)], true)
	if r.tail == "" || c.compare(paramFilter, e.Filter, r.tail, r.level == levelFilter) {
		return true
	}
	reason := fmt.Sprintf("its name is for %s and not for %s", r.tail, shown(e.Filter))
	c.decide(run.VerdictNotHandled, RuleName, reason, filterHint(e.Filter))
	return false
}

// wantedVendor is the vendor as the name spells it, as far as that can be told.
func wantedVendor(name string, r reading, e event.Event) string {
	after := name[len(r.prefix)+len("On"):]
	if r.vendor {
		return after[:len(after)-len(r.rest)]
	}
	return after
}

// lostOnHint is for a name that lost its On to a prefix in capitals.
func (m *matcher) lostOnHint(name string) string {
	if !lostOn(name, fold(m.in.Event.Vendor)) {
		return ""
	}
	return "if it is meant to be a trigger: the engine reports a prefix in capitals together with its On (CIOn as cion); write it CiOn"
}

// filterHint is for a filter that no name can hold.
func filterHint(filter string) string {
	if _, ok := raise(filter); ok || filter == "" {
		return ""
	}
	return fmt.Sprintf("%s can't be part of a name; give the parameter filter a default instead", shown(filter))
}

// isHelper finds functions that only look like triggers.
func (m *matcher) isHelper(c *candidate) bool {
	if c.last || c.reading.prefix == "" || c.reading.level != levelVendor {
		return false
	}
	missing := ""
	for _, p := range c.fn.Params {
		if m.filler.ours(p) {
			return false
		}
		if p.Required() && missing == "" {
			missing = p.Name
		}
	}
	if missing == "" {
		return false
	}
	c.decide(run.VerdictNotHandled, RuleHelper,
		fmt.Sprintf("it names no event, needs %s and takes nothing of the event: a helper", shown(missing)),
		"if it is meant to be a trigger, name the event or give "+shown(missing)+" a default")
	return true
}

// defaultsAccept holds the event against the defaults. A default that can't be
// read is the function's error, unless another one refuses the event anyway;
// the function counts as one that handles it then.
func (m *matcher) defaultsAccept(c *candidate) bool {
	var bad error
	for _, p := range c.fn.Params {
		values, ok := m.values[p.Name]
		if !ok && p.Name != paramOnChanges {
			continue
		}
		entries, err := defaultEntries(p)
		var g globs
		if err == nil && p.Name == paramOnChanges {
			c.onChanges = entries
			err = m.gate(entries).err
		} else if err == nil {
			g, err = compile(entries, p.Name == paramVendor || p.Name == paramEvent)
		}
		if err != nil {
			if bad == nil {
				bad = fmt.Errorf("default of %s: %w", p.Name, err)
			}
			continue
		}
		if !ok || g.empty() || p.Name == paramBaseBranch && m.in.Event.BaseRef == "" {
			continue
		}
		value := m.filler.text[p.Name]
		if !c.compare(p.Name, value, g.text, g.accepts(values...)) {
			reason := fmt.Sprintf("its default of %s (%s) does not accept %s", p.Name, shown(g.text), shown(value))
			c.decide(run.VerdictNotHandled, RuleDefault, reason, "")
			return false
		}
	}
	if bad != nil {
		c.decide(run.VerdictError, RuleGlob, bad.Error(), "defaults of vendor, event, filter, baseBranch and onChanges are lists of globs")
	}
	return true
}
