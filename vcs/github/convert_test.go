package github_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/vcs/github"
)

const (
	shaA  = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	shaB  = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	shaC  = "cccccccccccccccccccccccccccccccccccccccc"
	zero  = "0000000000000000000000000000000000000000"
	tagID = "dddddddddddddddddddddddddddddddddddddddd"
)

// fields are a payload's, beside repository (id 7, octo/hello) and sender (id 3, alice).
type fields map[string]any

func payload(t *testing.T, f fields) []byte {
	t.Helper()
	all := fields{
		"repository": fields{
			"id": 7, "name": "hello", "full_name": "octo/hello", "default_branch": "main",
			"owner": fields{"login": "octo", "id": 1}, "html_url": "https://github.com/octo/hello",
		},
		"sender": fields{"id": 3, "login": "alice", "type": "User"},
	}
	maps.Copy(all, f)
	for k, v := range all {
		if v == nil {
			delete(all, k)
		}
	}
	body, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// pull is a pull request from a repository of that id (0: it is gone) into octo/hello.
func pull(head int64, more fields) fields {
	p := fields{
		"number": 5, "merge_commit_sha": shaC,
		"head": fields{"ref": "patch", "sha": shaA, "repo": fields{"id": head}},
		"base": fields{"ref": "main", "sha": shaB, "repo": fields{"id": 7}},
	}
	if head == 0 {
		p["head"].(fields)["repo"] = nil
	}
	maps.Copy(p, more)
	return p
}

// like is an event of octo/hello by alice, changed by f.
func like(name string, f func(*event.Event)) event.Event {
	e := event.Event{
		ID: "github:72d3162e-cc78-11e3-81ab-4c9367dc0958", Vendor: "github", Name: name, Type: name,
		Repo:       event.Repo{ID: 7, Owner: "octo", Name: "hello", DefaultBranch: "main", HTMLURL: "https://github.com/octo/hello"},
		Sender:     event.Sender{ID: 3, Login: "alice"},
		Provenance: event.Webhook, ReceivedAt: now,
	}
	f(&e)
	return e
}

// action sets action and filter, which mostly are one.
func action(e *event.Event, a string) { e.Action, e.Filter = a, a }

// onDefault is an event about the default branch.
func onDefault(name, a string) event.Event {
	return like(name, func(e *event.Event) { action(e, a); e.SHATrust = event.Trusted })
}

// onSHA is an event whose payload names a commit.
func onSHA(name, a string) event.Event {
	return like(name, func(e *event.Event) { action(e, a); e.SHA, e.Status = shaA, true })
}

// ofPull is an event of a pull request from the same repository.
func ofPull(name, a string, f func(*event.Event)) event.Event {
	return like(name, func(e *event.Event) {
		action(e, a)
		e.Ref, e.SHA, e.BaseRef, e.BaseSHA = "refs/pull/5/head", shaA, "main", shaB
		e.PullRequest, e.Diff, e.Status, e.SHATrust = 5, event.DiffPull, true, event.Trusted
		f(e)
	})
}

func pushed(f func(*event.Event)) event.Event {
	return like("push", func(e *event.Event) {
		e.Ref, e.Filter, e.BaseSHA, e.SHA = "refs/heads/main", "main", shaB, shaA
		e.Diff, e.Status, e.SHATrust, e.SenderTrust = event.DiffPush, true, event.Trusted, event.Trusted
		f(e)
	})
}

func tagged(f func(*event.Event)) event.Event {
	return pushed(func(e *event.Event) {
		e.Name, e.Ref, e.Filter, e.BaseSHA, e.Diff = "tag", "refs/tags/v1", "v1", zero, event.DiffNone
		f(e)
	})
}

func same(*event.Event) {}

// recorded makes an event one that is not dispatched.
func recorded(e event.Event, why string) event.Event {
	e.Reason, e.Status, e.Diff = why, false, event.DiffNone
	return e
}

type row struct {
	kind string
	in   fields
	want event.Event
}

func TestTable(t *testing.T) {
	for name, c := range rows() {
		t.Run(name, func(t *testing.T) {
			r := receiver(t, github.Config{Login: "pocketci-bot", AppID: 99})
			body := payload(t, c.in)
			got, err := r.Parse(headers(c.kind, "s", body), body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(event.Event{}, "Payload")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func rows() map[string]row {
	all := map[string]row{}
	for _, part := range []map[string]row{pushRows(), pullRows(), commitRows(), otherRows(), recordedRows()} {
		maps.Copy(all, part)
	}
	return all
}

func pushRows() map[string]row {
	head := fields{"id": shaA}
	return map[string]row{
		"push to a branch": {"push", fields{"ref": "refs/heads/main", "before": shaB, "after": shaA, "head_commit": head}, pushed(same)},
		"push of a new branch": {"push", fields{"ref": "refs/heads/feature/été", "before": zero, "after": shaA, "head_commit": head}, pushed(func(e *event.Event) {
			e.Ref, e.Filter, e.BaseSHA = "refs/heads/feature/été", "feature/été", zero
		})},
		"push to a branch named like an attack": {"push", fields{"ref": "refs/heads/$(id)'\"-n", "before": shaB, "after": shaA}, pushed(func(e *event.Event) {
			e.Ref, e.Filter = "refs/heads/$(id)'\"-n", "$(id)'\"-n"
		})},
		"push to a branch named like a tag's ref": {"push", fields{"ref": "refs/heads/refs/tags/v1", "before": shaB, "after": shaA}, pushed(func(e *event.Event) {
			e.Ref, e.Filter = "refs/heads/refs/tags/v1", "refs/tags/v1"
		})},
		"push of a tag":                    {"push", fields{"ref": "refs/tags/v1", "before": zero, "after": shaA, "head_commit": head}, typed("push", tagged(same))},
		"push of an annotated tag":         {"push", fields{"ref": "refs/tags/v1", "before": zero, "after": tagID, "head_commit": head}, typed("push", tagged(same))},
		"push of a tag without its commit": {"push", fields{"ref": "refs/tags/v1", "before": zero, "after": tagID, "head_commit": nil}, typed("push", tagged(func(e *event.Event) { e.SHA = "" }))},
		"push by an App": {"push", fields{"ref": "refs/heads/main", "before": shaB, "after": shaA, "sender": fields{"id": 4, "login": "dependabot[bot]", "type": "Bot"}}, pushed(func(e *event.Event) {
			e.Sender = event.Sender{ID: 4, Login: "dependabot[bot]", Bot: true}
		})},
		"create of a tag":    {"create", fields{"ref": "v1", "ref_type": "tag"}, like("create", func(e *event.Event) { e.Filter, e.SHATrust = "tag", event.Trusted })},
		"create of a branch": {"create", fields{"ref": "b", "ref_type": "branch"}, like("create", func(e *event.Event) { e.Filter, e.SHATrust = "branch", event.Trusted })},
		"delete of a branch": {"delete", fields{"ref": "b", "ref_type": "branch"}, like("delete", func(e *event.Event) { e.Filter, e.SHATrust = "branch", event.Trusted })},
		"release": {"release", fields{"action": "published", "release": fields{"tag_name": "v1", "target_commitish": "main"}}, like("release", func(e *event.Event) {
			action(e, "published")
			e.Ref, e.SHATrust, e.Status = "refs/tags/v1", event.Trusted, true
		})},
	}
}

func typed(kind string, e event.Event) event.Event { e.Type = kind; return e }

func pullRows() map[string]row {
	untrusted := func(e *event.Event) { e.SHATrust = event.Untrusted }
	merged := func(e *event.Event) { e.MergeSHA = shaC }
	return map[string]row{
		"pull request":                    {"pull_request", fields{"action": "opened", "pull_request": pull(7, nil)}, ofPull("pull_request", "opened", same)},
		"pull request of a fork":          {"pull_request", fields{"action": "opened", "pull_request": pull(8, nil)}, ofPull("pull_request", "opened", untrusted)},
		"pull request whose fork is gone": {"pull_request", fields{"action": "synchronize", "pull_request": pull(0, nil)}, ofPull("pull_request", "synchronize", untrusted)},
		"pull request whose head and base are another repository": {"pull_request", fields{"action": "opened", "pull_request": pull(8, fields{
			"base": fields{"ref": "main", "sha": shaB, "repo": fields{"id": 8}},
		})}, ofPull("pull_request", "opened", untrusted)},
		"pull request into another repository": {"pull_request", fields{"action": "opened", "pull_request": pull(7, fields{
			"base": fields{"ref": "main", "sha": shaB, "repo": fields{"id": 8}},
		})}, ofPull("pull_request", "opened", untrusted)},
		"merged pull request": {"pull_request", fields{"action": "closed", "pull_request": pull(7, fields{"merged": true})}, ofPull("pull_request", "closed", merged)},
		"closed pull request": {"pull_request", fields{"action": "closed", "pull_request": pull(7, fields{"merged": false, "merged_at": nil})}, ofPull("pull_request", "closed", same)},
		"review":              {"pull_request_review", fields{"action": "submitted", "pull_request": pull(7, nil), "review": fields{"id": 1}}, ofPull("pull_request_review", "submitted", same)},
		"review of a merged pull request": {"pull_request_review", fields{"action": "submitted", "pull_request": pull(7, fields{"merged_at": "2026-11-20T00:00:00Z"})},
			ofPull("pull_request_review", "submitted", merged)},
		"review comment": {"pull_request_review_comment", fields{"action": "created", "pull_request": pull(8, nil), "comment": fields{"user": fields{"login": "alice"}}},
			ofPull("pull_request_review_comment", "created", untrusted)},
		"review thread": {"pull_request_review_thread", fields{"action": "resolved", "pull_request": pull(7, nil)}, ofPull("pull_request_review_thread", "resolved", same)},
	}
}

func commitRows() map[string]row {
	sha, head := fields{"sha": shaA}, fields{"head_sha": shaA}
	return map[string]row{
		"check run":                   {"check_run", fields{"action": "completed", "check_run": fields{"head_sha": shaA, "app": fields{"id": 98}}}, onSHA("check_run", "completed")},
		"check suite":                 {"check_suite", fields{"action": "requested", "check_suite": fields{"head_sha": shaA, "app": fields{"id": 98}}}, onSHA("check_suite", "requested")},
		"workflow run":                {"workflow_run", fields{"action": "completed", "workflow_run": head}, onSHA("workflow_run", "completed")},
		"workflow job":                {"workflow_job", fields{"action": "queued", "workflow_job": head, "deployment": fields{"sha": shaB}}, onSHA("workflow_job", "queued")},
		"deployment":                  {"deployment", fields{"action": "created", "deployment": sha, "workflow_run": fields{"head_sha": shaB}}, onSHA("deployment", "created")},
		"deployment status":           {"deployment_status", fields{"action": "created", "deployment": sha, "check_run": fields{"head_sha": shaB}}, onSHA("deployment_status", "created")},
		"deployment review":           {"deployment_review", fields{"action": "requested", "workflow_run": head}, onSHA("deployment_review", "requested")},
		"deployment protection rule":  {"deployment_protection_rule", fields{"action": "requested", "deployment": sha}, onSHA("deployment_protection_rule", "requested")},
		"deployment without a commit": {"deployment_protection_rule", fields{"action": "requested", "deployment": nil}, onDefault("deployment_protection_rule", "requested")},
		"merge group": {"merge_group", fields{"action": "checks_requested", "merge_group": fields{"head_sha": shaA, "head_ref": "refs/heads/gh-readonly-queue/main/pr-5"}},
			func() event.Event {
				e := onSHA("merge_group", "checks_requested")
				e.Ref = "refs/heads/gh-readonly-queue/main/pr-5"
				return e
			}()},
		"status":                         {"status", fields{"sha": shaA, "state": "failure", "context": "ci/other"}, like("status", func(e *event.Event) { e.Filter, e.SHA, e.Status = "failure", shaA, true })},
		"status with nearly our context": {"status", fields{"sha": shaA, "state": "failure", "context": "pocketcity"}, like("status", func(e *event.Event) { e.Filter, e.SHA, e.Status = "failure", shaA, true })},
		"commit comment":                 {"commit_comment", fields{"action": "created", "comment": fields{"commit_id": shaA, "user": fields{"login": "alice"}}}, onSHA("commit_comment", "created")},
		"package":                        {"package", fields{"action": "published", "package": fields{"package_version": fields{"target_oid": shaA}}}, onSHA("package", "published")},
		"package of no commit":           {"registry_package", fields{"action": "published", "registry_package": fields{"package_version": fields{"target_oid": ""}}}, onDefault("registry_package", "published")},
	}
}

func otherRows() map[string]row {
	alert := func(name, a string) event.Event { e := onDefault(name, a); e.NamedOnly = true; return e }
	all := map[string]row{
		"issues":                            {"issues", fields{"action": "labeled"}, onDefault("issues", "labeled")},
		"star":                              {"star", fields{"action": "created"}, onDefault("star", "created")},
		"fork, which has no action":         {"fork", fields{}, onDefault("fork", "")},
		"repository dispatch":               {"repository_dispatch", fields{"action": "deploy", "branch": "x"}, onDefault("repository_dispatch", "deploy")},
		"workflow dispatch":                 {"workflow_dispatch", fields{"ref": "refs/heads/x"}, onDefault("workflow_dispatch", "")},
		"wiki, whose shas are the wiki's":   {"gollum", fields{"pages": []fields{{"sha": shaA}}}, onDefault("gollum", "")},
		"pages, whose commit is the site's": {"page_build", fields{"build": fields{"commit": shaA}}, onDefault("page_build", "")},
		"an event of tomorrow":              {"quantum_leap", fields{"action": "leapt"}, onDefault("quantum_leap", "leapt")},
		"an event without a sender": {"public", fields{"sender": nil}, func() event.Event {
			e := onDefault("public", "")
			e.Sender = event.Sender{}
			return e
		}()},
		"a bot that only its login shows": {"issues", fields{"action": "opened", "sender": fields{"id": 4, "login": "renovate[bot]"}}, func() event.Event {
			e := onDefault("issues", "opened")
			e.Sender = event.Sender{ID: 4, Login: "renovate[bot]", Bot: true}
			return e
		}()},
		"comment on an issue": {"issue_comment", fields{"action": "created", "issue": fields{"number": 4}, "comment": fields{"user": fields{"login": "alice"}}}, onDefault("issue_comment", "created")},
		"comment on a pull request": {"issue_comment", fields{"action": "created", "issue": fields{"number": 5, "pull_request": fields{"url": "x"}}, "comment": fields{"user": fields{"login": "alice"}}},
			func() event.Event { e := onDefault("issue_comment", "created"); e.PullRequest = 5; return e }()},
		"owner only in the full name": {"star", fields{"action": "created", "repository": fields{"id": 7, "name": "hello", "full_name": "octo/hello", "default_branch": "main", "html_url": "https://github.com/octo/hello"}}, onDefault("star", "created")},
		"an address that is none": {"star", fields{"action": "created", "repository": fields{"id": 7, "full_name": "octo/hello", "default_branch": "main", "html_url": "javascript:x"}}, func() event.Event {
			e := onDefault("star", "created")
			e.Repo.HTMLURL = ""
			return e
		}()},
	}
	for _, kind := range []string{
		"dependabot_alert", "code_scanning_alert", "secret_scanning_alert", "secret_scanning_alert_location", "secret_scanning_scan",
		"repository_vulnerability_alert", "repository_advisory", "dismissal_request_code_scanning",
	} {
		all["alert "+kind] = row{kind, fields{"action": "created"}, alert(kind, "created")}
	}
	return all
}

func recordedRows() map[string]row {
	const ownComment, ownStatus, ownCheck = "the comment is our own account's", "the status is one of ours", "the check is one of our App's"
	bot := fields{"id": 9, "login": "pocketci-bot", "type": "User"}
	byBot := func(e event.Event) event.Event { e.Sender = event.Sender{ID: 9, Login: "pocketci-bot"}; return e }
	ourStatus := func() event.Event {
		return recorded(like("status", func(e *event.Event) { e.Filter, e.SHA = "success", shaA }), ownStatus)
	}
	none := func(name, a string) event.Event {
		return like(name, func(e *event.Event) { action(e, a); e.Repo, e.Reason = event.Repo{}, "the payload names no repository" })
	}
	deleted := "the ref was deleted: GitHub sends a delete event too"
	return map[string]row{
		"ping": {"ping", fields{"zen": "Keep it simple.", "hook_id": 1}, like("ping", func(e *event.Event) { e.Reason = "ping: the webhook works, there is nothing to dispatch" })},
		"ping of an organisation's hook": {"ping", fields{"repository": nil}, like("ping", func(e *event.Event) {
			e.Repo, e.Reason = event.Repo{}, "ping: the webhook works, there is nothing to dispatch"
		})},
		"no repository":              {"installation", fields{"action": "created", "repository": nil}, none("installation", "created")},
		"push without repository":    {"push", fields{"repository": nil, "ref": "refs/heads/main", "after": shaA}, none("push", "")},
		"push that deleted a branch": {"push", fields{"ref": "refs/heads/main", "before": shaB, "after": zero, "deleted": true}, recorded(pushed(func(e *event.Event) { e.SHA = "" }), deleted)},
		"push that deleted a tag": {"push", fields{"ref": "refs/tags/v1", "before": shaB, "after": zero, "deleted": true}, recorded(typed("push", tagged(func(e *event.Event) {
			e.SHA, e.BaseSHA = "", shaB
		})), deleted)},
		"push of neither": {"push", fields{"ref": "refs/notes/commits", "before": shaB, "after": shaA}, recorded(pushed(func(e *event.Event) {
			e.Ref, e.Filter = "refs/notes/commits", ""
		}), "the ref is neither a branch nor a tag")},
		"our status of a function":    {"status", fields{"sha": shaA, "state": "success", "context": "pocketci/on-github-push"}, ourStatus()},
		"our summary":                 {"status", fields{"sha": shaA, "state": "success", "context": "pocketci (push)"}, ourStatus()},
		"our bare status":             {"status", fields{"sha": shaA, "state": "success", "context": "pocketci"}, ourStatus()},
		"check run of our App":        {"check_run", fields{"action": "created", "check_run": fields{"head_sha": shaA, "app": fields{"id": 99}}}, recorded(onSHA("check_run", "created"), ownCheck)},
		"check suite of our App":      {"check_suite", fields{"action": "completed", "check_suite": fields{"head_sha": shaA, "app": fields{"id": 99}}}, recorded(onSHA("check_suite", "completed"), ownCheck)},
		"our comment":                 {"issue_comment", fields{"action": "created", "issue": fields{"number": 4}, "comment": fields{"user": bot}, "sender": bot}, recorded(byBot(onDefault("issue_comment", "created")), ownComment)},
		"our comment, another case":   {"issue_comment", fields{"action": "created", "comment": fields{"user": fields{"login": "PocketCI-Bot"}}, "sender": bot}, recorded(byBot(onDefault("issue_comment", "created")), ownComment)},
		"our comment on a commit":     {"commit_comment", fields{"action": "created", "comment": fields{"commit_id": shaA, "user": bot}, "sender": bot}, recorded(byBot(onSHA("commit_comment", "created")), ownComment)},
		"our comment in a discussion": {"discussion_comment", fields{"action": "created", "comment": fields{"user": bot}, "sender": bot}, recorded(byBot(onDefault("discussion_comment", "created")), ownComment)},
		"our comment in a review":     {"pull_request_review_comment", fields{"action": "created", "pull_request": pull(7, nil), "comment": fields{"user": bot}, "sender": bot}, recorded(byBot(ofPull("pull_request_review_comment", "created", same)), ownComment)},
		"what another did to ours":    {"issue_comment", fields{"action": "edited", "comment": fields{"user": bot}}, recorded(onDefault("issue_comment", "edited"), ownComment)},
		"what we did to another's":    {"issue_comment", fields{"action": "edited", "comment": fields{"user": fields{"login": "alice"}}, "sender": bot}, recorded(byBot(onDefault("issue_comment", "edited")), ownComment)},
	}
}

func TestMalformedBodies(t *testing.T) {
	repo := func(f fields) fields {
		all := fields{"id": 7, "name": "hello", "full_name": "octo/hello", "owner": fields{"login": "octo"}, "default_branch": "main"}
		maps.Copy(all, f)
		return fields{"action": "created", "repository": all}
	}
	push := func(f fields) fields {
		all := fields{"ref": "refs/heads/main", "before": shaB, "after": shaA}
		maps.Copy(all, f)
		return all
	}
	for name, c := range map[string]struct {
		kind string
		in   any
	}{
		"empty":                         {"push", ""},
		"not JSON":                      {"push", "ref=main"},
		"null":                          {"push", "null"},
		"a list":                        {"push", "[]"},
		"half of it":                    {"push", pushBody[:100]},
		"more after it":                 {"push", pushBody + "{}"},
		"not UTF-8":                     {"push", strings.Replace(pushBody, "main", "m\xffin", 1)},
		"a number for a name":           {"star", repo(fields{"name": 5})},
		"no repository id":              {"star", repo(fields{"id": 0})},
		"a negative repository id":      {"star", repo(fields{"id": -7})},
		"an owner that climbs":          {"star", repo(fields{"owner": fields{"login": ".."}})},
		"a name with a slash":           {"star", repo(fields{"name": "a/b"})},
		"a name with a newline":         {"star", repo(fields{"name": "a\nb"})},
		"a name with a space":           {"star", repo(fields{"name": "a b"})},
		"a name that is not ASCII":      {"star", repo(fields{"name": "été"})},
		"an owner with an @":            {"star", repo(fields{"owner": fields{"login": "x@evil.example"}})},
		"no ref":                        {"push", push(fields{"ref": nil})},
		"no commit":                     {"push", push(fields{"after": nil})},
		"a sha that is an option":       {"push", push(fields{"after": "--upload-pack=x"})},
		"a short sha":                   {"push", push(fields{"after": "abc123"})},
		"a before that is a ref":        {"push", push(fields{"before": "refs/heads/x"})},
		"a head commit that is none":    {"push", push(fields{"head_commit": fields{"id": "HEAD"}})},
		"no pull request":               {"pull_request", fields{"action": "opened"}},
		"a pull request without a head": {"pull_request", fields{"action": "opened", "pull_request": pull(7, fields{"head": nil})}},
		"a pull request without number": {"pull_request", fields{"action": "opened", "pull_request": pull(7, fields{"number": 0})}},
		"a merge commit that is none":   {"pull_request", fields{"action": "opened", "pull_request": pull(7, fields{"merge_commit_sha": "main"})}},
		"a status of no sha":            {"status", fields{"sha": "main", "state": "success"}},
		"a release without a tag":       {"release", fields{"action": "created", "release": fields{}}},
	} {
		t.Run(name, func(t *testing.T) {
			body, ok := c.in.(string)
			if !ok {
				body = string(payload(t, c.in.(fields)))
			}
			_, err := receiver(t, github.Config{}).Parse(headers(c.kind, "s", []byte(body)), []byte(body))
			var p *event.Problem
			if !errors.Is(err, event.ErrMalformed) || !errors.As(err, &p) || p.Hint == "" {
				t.Errorf("got %v, want a problem that is malformed", err)
			}
		})
	}
}

func TestHook(t *testing.T) {
	for name, c := range map[string]struct {
		header map[string]string
		want   event.Hook
	}{
		"repository": {map[string]string{"X-GitHub-Hook-ID": "12", "X-GitHub-Hook-Installation-Target-Type": "repository", "X-GitHub-Hook-Installation-Target-ID": "7"},
			event.Hook{ID: 12, TargetType: "repository", TargetID: 7}},
		"App":      {map[string]string{"X-GitHub-Hook-ID": "12", "X-GitHub-Hook-Installation-Target-Type": "integration", "X-GitHub-Hook-Installation-Target-ID": "99"}, event.Hook{ID: 12, TargetType: "integration", TargetID: 99}},
		"none":     {nil, event.Hook{}},
		"nonsense": {map[string]string{"X-GitHub-Hook-ID": "-1", "X-GitHub-Hook-Installation-Target-Type": "<b>", "X-GitHub-Hook-Installation-Target-ID": "x"}, event.Hook{}},
	} {
		t.Run(name, func(t *testing.T) {
			h := headers("push", "s", []byte(pushBody))
			for k, v := range c.header {
				h.Set(k, v)
			}
			e, err := receiver(t, github.Config{}).Parse(h, []byte(pushBody))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, e.Hook); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestConvertNeedsHeadersOnly(t *testing.T) {
	h := http.Header{}
	h.Set("X-GitHub-Event", "push")
	h.Set("X-GitHub-Delivery", "local-1")
	e, err := github.Convert(h, []byte(pushBody), github.Own{})
	if err != nil || e.ID != "github:local-1" || e.Provenance != "" || !e.ReceivedAt.IsZero() {
		t.Errorf("got %+v, %v", e, err)
	}
	if _, err := github.Convert(http.Header{}, []byte(pushBody), github.Own{}); !errors.Is(err, event.ErrMalformed) {
		t.Errorf("got %v without headers, want malformed", err)
	}
}
