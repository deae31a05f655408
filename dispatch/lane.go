package dispatch

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Lanes is what commits that are not a repository's own need to run, and what
// comments need that ask for something. Its zero value lets neither do anything.
type Lanes struct {
	// Engine is for the untrusted lane; nil: there is none, and nothing runs there.
	Engine Engine
	Rules  LaneRules
	// Approvals are who approved what; Writers and Pulls are asked about it.
	Approvals Approvals
	Writers   Writers
	Pulls     Pulls
	// Comments read commands; nil: there are none.
	Comments Comments
	Answers  Answers
	Replies  Replies
	History  History
	Events   Events
	Cancels  Cancels
}

// LaneRules is what the operator decided about the untrusted lane.
type LaneRules interface {
	// AllowsUntrusted tells whether a variable is listed as a secret of a function.
	AllowsUntrusted(repo event.Repo, function, variable string) bool
	// TrustsForks tells whether forks of those who may write to a repository count
	// as the repository itself.
	TrustsForks(repo event.Repo) bool
}

// Waits of the untrusted lane. What begins with "approval of" is told at once.
const (
	waitsApproval = "approval of "
	noEngineNamed = "; no engine for commits of forks is configured"
	waitsEngine   = "an engine for commits of forks: none is configured (--untrusted-engine)"
)

// lane is where a run's calls are made, and with what. The zero value is the
// trusted one.
type lane struct {
	name   run.Lane
	engine Engine
	// head is where `src` comes from; nil: the tree that the module is loaded from.
	head *run.Tree
}

// engine is the one for the run's lane.
func (t *task) engine() Engine {
	if t.lane.engine != nil {
		return t.lane.engine
	}
	return t.Engine
}

// source is a module in the run's lane.
func (t *task) source(tree run.Tree, m run.Module) run.Source {
	name := t.lane.name
	if name == "" {
		name = run.LaneTrusted
	}
	return run.Source{
		Tree: tree, Head: t.lane.head, RepoID: t.run.Event.Repo.ID, ModulePath: m.Path, Depth: m.Depth, Lane: name,
	}
}

// untrusted tells whether the run is of a commit that is not the repository's own.
func (t *task) untrusted() bool { return t.lane.name == run.LaneUntrusted }

// runUntrusted takes a run through the stages whose commit is not the
// repository's own. Without an approval of exactly that commit nothing of it is
// checked out. With one, the settings come from the default branch as it is now,
// the module from the commit that the base pointed at when it was approved, and
// `src` alone from the commit itself.
func (t *task) runUntrusted(ctx context.Context) error {
	e := t.run.Event
	a, err := t.approval(ctx)
	if err != nil {
		return err
	}
	if a == nil || t.Lanes.Engine == nil {
		if err := t.supersede(ctx); err != nil {
			return err
		}
		return t.awaitApproval(ctx, a)
	}
	head, closeHead, err := t.checkout(ctx, e)
	if err != nil {
		return err
	}
	defer closeHead()
	base, closeBase, err := t.checkout(ctx, own(e, "refs/heads/"+a.BaseRef, a.BaseSHA))
	if err != nil {
		return err
	}
	defer closeBase()
	trunk, closeTrunk, err := t.checkout(ctx, trunk(e))
	if err != nil {
		return err
	}
	defer closeTrunk()
	if err := t.advance(ctx, run.Progress{Trust: event.Untrusted, SHA: head.SHA, Changed: changed(head), Approval: a}); err != nil {
		return err
	}
	t.lane = lane{name: run.LaneUntrusted, engine: t.Lanes.Engine, head: &head}
	settings, err := t.Policy.Settings(ctx, own(e, "", ""), trunk)
	if err != nil {
		return fmt.Errorf("read the settings of %s's default branch: %w", e.Repo.FullName(), err)
	}
	return t.carryOut(ctx, base, settings)
}

// checkout gets a tree, and what closes it.
func (t *task) checkout(ctx context.Context, e event.Event) (run.Tree, func(), error) {
	tree, err := t.Repositories.Checkout(ctx, e)
	if err != nil {
		return run.Tree{}, nil, fmt.Errorf("checkout %s@%s: %w", e.Repo.FullName(), e.SHA, err)
	}
	if c, ok := tree.Files.(io.Closer); ok {
		return tree, func() { _ = c.Close() }, nil
	}
	return tree, func() {}, nil
}

// own is a place of the repository itself, without anything that the event says.
func own(e event.Event, ref, sha string) event.Event {
	return event.Event{ID: e.ID, Vendor: e.Vendor, Repo: e.Repo, Ref: ref, SHA: sha}
}

// trunk is the default branch as the code host has it now, whatever it was called
// when the event was sent.
func trunk(e event.Event) event.Event {
	o := own(e, "", "")
	o.Repo.DefaultBranch = ""
	return o
}

// matchUntrusted matches for the untrusted lane: each function with those secrets
// alone that the operator lists for it there. The choice between functions does
// not depend on secrets.
func (t *task) matchUntrusted(in Input) (Match, error) {
	granted := in.Secrets
	reasons := func(function string) (map[string]string, bool) {
		list, some := map[string]string{}, false
		for _, s := range in.Module.Secrets {
			list[s.Name] = "it is not given to commits of forks"
			if function != "" && t.Lanes.Rules != nil && t.Lanes.Rules.AllowsUntrusted(in.Event.Repo, function, s.FromEnv) {
				list[s.Name], some = granted[s.Name], true
			}
		}
		return list, some
	}
	in.Secrets, _ = reasons("")
	merged, err := MatchEvent(in)
	for i, d := range merged.Decisions {
		listed, some := reasons(d.Function)
		if !some {
			continue
		}
		with := in
		with.Secrets = listed
		m, withErr := MatchEvent(with)
		if withErr != nil || i >= len(m.Decisions) || m.Decisions[i].Function != d.Function {
			continue
		}
		merged.Decisions[i] = m.Decisions[i]
		is := func(c run.Call) bool { return c.Function == d.Function }
		merged.Calls = slices.DeleteFunc(merged.Calls, is)
		if at := slices.IndexFunc(m.Calls, is); at >= 0 {
			merged.Calls = append(merged.Calls, m.Calls[at])
			err = nil // what the others lack is in their decisions
		}
	}
	hintAtBase(merged)
	return merged, err
}

// hintAtBase says of a function that sees the base's files alone that it does: who
// reads its success must not take it for the commit's.
func hintAtBase(m Match) {
	for _, c := range m.Calls {
		var byPath string
		src := false
		for _, a := range slices.Concat(c.Constructor, c.Args) {
			src = src || a.Kind == run.ArgSource
			if a.Kind == run.ArgDirectory || a.Kind == run.ArgFile {
				byPath = a.Name
			}
		}
		if src || byPath == "" {
			continue
		}
		at := slices.IndexFunc(m.Decisions, func(d run.Decision) bool { return d.Function == c.Function && d.Module == c.Module })
		if at >= 0 && m.Decisions[at].Hint == "" {
			m.Decisions[at].Hint = fmt.Sprintf("for a commit of a fork %s holds the base's files; declare src to get the commit's", shown(byPath))
		}
	}
}

// apart gives each call that has secrets a session of its own in the untrusted
// lane: there the others run what strangers wrote.
func (t *task) apart(b *batch) []*batch {
	if !t.untrusted() {
		return []*batch{b}
	}
	plain := &batch{plan: b.plan}
	var all []*batch
	for _, c := range b.calls {
		if len(needed(b.plan.secrets, []run.Call{c})) > 0 {
			all = append(all, &batch{plan: b.plan, calls: []run.Call{c}})
			continue
		}
		plain.calls = append(plain.calls, c)
	}
	if len(plain.calls) > 0 {
		all = append(all, plain)
	}
	return all
}

// loggable is a call's error as the log may have it: what strangers' code says is
// for the API only.
func (t *task) loggable(text string) string {
	if text != "" && t.untrusted() {
		return "see the API"
	}
	return text
}
