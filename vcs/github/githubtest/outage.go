package githubtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// OutageKind is a way in which GitHub fails.
type OutageKind string

const (
	// Down hangs up without an answer.
	Down OutageKind = "down"
	// Hang keeps the request open until the outage ends or the asker gives up.
	Hang OutageKind = "hang"
	// BadGateway is 502 with a page for people.
	BadGateway OutageKind = "502"
	// Secondary is 403 with Retry-After: too many requests at once.
	Secondary OutageKind = "secondary"
	// Primary is 403 with no requests left until a time.
	Primary OutageKind = "primary"
	// TooMany is 429 with Retry-After.
	TooMany OutageKind = "429"
	// NotFound, Forbidden, Unprocessable and Unauthorized are 404, 403, 422, 401.
	NotFound      OutageKind = "404"
	Forbidden     OutageKind = "403"
	Unprocessable OutageKind = "422"
	Unauthorized  OutageKind = "401"
	// Redirect is 302 to Outage.To plus the request's path and query.
	Redirect OutageKind = "redirect"
)

// Outage is how and for what GitHub fails. The zero value is none.
type Outage struct {
	Kind OutageKind `json:"kind"`
	// Method and Path narrow it: Path is a part of the URL's path
	// ("/statuses/", "/api/v3/", ".git/"). Empty: every request but /_test/.
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`
	// RetryAfter is in seconds, for Secondary and TooMany (0: no such header)
	// and, as the time until the reset, for Primary.
	RetryAfter int `json:"retry_after,omitempty"`
	// Times ends the outage after so many requests; 0: it lasts.
	Times int `json:"times,omitempty"`
	// AfterWork does what was asked before failing: the asker can't know. Only
	// for Down.
	AfterWork bool `json:"after_work,omitempty"`
	// To is where Redirect leads.
	To string `json:"to,omitempty"`
}

// SetOutage makes requests fail from now on.
func (s *Server) SetOutage(o Outage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outage = o
	s.wake()
}

// ClearOutage ends the outage.
func (s *Server) ClearOutage() { s.SetOutage(Outage{}) }

// takeOutage gives the outage that a request meets, if any.
func (s *Server) takeOutage(r *http.Request) (Outage, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.outage
	if o.Kind == "" || o.Method != "" && o.Method != r.Method || !strings.Contains(r.URL.Path, o.Path) {
		return Outage{}, false
	}
	if s.outage.Times == 1 {
		s.outage = Outage{}
	} else if s.outage.Times > 1 {
		s.outage.Times--
	}
	return o, true
}

// broken fails a request that meets the outage, and tells that it did.
func (s *Server) broken(w *recorder, r *http.Request) bool {
	o, ok := s.takeOutage(r)
	if !ok {
		return false
	}
	switch o.Kind {
	case Down:
		if o.AfterWork && isAPI(r) {
			s.serveAPI(&discard{header: http.Header{}}, r, s.account(r))
		}
		w.code = 0
		hangUp(w)
	case Hang:
		s.hang(r)
		w.code = 0
		hangUp(w)
	case BadGateway:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<!DOCTYPE html>\n<title>Unicorn! &middot; GitHub</title>\n")
	case Secondary:
		s.secondary(w, o.RetryAfter)
	case Primary:
		s.primary(w, o.RetryAfter)
	case TooMany:
		w.Header().Set("Retry-After", strconv.Itoa(o.RetryAfter))
		problem(w, http.StatusTooManyRequests, "Too many requests")
	case Redirect:
		http.Redirect(w, r, o.To+r.URL.RequestURI(), http.StatusFound)
	case Unauthorized:
		s.refuseCredentials(w, r)
	default:
		code, err := strconv.Atoi(string(o.Kind))
		if err != nil {
			code = http.StatusInternalServerError
		}
		problem(w, code, http.StatusText(code))
	}
	return true
}

// hang waits until the outage is another one or the asker has gone.
func (s *Server) hang(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hanging++
	s.wake()
	defer func() { s.hanging-- }()
	_ = s.wait(r.Context(), func() bool { return s.outage.Kind != Hang }) // gone is as good as over
}

// WaitHanging waits until n requests hang.
func (s *Server) WaitHanging(ctx context.Context, n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.wait(ctx, func() bool { return s.hanging >= n }); err != nil {
		return fmt.Errorf("githubtest: waiting for %d requests to hang: %w", n, err)
	}
	return nil
}

func hangUp(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		conn.Close()
	}
}

func (s *Server) secondary(w http.ResponseWriter, after int) {
	if after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(after))
	}
	write(w, http.StatusForbidden, map[string]any{
		"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
		"documentation_url": "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api" +
			"#about-secondary-rate-limits",
	})
}

func (s *Server) primary(w http.ResponseWriter, after int) {
	h := w.Header()
	h.Set("X-RateLimit-Limit", strconv.Itoa(s.cfg.RateLimit))
	h.Set("X-RateLimit-Remaining", "0")
	h.Set("X-RateLimit-Used", strconv.Itoa(s.cfg.RateLimit))
	h.Set("X-RateLimit-Reset", fmt.Sprint(s.cfg.Clock().Add(time.Duration(after)*time.Second).Unix()))
	h.Set("X-RateLimit-Resource", "core")
	problem(w, http.StatusForbidden, "API rate limit exceeded for user ID 1.")
}

// discard is an answer that nobody gets.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}
