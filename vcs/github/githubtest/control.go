package githubtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// control adds what scripts use, without credentials:
//
//	GET    /_test/statuses?repo&sha&context&state&contains  the newest of each context, sorted by context
//	         &all=1     all of them, in order
//	         &min=N     waits until there are N, &timeout=30s at most (504)
//	         &format=text  one line each: state, context, description, divided by a space
//	GET    /_test/requests                  all requests so far
//	GET    /_test/deliveries                all deliveries so far, without payloads
//	PUT    /_test/outage                    body: an Outage; or ?kind&method&path&retry_after&times&to
//	DELETE /_test/outage
//	POST   /_test/repos?repo=owner/name&private=1&id=7&branch=main
//	POST   /_test/rename?repo=owner/name&to=owner/name
//	DELETE /_test/repos?repo=owner/name
//	POST   /_test/roles?repo=owner/name&login=x&role=write
//	POST   /_test/comments?repo=owner/name&number=7&login=x  body: the text; answers the comment
//	POST   /_test/deliver?url&secret&event&guid              body: the payload; answers code and body
func (s *Server) control() {
	s.mux.HandleFunc("GET /_test/statuses", s.controlStatuses)
	s.mux.HandleFunc("GET /_test/requests", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, append([]Request{}, s.Requests()...))
	})
	s.mux.HandleFunc("GET /_test/deliveries", func(w http.ResponseWriter, _ *http.Request) {
		list := []map[string]any{}
		for _, d := range s.Deliveries() {
			list = append(list, deliveryJSON(d))
		}
		write(w, http.StatusOK, list)
	})
	s.mux.HandleFunc("PUT /_test/outage", s.controlOutage)
	s.mux.HandleFunc("DELETE /_test/outage", s.does(func(*http.Request) { s.ClearOutage() }))
	s.mux.HandleFunc("POST /_test/repos", s.controlRepo)
	s.mux.HandleFunc("DELETE /_test/repos", s.inNamed(func(r *http.Request) { s.Remove(r.FormValue("repo")) }))
	s.mux.HandleFunc("POST /_test/rename", s.inNamed(func(r *http.Request) { s.Rename(r.FormValue("repo"), r.FormValue("to")) }))
	s.mux.HandleFunc("POST /_test/roles", s.inNamed(func(r *http.Request) {
		s.SetRole(r.FormValue("repo"), r.FormValue("login"), Role(r.FormValue("role")))
	}))
	s.mux.HandleFunc("POST /_test/comments", s.controlComment)
	s.mux.HandleFunc("POST /_test/deliver", s.controlDeliver)
}

func (s *Server) does(what func(*http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		what(r)
		w.WriteHeader(http.StatusNoContent)
	}
}

// inNamed refuses a repository that is not there.
func (s *Server) inNamed(what func(*http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, ok := s.Repo(r.URL.Query().Get("repo")); !ok {
			problem(w, http.StatusNotFound, "no repository "+r.URL.Query().Get("repo"))
			return
		}
		s.does(what)(w, r)
	}
}

func (s *Server) controlStatuses(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	query := Query{Repo: q.Get("repo"), SHA: q.Get("sha"), Context: q.Get("context"), State: q.Get("state"), Contains: q.Get("contains")}
	if n := number(r, "min", 0); n > 0 {
		limit, err := time.ParseDuration(q.Get("timeout"))
		if err != nil {
			limit = 30 * time.Second
		}
		ctx, cancel := context.WithTimeoutCause(r.Context(), limit, fmt.Errorf("not within %s", limit))
		defer cancel()
		if _, err := s.WaitStatuses(ctx, query, n); err != nil {
			problem(w, http.StatusGatewayTimeout, err.Error())
			return
		}
	}
	list := s.Latest(query)
	if q.Get("all") != "" {
		list = s.Statuses(query)
	}
	if q.Get("format") != "text" {
		write(w, http.StatusOK, append([]Status{}, list...))
		return
	}
	for _, st := range list {
		fmt.Fprintf(w, "%s %s %s\n", st.State, st.Context, st.Description)
	}
}

func (s *Server) controlOutage(w http.ResponseWriter, r *http.Request) {
	var o Outage
	if q := r.URL.Query(); q.Get("kind") != "" {
		o = Outage{
			Kind: OutageKind(q.Get("kind")), Method: q.Get("method"), Path: q.Get("path"), To: q.Get("to"),
			RetryAfter: number(r, "retry_after", 0), Times: number(r, "times", 0), AfterWork: q.Get("after_work") != "",
		}
	} else if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	s.SetOutage(o)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) controlRepo(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	at := Repo{DefaultBranch: q.Get("branch"), Private: q.Get("private") != ""}
	at.ID, _ = strconv.ParseInt(q.Get("id"), 10, 64)
	var ok bool
	if at.Owner, at.Name, ok = strings.Cut(q.Get("repo"), "/"); !ok {
		problem(w, http.StatusBadRequest, "repo=owner/name is missing")
		return
	}
	at = s.AddRepo(at)
	write(w, http.StatusCreated, map[string]any{"id": at.ID, "dir": s.GitDir(at.FullName()), "url": s.URL + "/" + at.FullName() + ".git"})
}

func (s *Server) controlComment(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	q := r.URL.Query()
	if _, ok := s.Repo(q.Get("repo")); !ok || err != nil {
		problem(w, http.StatusNotFound, "no repository "+q.Get("repo"))
		return
	}
	write(w, http.StatusCreated, s.AddComment(q.Get("repo"), number(r, "number", 1), q.Get("login"), string(text)))
}

func (s *Server) controlDeliver(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(r.Body)
	if err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	q := r.URL.Query()
	got, err := s.Deliver(r.Context(), Delivery{
		URL: q.Get("url"), Secret: q.Get("secret"), Event: q.Get("event"), GUID: q.Get("guid"), Payload: payload,
	})
	if err != nil {
		problem(w, http.StatusBadGateway, err.Error())
		return
	}
	write(w, http.StatusOK, map[string]any{"guid": got.GUID, "code": got.Code, "body": got.Body})
}
