package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

func TestConcurrency(t *testing.T) {
	tests := map[string]struct {
		yaml string
		want run.Concurrency
	}{
		"nothing":      {"concurrency: {}", run.Concurrency{}},
		"pull_request": {"concurrency: {pull_request: queue}", run.Concurrency{PullRequest: run.OrderQueue}},
		"push":         {"concurrency: {push: supersede}", run.Concurrency{Push: run.OrderSupersede}},
		"both":         {"concurrency:\n  push: parallel\n  pull_request: supersede\n", run.Concurrency{Push: run.OrderParallel, PullRequest: run.OrderSupersede}},
		"no groups":    {"concurrency: {groups: []}", run.Concurrency{}},
		"a group": {
			"concurrency: {groups: [{name: deploy, functions: ['deploy*', ' !deployDocs* ']}]}",
			run.Concurrency{Groups: []run.CallGroup{{Name: "deploy", Functions: []string{"deploy*", "!deployDocs*"}, Limit: 1}}},
		},
		"two groups": {
			"concurrency:\n  groups:\n  - {name: db, functions: [migrate*], limit: 1}\n  - {limit: 1000, functions: ['api/*'], name: heavy.2_x-y}\n",
			run.Concurrency{Groups: []run.CallGroup{
				{Name: "db", Functions: []string{"migrate*"}, Limit: 1}, {Name: "heavy.2_x-y", Functions: []string{"api/*"}, Limit: 1000},
			}},
		},
		"beside modules": {
			"modules: [{name: a, module-path: ci}]\nconcurrency: {push: parallel}", run.Concurrency{Push: run.OrderParallel},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := config.Repository(tree(tt.yaml), scope, config.Grants{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Concurrency); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestConcurrencyRefuses(t *testing.T) {
	group := func(entry string) string { return "concurrency: {groups: [" + entry + "]}" }
	tests := map[string]struct{ yaml, public string }{
		"an unknown order":          {"concurrency: {push: queued}", `pocketci.yaml:1:21: push: unknown order "queued", did you mean "queue"?`},
		"an order in capitals":      {"concurrency: {pull_request: Supersede}", `pocketci.yaml:1:29: pull_request: unknown order "Supersede", did you mean "supersede"?`},
		"an empty order":            {"concurrency: {push: ''}", `pocketci.yaml:1:21: push: unknown order ""; the nearest known one is "queue"`},
		"no order":                  {"concurrency: {push: }", "pocketci.yaml:1:21: push must be a string, not nothing"},
		"an order that is a list":   {"concurrency: {push: [queue]}", "pocketci.yaml:1:21: push must be a string, not a list"},
		"an order twice":            {"concurrency: {push: queue, push: queue}", `pocketci.yaml:1:28: "push" stands here for the second time`},
		"an event without an order": {"concurrency: {pull-request: queue}", `pocketci.yaml:1:15: unknown key "pull-request", did you mean "pull_request"?`},
		"groups in a mapping":       {"concurrency: {groups: {deploy: 1}}", "pocketci.yaml:1:23: groups must be a list, not a mapping"},
		"a group that is text":      {group("deploy"), "pocketci.yaml:1:24: a group must be a mapping, not a string"},
		"an unknown key":            {group("{name: a, functions: [b], limits: 1}"), `pocketci.yaml:1:50: unknown key "limits", did you mean "limit"?`},
		"no name":                   {group("{functions: [b]}"), "pocketci.yaml:1:24: a group without name"},
		"no functions":              {group("{name: a}"), "pocketci.yaml:1:24: a group without functions"},
		"an empty list":             {group("{name: a, functions: []}"), "pocketci.yaml:1:45: functions is empty"},
		"a function, not a list":    {group("{name: a, functions: b}"), "pocketci.yaml:1:45: functions must be a list, not a string"},
		"a bad glob":                {group("{name: a, functions: ['b[']}"), `pocketci.yaml:1:46: functions: "b[" is not a valid glob`},
		"a number among functions":  {group("{name: a, functions: [1]}"), "pocketci.yaml:1:46: an entry of functions must be a string, not a number"},
		"a name with a space":       {group("{name: a b, functions: [b]}"), `pocketci.yaml:1:31: "a b" can't be a group's name`},
		"a name twice":              {group("{name: a, functions: [b]}, {name: a, functions: [c]}"), `pocketci.yaml:1:58: a second group is called "a"`},
		"limit 0":                   {group("{name: a, functions: [b], limit: 0}"), "pocketci.yaml:1:57: limit must be a whole number from 1 to 1000"},
		"a limit that is too large": {group("{name: a, functions: [b], limit: 1001}"), "pocketci.yaml:1:57: limit must be a whole number from 1 to 1000"},
		"a limit that is text":      {group("{name: a, functions: [b], limit: one}"), "pocketci.yaml:1:57: limit must be a whole number, not a string"},
		"too many groups":           {group(strings.Repeat("{},", 51)), "pocketci.yaml:1:23: groups has more than 50 entries"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := config.Repository(tree(tt.yaml), scope, config.Grants{})
			var p *event.Problem
			if !errors.As(err, &p) {
				t.Fatalf("got %v, want a problem", err)
			}
			if p.Public != tt.public {
				t.Errorf("got  %s\nwant %s", p.Public, tt.public)
			}
		})
	}
}
