package webhook_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/source/webhook/webhooktest"
)

// FuzzEnvelope: whatever arrives is answered with JSON and one of the codes that
// are promised, and nothing is stored that isn't verified.
func FuzzEnvelope(f *testing.F) {
	f.Add("POST", "/", "application/json", "push", "1", "00", `{"repo":"hello"}`, int64(16), true)
	f.Add("POST", "/webhooks/test", "application/json; charset=utf-8", "ping", "x", "", `{}`, int64(-1), false)
	f.Add("PUT", "/readyz", "text/plain;", "", "", "zz", "", int64(0), false)
	f.Add("POST", "/webhooks/../", "application/json; a=\"", "push", "1\r\n", "", strings.Repeat("[", maxBody+1), int64(-1), true)
	f.Fuzz(func(t *testing.T, method, path, kind, name, id, signature, body string, length int64, sign bool) {
		if !strings.HasPrefix(path, "/") {
			path = "/"
		}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Method, r.URL.Path = method, path
		if length < 0 {
			r.ContentLength = -1
		}
		if sign {
			r.Header = vendor.Sign(name, id, []byte(body))
		} else {
			r.Header.Set(webhooktest.HeaderEvent, name)
			r.Header.Set(webhooktest.HeaderDelivery, id)
			r.Header.Set(webhooktest.HeaderSignature, signature)
		}
		r.Header.Set("Content-Type", kind)
		d := newDoor(t)
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		var out map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatalf("%d %q is not JSON: %v", w.Code, w.Body, err)
		}
		switch w.Code {
		case 200, 202:
		case 400, 401, 404, 405, 413, 415:
			if out["error"] == "" || out["error"] == nil {
				t.Errorf("%d %s has no error", w.Code, w.Body)
			}
		default:
			t.Errorf("answered %d %s", w.Code, w.Body)
		}
		stored := d.store.Events()
		if len(stored) > 0 {
			if err := vendor.Verify(r.Header, stored[0].Payload); err != nil || string(stored[0].Payload) != body {
				t.Errorf("stored %q (%v) of a delivery of %q", stored[0].Payload, err, body)
			}
		}
		if (w.Code == 202) != (len(stored) == 1) {
			t.Errorf("answered %d, %d stored", w.Code, len(stored))
		}
		if err := vendor.Verify(r.Header, []byte(body)); errors.Is(err, event.ErrUnsigned) && w.Code < 400 && r.URL.Path != "/healthz" && r.URL.Path != "/readyz" {
			t.Errorf("unsigned, answered %d", w.Code)
		}
	})
}
