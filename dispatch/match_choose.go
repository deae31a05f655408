package dispatch

import (
	"fmt"
	"strings"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// choose answers which of the functions that handle the event take it. Errors
// and what will be skipped count as handling.
func (m *matcher) choose(all []*candidate) {
	best := map[string]*candidate{}
	var named, catchAll *candidate
	for _, c := range all {
		switch {
		case !c.handles || c.last:
		case c.catchAll():
			catchAll = firstOf(catchAll, c)
		default:
			named = firstOf(named, c)
			if b := best[c.reading.prefix]; b == nil || b.reading.level < c.reading.level {
				best[c.reading.prefix] = c
			}
		}
	}
	what := eventText(m.in.Event)
	for _, c := range all {
		switch b := best[c.reading.prefix]; {
		case !c.open():
		case c.last:
			c.yieldTo(firstOf(named, catchAll), RuleDispatch, "%s handles "+what)
		case c.catchAll():
			c.yieldTo(named, RuleCatchAll, "%s handles "+what)
		case b.reading.level > c.reading.level:
			c.yieldTo(b, RuleMostSpecific, "%s is more specific")
		}
	}
}

// yieldTo leaves the event to another function, if there is one.
func (c *candidate) yieldTo(other *candidate, rule, reason string) {
	if other == nil {
		return
	}
	c.ReplacedBy = other.Function
	c.decide(run.VerdictNotChosen, rule, strings.Replace(reason, "%s", other.Function, 1), "")
}

func firstOf(a, b *candidate) *candidate {
	if a != nil {
		return a
	}
	return b
}

// calls answers the second question, is there something to do, and makes the
// calls of those that have.
func (m *matcher) calls(all []*candidate) ([]run.Call, *event.Problem) {
	paths := m.gate(m.in.Module.Paths)
	var ready []*candidate
	args := map[*candidate][]run.Arg{}
	for _, c := range all {
		if !c.open() {
			continue
		}
		if paths.err != nil {
			return nil, m.refuse(all, RulePaths, &event.Problem{
				Public: "paths of the module: " + paths.err.Error(),
				Hint:   "correct paths in pocketci.yaml",
			})
		}
		if !m.passes(c, RulePaths, paths) || !m.passes(c, RuleOnChanges, m.gate(c.onChanges)) {
			continue
		}
		filled, notes, problem := m.filler.fill(c.fn.Params)
		if problem != nil {
			c.decide(run.VerdictError, RuleArgument, problem.Public, problem.Hint)
			continue
		}
		c.Hint = strings.Join(notes, "; ")
		args[c] = filled
		ready = append(ready, c)
	}
	if len(ready) == 0 {
		return nil, nil
	}
	constructor, _, problem := m.filler.fill(m.in.Table.Constructor)
	if problem != nil {
		return nil, m.refuse(all, RuleConstructor, &event.Problem{
			Public: "constructor: " + problem.Public,
			Hint:   problem.Hint,
		})
	}
	calls := make([]run.Call, len(ready))
	for i, c := range ready {
		rule, reason := m.chosenBy(c)
		c.decide(run.VerdictCalled, rule, reason, c.Hint)
		calls[i] = run.Call{
			Module: c.Module, Function: c.Function,
			Constructor: constructor, Args: args[c], Returns: c.fn.Returns,
		}
	}
	return calls, nil
}

// refuse turns every function that would be called into an error.
func (m *matcher) refuse(all []*candidate, rule string, p *event.Problem) *event.Problem {
	for _, c := range all {
		if c.open() {
			c.decide(run.VerdictError, rule, p.Public, p.Hint)
		}
	}
	return p
}

// chosenBy says why a function is called.
func (m *matcher) chosenBy(c *candidate) (rule, reason string) {
	what := eventText(m.in.Event)
	switch {
	case c.last:
		return RuleDispatch, "nothing else handles " + what
	case c.catchAll():
		return RuleCatchAll, "no other function handles " + what
	case c.reading.level == levelFilter:
		return RuleMostSpecific, "its name is for " + what
	case c.reading.level == levelEvent:
		return RuleMostSpecific, "its name is for " + shown(m.in.Event.Name)
	}
	return RuleMostSpecific, "its name is for every event of " + shown(m.in.Event.Vendor)
}

// gate is a list of globs held against the changed files.
type gate struct {
	text string
	err  error
	// found is the first changed file that is accepted.
	found string
	open  bool
}

// gate holds globs against the changed files, once for equal lists. It is open
// where there are no globs or the event has no diff.
func (m *matcher) gate(entries []string) gate {
	if len(entries) == 0 {
		return gate{open: true}
	}
	key := strings.Join(entries, "\x00")
	if g, ok := m.gates[key]; ok {
		return g
	}
	var g gate
	compiled, err := compile(entries, false)
	g.text, g.err = compiled.text, err
	switch {
	case err != nil:
	case !m.in.HasDiff:
		g.open = true
	default:
		g.found, g.open = m.files.first(compiled)
	}
	m.gates[key] = g
	return g
}

// passes lets a function through a gate, or skips it.
func (m *matcher) passes(c *candidate, rule string, g gate) bool {
	if g.text == "" {
		return true
	}
	value := g.found
	if !g.open {
		value = changedText(len(m.in.Changes))
	}
	if !m.in.HasDiff {
		value = "no diff"
	}
	if c.compare(rule, value, g.text, g.open) {
		return true
	}
	c.decide(run.VerdictSkipped, rule, noneMatches(len(m.in.Changes), g.text), "")
	return false
}

// noneMatches says why a function is skipped.
func noneMatches(files int, wanted string) string {
	switch files {
	case 0:
		return "no file changed; it wants " + shown(wanted)
	case 1:
		return "the one changed file doesn't match " + shown(wanted)
	}
	return fmt.Sprintf("none of %d changed files matches %s", files, shown(wanted))
}

func changedText(files int) string {
	if files == 1 {
		return "1 changed file"
	}
	return fmt.Sprintf("%d changed files", files)
}

// eventText names an event in a sentence: "push main".
func eventText(e event.Event) string {
	if e.Filter == "" {
		return shown(e.Name)
	}
	return shown(e.Name) + " " + shown(e.Filter)
}

// camel raises the first letter, as in On<Vendor>.
func camel(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
