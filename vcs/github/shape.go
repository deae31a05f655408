package github

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// The signature covers the body, not X-GitHub-Event: who got hold of a signed
// body could send it under another name, and so reach functions that its sender
// never meant to. So a body that can be told to be another kind's is refused.

// checkShape refuses a body that holds what belongs to another kind of event.
// Push and pull requests are held by their own converters, which can do nothing
// without what makes them such.
func checkShape(kind string, body []byte) error {
	if kind == "push" || strings.HasPrefix(kind, "pull_request") {
		return nil
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(body, &keys); err != nil {
		return malformed("the body is not a JSON object", hintNotGitHub, err)
	}
	marks := ownedKeys()
	if !documented(kind) {
		marks = marks[:surelyOwned]
	}
	for _, m := range marks {
		_, held := keys[m.key]
		if held && !slices.ContainsFunc(m.kinds, func(part string) bool { return strings.Contains(kind, part) }) {
			return malformed("the body is not that of a "+kind+" event", "X-GitHub-Event and the body have to be those of one delivery",
				fmt.Errorf("the body holds %s", m.key))
		}
	}
	return nil
}

// ownedKey is a top-level key, and parts of the names of the kinds that hold it.
type ownedKey struct {
	key   string
	kinds []string
}

// surelyOwned is how many of ownedKeys no kind that is yet to come will hold.
const surelyOwned = 8

func ownedKeys() []ownedKey {
	return []ownedKey{
		{"head_commit", []string{"push"}},
		{"pusher", []string{"push"}},
		{"ref_type", []string{"create", "delete"}},
		{"forkee", []string{"fork"}},
		{"starred_at", []string{"star"}},
		{"client_payload", []string{"repository_dispatch"}},
		{"pages", []string{"gollum"}},
		{"zen", []string{"ping"}},
		{"inputs", []string{"workflow_dispatch"}},
		{"build", []string{"page_build"}},
		{"release", []string{"release"}},
		{"check_suite", []string{"check_suite"}},
		{"workflow_job", []string{"workflow_job"}},
		{"merge_group", []string{"merge_group"}},
		{"pull_request", []string{"pull_request"}},
		{"issue", []string{"issue"}},
		{"comment", []string{"comment"}},
		{"alert", []string{"alert"}},
	}
}

// documented tells the kinds of event with a repository that GitHub's docs list,
// less those that bring what makes them such.
func documented(kind string) bool {
	switch kind {
	case "branch_protection_configuration", "branch_protection_rule", "check_run", "check_suite", "code_scanning_alert",
		"commit_comment", "create", "custom_property_values", "delete", "dependabot_alert", "deploy_key", "deployment",
		"deployment_protection_rule", "deployment_review", "deployment_status", "discussion", "discussion_comment", "fork",
		"gollum", "issue_comment", "issue_dependencies", "issues", "label", "member", "merge_group", "meta", "milestone",
		"package", "page_build", "project", "project_card", "project_column", "public", "registry_package", "release",
		"repository", "repository_advisory", "repository_dispatch", "repository_import", "repository_ruleset",
		"repository_vulnerability_alert", "secret_scanning_alert", "secret_scanning_alert_location", "secret_scanning_scan",
		"security_and_analysis", "star", "status", "sub_issues", "team", "team_add", "watch", "workflow_dispatch",
		"workflow_job", "workflow_run":
		return true
	}
	return false
}
