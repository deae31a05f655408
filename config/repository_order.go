package config

import (
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/franela/pocketci/run"
)

const (
	// maxGroups is how many groups of functions a repository may have, and
	// maxGroupLimit the largest limit of one.
	maxGroups     = 50
	maxGroupLimit = 1000
)

// readConcurrency reads in what order runs go, and which functions must not
// overlap:
//
//	concurrency:
//	  pull_request: supersede   # queue, parallel
//	  push: queue               # supersede, parallel
//	  groups:
//	    - name: deploy
//	      functions: ["deploy*"]
//	      limit: 1
func readConcurrency(n *yaml.Node) (run.Concurrency, error) {
	var c run.Concurrency
	if n == nil || isNull(n) {
		return c, nil
	}
	f, err := mapping(n, "concurrency", string(run.GroupPull), string(run.GroupPush), "groups")
	if err != nil {
		return c, err
	}
	if c.PullRequest, err = readOrder(f[string(run.GroupPull)].value, string(run.GroupPull)); err != nil {
		return c, err
	}
	if c.Push, err = readOrder(f[string(run.GroupPush)].value, string(run.GroupPush)); err != nil {
		return c, err
	}
	c.Groups, err = readGroups(f["groups"].value)
	return c, err
}

// readOrder reads the order of one kind of runs; nothing is the default.
func readOrder(n *yaml.Node, what string) (run.Order, error) {
	if n == nil {
		return "", nil
	}
	written, err := text(n, what)
	if err != nil {
		return "", err
	}
	known := []string{string(run.OrderSupersede), string(run.OrderQueue), string(run.OrderParallel)}
	if !slices.Contains(known, written) {
		return "", at(n, "known orders: "+strings.Join(known, ", "), "%s: unknown order %s%s", what, shown(written), suggest(written, known))
	}
	return run.Order(written), nil
}

// readGroups reads the named groups.
func readGroups(n *yaml.Node) ([]run.CallGroup, error) {
	if n == nil {
		return nil, nil
	}
	entries, err := list(n, "groups")
	if err != nil {
		return nil, err
	}
	if len(entries) > maxGroups {
		return nil, at(n, "", "groups has more than %d entries", maxGroups)
	}
	var groups []run.CallGroup
	seen := map[string]bool{}
	for _, e := range entries {
		g, err := readGroup(e, seen)
		if err != nil {
			return nil, err
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// readGroup reads one entry; seen are the names so far.
func readGroup(n *yaml.Node, seen map[string]bool) (run.CallGroup, error) {
	var g run.CallGroup
	f, err := mapping(n, "a group", "name", "functions", "limit")
	if err != nil {
		return g, err
	}
	for _, key := range []string{"name", "functions"} {
		if f[key].key == nil {
			return g, at(n, "", "a group without %s", key)
		}
	}
	if g.Name, err = text(f["name"].value, "name"); err != nil {
		return g, err
	}
	switch {
	case !isModuleName(g.Name):
		return g, at(f["name"].value, "letters, digits, dots, dashes and underscores, up to 64", "%s can't be a group's name", shown(g.Name))
	case seen[g.Name]:
		return g, at(f["name"].value, "", "a second group is called %s", shown(g.Name))
	}
	seen[g.Name] = true
	if g.Functions, err = readFunctions(f["functions"].value); err != nil {
		return g, err
	}
	g.Limit, err = readLimit(f["limit"].value)
	return g, err
}

// readFunctions reads the globs that say which functions are in a group.
func readFunctions(n *yaml.Node) ([]string, error) {
	entries, err := list(n, "functions")
	if err != nil {
		return nil, err
	}
	switch {
	case len(entries) == 0:
		return nil, at(n, `globs for names as the engine reports them: ["deploy*"]`, "functions is empty")
	case len(entries) > maxGlobs:
		return nil, at(n, "", "functions has more than %d globs", maxGlobs)
	}
	var globs []string
	for _, e := range entries {
		glob, err := text(e, "an entry of functions")
		if err != nil {
			return nil, err
		}
		if err := checkGlob(glob); err != nil {
			return nil, at(e, "", "functions: %s", err)
		}
		globs = append(globs, strings.TrimSpace(glob))
	}
	return globs, nil
}

// readLimit reads how many calls of a group are made at once.
func readLimit(n *yaml.Node) (int, error) {
	if n == nil {
		return 1, nil
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" {
		return 0, wrongType(n, "limit", "a whole number")
	}
	limit, err := strconv.Atoi(n.Value)
	if err != nil || limit < 1 || limit > maxGroupLimit {
		return 0, at(n, "how many of the group's calls are made at once", "limit must be a whole number from 1 to %d", maxGroupLimit)
	}
	return limit, nil
}
