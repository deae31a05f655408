package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/vcs/git/gittest"
)

func TestNothingIsFetchedThatIsHere(t *testing.T) {
	h := newHost(t)
	before := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	after := h.repo.Commit(commitOf(map[string]string{"b": "1"}))
	h.mustCheckout(h.push("main", before, after))
	asked := len(h.srv.Requests())
	wantChanges(t, h.mustCheckout(h.push("main", before, after)), []string{"b"}, nil)
	h.mustCheckout(h.pull(before, after))
	if got := h.srv.Requests()[asked:]; len(got) > 0 {
		t.Errorf("asked again: %q", got)
	}
}

func TestRenamedRepositoryKeepsItsMirror(t *testing.T) {
	h := newHost(t)
	before := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	h.mustCheckout(h.push("main", zeroSHA, before))
	h.srv.Rename(h.repo, "octo/hello", "cat/world")
	after := h.repo.Commit(commitOf(map[string]string{"b": "1"}))

	_, err := h.checkout(h.push("main", before, after))
	wantProblem(t, err, ErrMoved, "octo/hello has moved: the code host redirects to another address")

	h.as.Owner, h.as.Name = "cat", "world"
	wantChanges(t, h.mustCheckout(h.push("main", before, after)), []string{"b"}, nil)
	if got, _ := filepath.Glob(filepath.Join(h.dir, "*.git")); len(got) != 1 {
		t.Errorf("mirrors: %q", got)
	}
	if got, _ := os.ReadFile(filepath.Join(h.dir, "7.git", "description")); string(got) != h.srv.URL+"/cat/world\n" {
		t.Errorf("address = %q", got)
	}
}

// TestRedirectsAreNotFollowed: not even to see who is there.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var seen atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) }))
	defer other.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			h := newHost(t)
			h.srv.Before(func(w http.ResponseWriter, r *http.Request) bool {
				http.Redirect(w, r, other.URL+r.URL.Path, code)
				return true
			})
			_, err := h.checkout(h.push("main", zeroSHA, noSHA))
			wantProblem(t, err, ErrMoved, "octo/hello has moved: the code host redirects to another address")
			_, err = h.m.Reachable(t.Context(), h.as, noSHA)
			wantProblem(t, err, ErrMoved, "octo/hello has moved: the code host redirects to another address")
		})
	}
	if n := seen.Load(); n > 0 {
		t.Errorf("the other host saw %d requests", n)
	}
}

func TestCodeHostRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		// status is the code host's answer; 0: its own.
		status int
		body   string
		repo   string
		token  string
		is     error
		public string // empty: no Problem
	}{
		{"a wrong token", 0, "", "hello", "wrong", ErrDenied, "the code host does not let us read octo/hello"},
		{"no token", 0, "", "hello", "", ErrDenied, "the code host does not let us read octo/hello"},
		{"no such repository", 0, "", "nope", testToken, ErrDenied, "octo/nope can't be found on the code host"},
		{"forbidden", 403, "", "hello", testToken, ErrDenied, "the code host does not let us read octo/hello"},
		{"gone", 410, "", "hello", testToken, ErrDenied, "octo/hello can't be found on the code host"},
		{"too many requests", 429, "", "hello", testToken, ErrUnreachable, ""},
		{"forbidden for now", 403, "secondary rate limit", "hello", testToken, ErrUnreachable, ""},
		{"a fault of its own", 500, "", "hello", testToken, ErrUnreachable, ""},
		{"down for maintenance", 503, "", "hello", testToken, ErrUnreachable, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHost(t)
			sha := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
			if tc.status != 0 {
				h.srv.Before(func(w http.ResponseWriter, _ *http.Request) bool {
					http.Error(w, tc.body, tc.status)
					return true
				})
			}
			h.as.Name = tc.repo
			h.m.cfg.Remote = func(r event.Repo) (Remote, error) {
				return Remote{URL: h.srv.URL + "/" + r.FullName(), Username: testUser, Token: tc.token}, nil
			}
			_, err := h.checkout(h.push("main", zeroSHA, sha))
			_, refsErr := h.m.Refs(t.Context(), h.as)
			for _, err := range []error{err, refsErr} {
				var p *event.Problem
				switch {
				case tc.public != "":
					wantProblem(t, err, tc.is, tc.public)
				case !errors.Is(err, tc.is) || errors.As(err, &p):
					t.Errorf("err = %v, want a plain one that wraps %q", err, tc.is)
				}
			}
		})
	}
}

// TestUnreachableThenThere: what fails for a moment works later, with the same mirror.
func TestUnreachableThenThere(t *testing.T) {
	for _, tc := range []struct {
		name string
		fail func(w http.ResponseWriter, r *http.Request) bool
	}{
		{"the connection breaks", func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }},
		{"it breaks in the middle", func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				panic(http.ErrAbortHandler)
			}
			return false
		}},
		{"the answer is cut", func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
				_, _ = io.WriteString(w, "000dpackfile\n0010\x01PACK") // says 16 bytes
				return true
			}
			return false
		}},
		{"a bad gateway in the middle", func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				http.Error(w, "", http.StatusBadGateway)
				return true
			}
			return false
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHost(t)
			sha := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
			h.srv.Before(tc.fail)
			_, err := h.checkout(h.push("main", zeroSHA, sha))
			if !errors.Is(err, ErrUnreachable) {
				t.Fatalf("err = %v", err)
			}
			h.srv.Before(nil)
			wantChanges(t, h.mustCheckout(h.push("main", zeroSHA, sha)), []string{"a"}, nil)
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		h := newHost(t)
		h.m.cfg.Remote = func(event.Repo) (Remote, error) { return Remote{URL: "http://127.0.0.1:1/octo/hello"}, nil }
		if _, err := h.checkout(h.push("main", zeroSHA, noSHA)); !errors.Is(err, ErrUnreachable) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("no such host", func(t *testing.T) {
		h := newHost(t)
		h.m.cfg.Remote = func(event.Repo) (Remote, error) { return Remote{URL: "https://git.invalid/octo/hello"}, nil }
		if _, err := h.checkout(h.push("main", zeroSHA, noSHA)); !errors.Is(err, ErrUnreachable) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("it takes too long", func(t *testing.T) {
		h := newHost(t)
		hang := make(chan struct{})
		defer close(hang)
		h.srv.Before(func(http.ResponseWriter, *http.Request) bool { <-hang; return true })
		h.m.cfg.Timeout = 50 * time.Millisecond
		if _, err := h.checkout(h.push("main", zeroSHA, noSHA)); !errors.Is(err, ErrUnreachable) {
			t.Errorf("err = %v", err)
		}
	})
}

// TestHTTPS: with a certificate that the environment vouches for, in Go's words or in
// git's, and with none.
func TestHTTPS(t *testing.T) {
	for _, tc := range []struct {
		name string
		// variable names the certificate; empty: none does.
		variable string
		ok       bool
	}{
		{"trusted by SSL_CERT_FILE", "SSL_CERT_FILE", true},
		{"trusted by GIT_SSL_CAINFO", "GIT_SSL_CAINFO", true},
		{"not trusted", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHostOn(t, gittest.NewServer(t, gittest.Options{Username: testUser, Token: testToken, TLS: true}))
			env := []string{"PATH=" + os.Getenv("PATH"), "GIT_SSL_NO_VERIFY=1"} // that one must not count
			if tc.variable != "" {
				env = append(env, tc.variable+"="+h.srv.CA)
			}
			m, err := New(Config{Dir: h.dir, Remote: h.remote, Environ: env, Log: zerolog.Nop()})
			must(t, err)
			defer m.Close()
			h.m = m
			before := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
			after := h.repo.Commit(commitOf(map[string]string{"b": "1"}))
			tree, err := h.checkout(h.push("main", before, after))
			if !tc.ok {
				if !errors.Is(err, ErrUnreachable) {
					t.Errorf("err = %v", err)
				}
				return
			}
			must(t, err)
			wantChanges(t, tree, []string{"b"}, nil)
			if got, err := tree.Files.ReadFile("a"); err != nil || string(got) != "1" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// TestNoRepositoryWithoutID: names change hands; a mirror without an id would be
// anybody's.
func TestNoRepositoryWithoutID(t *testing.T) {
	h := newHost(t)
	h.as.ID = 0
	if _, err := h.checkout(h.push("main", zeroSHA, noSHA)); err == nil {
		t.Error("no error")
	}
}

// TestCredentialsAreNowhere: not in arguments, on disk or in errors; in the
// environment only of what talks to the code host.
func TestCredentialsAreNowhere(t *testing.T) {
	h := newHost(t)
	var log strings.Builder
	trace := filepath.Join(t.TempDir(), "trace")
	wrapper := filepath.Join(t.TempDir(), "git")
	script := fmt.Sprintf("#!/bin/sh\nprintf 'args: %%s\\n' \"$*\" >>%[1]s\nenv | sed \"s/^/$1: /\" >>%[1]s\nexec git \"$@\"\n", trace)
	if err := os.WriteFile(wrapper, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GITHUB_TOKEN", "another secret of the agent")
	t.Setenv("GIT_TRACE_CURL", "1")
	t.Setenv("GIT_SSH_COMMAND", "touch pwned")
	m, err := New(Config{Dir: h.dir, Remote: h.remote, Git: wrapper, Log: zerolog.New(&log)})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	h.m = m
	sha := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	tree := h.mustCheckout(h.push("main", zeroSHA, sha))
	if _, err := tree.Files.ReadFile("a"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Reachable(t.Context(), h.as, noSHA); err != nil {
		t.Fatal(err)
	}
	h.srv.Before(func(w http.ResponseWriter, r *http.Request) bool {
		user, password, _ := r.BasicAuth()
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "%s %s %s", user, password, r.Header.Get("Authorization")) // git shows it
		return true
	})
	_, err = h.checkout(h.push("main", zeroSHA, noSHA))
	if err == nil {
		t.Fatal("no error")
	}
	secrets := []string{testToken, Remote{Username: testUser, Token: testToken}.basic()}
	got, _ := os.ReadFile(trace)
	sent := 0
	for line := range strings.Lines(string(got)) {
		if strings.Contains(line, "another secret") || strings.Contains(line, "pwned") || strings.Contains(line, "GIT_TRACE") {
			t.Errorf("git sees %s", line)
		}
		for _, s := range secrets {
			if !strings.Contains(line, s) {
				continue
			}
			if !strings.HasPrefix(line, "fetch: GIT_CONFIG_VALUE_") && !strings.HasPrefix(line, "ls-remote: GIT_CONFIG_VALUE_") {
				t.Errorf("git sees a credential: %s", line)
			}
			sent++
		}
	}
	if sent == 0 {
		t.Error("the trace shows no credentials where they belong: it proves nothing")
	}
	for _, s := range secrets {
		if strings.Contains(err.Error()+log.String(), s) {
			t.Errorf("%q is in an error or the log: %v\n%s", s, err, log.String())
		}
		inFiles(t, h.dir, s)
	}
}

// inFiles fails the test if a text is in any file.
func inFiles(t *testing.T, dir, text string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), text) {
			t.Errorf("%s holds %q", path, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFolderIsPrivate(t *testing.T) {
	h := newHost(t)
	h.dir = filepath.Join(t.TempDir(), "data", "mirrors")
	h.mirrors()
	at, err := os.Stat(h.dir)
	if err != nil || at.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", at.Mode(), err)
	}
}

// TestMachineSettingsDoNotCount: neither a user's nor a repository's hooks run.
func TestMachineSettingsDoNotCount(t *testing.T) {
	home := t.TempDir()
	pwned := filepath.Join(t.TempDir(), "pwned")
	text := fmt.Sprintf("[credential]\n\thelper = !touch %[1]s\n[core]\n\tfsmonitor = touch %[1]s\n\tsshCommand = touch %[1]s\n[url \"http://127.0.0.1:1/\"]\n\tinsteadOf = http://\n", pwned)
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "url.http://127.0.0.1:1/.insteadOf")
	t.Setenv("GIT_CONFIG_VALUE_0", "http://")
	t.Setenv("GIT_DIR", "/nowhere")
	h := newHost(t)
	sha := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	h.mustCheckout(h.push("main", zeroSHA, sha))
	if _, err := os.Stat(pwned); err == nil {
		t.Error("a program of the user's settings ran")
	}
}

// TestJoinedFetches: what is asked while a fetch is under way goes into one more.
func TestJoinedFetches(t *testing.T) {
	h := newHost(t)
	root := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	var heads []string
	for i := range 8 {
		heads = append(heads, h.repo.Commit(gittest.Commit{Ref: fmt.Sprintf("refs/heads/b%d", i), Parents: []string{root}, Write: map[string]string{fmt.Sprint(i): "1"}}))
	}
	entered, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	h.srv.Before(func(http.ResponseWriter, *http.Request) bool {
		once.Do(func() { close(entered); <-release })
		return false
	})
	type answer struct {
		n    int
		tree run.Tree
		err  error
	}
	answers := make(chan answer, len(heads))
	start := func(n int) {
		go func() {
			tree, err := h.m.Checkout(t.Context(), h.push(fmt.Sprintf("b%d", n), root, heads[n]))
			answers <- answer{n, tree, err}
		}()
	}
	start(0)
	<-entered
	for n := 1; n < len(heads); n++ {
		start(n)
	}
	// All others have joined one fetch before the first goes on.
	at := h.m.open[h.as.ID]
	waitFor(t, func() bool {
		at.commits.mu.Lock()
		defer at.commits.mu.Unlock()
		for _, next := range at.commits.next {
			return next.askers == len(heads)-1
		}
		return false
	})
	close(release)
	for range heads {
		a := <-answers
		if a.err != nil {
			t.Fatal(a.err)
		}
		wantChanges(t, a.tree, []string{fmt.Sprint(a.n)}, nil)
		a.tree.Files.(io.Closer).Close()
	}
	posts := 0
	for _, r := range h.srv.Requests() {
		if strings.HasPrefix(r, "GET ") {
			posts++
		}
	}
	if posts != 2 {
		t.Errorf("%d fetches for %d events, want 2", posts, len(heads))
	}
}

// TestOneBadWantHarmsNobody: a joined fetch gives everybody what can be had.
func TestOneBadWantHarmsNobody(t *testing.T) {
	h := newHost(t)
	sha := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	h.mustCheckout(event.Event{Repo: h.as})
	next := h.repo.Commit(commitOf(map[string]string{"b": "1"}))
	at := h.m.open[h.as.ID]
	remote, _ := h.remote(h.as)
	refs, err := at.commits.get(t.Context(), remote, []want{
		{src: noSHA}, {src: next}, {src: "refs/heads/gone"}, {src: "refs/heads/main"}, {src: strings.Repeat("9", 40), via: "refs/heads/gone-too"}, {src: sha},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(refs) != 1 || refs["refs/heads/main"] != next {
		t.Errorf("refs = %v", refs)
	}
}

// TestCancel: an asker that leaves doesn't disturb the others; the last one ends the fetch.
func TestCancel(t *testing.T) {
	h := newHost(t)
	sha := h.repo.Commit(commitOf(map[string]string{"a": "1"}))
	entered, release := make(chan struct{}, 100), make(chan struct{})
	h.srv.Before(func(_ http.ResponseWriter, r *http.Request) bool {
		entered <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return false
	})
	cause := errors.New("superseded")
	ctx, cancel := context.WithCancelCause(t.Context())
	first := make(chan error, 1)
	go func() { _, err := h.m.Checkout(ctx, h.push("main", zeroSHA, sha)); first <- err }()
	<-entered

	// Alone: its end is the fetch's.
	cancel(cause)
	if err := <-first; !errors.Is(err, cause) {
		t.Errorf("err = %v", err)
	}
	at := h.m.open[h.as.ID]
	turn := <-at.commits.turn // given back: git is gone
	at.commits.turn <- turn

	// Two in one fetch: the first one leaves.
	ctx, cancel = context.WithCancelCause(t.Context())
	second := make(chan error, 1)
	remote, _ := h.remote(h.as)
	<-at.commits.turn // nobody begins yet
	go func() { _, err := at.commits.get(ctx, remote, []want{{src: sha}}); first <- err }()
	go func() { _, err := at.commits.get(t.Context(), remote, []want{{src: sha}}); second <- err }()
	waitFor(t, func() bool {
		at.commits.mu.Lock()
		defer at.commits.mu.Unlock()
		return at.commits.next[remote] != nil && at.commits.next[remote].askers == 2
	})
	at.commits.turn <- struct{}{}
	<-entered
	cancel(cause)
	if err := <-first; !errors.Is(err, cause) {
		t.Errorf("err = %v", err)
	}
	close(release)
	if err := <-second; err != nil {
		t.Errorf("the other one: %v", err)
	}
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	h := newHost(t)
	entered := make(chan struct{}, 1)
	h.srv.Before(func(_ http.ResponseWriter, r *http.Request) bool {
		entered <- struct{}{}
		<-r.Context().Done()
		return true
	})
	failed := make(chan error, 1)
	go func() { _, err := h.m.Checkout(t.Context(), h.push("main", zeroSHA, noSHA)); failed <- err }()
	<-entered
	if err := h.m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, errClosed) {
		t.Errorf("err = %v", err)
	}
	if _, err := h.checkout(h.push("main", zeroSHA, noSHA)); !errors.Is(err, errClosed) {
		t.Errorf("afterwards: %v", err)
	}
	if err := h.m.Close(); err != nil {
		t.Errorf("twice: %v", err)
	}
}

// waitFor waits for a condition.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it does not come about")
		}
	}
}

// TestManyEventsAtOnce: of one repository, while some are cancelled and the mirror is
// tidied up.
func TestManyEventsAtOnce(t *testing.T) {
	h := newHost(t)
	root := h.repo.Commit(commitOf(map[string]string{"file": "root"}))
	var wg sync.WaitGroup
	for i := range 24 {
		branch, name := fmt.Sprintf("b%d", i), fmt.Sprintf("new%d", i)
		sha := h.repo.Commit(gittest.Commit{Ref: "refs/heads/" + branch, Parents: []string{root}, Write: map[string]string{name: branch}})
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		before := []string{root, zeroSHA, noSHA}[i%3]
		wg.Go(func() {
			if i%6 == 5 {
				go cancel(errors.New("superseded"))
			}
			tree, err := h.m.Checkout(ctx, h.push(branch, before, sha))
			if err != nil {
				if ctx.Err() == nil {
					t.Error(err)
				}
				return
			}
			defer tree.Files.(io.Closer).Close()
			wantChanges(t, tree, []string{name}, nil)
			if got, err := tree.Files.ReadFile(name); ctx.Err() == nil && (err != nil || string(got) != branch) {
				t.Errorf("%q, %v", got, err)
			}
			if held, err := h.m.Reachable(ctx, h.as, root); ctx.Err() == nil && (err != nil || !held) {
				t.Errorf("%v, %v", held, err)
			}
		})
	}
	wg.Wait()
}
