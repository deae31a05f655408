package gittest

import (
	"bytes"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Options say how a server behaves.
type Options struct {
	// Username and Token are what it asks for (HTTP Basic); no token: nothing.
	Username, Token string
	// TLS makes it serve https, with a certificate of its own.
	TLS bool
	// NoFilter makes it a server that can't leave blobs out.
	NoFilter bool
	// Old makes it speak the first version of git's protocol only, and give no
	// commit by its sha unless a ref points at it.
	Old bool
}

// Server serves git repositories over smart HTTP on loopback, through
// `git http-backend`.
type Server struct {
	t    testing.TB
	opts Options
	// URL is the address below which the repositories are.
	URL string
	// Root is the folder that holds them.
	Root string
	// CA is the file of the certificate to trust, in PEM; empty without TLS.
	CA string

	mu       sync.Mutex
	moved    map[string]string
	before   func(w http.ResponseWriter, r *http.Request) bool
	requests []string
}

// NewServer starts a server that ends with the test.
func NewServer(t testing.TB, opts Options) *Server {
	t.Helper()
	s := &Server{t: t, opts: opts, Root: t.TempDir(), moved: map[string]string{}}
	path, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{Path: path, Args: []string{"http-backend"}, Dir: s.Root, Env: s.env(), Stderr: io.Discard}
	web := httptest.NewUnstartedServer(s.handler(backend))
	web.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that break off are part of tests
	if opts.TLS {
		web.StartTLS()
		s.CA = filepath.Join(t.TempDir(), "ca.pem")
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
		if err := os.WriteFile(s.CA, text, 0o600); err != nil {
			t.Fatal(err)
		}
	} else {
		web.Start()
	}
	t.Cleanup(web.Close)
	s.URL = web.URL
	return s
}

func (s *Server) env() []string {
	filter := "true"
	if s.opts.NoFilter {
		filter = "false"
	}
	return append(Env(), "GIT_PROJECT_ROOT="+s.Root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1",
		"GIT_CONFIG_KEY_0=uploadpack.allowFilter", "GIT_CONFIG_VALUE_0="+filter)
}

// Repo makes an empty repository; its name is owner/name.
func (s *Server) Repo(name string) *Repo {
	s.t.Helper()
	dir := s.dir(name)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		s.t.Fatal(err)
	}
	return NewBare(s.t, dir)
}

func (s *Server) dir(name string) string {
	return filepath.Join(s.Root, filepath.FromSlash(name)+".git")
}

// Rename gives a repository another name; the old one redirects.
func (s *Server) Rename(r *Repo, from, to string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.dir(to)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(s.dir(from), s.dir(to)); err != nil {
		s.t.Fatal(err)
	}
	r.Dir = s.dir(to)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moved[from] = to
}

// Before is asked before each request is served; true: it has answered.
func (s *Server) Before(fn func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = fn
}

// Requests gives what was asked so far, "METHOD path", without its query.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

func (s *Server) handler(backend http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path)
		before := s.before
		s.mu.Unlock()
		if before != nil && before(w, r) {
			return
		}
		if user, password, _ := r.BasicAuth(); s.opts.Token != "" && (user != s.opts.Username || password != s.opts.Token) {
			w.Header().Set("WWW-Authenticate", `Basic realm="gittest"`)
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		name, rest := split(r.URL.Path)
		s.mu.Lock()
		to := s.moved[name]
		s.mu.Unlock()
		if to != "" {
			http.Redirect(w, r, s.URL+"/"+to+rest+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
			return
		}
		body, err := io.ReadAll(r.Body) // CGI wants the length
		if err != nil {
			return
		}
		r = r.Clone(r.Context())
		r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		r.URL.Path = "/" + name + ".git" + rest
		if s.opts.Old {
			r.Header.Del("Git-Protocol")
		}
		backend.ServeHTTP(w, r)
	})
}

// split takes owner/name off a path, with or without .git.
func split(path string) (name, rest string) {
	parts := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 3)
	if len(parts) < 3 {
		return strings.Join(parts, "/"), ""
	}
	return parts[0] + "/" + strings.TrimSuffix(parts[1], ".git"), "/" + parts[2]
}
