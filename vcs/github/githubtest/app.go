package githubtest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// App is a GitHub App.
type App struct {
	ID   int64
	Slug string
	// Key is its private key in PEM, as GitHub gives it out.
	Key string
	// Permissions are those that it asks for, and that its installations have: read
	// or write, by name.
	Permissions map[string]string

	public *rsa.PublicKey
}

// bot is the App's account.
func (a App) bot() string { return a.Slug + "[bot]" }

// DefaultPermissions are what an App has to be granted for everything that the
// program does by itself.
func DefaultPermissions() map[string]string {
	return map[string]string{"metadata": "read", "contents": "read", "statuses": "write", "pull_requests": "write"}
}

const suspended = "This installation has been suspended"

// installation is an App in an owner's repositories.
type installation struct {
	id    int64
	app   *App
	owner string
	// repos are those that were chosen.
	repos []int64
	// suspended: its tokens are refused, and it gets no new ones.
	suspended bool
}

// IssuedToken is a token of an installation.
type IssuedToken struct {
	Token        string
	Installation int64
	// Repositories are the ids of those that it reaches.
	Repositories []int64
	// Permissions are those that were asked for; none: all that the App has.
	Permissions map[string]string
	Expires     time.Time

	// granted is what it may do, on is the installation.
	granted map[string]string
	on      *installation
}

// AddApp makes an App, installed nowhere, with [DefaultPermissions].
func (s *Server) AddApp(slug string) (App, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return App{}, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &App{ID: s.id(), Slug: slug, Key: string(text), Permissions: DefaultPermissions(), public: &key.PublicKey}
	s.apps[a.ID] = a
	s.addUser(User{Login: a.bot(), Type: "Bot"})
	return *a, nil
}

// Grant changes what an App asks for, and what its installations have.
func (s *Server) Grant(app App, permissions map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps[app.ID].Permissions = permissions
}

// Install installs an App in some of an owner's repositories, or takes it from the
// others, and gives the installation's id.
func (s *Server) Install(app App, owner string, repos ...string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var in *installation
	for _, i := range s.installs {
		if i.app.ID == app.ID && strings.EqualFold(i.owner, owner) {
			in = i
		}
	}
	if in == nil {
		in = &installation{id: s.id(), app: s.apps[app.ID], owner: owner}
		s.installs[in.id] = in
	}
	bot := s.userByLogin(app.bot())
	in.repos = nil
	for _, name := range repos {
		if at, _ := s.find(owner + "/" + name); at != nil {
			in.repos = append(in.repos, at.ID)
			at.roles[bot.ID] = RoleAdmin
		}
	}
	return in.id
}

// Uninstall takes an installation away, and its tokens.
func (s *Server) Uninstall(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.installs, id)
	for token, issued := range s.issued {
		if issued.Installation == id {
			delete(s.issued, token)
			delete(s.tokens, token)
		}
	}
}

// Suspend has an installation be suspended, as its owner or the App's can do, or
// not any more.
func (s *Server) Suspend(id int64, suspended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.installs[id].suspended = suspended
}

// Issued are all tokens of installations so far, in order.
func (s *Server) Issued() []IssuedToken {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []IssuedToken
	for _, t := range s.issued {
		all = append(all, *t)
	}
	slices.SortFunc(all, func(a, b IssuedToken) int { return strings.Compare(a.Token, b.Token) })
	return all
}

// reaches tells whether a token is good for a repository; none is one of a person.
func (t *IssuedToken) reaches(at *repo) bool {
	return t == nil || slices.Contains(t.Repositories, at.ID)
}

// may tells whether a token is good for what a permission is needed for; none is
// one of a person.
func (t *IssuedToken) may(permission, level string) bool {
	return t == nil || t.granted[permission] == level || t.granted[permission] == "write"
}

// expired tells whether a token is not accepted any more.
func (t *IssuedToken) expired(now time.Time) bool { return t != nil && !now.Before(t.Expires) }

// suspended tells whether a token's installation is.
func (t *IssuedToken) suspended() bool { return t != nil && t.on.suspended }

// allows tells whether a token is good for a request about a repository, by its
// path there ("Permissions required for GitHub Apps" in GitHub's docs).
func (t *IssuedToken) allows(method, path string) bool {
	level := "write"
	if method == http.MethodGet {
		level = "read"
	}
	first, rest, _ := strings.Cut(strings.Trim(path, "/"), "/")
	switch {
	case first == "" || first == "collaborators":
		return t.may("metadata", level)
	case first == "statuses" || first == "commits" && strings.Contains(rest, "/status"):
		return t.may("statuses", level)
	case first == "issues":
		return t.may("issues", level) || t.may("pull_requests", level)
	case first == "pulls":
		return t.may("pull_requests", level)
	case first == "hooks":
		return t.may("repository_hooks", level)
	}
	return t.may("contents", level)
}

// appCaller is who signed a JSON web token, or nobody. The lock is held.
func (s *Server) appCaller(token string) caller {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return caller{bad: true}
	}
	var head struct {
		Algorithm string `json:"alg"`
	}
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || json.Unmarshal(header, &head) != nil || head.Algorithm != "RS256" {
		return caller{bad: true}
	}
	var claims struct {
		Issuer  string `json:"iss"`
		Issued  int64  `json:"iat"`
		Expires int64  `json:"exp"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return caller{bad: true}
	}
	id, _ := strconv.ParseInt(claims.Issuer, 10, 64)
	app := s.apps[id]
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if app == nil || err != nil {
		return caller{bad: true}
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	now := time.Now().Unix() // the signer knows no other clock
	if rsa.VerifyPKCS1v15(app.public, crypto.SHA256, sum[:], signature) != nil || claims.Expires < now || claims.Expires > now+600 || claims.Issued > now {
		return caller{bad: true}
	}
	return caller{app: app}
}

func (s *Server) appRoutes() {
	s.handle("GET /api/v3/app", func(w http.ResponseWriter, r *http.Request, who caller) {
		if signed(w, who) {
			answer(w, r, http.StatusOK, map[string]any{"id": who.app.ID, "slug": who.app.Slug, "name": who.app.Slug})
		}
	})
	for _, of := range []string{"repos/{owner}/{repo}", "repositories/{repoid}", "orgs/{owner}"} {
		s.handle("GET /api/v3/"+of+"/installation", s.getInstallation)
	}
	s.handle("POST /api/v3/app/installations/{id}/access_tokens", s.issue)
}

// signed answers itself if the request was not signed by an App.
func signed(w http.ResponseWriter, who caller) bool {
	if who.app == nil {
		problem(w, http.StatusUnauthorized, "A JSON web token could not be decoded")
		return false
	}
	return true
}

func (s *Server) getInstallation(w http.ResponseWriter, r *http.Request, who caller) {
	if !signed(w, who) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var at *repo
	moved := false
	if id, err := strconv.ParseInt(r.PathValue("repoid"), 10, 64); err == nil {
		at = s.repos[id]
	} else if r.PathValue("repo") != "" {
		at, moved = s.find(r.PathValue("owner") + "/" + r.PathValue("repo"))
	}
	if moved {
		s.redirectToID(w, r, at)
		return
	}
	for _, in := range s.installs {
		ofRepo := at != nil && slices.Contains(in.repos, at.ID)
		ofOrg := r.PathValue("repo") == "" && r.PathValue("repoid") == "" && strings.EqualFold(in.owner, r.PathValue("owner"))
		if in.app.ID == who.app.ID && (ofRepo || ofOrg) {
			out := map[string]any{"id": in.id, "app_id": in.app.ID, "account": map[string]any{"login": in.owner}, "suspended_at": nil}
			if in.suspended {
				out["suspended_at"] = s.cfg.Clock().UTC().Format(time.RFC3339)
			}
			write(w, http.StatusOK, out)
			return
		}
	}
	problem(w, http.StatusNotFound, "Not Found")
}

// issue gives a token for an installation, or for some of its repositories.
func (s *Server) issue(w http.ResponseWriter, r *http.Request, who caller) {
	if !signed(w, who) {
		return
	}
	var asked struct {
		Repositories []int64           `json:"repository_ids"`
		Permissions  map[string]string `json:"permissions"`
	}
	if r.ContentLength != 0 {
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			problem(w, http.StatusBadRequest, "Problems parsing JSON")
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	in := s.installs[id]
	if in == nil || in.app.ID != who.app.ID {
		problem(w, http.StatusNotFound, "Not Found")
		return
	}
	if in.suspended {
		problem(w, http.StatusForbidden, suspended)
		return
	}
	t := &IssuedToken{
		Token: fmt.Sprintf("ghs_%030d", s.id()), Installation: id, Repositories: in.repos, Permissions: asked.Permissions,
		Expires: s.cfg.Clock().Add(time.Hour).Truncate(time.Second), granted: in.app.Permissions, on: in,
	}
	for name, level := range asked.Permissions {
		if had := in.app.Permissions[name]; had != level && had != "write" {
			problem(w, http.StatusUnprocessableEntity, "The permissions requested are not granted to this installation.")
			return
		}
		t.granted = asked.Permissions
	}
	if asked.Repositories != nil {
		t.Repositories = asked.Repositories
	}
	for _, repo := range t.Repositories {
		if !slices.Contains(in.repos, repo) {
			problem(w, http.StatusUnprocessableEntity, "There is at least one repository that does not exist or is not accessible to the parent installation.")
			return
		}
	}
	s.issued[t.Token] = t
	s.tokens[t.Token] = s.userByLogin(in.app.bot()).ID
	write(w, http.StatusCreated, map[string]any{"token": t.Token, "expires_at": t.Expires.UTC().Format(time.RFC3339), "permissions": t.granted})
}
