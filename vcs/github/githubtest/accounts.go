package githubtest

import (
	"fmt"
	"net/http"
	"strings"
)

// User is an account.
type User struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
	// Type is "User", "Bot" or "Organization"; empty: User.
	Type string `json:"type"`
}

// Role is what an account may do in a repository: none, read, triage, write,
// maintain or admin.
type Role string

const (
	RoleNone     Role = "none"
	RoleRead     Role = "read"
	RoleTriage   Role = "triage"
	RoleWrite    Role = "write"
	RoleMaintain Role = "maintain"
	RoleAdmin    Role = "admin"
)

func (r Role) rank() int {
	return strings.Index("none    read    triage  write   maintainadmin", string(r)) / 8
}

// legacy is the role in the words of the old permission field.
func (r Role) legacy() Role {
	switch r {
	case RoleMaintain:
		return RoleWrite
	case RoleTriage:
		return RoleRead
	}
	return r
}

// AddUser makes an account, or gives the one that has the login already.
func (s *Server) AddUser(u User) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.addUser(u)
}

func (s *Server) addUser(u User) *User {
	if old := s.userByLogin(u.Login); old != nil {
		return old
	}
	if u.ID == 0 {
		u.ID = s.id()
	}
	if u.Type == "" {
		u.Type = "User"
	}
	s.users[u.ID] = &u
	return &u
}

// RenameUser gives an account another login; the old one is free for anybody.
func (s *Server) RenameUser(login, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.userByLogin(login); u != nil {
		u.Login = to
	}
}

// AddToken makes a token of an account.
func (s *Server) AddToken(token, login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[token] = s.addUser(User{Login: login}).ID
}

// RevokeToken makes a token a wrong one.
func (s *Server) RevokeToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, token)
}

func (s *Server) userByLogin(login string) *User {
	for _, u := range s.users {
		if strings.EqualFold(u.Login, login) {
			return u
		}
	}
	return nil
}

// caller is who sent a request.
type caller struct {
	user *User
	bad  bool
	// app is set instead for what a GitHub App signed itself.
	app *App
	// issued is an installation's token, which reaches not all that its account does.
	issued *IssuedToken
}

func (c caller) login() string {
	if c.app != nil {
		return "app/" + c.app.Slug
	}
	if c.user == nil {
		return ""
	}
	return c.user.Login
}

// budget is whose limits a request counts in: each installation has its own.
func (c caller) budget() string {
	if c.issued != nil {
		return fmt.Sprintf("installation/%d", c.issued.Installation)
	}
	return c.login()
}

func (s *Server) account(r *http.Request) caller {
	auth := r.Header.Get("Authorization")
	if auth == "" {
		return caller{}
	}
	token := ""
	if _, pass, ok := r.BasicAuth(); ok {
		token = pass
	} else if scheme, rest, ok := strings.Cut(auth, " "); ok && (strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "token")) {
		token = strings.TrimSpace(rest)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.tokens[token]
	if !ok {
		return s.appCaller(token)
	}
	u, issued := *s.users[id], s.issued[token]
	return caller{user: &u, issued: issued, bad: issued.expired(s.cfg.Clock())}
}

func (s *Server) refuseCredentials(w http.ResponseWriter, r *http.Request) {
	if isAPI(r) {
		problem(w, http.StatusUnauthorized, "Bad credentials")
		return
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
	http.Error(w, "Invalid username or password.", http.StatusUnauthorized)
}

func (s *Server) userJSON(u *User) map[string]any {
	return map[string]any{
		"login": u.Login, "id": u.ID, "node_id": fmt.Sprintf("U_%d", u.ID), "type": u.Type,
		"url": s.APIURL() + "/users/" + u.Login, "html_url": s.URL + "/" + u.Login, "site_admin": false,
	}
}

func (s *Server) getUser(w http.ResponseWriter, r *http.Request, who caller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := who.user
	if login := r.PathValue("login"); login != "" {
		u = s.userByLogin(login)
	} else if u == nil {
		problem(w, http.StatusUnauthorized, "Requires authentication")
		return
	}
	if u == nil {
		problem(w, http.StatusNotFound, "Not Found")
		return
	}
	answer(w, r, http.StatusOK, s.userJSON(u))
}

// getPermission answers what an account may do in a repository.
func (s *Server) getPermission(w http.ResponseWriter, r *http.Request, who caller, at *repo) {
	if who.user == nil {
		problem(w, http.StatusUnauthorized, "Requires authentication")
		return
	}
	if at.role(who.user).rank() < RoleWrite.rank() {
		problem(w, http.StatusForbidden, "Must have push access to view collaborator permission.")
		return
	}
	u := s.userByLogin(r.PathValue("login"))
	if u == nil {
		problem(w, http.StatusNotFound, r.PathValue("login")+" is not a user")
		return
	}
	role := at.role(u)
	answer(w, r, http.StatusOK, map[string]any{
		"permission": role.legacy(), "role_name": role, "user": s.userJSON(u),
	})
}
