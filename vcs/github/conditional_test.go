package github

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tagged answers each request with a text and its tag, and with 304 whoever has it.
type tagged struct {
	text  string
	asked []string // If-None-Match, as it came
}

func (s *tagged) RoundTrip(req *http.Request) (*http.Response, error) {
	had := req.Header.Get("If-None-Match")
	s.asked = append(s.asked, had)
	rec := httptest.NewRecorder()
	rec.Header().Set("ETag", `"t"`)
	rec.Header().Set("X-RateLimit-Remaining", "41")
	if had == `"t"` {
		rec.WriteHeader(http.StatusNotModified)
	} else {
		_, _ = io.WriteString(rec, s.text)
	}
	return rec.Result(), nil
}

// getAs asks with a token and gives the answer.
func getAs(t *testing.T, c http.RoundTripper, method, token, accept string) string {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, "https://api.example/repos/o/n", nil)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", accept)
	resp, err := c.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.Body.Close() != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("X-RateLimit-Remaining") != "41" {
		t.Fatalf("%d, %v, %v", resp.StatusCode, resp.Header, err)
	}
	return string(text)
}

func TestKeptAnswersAreTheirCredentials(t *testing.T) {
	host := &tagged{text: "for a"}
	c := newConditional(host)
	var got []string
	for _, as := range [][2]string{{"a", "json"}, {"a", "json"}, {"b", "json"}, {"a", "html"}, {"a", "json"}} {
		host.text = "for " + as[0]
		got = append(got, getAs(t, c, http.MethodGet, as[0], as[1]))
	}
	getAs(t, c, http.MethodPost, "c", "json")
	getAs(t, c, http.MethodPost, "c", "json")
	if diff := cmp.Diff([]string{"for a", "for a", "for b", "for a", "for a"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"", `"t"`, "", "", `"t"`, "", ""}, host.asked); diff != "" {
		t.Errorf("asked with (-want +got)\n%s", diff)
	}
}

func TestLargeAnswersAreNotKept(t *testing.T) {
	host := &tagged{text: strings.Repeat("x", conditionalBody+1)}
	c := newConditional(host)
	for range 2 {
		if got := getAs(t, c, http.MethodGet, "a", "json"); got != host.text {
			t.Errorf("%d bytes of %d", len(got), len(host.text))
		}
	}
	if diff := cmp.Diff([]string{"", ""}, host.asked); diff != "" {
		t.Errorf("asked with (-want +got)\n%s", diff)
	}
}
