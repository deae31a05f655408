package github_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/vcs/github"
	"github.com/franela/pocketci/vcs/github/githubtest"
)

// TestAReaderTakesNoDeliveryForGenuine: not even one signed with an empty key.
func TestAReaderTakesNoDeliveryForGenuine(t *testing.T) {
	r := github.NewReader(github.Config{Login: "octo"})
	body := []byte(`{}`)
	for name, signature := range map[string]string{"none": "", "an empty key's": githubtest.Sign("", body), "some key's": githubtest.Sign("s3cret", body)} {
		h := http.Header{"X-Github-Event": {"push"}, "X-Github-Delivery": {"1"}, "X-Hub-Signature-256": {signature}}
		if err := r.Verify(h, body); !errors.Is(err, event.ErrUnsigned) {
			t.Errorf("%s: %v, want event.ErrUnsigned", name, err)
		}
	}
}
