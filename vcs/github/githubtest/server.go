package githubtest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// DefaultToken and DefaultLogin are the account's if [Config] names none.
const (
	DefaultLogin = "pocketci-bot"
	DefaultToken = "ghp_0123456789abcdefghijABCDEFGHIJ0123"
)

// Config is how a server starts out.
type Config struct {
	// Dir holds the bare repositories as <owner>/<name>.git, made as needed.
	// Empty: a folder that Close removes.
	Dir string
	// Login and Token are the account that the program under test uses. It is
	// admin everywhere until [Server.SetRole] says otherwise.
	Login, Token string
	// Clock tells the time of statuses, deliveries and limits; nil: time.Now.
	Clock func() time.Time
	// RateLimit is the number of requests per hour and account; 0: 5000.
	RateLimit int
	// ContentPerMinute limits requests that create content (GitHub: 80); 0: no limit.
	ContentPerMinute int
}

// Server is a GitHub. It is an http.Handler; [Start] also gives it an address.
type Server struct {
	// URL is the address without a slash at the end. Who mounts the handler
	// without Start sets it before the first request.
	URL string

	cfg     Config
	mux     *http.ServeMux
	http    *httptest.Server
	temp    bool
	backend string
	// ctx ends with Close; redeliveries that GitHub makes on its own run under it.
	ctx    context.Context
	cancel context.CancelCauseFunc
	work   sync.WaitGroup

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced whenever something is recorded
	lastID   int64
	tokens   map[string]int64
	apps     map[int64]*App
	installs map[int64]*installation
	issued   map[string]*IssuedToken
	users    map[int64]*User
	repos    map[int64]*repo
	hooks    map[int64]*Hook
	statuses []Status
	comments []Comment
	requests []Request
	sent     []SentDelivery
	outage   Outage
	hanging  int
	quota    map[string]*quota
}

// New makes a server that is not listening yet: use it as an http.Handler.
func New(cfg Config) (*Server, error) {
	if cfg.Login == "" {
		cfg.Login = DefaultLogin
	}
	if cfg.Token == "" {
		cfg.Token = DefaultToken
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.RateLimit == 0 {
		cfg.RateLimit = 5000
	}
	s := &Server{
		cfg:     cfg,
		changed: make(chan struct{}),
		lastID:  1000,
		tokens:  map[string]int64{},

		apps:     map[int64]*App{},
		installs: map[int64]*installation{},
		issued:   map[string]*IssuedToken{},

		users: map[int64]*User{},
		repos: map[int64]*repo{},
		hooks: map[int64]*Hook{},
		quota: map[string]*quota{},
	}
	if err := s.findGit(); err != nil {
		return nil, err
	}
	if cfg.Dir == "" {
		dir, err := os.MkdirTemp("", "githubtest-")
		if err != nil {
			return nil, err
		}
		s.cfg.Dir, s.temp = dir, true
	}
	u := s.AddUser(User{Login: cfg.Login})
	s.AddToken(cfg.Token, u.Login)
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.routes()
	return s, nil
}

// Start makes a server that listens on loopback until the test ends.
func Start(tb testing.TB, cfg Config) *Server {
	tb.Helper()
	s, err := Serve(cfg)
	if err != nil {
		tb.Fatalf("githubtest: %v", err)
	}
	tb.Cleanup(s.Close)
	return s
}

// Serve makes a server that listens on loopback until Close.
func Serve(cfg Config) (*Server, error) {
	s, err := New(cfg)
	if err != nil {
		return nil, err
	}
	s.http = httptest.NewServer(s)
	s.URL = s.http.URL
	return s, nil
}

// Close stops listening, ends what hangs and removes the server's own folder.
func (s *Server) Close() {
	s.cancel(errors.New("githubtest: closed"))
	s.work.Wait()
	s.ClearOutage()
	if s.http != nil {
		s.http.CloseClientConnections()
		s.http.Close()
	}
	if s.temp {
		os.RemoveAll(s.cfg.Dir)
	}
}

// APIURL is where the API is: <URL>/api/v3.
func (s *Server) APIURL() string { return s.URL + "/api/v3" }

// Token is the account's token, Login its name.
func (s *Server) Token() string { return s.cfg.Token }

// Login is the account's name.
func (s *Server) Login() string { return s.cfg.Login }

// ServeHTTP answers as GitHub would.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_test/") {
		s.mux.ServeHTTP(w, r)
		return
	}
	rec := &recorder{ResponseWriter: w, code: http.StatusOK}
	who := s.account(r)
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests = append(s.requests, Request{
			At: s.cfg.Clock(), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery,
			Login: who.login(), Credentials: r.Header.Get("Authorization") != "", Status: rec.code,
		})
		s.wake()
	}()
	if s.broken(rec, r) {
		return
	}
	if who.bad {
		s.refuseCredentials(rec, r)
		return
	}
	if isAPI(r) {
		s.serveAPI(rec, r, who)
		return
	}
	s.serveGit(rec, r, who)
}

func isAPI(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/v3/") }

// Request is one request to API or git, as it was answered.
type Request struct {
	At     time.Time `json:"at"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Query  string    `json:"query,omitempty"`
	// Login is the account whose token came along, or empty.
	Login string `json:"login,omitempty"`
	// Credentials: there was an Authorization header, right or wrong.
	Credentials bool `json:"credentials"`
	Status      int  `json:"status"`
}

// Requests are all so far, in the order in which they were answered.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// wait blocks until done is true, looking again after each change. It is
// called with the lock held and returns with it held.
func (s *Server) wait(ctx context.Context, done func() bool) error {
	for !done() {
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			s.mu.Lock()
			return context.Cause(ctx)
		}
		s.mu.Lock()
	}
	return nil
}

// wake lets everybody who waits look again. The lock is held.
func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// id gives a number that nothing else has. The lock is held.
func (s *Server) id() int64 {
	s.lastID++
	return s.lastID
}

func (s *Server) findGit() error {
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return err
	}
	s.backend = strings.TrimSpace(string(out)) + "/git-http-backend"
	_, err = os.Stat(s.backend)
	return err
}

// recorder remembers the answer's code.
type recorder struct {
	http.ResponseWriter
	code int
}

func (r *recorder) WriteHeader(code int) {
	r.code = code
	r.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
