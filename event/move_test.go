package event_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
)

func sha(c string) string { return strings.Repeat(c, 40) }

func TestMoveOf(t *testing.T) {
	push := event.Event{
		ID: "github:1", Vendor: "github", Name: "push", Repo: event.Repo{ID: 7}, Ref: "refs/heads/main",
		BaseSHA: sha("a"), SHA: sha("b"), Provenance: event.Webhook,
	}
	want := event.Move{EventID: "github:1", Name: "push", Ref: "refs/heads/main", Before: sha("a"), SHA: sha("b"), Provenance: event.Webhook}
	pull := push
	pull.Name, pull.Action, pull.Ref = "pull_request", "synchronize", "refs/pull/3/head"
	pulled := want
	pulled.Name, pulled.Action, pulled.Ref, pulled.Before = "pull_request", "synchronize", "refs/pull/3/head", ""
	found := push
	found.ID, found.Provenance = "github:refs:1", event.Recovered
	wasFound := want
	wasFound.EventID, wasFound.Provenance, wasFound.Found = "github:refs:1", event.Recovered, true
	with := func(e event.Event, change func(*event.Event)) event.Event { change(&e); return e }
	for name, c := range map[string]struct {
		event event.Event
		want  event.Move
	}{
		"a push":                              {push, want},
		"new commits of a pull request":       {pull, pulled},
		"what was found":                      {found, wasFound},
		"another vendor's id":                 {with(push, func(e *event.Event) { e.ID = "x:refs:1" }), func() event.Move { m := want; m.EventID = "x:refs:1"; return m }()},
		"a label":                             {with(pull, func(e *event.Event) { e.Action = "labeled" }), event.Move{}},
		"a deleted branch":                    {with(push, func(e *event.Event) { e.SHA = "" }), event.Move{}},
		"a release":                           {with(push, func(e *event.Event) { e.Name = "release" }), event.Move{}},
		"no repository":                       {with(push, func(e *event.Event) { e.Repo.ID = 0 }), event.Move{}},
		"a push that is run again":            {with(push, func(e *event.Event) { e.Provenance = event.Rerun }), event.Move{}},
		"a push that is replayed":             {with(push, func(e *event.Event) { e.Provenance = event.Replay }), event.Move{}},
		"a working tree that is run on":       {with(push, func(e *event.Event) { e.Provenance = event.Local }), event.Move{}},
		"a push that is not to be dispatched": {with(push, func(e *event.Event) { e.Reason = "not listed" }), want},
	} {
		got, ok := event.MoveOf(c.event)
		if diff := cmp.Diff(c.want, got); diff != "" || ok != (c.want != event.Move{}) {
			t.Errorf("%s: %v (-want +got)\n%s", name, ok, diff)
		}
	}
}

// TestFoundID: each part makes it another one, wherever the parts are divided.
func TestFoundID(t *testing.T) {
	m := event.Move{Name: "push", Ref: "refs/heads/main", Before: sha("a"), SHA: sha("b")}
	ids := map[string]string{"itself": m.FoundID("github", 7), "another repository": m.FoundID("github", 8), "another vendor": m.FoundID("gitlab", 7)}
	for name, other := range map[string]event.Move{
		"another event":  {Name: "tag", Ref: m.Ref, Before: m.Before, SHA: m.SHA},
		"another ref":    {Name: m.Name, Ref: "refs/heads/main2", Before: m.Before, SHA: m.SHA},
		"another before": {Name: m.Name, Ref: m.Ref, Before: sha("c"), SHA: m.SHA},
		"another after":  {Name: m.Name, Ref: m.Ref, Before: m.Before, SHA: sha("c")},
		"divided apart":  {Name: "pushr", Ref: "efs/heads/main", Before: m.Before, SHA: m.SHA},
	} {
		ids[name] = other.FoundID("github", 7)
	}
	seen := map[string]string{}
	for name, id := range ids {
		if seen[id] != "" {
			t.Errorf("%s has the id of %s", name, seen[id])
		}
		seen[id] = name
	}
	same := m
	same.Seq, same.EventID, same.Action, same.Found = 3, "x", "y", true
	if !strings.HasPrefix(ids["itself"], "github:refs:") || same.FoundID("github", 7) != ids["itself"] {
		t.Errorf("%s, %s", ids["itself"], same.FoundID("github", 7))
	}
}

func TestToldBy(t *testing.T) {
	for name, c := range map[string]struct {
		moves string // before>after, in the order of acceptance
		at    string
		want  string // the move that tells, or nothing
	}{
		"nothing was told":               {"", "a", ""},
		"the last one tells":             {"->a a>b", "b", "a>b"},
		"an older one was left":          {"->a a>b", "a", ""},
		"an older one came late":         {"b>c a>b", "c", "b>c"},
		"it was left before it was told": {"a>b ->a", "a", "->a"},
		"back again":                     {"->a a>b b>a", "a", "b>a"},
		"another commit":                 {"->a", "b", ""},
	} {
		var moves []event.Move
		for _, word := range strings.Fields(c.moves) {
			before, after, _ := strings.Cut(word, ">")
			moves = append(moves, event.Move{EventID: word, Before: before, SHA: after})
		}
		if got, ok := event.ToldBy(moves, c.at); got.EventID != c.want || ok != (c.want != "") {
			t.Errorf("%s: got %q, %v", name, got.EventID, ok)
		}
	}
}
