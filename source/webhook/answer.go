package webhook

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// problem is what every refusal looks like.
type problem struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

// accepted is what a delivery is answered that was taken.
type accepted struct {
	ID         string `json:"id"`
	Duplicate  bool   `json:"duplicate,omitempty"`
	Dispatched *bool  `json:"dispatched,omitempty"`
	Reason     string `json:"reason,omitempty"`
}

// refusal says why a delivery isn't taken.
type refusal struct {
	code int
	problem
	// retryAfter is when it may be sent again; zero: it is not said.
	retryAfter time.Duration
	// unread: the body was not read to its end, the connection can't be used again.
	unread bool
	// cause is for the log; may be nil.
	cause error
}

func (f *refusal) write(w http.ResponseWriter) {
	if f.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.retryAfter/time.Second)))
	}
	if f.unread {
		w.Header().Set("Connection", "close")
	}
	answer(w, f.code, f.problem)
}

// answer writes JSON. A client that is gone hears nothing, and nobody else does.
func answer(w http.ResponseWriter, code int, body any) {
	var data bytes.Buffer
	enc := json.NewEncoder(&data)
	enc.SetEscapeHTML(false) // it is read by people with curl, never as HTML
	if err := enc.Encode(body); err != nil {
		code = http.StatusInternalServerError
		data.Reset()
		data.WriteString(`{"error":"the answer can't be encoded"}` + "\n")
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(data.Len()))
	w.WriteHeader(code)
	_, _ = w.Write(data.Bytes())
}

// allowed answers 405 unless the request has one of the methods.
func allowed(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	if slices.Contains(methods, r.Method) {
		return true
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	answer(w, http.StatusMethodNotAllowed, problem{
		Error: "this path does not take that method",
		Hint:  "use " + methods[0],
	})
	return false
}
