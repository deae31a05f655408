package githubtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Status is a commit status as it was sent.
type Status struct {
	ID          int64     `json:"id"`
	Repo        string    `json:"repo"` // owner/name at that time
	RepoID      int64     `json:"repo_id"`
	SHA         string    `json:"sha"`
	Context     string    `json:"context"`
	State       string    `json:"state"`
	Description string    `json:"description"`
	TargetURL   string    `json:"target_url"`
	Creator     string    `json:"creator"`
	At          time.Time `json:"created_at"`
}

// Query picks statuses; empty fields accept all.
type Query struct {
	Repo, SHA, Context, State string
	// Contains is a part of the description.
	Contains string
}

func (q Query) accepts(st Status) bool {
	return (q.Repo == "" || strings.EqualFold(q.Repo, st.Repo)) &&
		(q.SHA == "" || q.SHA == st.SHA) &&
		(q.Context == "" || q.Context == st.Context) &&
		(q.State == "" || q.State == st.State) &&
		strings.Contains(st.Description, q.Contains)
}

// Statuses are those accepted by q, in the order in which they came.
func (s *Server) Statuses(q Query) []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pick(q)
}

func (s *Server) pick(q Query) []Status {
	var found []Status
	for _, st := range s.statuses {
		if q.accepts(st) {
			found = append(found, st)
		}
	}
	return found
}

// Latest are the newest of each repository, sha and context of those that
// Repo, SHA and Context of q accept, of these those that State and Contains
// accept; sorted by context.
func (s *Server) Latest(q Query) []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest(q)
}

func (s *Server) latest(q Query) []Status {
	type key struct {
		repo         int64
		sha, context string
	}
	newest := map[key]Status{}
	for _, st := range s.pick(Query{Repo: q.Repo, SHA: q.SHA, Context: q.Context}) {
		newest[key{st.RepoID, st.SHA, st.Context}] = st
	}
	var list []Status
	for _, st := range newest {
		if q.accepts(st) {
			list = append(list, st)
		}
	}
	slices.SortFunc(list, func(a, b Status) int {
		return strings.Compare(a.Repo+"\n"+a.SHA+"\n"+a.Context, b.Repo+"\n"+b.SHA+"\n"+b.Context)
	})
	return list
}

// WaitStatus waits until the newest status of some context is one that q
// accepts, and gives it.
func (s *Server) WaitStatus(ctx context.Context, q Query) (Status, error) {
	list, err := s.WaitStatuses(ctx, q, 1)
	if err != nil {
		return Status{}, err
	}
	return list[0], nil
}

// WaitStatuses waits until q accepts the newest status of n contexts.
func (s *Server) WaitStatuses(ctx context.Context, q Query, n int) ([]Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.wait(ctx, func() bool { return len(s.latest(q)) >= n }); err != nil {
		return nil, fmt.Errorf("githubtest: waiting for %d statuses like %+v: %w; there are %+v", n, q, err, s.statuses)
	}
	return s.latest(q), nil
}

var fullSHA = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

func (s *Server) createStatus(w http.ResponseWriter, r *http.Request, who caller, at *repo) {
	if !mayWrite(w, who, at) {
		return
	}
	var in struct {
		State, Description, Context string
		TargetURL                   string `json:"target_url"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		problem(w, http.StatusBadRequest, "Problems parsing JSON")
		return
	}
	if in.Context == "" {
		in.Context = "default"
	}
	st := Status{
		Repo: at.FullName(), RepoID: at.ID, SHA: r.PathValue("sha"), Context: in.Context, State: in.State,
		Description: in.Description, TargetURL: in.TargetURL, Creator: who.login(), At: s.cfg.Clock(),
	}
	if why := s.invalid(st, at); why != "" {
		problem(w, http.StatusUnprocessableEntity, why)
		return
	}
	st.ID = s.id()
	s.statuses = append(s.statuses, st)
	s.wake()
	answer(w, r, http.StatusCreated, s.statusJSON(st))
}

// invalid says why GitHub would refuse a status, or nothing.
func (s *Server) invalid(st Status, at *repo) string {
	switch {
	case !slices.Contains([]string{"pending", "success", "failure", "error"}, st.State):
		return "Validation Failed: state is not included in the list"
	case utf8.RuneCountInString(st.Description) > 140:
		return "Validation Failed: description is too long (maximum is 140 characters)"
	case utf8.RuneCountInString(st.Context) > 255:
		return "Validation Failed: context is too long (maximum is 255 characters)"
	case !fullSHA.MatchString(st.SHA) || !s.hasCommit(at, st.SHA):
		return "No commit found for SHA: " + st.SHA
	case len(s.pick(Query{Repo: st.Repo, SHA: st.SHA, Context: st.Context})) >= 1000:
		return "Validation failed: This SHA and context has reached the maximum number of statuses."
	}
	return ""
}

func (s *Server) ofCommit(r *http.Request, at *repo) []Status {
	var list []Status
	for _, st := range s.statuses {
		if st.RepoID == at.ID && st.SHA == r.PathValue("sha") {
			list = append(list, st)
		}
	}
	slices.Reverse(list)
	return list
}

func (s *Server) listStatuses(w http.ResponseWriter, r *http.Request, _ caller, at *repo) {
	list := []map[string]any{}
	for _, st := range page(w, r, s.URL, s.ofCommit(r, at)) {
		list = append(list, s.statusJSON(st))
	}
	answer(w, r, http.StatusOK, list)
}

func (s *Server) combinedStatus(w http.ResponseWriter, r *http.Request, _ caller, at *repo) {
	state, seen, list := "success", map[string]bool{}, []map[string]any{}
	for _, st := range s.ofCommit(r, at) {
		if seen[st.Context] {
			continue
		}
		seen[st.Context] = true
		list = append(list, s.statusJSON(st))
		switch {
		case st.State == "failure" || st.State == "error":
			state = "failure"
		case st.State == "pending" && state == "success":
			state = "pending"
		}
	}
	if len(list) == 0 {
		state = "pending"
	}
	answer(w, r, http.StatusOK, map[string]any{
		"state": state, "sha": r.PathValue("sha"), "total_count": len(list),
		"statuses": page(w, r, s.URL, list), "repository": s.repoJSON(at),
	})
}

func (s *Server) statusJSON(st Status) map[string]any {
	at := st.At.UTC().Format(time.RFC3339)
	out := map[string]any{
		"id": st.ID, "url": fmt.Sprintf("%s/repos/%s/statuses/%s", s.APIURL(), st.Repo, st.SHA),
		"state": st.State, "context": st.Context, "description": st.Description,
		"target_url": nil, "created_at": at, "updated_at": at,
	}
	if st.TargetURL != "" {
		out["target_url"] = st.TargetURL
	}
	if u := s.userByLogin(st.Creator); u != nil {
		out["creator"] = s.userJSON(u)
	}
	return out
}
