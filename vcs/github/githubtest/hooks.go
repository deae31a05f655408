package githubtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Hook is a webhook of a repository, an organisation or an App.
type Hook struct {
	ID int64
	// Repo is owner/name, Org an organisation's login; neither: an App's, whose
	// id is AppID.
	Repo, Org string
	AppID     int64
	// URL and Secret are where and how it delivers. Events; empty: all ("*").
	URL, Secret string
	Events      []string
}

// AddHook makes a webhook.
func (s *Server) AddHook(h Hook) Hook {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.ID == 0 {
		h.ID = s.id()
	}
	s.hooks[h.ID] = &h
	return h
}

// target gives X-GitHub-Hook-Installation-Target-Type and -ID.
func (s *Server) target(h *Hook) (string, int64) {
	switch {
	case h.Repo != "":
		return "repository", s.must(h.Repo).ID
	case h.Org != "":
		return "organization", s.addUser(User{Login: h.Org, Type: "Organization"}).ID
	}
	return "integration", h.AppID
}

// SentDelivery is one attempt to deliver.
type SentDelivery struct {
	ID     int64
	HookID int64
	GUID   string
	Event  string
	At     time.Time
	// Code is the answer's; 502 and Failure if nobody answered.
	Code       int
	Failure    string
	Redelivery bool
	Headers    http.Header
	Payload    []byte
	Answer     []byte
}

// Deliveries are all attempts, in order.
func (s *Server) Deliveries() []SentDelivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]SentDelivery(nil), s.sent...)
}

func (s *Server) hookRoutes(route func(string, repoHandler)) {
	ofHook := func(h handler) repoHandler {
		return func(w http.ResponseWriter, r *http.Request, who caller, at *repo) {
			hook := s.hooks[pathID(r, "hook")]
			if hook == nil || hook.Repo == "" || s.must(hook.Repo) != at || at.role(who.user) != RoleAdmin {
				problem(w, http.StatusNotFound, "Not Found")
				return
			}
			h(w, r, who)
		}
	}
	route("GET /hooks", s.listRepoHooks)
	route("GET /hooks/{hook}/deliveries", ofHook(s.listDeliveries))
	route("GET /hooks/{hook}/deliveries/{delivery}", ofHook(s.getDelivery))
	route("POST /hooks/{hook}/deliveries/{delivery}/attempts", ofHook(s.redeliver))
	locked := func(h handler) handler {
		return func(w http.ResponseWriter, r *http.Request, who caller) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if who.user == nil || !who.issued.may("organization_hooks", "read") {
				problem(w, http.StatusNotFound, "Not Found")
				return
			}
			h(w, r, who)
		}
	}
	asApp := func(h handler) handler {
		return func(w http.ResponseWriter, r *http.Request, who caller) {
			if signed(w, who) {
				s.mu.Lock()
				defer s.mu.Unlock()
				h(w, r, who)
			}
		}
	}
	s.handle("GET /api/v3/orgs/{org}/hooks", locked(s.listOrgHooks))
	s.handle("GET /api/v3/orgs/{org}/hooks/{hook}/deliveries", locked(s.listDeliveries))
	s.handle("GET /api/v3/orgs/{org}/hooks/{hook}/deliveries/{delivery}", locked(s.getDelivery))
	s.handle("GET /api/v3/app/hook/deliveries", asApp(s.listDeliveries))
	s.handle("GET /api/v3/app/hook/deliveries/{delivery}", asApp(s.getDelivery))
}

func pathID(r *http.Request, name string) int64 {
	n, _ := strconv.ParseInt(r.PathValue(name), 10, 64)
	return n
}

func (s *Server) listRepoHooks(w http.ResponseWriter, r *http.Request, who caller, at *repo) {
	if at.role(who.user) != RoleAdmin {
		problem(w, http.StatusNotFound, "Not Found")
		return
	}
	s.listHooks(w, r, func(h *Hook) bool { return h.Repo != "" && s.must(h.Repo) == at })
}

func (s *Server) listOrgHooks(w http.ResponseWriter, r *http.Request, _ caller) {
	s.listHooks(w, r, func(h *Hook) bool { return h.Org == r.PathValue("org") })
}

func (s *Server) listHooks(w http.ResponseWriter, r *http.Request, of func(*Hook) bool) {
	list := []map[string]any{}
	for _, h := range s.hooks {
		if of(h) {
			list = append(list, map[string]any{
				"id": h.ID, "name": "web", "active": true, "events": events(h), "type": "Repository",
				"config": map[string]any{"url": h.URL, "content_type": "json", "insecure_ssl": "0", "secret": "********"},
			})
		}
	}
	slices.SortFunc(list, func(a, b map[string]any) int { return int(a["id"].(int64) - b["id"].(int64)) })
	answer(w, r, http.StatusOK, page(w, r, s.URL, list))
}

func events(h *Hook) []string {
	if len(h.Events) == 0 {
		return []string{"*"}
	}
	return h.Events
}

// kept are the attempts of the request's hook that are not too old, newest first.
func (s *Server) kept(r *http.Request, who caller) []SentDelivery {
	hook := pathID(r, "hook")
	oldest := s.cfg.Clock().Add(-72 * time.Hour)
	var list []SentDelivery
	for _, d := range slices.Backward(s.sent) {
		h := s.hooks[d.HookID]
		mine := d.HookID == hook
		if r.PathValue("hook") == "" {
			mine = h != nil && h.Repo == "" && h.Org == "" && h.AppID == who.app.ID
		}
		if mine && d.At.After(oldest) {
			list = append(list, d)
		}
	}
	return list
}

// listDeliveries pages by cursor: the id of the first delivery of the page.
func (s *Server) listDeliveries(w http.ResponseWriter, r *http.Request, who caller) {
	list := s.kept(r, who)
	if cursor := r.URL.Query().Get("cursor"); cursor != "" {
		at := slices.IndexFunc(list, func(d SentDelivery) bool { return "v1_"+strconv.FormatInt(d.ID, 10) == cursor })
		if at < 0 {
			problem(w, http.StatusUnprocessableEntity, "Invalid cursor")
			return
		}
		list = list[at:]
	}
	size := max(1, min(number(r, "per_page", 30), 100))
	if len(list) > size {
		q := r.URL.Query()
		q.Set("cursor", "v1_"+strconv.FormatInt(list[size].ID, 10))
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?%s>; rel="next"`, s.URL, r.URL.Path, q.Encode()))
		list = list[:size]
	}
	out := []map[string]any{}
	for _, d := range list {
		out = append(out, deliveryJSON(d))
	}
	answer(w, r, http.StatusOK, out)
}

func (s *Server) getDelivery(w http.ResponseWriter, r *http.Request, who caller) {
	for _, d := range s.kept(r, who) {
		if d.ID == pathID(r, "delivery") {
			out := deliveryJSON(d)
			out["request"] = map[string]any{"headers": flat(d.Headers), "payload": json.RawMessage(d.Payload)}
			out["response"] = map[string]any{"headers": map[string]string{}, "payload": string(d.Answer)}
			answer(w, r, http.StatusOK, out)
			return
		}
	}
	problem(w, http.StatusNotFound, "Not Found")
}

// redeliver sends a delivery again, to where its hook delivers.
func (s *Server) redeliver(w http.ResponseWriter, r *http.Request, who caller) {
	for _, d := range s.kept(r, who) {
		if d.ID == pathID(r, "delivery") {
			h := s.hooks[d.HookID]
			again := Delivery{
				URL: h.URL, Secret: h.Secret, Event: d.Event, Payload: d.Payload,
				GUID: d.GUID, HookID: d.HookID, Redelivery: true,
			}
			// GitHub answers at once and delivers afterwards; the answer is kept.
			s.work.Go(func() { _, _ = s.Deliver(s.ctx, again) })
			write(w, http.StatusAccepted, map[string]any{})
			return
		}
	}
	problem(w, http.StatusNotFound, "Not Found")
}

func deliveryJSON(d SentDelivery) map[string]any {
	var in struct {
		Action     *string
		Repository *struct{ ID int64 }
	}
	_ = json.Unmarshal(d.Payload, &in) // what is not there is null
	out := map[string]any{
		"id": d.ID, "guid": d.GUID, "delivered_at": d.At.UTC().Format(time.RFC3339Nano), "redelivery": d.Redelivery,
		"duration": 0.1, "status": "OK", "status_code": d.Code, "event": d.Event, "action": in.Action,
		"installation_id": nil, "repository_id": nil, "throttled_at": nil,
	}
	if d.Failure != "" {
		out["status"] = d.Failure
	} else if d.Code >= 400 {
		out["status"] = "Invalid HTTP Response: " + strconv.Itoa(d.Code)
	}
	if in.Repository != nil {
		out["repository_id"] = in.Repository.ID
	}
	return out
}

func flat(h http.Header) map[string]string {
	out := map[string]string{}
	for k := range h {
		out[k] = h.Get(k)
	}
	return out
}
