package githubtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// handler answers for an account; repoHandler for a repository that it can see,
// with the lock held.
type (
	handler     func(w http.ResponseWriter, r *http.Request, who caller)
	repoHandler func(w http.ResponseWriter, r *http.Request, who caller, at *repo)
	callerKey   struct{}
)

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	repo := func(pattern string, h repoHandler) { // GitHub serves each under the id, too
		method, path, _ := strings.Cut(pattern, " ")
		s.handle(method+" /api/v3/repos/{owner}/{repo}"+path, s.inRepo(h))
		s.handle(method+" /api/v3/repositories/{repoid}"+path, s.inRepo(h))
	}
	s.handle("GET /api/v3/user", s.getUser)
	s.handle("GET /api/v3/users/{login}", s.getUser)
	s.handle("GET /api/v3/rate_limit", s.getRate)
	repo("GET ", s.getRepo)
	repo("GET /collaborators/{login}/permission", s.getPermission)
	repo("POST /statuses/{sha}", s.createStatus)
	repo("GET /commits/{sha}/statuses", s.listStatuses)
	repo("GET /statuses/{sha}", s.listStatuses)
	repo("GET /commits/{sha}/status", s.combinedStatus)
	repo("GET /issues/{a}/{b}", s.issueRoutes)
	repo("POST /issues/{number}/comments", s.createComment)
	repo("GET /pulls", s.listPulls)
	repo("GET /pulls/{number}", s.getPull)
	repo("GET /branches", s.listBranches)
	repo("GET /git/matching-refs/{ref...}", s.matchingRefs)
	repo("GET /git/ref/{ref...}", s.getRef)
	s.hookRoutes(repo)
	s.appRoutes()
	s.control()
	s.mux.HandleFunc("/api/v3/", func(w http.ResponseWriter, _ *http.Request) { problem(w, http.StatusNotFound, "Not Found") })
}

func (s *Server) handle(pattern string, h handler) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		who, _ := r.Context().Value(callerKey{}).(caller)
		h(w, r, who)
	})
}

// serveAPI counts the request against the account's limits and routes it.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, who caller) {
	if s.limited(w, r, who) {
		return
	}
	s.mu.Lock()
	stopped := who.issued.suspended()
	s.mu.Unlock()
	if stopped {
		problem(w, http.StatusForbidden, suspended)
		return
	}
	s.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, who)))
}

// inRepo finds the repository; hidden and unknown ones are 404, renamed ones 301.
func (s *Server) inRepo(h repoHandler) handler {
	return func(w http.ResponseWriter, r *http.Request, who caller) {
		s.mu.Lock()
		defer s.mu.Unlock()
		var at *repo
		moved := false
		if r.PathValue("owner") == "" {
			id, _ := strconv.ParseInt(r.PathValue("repoid"), 10, 64)
			at = s.repos[id]
		} else {
			at, moved = s.find(r.PathValue("owner") + "/" + r.PathValue("repo"))
		}
		if at == nil || !at.visible(who) {
			problem(w, http.StatusNotFound, "Not Found")
			return
		}
		if moved {
			s.redirectToID(w, r, at)
			return
		}
		if !who.issued.allows(r.Method, inRepoPath(r)) {
			problem(w, http.StatusForbidden, "Resource not accessible by integration")
			return
		}
		h(w, r, who, at)
	}
}

// inRepoPath is a request's path in its repository.
func inRepoPath(r *http.Request) string {
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/api/v3/"), "/", 4)
	skip := 3 // repos/owner/name
	if parts[0] == "repositories" {
		parts, skip = strings.SplitN(strings.Join(parts, "/"), "/", 3), 2
	}
	if len(parts) <= skip {
		return ""
	}
	return parts[skip]
}

// redirectToID answers as GitHub does for a renamed repository.
func (s *Server) redirectToID(w http.ResponseWriter, r *http.Request, at *repo) {
	old := "/api/v3/repos/" + r.PathValue("owner") + "/" + r.PathValue("repo")
	to := fmt.Sprintf("%s/repositories/%d%s", s.APIURL(), at.ID, strings.TrimPrefix(r.URL.Path, old))
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", to)
	code := http.StatusMovedPermanently
	if r.Method != http.MethodGet {
		code = http.StatusTemporaryRedirect
	}
	write(w, code, map[string]any{"message": "Moved Permanently", "url": to})
}

// mayWrite answers itself if the account may not write in the repository.
func mayWrite(w http.ResponseWriter, who caller, at *repo) bool {
	switch {
	case who.user == nil:
		problem(w, http.StatusUnauthorized, "Requires authentication")
	case at.role(who.user).rank() < RoleWrite.rank():
		problem(w, http.StatusForbidden, "Resource not accessible by personal access token")
	default:
		return true
	}
	return false
}

// answer writes JSON, or 304 if the asker has it already.
func answer(w http.ResponseWriter, r *http.Request, code int, body any) {
	if code != http.StatusOK {
		write(w, code, body)
		return
	}
	text, _ := json.Marshal(body)
	sum := sha256.Sum256(text)
	tag := `W/"` + hex.EncodeToString(sum[:16]) + `"`
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	write(w, code, json.RawMessage(text))
}

func write(w http.ResponseWriter, code int, body any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body) // nothing that is sent here can fail to encode
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(buf.Bytes())
}

func problem(w http.ResponseWriter, code int, message string) {
	write(w, code, map[string]any{
		"message": message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(code),
	})
}

// page cuts a list as per_page and page ask and writes the Link header.
func page[T any](w http.ResponseWriter, r *http.Request, base string, list []T) []T {
	size := number(r, "per_page", 30)
	size = max(1, min(size, 100))
	at := max(1, number(r, "page", 1))
	last := max(1, (len(list)+size-1)/size)
	link := func(n int, rel string) string {
		q := r.URL.Query()
		q.Set("page", strconv.Itoa(n))
		return fmt.Sprintf(`<%s%s?%s>; rel="%s"`, base, r.URL.Path, q.Encode(), rel)
	}
	var links []string
	if at > 1 {
		links = append(links, link(at-1, "prev"), link(1, "first"))
	}
	if at < last {
		links = append(links, link(at+1, "next"), link(last, "last"))
	}
	if len(links) > 0 {
		w.Header().Set("Link", strings.Join(links, ", "))
	}
	from := min((at-1)*size, len(list))
	return list[from:min(from+size, len(list))]
}

func number(r *http.Request, key string, otherwise int) int {
	n, err := strconv.Atoi(r.URL.Query().Get(key))
	if err != nil {
		return otherwise
	}
	return n
}

// quota is what an account has used.
type quota struct {
	reset   time.Time
	used    int
	content []time.Time
}

// limited counts a request and refuses it if the account has used up its share.
func (s *Server) limited(w http.ResponseWriter, r *http.Request, who caller) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Clock()
	q := s.quotaOf(who, now)
	free := strings.HasSuffix(r.URL.Path, "/rate_limit") || r.Header.Get("If-None-Match") != ""
	if !free {
		q.used++
	}
	s.rateHeaders(w, q)
	if q.used > s.cfg.RateLimit {
		problem(w, http.StatusForbidden, "API rate limit exceeded for user ID 1.")
		return true
	}
	if s.cfg.ContentPerMinute == 0 || r.Method == http.MethodGet || strings.HasSuffix(r.URL.Path, "/access_tokens") {
		return false
	}
	for len(q.content) > 0 && now.Sub(q.content[0]) >= time.Minute {
		q.content = q.content[1:]
	}
	if len(q.content) >= s.cfg.ContentPerMinute {
		s.secondary(w, int(time.Minute-now.Sub(q.content[0]))/int(time.Second)+1)
		return true
	}
	q.content = append(q.content, now)
	return false
}

func (s *Server) quotaOf(who caller, now time.Time) *quota {
	q := s.quota[who.budget()]
	if q == nil || !now.Before(q.reset) {
		q = &quota{reset: now.Add(time.Hour).Truncate(time.Second)}
		s.quota[who.budget()] = q
	}
	return q
}

func (s *Server) rateHeaders(w http.ResponseWriter, q *quota) {
	h := w.Header()
	h.Set("X-RateLimit-Limit", strconv.Itoa(s.cfg.RateLimit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, s.cfg.RateLimit-q.used)))
	h.Set("X-RateLimit-Used", strconv.Itoa(q.used))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(q.reset.Unix(), 10))
	h.Set("X-RateLimit-Resource", "core")
	h.Set("X-GitHub-Request-Id", "0000:0000:000000:000000:00000000")
}

func (s *Server) getRate(w http.ResponseWriter, _ *http.Request, who caller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.quotaOf(who, s.cfg.Clock())
	core := map[string]any{
		"limit": s.cfg.RateLimit, "used": q.used,
		"remaining": max(0, s.cfg.RateLimit-q.used), "reset": q.reset.Unix(),
	}
	write(w, http.StatusOK, map[string]any{"resources": map[string]any{"core": core}, "rate": core})
}
