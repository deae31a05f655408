package githubtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Comment is a comment on an issue or pull request.
type Comment struct {
	ID     int64     `json:"id"`
	Repo   string    `json:"repo"`
	RepoID int64     `json:"repo_id"`
	Number int       `json:"number"`
	Login  string    `json:"login"`
	Body   string    `json:"body"`
	At     time.Time `json:"created_at"`
	// Edited is when it was changed last; zero: never.
	Edited time.Time `json:"updated_at,omitzero"`
}

// AddComment writes a comment as an account; no webhook is sent.
func (s *Server) AddComment(fullName string, number int, login, body string) Comment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addComment(s.must(fullName), number, s.addUser(User{Login: login}).Login, body)
}

func (s *Server) addComment(at *repo, number int, login, body string) Comment {
	c := Comment{ID: s.id(), Repo: at.FullName(), RepoID: at.ID, Number: number, Login: login, Body: body, At: s.cfg.Clock()}
	s.comments = append(s.comments, c)
	s.wake()
	return c
}

// EditComment changes a comment's text, a second after it was written or now,
// whichever is later.
func (s *Server) EditComment(id int64, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.comments {
		if c := &s.comments[i]; c.ID == id {
			c.Body, c.Edited = body, c.At.Add(time.Second)
			if now := s.cfg.Clock(); now.After(c.Edited) {
				c.Edited = now
			}
		}
	}
}

// DeleteComment takes a comment away.
func (s *Server) DeleteComment(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.comments = slices.DeleteFunc(s.comments, func(c Comment) bool { return c.ID == id })
}

// Comments are all of a repository, in order.
func (s *Server) Comments(fullName string) []Comment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commentsOf(s.must(fullName), 0)
}

func (s *Server) commentsOf(at *repo, number int) []Comment {
	var list []Comment
	for _, c := range s.comments {
		if c.RepoID == at.ID && (number == 0 || number == c.Number) {
			list = append(list, c)
		}
	}
	return list
}

// issueRoutes tells comments/{id} from {number}/comments: ServeMux holds that
// they conflict.
func (s *Server) issueRoutes(w http.ResponseWriter, r *http.Request, who caller, at *repo) {
	a, b := r.PathValue("a"), r.PathValue("b")
	switch {
	case a == "comments":
		r.SetPathValue("id", b)
		s.getComment(w, r, who, at)
	case b == "comments":
		r.SetPathValue("number", a)
		s.listComments(w, r, who, at)
	default:
		problem(w, http.StatusNotFound, "Not Found")
	}
}

func (s *Server) listComments(w http.ResponseWriter, r *http.Request, _ caller, at *repo) {
	n, _ := strconv.Atoi(r.PathValue("number"))
	list := []map[string]any{}
	found := s.commentsOf(at, n)
	if since, err := time.Parse(time.RFC3339, r.URL.Query().Get("since")); err == nil {
		found = slices.DeleteFunc(found, func(c Comment) bool { return c.updated().Before(since) })
	}
	for _, c := range page(w, r, s.URL, found) {
		list = append(list, s.commentJSON(c))
	}
	answer(w, r, http.StatusOK, list)
}

func (s *Server) createComment(w http.ResponseWriter, r *http.Request, who caller, at *repo) {
	var in struct{ Body string }
	n, err := strconv.Atoi(r.PathValue("number"))
	if who.user == nil {
		problem(w, http.StatusUnauthorized, "Requires authentication")
		return
	}
	if err != nil || json.NewDecoder(r.Body).Decode(&in) != nil || in.Body == "" || len(in.Body) > 65536 {
		problem(w, http.StatusUnprocessableEntity, "Validation Failed")
		return
	}
	answer(w, r, http.StatusCreated, s.commentJSON(s.addComment(at, n, who.login(), in.Body)))
}

func (s *Server) getComment(w http.ResponseWriter, r *http.Request, _ caller, at *repo) {
	for _, c := range s.commentsOf(at, 0) {
		if strconv.FormatInt(c.ID, 10) == r.PathValue("id") {
			answer(w, r, http.StatusOK, s.commentJSON(c))
			return
		}
	}
	problem(w, http.StatusNotFound, "Not Found")
}

// updated is when the comment became what it is.
func (c Comment) updated() time.Time {
	if c.Edited.IsZero() {
		return c.At
	}
	return c.Edited
}

func (s *Server) commentJSON(c Comment) map[string]any {
	at := c.At.UTC().Format(time.RFC3339)
	var via any
	for _, app := range s.apps {
		if app.bot() == c.Login {
			via = map[string]any{"id": app.ID, "slug": app.Slug, "name": app.Slug}
		}
	}
	return map[string]any{
		"performed_via_github_app": via,
		"id":                       c.ID, "body": c.Body, "user": s.userJSON(s.userByLogin(c.Login)),
		"url":        fmt.Sprintf("%s/repos/%s/issues/comments/%d", s.APIURL(), c.Repo, c.ID),
		"issue_url":  fmt.Sprintf("%s/repos/%s/issues/%d", s.APIURL(), c.Repo, c.Number),
		"html_url":   fmt.Sprintf("%s/%s/issues/%d#issuecomment-%d", s.URL, c.Repo, c.Number, c.ID),
		"created_at": at, "updated_at": c.updated().UTC().Format(time.RFC3339), "author_association": "NONE",
	}
}

// Pull is a pull request.
type Pull struct {
	Number int
	// State is open or closed; empty: open.
	State string
	// Title; empty: one is made up.
	Title string
	// Head is owner/name of the head's repository (empty: it was deleted),
	// HeadRef its branch (short), HeadSHA the commit.
	Head, HeadRef, HeadSHA string
	// BaseRef is the base's branch (short; empty: the default branch), BaseSHA
	// the commit that payloads name.
	BaseRef, BaseSHA string
	// Merged and MergeSHA tell how it was closed.
	Merged   bool
	MergeSHA string
	// Login is the author's; empty: the owner of Head.
	Login string
	Draft bool
}

// AddPull makes a pull request, or changes it. The head's commit is brought into
// the base's git data and refs/pull/N/head points at it, if it is to be found.
func (s *Server) AddPull(fullName string, p Pull) Pull {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.must(fullName)
	if p.State == "" {
		p.State = "open"
	}
	if p.Title == "" {
		p.Title = fmt.Sprintf("Pull request %d", p.Number)
	}
	if p.BaseRef == "" {
		p.BaseRef = at.DefaultBranch
	}
	if p.Login == "" {
		p.Login, _, _ = strings.Cut(p.Head, "/")
	}
	if p.Login == "" {
		p.Login = "ghost"
	}
	s.addUser(User{Login: p.Login})
	if head, _ := s.find(p.Head); head != nil {
		_, _ = s.git(at.dir, "fetch", "-q", "--no-tags", head.dir, p.HeadSHA) // fails if the test has no such commit
	}
	_, _ = s.git(at.dir, "update-ref", fmt.Sprintf("refs/pull/%d/head", p.Number), p.HeadSHA)
	at.pulls[p.Number] = &p
	return p
}

func (s *Server) listPulls(w http.ResponseWriter, r *http.Request, _ caller, at *repo) {
	state := r.URL.Query().Get("state")
	list := []map[string]any{}
	for _, n := range slices.Backward(slices.Sorted(maps.Keys(at.pulls))) {
		if p := at.pulls[n]; state == "all" || p.State == state || state == "" && p.State == "open" {
			list = append(list, s.pullJSON(at, *p))
		}
	}
	answer(w, r, http.StatusOK, page(w, r, s.URL, list))
}

func (s *Server) getPull(w http.ResponseWriter, r *http.Request, _ caller, at *repo) {
	n, _ := strconv.Atoi(r.PathValue("number"))
	p := at.pulls[n]
	if p == nil {
		problem(w, http.StatusNotFound, "Not Found")
		return
	}
	answer(w, r, http.StatusOK, s.pullJSON(at, *p))
}

func (s *Server) pullJSON(at *repo, p Pull) map[string]any {
	side := func(in *repo, ref, sha string) map[string]any {
		out := map[string]any{"ref": ref, "sha": sha, "label": ref, "repo": nil, "user": nil}
		if in != nil {
			out["repo"], out["user"] = s.repoJSON(in), s.userJSON(s.userByLogin(in.Owner))
			out["label"] = in.Owner + ":" + ref
		}
		return out
	}
	head, _ := s.find(p.Head)
	out := map[string]any{
		"id": at.ID*1000 + int64(p.Number), "number": p.Number, "state": p.State, "title": p.Title, "draft": p.Draft,
		"url":      fmt.Sprintf("%s/repos/%s/pulls/%d", s.APIURL(), at.FullName(), p.Number),
		"html_url": fmt.Sprintf("%s/%s/pull/%d", s.URL, at.FullName(), p.Number),
		"user":     s.userJSON(s.userByLogin(p.Login)), "body": nil, "labels": []any{},
		"head": side(head, p.HeadRef, p.HeadSHA), "base": side(at, p.BaseRef, p.BaseSHA),
		"merged": p.Merged, "merge_commit_sha": nil,
	}
	if p.MergeSHA != "" {
		out["merge_commit_sha"] = p.MergeSHA
	}
	return out
}
