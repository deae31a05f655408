package engine_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/engine/enginetest"
	"github.com/franela/pocketci/run"
)

// findReal looks for a real engine, once and only if a test wants one.
var findReal = sync.OnceValues(func() (enginetest.Real, error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), 5*time.Minute, errPatience)
	defer cancel()
	real, err := enginetest.FindReal(ctx)
	if err == nil {
		stopReal = real.Stop
		os.Setenv("_EXPERIMENTAL_DAGGER_CLI_BIN", real.CLI)
	}
	return real, err
})

// stopReal ends the engine that findReal started.
var stopReal = func() {}

// realHost gives the address of an engine for tests, or skips.
func realHost(t testing.TB) string {
	t.Helper()
	real, err := findReal()
	if err != nil {
		t.Skipf("NO ENGINE: %v", err)
	}
	return real.Host
}

// newEngine makes an engine with a cache folder of its own.
func newEngine(t testing.TB, cfg engine.Config) *engine.Engine {
	t.Helper()
	cfg.Dir, cfg.Key = t.TempDir(), []byte("0123456789abcdef0123456789abcdef")
	cfg.Environ = os.Environ()
	if cfg.Log.GetLevel() == zerolog.DebugLevel && testing.Verbose() {
		cfg.Log = zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.DebugLevel)
	}
	e, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// wire is a connection to an engine that can be cut and frozen, which is what
// the death and the hanging of an engine look like from here.
type wire struct {
	listener net.Listener
	target   *url.URL
	thawed   chan struct{}

	mu     sync.Mutex
	frozen bool
	gone   bool
	conns  map[net.Conn]bool
}

func newWire(t testing.TB, host string) *wire {
	t.Helper()
	target, err := url.Parse(host)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, target: target, thawed: make(chan struct{}), conns: map[net.Conn]bool{}}
	var running sync.WaitGroup
	running.Go(func() { w.serve(&running) })
	t.Cleanup(func() {
		w.cut()
		close(w.thawed)
		running.Wait()
	})
	return w
}

func (w *wire) host() string { return "tcp://" + w.listener.Addr().String() }

func (w *wire) serve(running *sync.WaitGroup) {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		network, address := "tcp", w.target.Host
		if w.target.Scheme == "unix" {
			network, address = "unix", w.target.Host+w.target.Path
		}
		far, err := net.Dial(network, address)
		if err != nil || !w.keep(near, far) {
			near.Close()
			continue
		}
		running.Go(func() { w.pipe(far, near) })
		running.Go(func() { w.pipe(near, far) })
	}
}

// keep remembers connections so that they can be cut.
func (w *wire) keep(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		w.conns[c] = true
	}
	return !w.gone
}

func (w *wire) pipe(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if w.isFrozen() {
			<-w.thawed
			return
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (w *wire) isFrozen() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.frozen
}

func (w *wire) freeze() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = true
}

func (w *wire) cut() {
	w.listener.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone = true
	for c := range w.conns {
		c.Close()
	}
}

// repos serves git repositories over HTTP on loopback.
type repos struct {
	dir string
	url string
	// token, if not empty, is asked for.
	token string
}

func newRepos(t testing.TB) *repos {
	t.Helper()
	execPath, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Skipf("no git: %v", err)
	}
	dir := t.TempDir()
	git := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(execPath)), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1"},
	}
	r := &repos{dir: dir}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, password, _ := req.BasicAuth(); password != r.token {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		git.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL + "/app.git"
	r.git(t, "init", "-q", "-b", "main", "app.git")
	r.git(t, "-C", "app.git", "config", "uploadpack.allowAnySHA1InWant", "true")
	return r
}

func (r *repos) git(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.org", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.org", "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit makes a commit that holds exactly these files.
func (r *repos) commit(t *testing.T, files map[string]string) run.Source { return r.put(t, files) }

func (r *repos) put(t testing.TB, files map[string]string) run.Source {
	t.Helper()
	work := filepath.Join(r.dir, "app.git")
	entries, err := os.ReadDir(work)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != ".git" {
			os.RemoveAll(filepath.Join(work, e.Name()))
		}
	}
	for name, text := range files {
		path := filepath.Join(work, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.git(t, "-C", "app.git", "add", "-A")
	r.git(t, "-C", "app.git", "commit", "-q", "--allow-empty", "-m", "commit")
	sha := r.git(t, "-C", "app.git", "rev-parse", "HEAD")
	tree := enginetest.NewFiles(files)
	hash, err := tree.Hash(context.Background(), ".")
	if err != nil {
		t.Fatal(err)
	}
	return run.Source{
		ModulePath: "ci", Depth: 1, RepoID: 1, Lane: run.LaneTrusted,
		Tree: run.Tree{SHA: sha, Hash: hash, Files: tree, Origin: run.Origin{URL: r.url + "/.git", SHA: sha, Username: "x-access-token", Token: r.token}},
	}
}

// debugLog logs everything into b, which nobody else writes to meanwhile.
func debugLog(b *bytes.Buffer) zerolog.Logger {
	return zerolog.New(zerolog.SyncWriter(b)).Level(zerolog.DebugLevel)
}
