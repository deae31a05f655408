package github_test

import (
	"errors"
	"testing"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/vcs/github"
)

// TestBodyUnderAnotherName: who replays a signed body chooses the event's name,
// because the signature does not cover it.
func TestBodyUnderAnotherName(t *testing.T) {
	for name, c := range map[string]struct {
		kind string
		in   fields
	}{
		"push as a dispatch":            {"workflow_dispatch", fields{"ref": "refs/heads/main", "before": shaB, "after": shaA, "pusher": fields{}}},
		"push as a deployment":          {"deployment", fields{"ref": "refs/heads/main", "after": shaA, "pusher": fields{}}},
		"push as something new":         {"quantum_leap", fields{"ref": "refs/heads/main", "after": shaA, "pusher": fields{}}},
		"pull request as a push":        {"push", fields{"before": shaB, "after": shaA, "pull_request": pull(8, nil)}},
		"pull request as a release":     {"release", fields{"action": "published", "pull_request": pull(8, nil)}},
		"pull request as a deployment":  {"deployment", fields{"action": "created", "pull_request": pull(8, nil)}},
		"comment as a watch":            {"watch", fields{"action": "started", "comment": fields{}, "issue": fields{}}},
		"comment as an issue":           {"issues", fields{"action": "edited", "comment": fields{}, "issue": fields{}}},
		"star as a dispatch":            {"repository_dispatch", fields{"action": "created", "starred_at": "2026-11-20T00:00:00Z"}},
		"release as its own deployment": {"deployment_status", fields{"action": "created", "release": fields{"tag_name": "v1"}}},
		"dispatch as a status":          {"status", fields{"action": "x", "client_payload": fields{}, "sha": shaA, "state": "success"}},
	} {
		t.Run(name, func(t *testing.T) {
			body := payload(t, c.in)
			_, err := receiver(t, github.Config{}).Parse(headers(c.kind, "s", body), body)
			if !errors.Is(err, event.ErrMalformed) {
				t.Errorf("got %v, want malformed", err)
			}
		})
	}
}

// TestEveryBodyUnderAnotherName sends each real payload that GitHub signs for one
// kind of event under the names that are worth most to an attacker.
func TestEveryBodyUnderAnotherName(t *testing.T) {
	r := receiver(t, github.Config{})
	for _, kind := range readExamples(t) {
		for _, other := range []string{"push", "pull_request", "release", "check_suite"} {
			if other == kind.Name {
				continue
			}
			for i, body := range kind.Examples {
				e, err := r.Parse(headers(other, "s", body), body)
				if err == nil && e.Reason == "" && e.SHA != "" && e.SHATrust == event.Trusted {
					if e.Type == "pull_request" && e.PullRequest > 0 {
						continue // a review or a review's comment is of the same pull request
					}
					t.Errorf("%s %d as %s has a trusted sha: %+v", kind.Name, i, other, e)
				}
			}
		}
	}
}

// TestPushUnderAnyName: a push proves its sender's trust, so it is worth most.
func TestPushUnderAnyName(t *testing.T) {
	r := receiver(t, github.Config{})
	all := readExamples(t)
	pushes := 0
	for _, kind := range all {
		if kind.Name != "push" {
			continue
		}
		for _, body := range kind.Examples {
			pushes++
			for _, other := range append(all, examples{Name: "quantum_leap"}) {
				e, err := r.Parse(headers(other.Name, "s", body), body)
				if other.Name != "push" && err == nil && e.Reason == "" {
					t.Errorf("a push is taken as %s: %+v", other.Name, e)
				}
			}
		}
	}
	if pushes == 0 {
		t.Error("there is no push to try")
	}
}
