package run_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

func TestGroupOf(t *testing.T) {
	const sha = "1111111111111111111111111111111111111111"
	repo := event.Repo{ID: 7, Owner: "octo", Name: "hello"}
	push := event.Event{Name: "push", Ref: "refs/heads/main", SHA: sha, Repo: repo, Diff: event.DiffPush}
	pull := event.Event{Name: "pull_request", Action: "synchronize", Ref: "refs/pull/7/head", PullRequest: 7, SHA: sha, Repo: repo, Diff: event.DiffPull}
	with := func(e event.Event, change func(*event.Event)) event.Event { change(&e); return e }

	tests := map[string]struct {
		event event.Event
		key   string
		moves bool
	}{
		"a push to a branch":           {push, "push:refs/heads/main", true},
		"a recovered push":             {with(push, func(e *event.Event) { e.Provenance = event.Recovered }), "push:refs/heads/main", true},
		"a push that is run again":     {with(push, func(e *event.Event) { e.Provenance = event.Rerun }), "push:refs/heads/main", false},
		"a push that is not run":       {with(push, func(e *event.Event) { e.Reason = "no repository of ours" }), "", false},
		"a new head of a pull request": {pull, "pull_request:7", true},
		"a label on a pull request":    {with(pull, func(e *event.Event) { e.Action = "labeled" }), "pull_request:7", false},
		"a review of a pull request":   {with(pull, func(e *event.Event) { e.Name, e.Action = "pull_request_review", "submitted" }), "pull_request:7", false},
		"a replayed pull request":      {with(pull, func(e *event.Event) { e.Provenance = event.Replay }), "pull_request:7", false},
		"a comment on a pull request": {
			event.Event{Name: "issue_comment", PullRequest: 7, Repo: repo}, "", false,
		},
		"a tag":     {event.Event{Name: "tag", Ref: "refs/tags/v1", SHA: sha, Repo: repo}, "", false},
		"a release": {event.Event{Name: "release", Ref: "refs/tags/v1", SHA: sha, Repo: repo}, "", false},
		"a star":    {event.Event{Name: "star", Repo: repo}, "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := run.GroupOf(tt.event)
			if g.Key() != tt.key || g.Moves != tt.moves {
				t.Errorf("got %q, moves %v; want %q, %v", g.Key(), g.Moves, tt.key, tt.moves)
			}
		})
	}
}

func TestOrderOfAKind(t *testing.T) {
	set := run.Concurrency{Push: run.OrderParallel, PullRequest: run.OrderQueue}
	got := []run.Order{
		run.Concurrency{}.Order(run.GroupPush), run.Concurrency{}.Order(run.GroupPull), run.Concurrency{}.Order(""),
		set.Order(run.GroupPush), set.Order(run.GroupPull),
	}
	want := []run.Order{run.OrderQueue, run.OrderSupersede, run.OrderParallel, run.OrderParallel, run.OrderQueue}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestMayCommand(t *testing.T) {
	said := event.Event{Name: "issue_comment", Action: "created", PullRequest: 7}
	with := func(change func(*event.Event)) event.Event { e := said; change(&e); return e }
	for name, tt := range map[string]struct {
		event event.Event
		may   bool
	}{
		"a comment at a pull request": {said, true},
		"one that was edited":         {with(func(e *event.Event) { e.Action = "edited" }), false},
		"one at an issue":             {with(func(e *event.Event) { e.PullRequest = 0 }), false},
		"our own":                     {with(func(e *event.Event) { e.Reason = "our own" }), false},
		"a review":                    {with(func(e *event.Event) { e.Name = "pull_request_review" }), false},
	} {
		if got := run.MayCommand(tt.event); got != tt.may {
			t.Errorf("%s: %v", name, got)
		}
	}
}
