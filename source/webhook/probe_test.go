package webhook_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/franela/pocketci/source/webhook"
)

func TestProbeAnswersHealthAlone(t *testing.T) {
	h := webhook.NewProbe(webhook.ReadyFunc(func(context.Context) webhook.Readiness {
		return webhook.Readiness{Store: webhook.StoreState{Writable: true}}
	}), nil)
	ask := func(method, path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader("{}")))
		return w.Code, w.Body.String()
	}
	for _, c := range []struct {
		method, path string
		code         int
		body         string
	}{
		{http.MethodGet, "/healthz", 200, `"ok"`},
		{http.MethodGet, "/readyz", 200, `"ready":true`},
		{http.MethodPost, "/readyz", 405, "method"},
		{http.MethodPost, "/", 404, "takes no deliveries"},
		{http.MethodPost, "/webhooks/github", 404, "takes no deliveries"},
	} {
		if code, body := ask(c.method, c.path); code != c.code || !strings.Contains(body, c.body) {
			t.Errorf("%s %s: %d %s, want %d and %s", c.method, c.path, code, body, c.code, c.body)
		}
	}
	h = webhook.NewProbe(webhook.ReadyFunc(func(context.Context) webhook.Readiness { return webhook.Readiness{} }), nil)
	if code, body := ask(http.MethodGet, "/readyz"); code != 503 {
		t.Errorf("a store that can't be written: %d %s, want 503", code, body)
	}
}
