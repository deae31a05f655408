package githubtest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// Repo is a repository.
type Repo struct {
	// ID is kept for ever; 0: the next free one.
	ID          int64
	Owner, Name string
	// DefaultBranch; empty: main.
	DefaultBranch string
	Private       bool
	// Fork marks a repository as one of ForkOf (an id).
	ForkOf int64
}

// FullName is owner/name.
func (r Repo) FullName() string { return r.Owner + "/" + r.Name }

type repo struct {
	Repo
	roles map[int64]Role
	// former are names under which it was known.
	former []string
	dir    string
	pulls  map[int]*Pull
	// commits are shas that were found to be commits.
	commits map[string]bool
}

// AddRepo makes a repository with an empty bare git repository (kept if there is
// one in Dir already). Its owner becomes an account, admin like ours. A name that a
// renamed repository had is taken from it.
func (s *Server) AddRepo(r Repo) Repo {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.ID == 0 {
		r.ID = s.id()
	}
	if r.DefaultBranch == "" {
		r.DefaultBranch = "main"
	}
	for _, other := range s.repos {
		other.former = without(other.former, r.FullName())
	}
	at := &repo{Repo: r, roles: map[int64]Role{}, pulls: map[int]*Pull{}, commits: map[string]bool{}}
	at.roles[s.addUser(User{Login: r.Owner}).ID] = RoleAdmin
	at.roles[s.addUser(User{Login: s.cfg.Login}).ID] = RoleAdmin
	at.dir = filepath.Join(s.cfg.Dir, r.Owner, fmt.Sprintf("%s.git", r.Name))
	if s.dirTaken(at.dir) {
		at.dir = filepath.Join(s.cfg.Dir, r.Owner, fmt.Sprintf("%s.%d.git", r.Name, r.ID))
	}
	if _, err := os.Stat(at.dir); err != nil {
		if _, err := s.git("", "init", "-q", "--bare", "-b", r.DefaultBranch, at.dir); err != nil {
			panic("githubtest: " + err.Error())
		}
	}
	s.repos[r.ID] = at
	return r
}

func (s *Server) dirTaken(dir string) bool {
	for _, at := range s.repos {
		if at.dir == dir {
			return true
		}
	}
	return false
}

// Repo is the repository of that owner/name, whatever it was called before.
func (s *Server) Repo(fullName string) (Repo, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, _ := s.find(fullName)
	if at == nil {
		return Repo{}, false
	}
	return at.Repo, true
}

// GitDir is the bare repository behind owner/name: tests may write to it with git.
func (s *Server) GitDir(fullName string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.must(fullName).dir
}

// SetRole says what an account may do in a repository.
func (s *Server) SetRole(fullName, login string, role Role) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.must(fullName).roles[s.addUser(User{Login: login}).ID] = role
}

// Rename gives a repository another owner or name; the old one redirects.
func (s *Server) Rename(fullName, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.must(fullName)
	for _, h := range s.hooks {
		if of, _ := s.find(h.Repo); of == at {
			h.Repo = to // it stays the repository's, whoever takes the name over
		}
	}
	owner, name, _ := strings.Cut(to, "/")
	at.former = append(at.former, at.FullName())
	at.Owner, at.Name = owner, name
	s.addUser(User{Login: owner})
}

// Remove deletes a repository; its name is free.
func (s *Server) Remove(fullName string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.must(fullName)
	delete(s.repos, at.ID)
	os.RemoveAll(at.dir)
}

// find gives the repository of a name; moved tells that it has another one now.
func (s *Server) find(fullName string) (at *repo, moved bool) {
	for _, at := range s.repos {
		if strings.EqualFold(at.FullName(), fullName) {
			return at, false
		}
	}
	for _, at := range s.repos {
		for _, old := range at.former {
			if strings.EqualFold(old, fullName) {
				return at, true
			}
		}
	}
	return nil, false
}

// must is for the Go methods: a test that names no repository is wrong.
func (s *Server) must(fullName string) *repo {
	at, _ := s.find(fullName)
	if at == nil {
		panic("githubtest: no repository " + fullName)
	}
	return at
}

func (at *repo) role(u *User) Role {
	if u != nil {
		if role, ok := at.roles[u.ID]; ok {
			return role
		}
	}
	if at.Private {
		return RoleNone
	}
	return RoleRead
}

func (at *repo) visible(who caller) bool {
	return at.role(who.user).rank() >= RoleRead.rank() && who.issued.reaches(at)
}

func without(list []string, s string) []string {
	var kept []string
	for _, l := range list {
		if !strings.EqualFold(l, s) {
			kept = append(kept, l)
		}
	}
	return kept
}

func (s *Server) getRepo(w http.ResponseWriter, r *http.Request, who caller, at *repo) {
	answer(w, r, http.StatusOK, s.repoJSON(at))
}

func (s *Server) repoJSON(at *repo) map[string]any {
	owner := s.userByLogin(at.Owner)
	return map[string]any{
		"id": at.ID, "node_id": fmt.Sprintf("R_%d", at.ID), "name": at.Name, "full_name": at.FullName(),
		"owner": s.userJSON(owner), "private": at.Private, "fork": at.ForkOf != 0,
		"default_branch": at.DefaultBranch, "html_url": s.URL + "/" + at.FullName(),
		"url": s.APIURL() + "/repos/" + at.FullName(), "clone_url": s.URL + "/" + at.FullName() + ".git",
		"archived": false, "disabled": false,
	}
}
