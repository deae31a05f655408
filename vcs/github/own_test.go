package github_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/franela/pocketci/vcs/github"
)

func TestOurOwnAppsCommentsAreRecorded(t *testing.T) {
	headers := http.Header{"X-Github-Event": {"issue_comment"}, "X-Github-Delivery": {"72d3162e-cc78-11e3-81ab-4c9367dc0958"}}
	for name, tt := range map[string]struct {
		by  string
		own github.Own
		is  bool
	}{
		"ours":              {`{"id": 5}`, github.Own{AppID: 5}, true},
		"another App's":     {`{"id": 6}`, github.Own{AppID: 5}, false},
		"a person's":        {`null`, github.Own{AppID: 5}, false},
		"where we are none": {`{"id": 0}`, github.Own{}, false},
	} {
		body := fmt.Appendf(nil, `{"action": "created", "issue": {"number": 7, "pull_request": {}},
			"comment": {"id": 9, "body": "hi", "user": {"login": "x", "id": 2}, "performed_via_github_app": %s},
			"repository": {"id": 7, "name": "hello", "full_name": "octo/hello", "owner": {"login": "octo", "id": 1}, "default_branch": "main"},
			"sender": {"login": "x", "id": 2, "type": "User"}}`, tt.by)
		e, err := github.Convert(headers, body, tt.own)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if (e.Reason != "") != tt.is {
			t.Errorf("%s: reason %q", name, e.Reason)
		}
	}
}
