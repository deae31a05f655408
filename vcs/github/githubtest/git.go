package githubtest

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// gitPath is /owner/name[.git]/<what>.
var gitPath = regexp.MustCompile(`^/([^/]+)/([^/]+?)(\.git)?/(info/refs|git-upload-pack|git-receive-pack|HEAD|objects/.*)$`)

// gitConfig is what GitHub's servers are set to.
func gitConfig() [][2]string {
	return [][2]string{
		{"http.receivepack", "true"},
		{"uploadpack.allowFilter", "true"},
		{"uploadpack.allowAnySHA1InWant", "true"},
		{"receive.denyDeletes", "false"},
		{"receive.denyNonFastForwards", "false"},
		{"safe.directory", "*"},
		{"gc.auto", "0"},
	}
}

// serveGit authenticates and hands over to git http-backend.
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request, who caller) {
	m := gitPath.FindStringSubmatch(r.URL.Path)
	if m == nil {
		http.NotFound(w, r)
		return
	}
	push := m[4] == "git-receive-pack" || r.URL.Query().Get("service") == "git-receive-pack"
	s.mu.Lock()
	at, moved := s.find(m[1] + "/" + m[2])
	level := "read"
	if push {
		level = "write"
	}
	allowed := at != nil && at.visible(who) && (!push || at.role(who.user).rank() >= RoleWrite.rank()) && who.issued.may("contents", level) && !who.issued.suspended()
	visible := at != nil && at.visible(who)
	var dir, name string
	if at != nil {
		dir, name = at.dir, at.FullName()
	}
	s.mu.Unlock()
	switch {
	case !allowed && who.user == nil:
		s.refuseCredentials(w, r)
	case !visible:
		http.Error(w, "Repository not found.", http.StatusNotFound)
	case !allowed:
		http.Error(w, "Permission to "+name+" denied to "+who.login()+".", http.StatusForbidden)
	case moved:
		to := s.URL + "/" + name + ".git/" + m[4]
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		http.Redirect(w, r, to, http.StatusMovedPermanently)
	default:
		s.backendServe(w, r, who, dir, m[4])
	}
}

// backendServe runs git http-backend. CGI knows no chunked bodies: they are read first.
func (s *Server) backendServe(w http.ResponseWriter, r *http.Request, who caller, dir, what string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	in := r.Clone(r.Context())
	in.Body, in.ContentLength, in.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	in.URL.Path, in.URL.RawPath = "/"+what, ""
	in.Header.Del("Authorization")
	env := append([]string{
		"GIT_PROJECT_ROOT=" + dir,
		"GIT_HTTP_EXPORT_ALL=1",
		"REMOTE_USER=" + who.login(),
		"GIT_PROTOCOL=" + r.Header.Get("Git-Protocol"),
	}, gitEnv(gitConfig())...)
	h := &cgi.Handler{Path: s.backend, Dir: dir, Env: env, Stderr: io.Discard}
	h.ServeHTTP(w, in)
}

// gitEnv keeps git from the machine's and the user's settings.
func gitEnv(config [][2]string) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C",
		"GIT_TERMINAL_PROMPT=0", fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(config)),
	}
	for i, c := range config {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, c[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, c[1]))
	}
	return env
}

// git runs git in a bare repository (or nowhere).
func (s *Server) git(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = gitEnv(gitConfig())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out), nil
}

// hasCommit tells whether a sha is a commit; a repository without any ref has
// all. What is there stays: it is asked of git once.
func (s *Server) hasCommit(at *repo, sha string) bool {
	if at.commits[sha] || !hasRefs(at.dir) {
		return true
	}
	_, err := s.git(at.dir, "cat-file", "-e", sha+"^{commit}")
	at.commits[sha] = err == nil
	return err == nil
}

func hasRefs(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, "packed-refs")); err == nil {
		return true
	}
	found := false
	_ = filepath.WalkDir(filepath.Join(dir, "refs"), func(_ string, d fs.DirEntry, err error) error { // none: none
		if err == nil && !d.IsDir() {
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found
}

// gitRef is a ref and what it points at.
type gitRef struct{ name, sha, kind string }

// refs lists the refs that begin with a prefix ("refs/heads/").
func (s *Server) refs(at *repo, prefix string) []gitRef {
	out, err := s.git(at.dir, "for-each-ref", "--format=%(refname) %(objectname) %(objecttype)")
	if err != nil {
		return nil
	}
	var list []gitRef
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) == 3 && strings.HasPrefix(f[0], prefix) {
			list = append(list, gitRef{f[0], f[1], f[2]})
		}
	}
	return list
}

func (s *Server) matchingRefs(w http.ResponseWriter, r *http.Request, _ caller, at *repo) {
	list := []map[string]any{}
	for _, ref := range page(w, r, s.URL, s.refs(at, "refs/"+r.PathValue("ref"))) {
		list = append(list, s.refJSON(at, ref))
	}
	answer(w, r, http.StatusOK, list)
}

func (s *Server) getRef(w http.ResponseWriter, r *http.Request, _ caller, at *repo) {
	for _, ref := range s.refs(at, "refs/"+r.PathValue("ref")) {
		if ref.name == "refs/"+r.PathValue("ref") {
			answer(w, r, http.StatusOK, s.refJSON(at, ref))
			return
		}
	}
	problem(w, http.StatusNotFound, "Not Found")
}

func (s *Server) refJSON(at *repo, ref gitRef) map[string]any {
	return map[string]any{
		"ref": ref.name, "url": s.APIURL() + "/repos/" + at.FullName() + "/git/" + ref.name,
		"object": map[string]any{
			"sha": ref.sha, "type": ref.kind,
			"url": fmt.Sprintf("%s/repos/%s/git/%ss/%s", s.APIURL(), at.FullName(), ref.kind, ref.sha),
		},
	}
}

func (s *Server) listBranches(w http.ResponseWriter, r *http.Request, _ caller, at *repo) {
	list := []map[string]any{}
	for _, ref := range page(w, r, s.URL, s.refs(at, "refs/heads/")) {
		list = append(list, map[string]any{
			"name": strings.TrimPrefix(ref.name, "refs/heads/"), "protected": false,
			"commit": map[string]any{"sha": ref.sha, "url": s.APIURL() + "/repos/" + at.FullName() + "/commits/" + ref.sha},
		})
	}
	answer(w, r, http.StatusOK, list)
}
