package engine

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/franela/pocketci/engine/scrub"
)

func TestReceiverTakesOnlyWhatItShould(t *testing.T) {
	r, err := startReceiver(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.stop()
	c := newCapture("X.f", newTrace(), nil, scrub.New(), 10, 10)
	r.add(c.root, c)
	base := "http://" + r.address
	tests := map[string]struct {
		method, url, body string
		want              int
	}{
		"nothing, properly":   {http.MethodPost, base + "/" + r.secret + "/v1/logs", "", http.StatusOK},
		"without the secret":  {http.MethodPost, base + "/v1/logs", "", http.StatusNotFound},
		"with another secret": {http.MethodPost, base + "/" + strings.Repeat("A", len(r.secret)) + "/v1/logs", "", http.StatusNotFound},
		"what is no protobuf": {http.MethodPost, base + "/" + r.secret + "/v1/traces", "\xff", http.StatusBadRequest},
		"a question":          {http.MethodGet, base + "/" + r.secret + "/v1/traces", "", http.StatusMethodNotAllowed},
		"metrics":             {http.MethodPost, base + "/" + r.secret + "/v1/metrics", "", http.StatusNotFound},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, tt.url, bytes.NewReader([]byte(tt.body)))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != tt.want {
				t.Errorf("got %s", resp.Status)
			}
		})
	}
	for _, variable := range r.environ() {
		if strings.Contains(variable, "ENDPOINT") && !strings.Contains(variable, "http://127.0.0.1:") {
			t.Errorf("telemetry leaves the machine: %s", variable)
		}
	}
}

func TestTracesAreOfTheirOwn(t *testing.T) {
	a, b := newTrace(), newTrace()
	if a == b || len(a.parent()) != 55 || !strings.HasPrefix(a.parent(), "00-") || !strings.HasSuffix(a.parent(), "-01") {
		t.Errorf("got %s and %s", a.parent(), b.parent())
	}
}
