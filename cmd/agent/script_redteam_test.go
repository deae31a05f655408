package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1" // what a sender may still sign with
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/franela/pocketci/vcs/github/githubtest"
)

// redteamCommands are the commands of scripts that attack.
func redteamCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"unasked":   cmdUnasked,
		"elsewhere": cmdElsewhere,
		"redirect":  cmdRedirect,
		"post":      cmdPost,
		"trickle":   cmdTrickle,
		"api":       cmdAPI,
		"recreate":  cmdRecreate,
		"branch":    cmdBranch,
	}
}

// cmdUnasked checks that GitHub was asked for no path that holds a text: unasked text
func cmdUnasked(ts *testscript.TestScript, _ bool, args []string) {
	for _, r := range hubOf(ts).Requests() {
		if strings.Contains(r.Path, args[0]) {
			ts.Fatalf("%s %s was asked for", r.Method, r.Path)
		}
	}
}

// other is a host that credentials must not reach.
type other struct {
	mu   sync.Mutex
	seen []string
}

func (o *other) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = append(o.seen, fmt.Sprintf("%s %s authorization=%q", r.Method, r.URL.Path, r.Header.Get("Authorization")))
	http.Error(w, "nothing is here", http.StatusNotFound)
}

// cmdElsewhere starts another host, ELSEWHERE, or says what it was asked for:
//
//	elsewhere start
//	elsewhere unasked   checks that nobody came, with credentials or without
func cmdElsewhere(ts *testscript.TestScript, _ bool, args []string) {
	if args[0] == "start" {
		o := &other{}
		server := httptest.NewServer(o)
		ts.Defer(server.Close)
		ts.Setenv("ELSEWHERE", server.URL)
		elsewheres.Store(ts, o)
		return
	}
	o, ok := elsewheres.Load(ts)
	if !ok {
		ts.Fatalf("elsewhere was not started")
	}
	o.(*other).mu.Lock()
	defer o.(*other).mu.Unlock()
	if seen := o.(*other).seen; len(seen) > 0 {
		ts.Fatalf("the other host was asked: %q", seen)
	}
}

// elsewheres are the scripts' other hosts: a script's own values can't be added to
// once it runs.
var elsewheres sync.Map

// cmdRedirect has GitHub redirect what holds a text in its path: redirect text url
func cmdRedirect(ts *testscript.TestScript, _ bool, args []string) {
	hubOf(ts).SetOutage(githubtest.Outage{Kind: githubtest.Redirect, Path: args[0], To: args[1]})
}

// cmdPost posts a delivery that need not be genuine, and prints the answer:
//
//	post CODE event guid [sha256=KEY|sha1=KEY|none] [FILE|N] [hook]
//
// A number is a body of so many bytes: a JSON object, padded.
func cmdPost(ts *testscript.TestScript, _ bool, args []string) {
	var body []byte
	if n, err := strconv.Atoi(args[4]); err == nil {
		body = append([]byte(`{"a":"`), bytes.Repeat([]byte("x"), n-8)...)
		body = append(body, `"}`...)
	} else {
		body = []byte(expand(ts, ts.ReadFile(args[4])))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, ts.Getenv("HOOK")+"/", bytes.NewReader(body))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-GitHub-Event", args[1])
	req.Header.Set("X-GitHub-Delivery", args[2])
	if len(args) > 5 {
		req.Header.Set("X-GitHub-Hook-ID", args[5])
	}
	switch kind, key, _ := strings.Cut(args[3], "="); kind {
	case "sha256":
		req.Header.Set("X-Hub-Signature-256", "sha256="+mac(sha256.New, key, body))
	case "sha1":
		req.Header.Set("X-Hub-Signature", "sha1="+mac(sha1.New, key, body))
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	ts.Check(err)
	fmt.Fprintln(ts.Stdout(), string(answer))
	if want, _ := strconv.Atoi(args[0]); resp.StatusCode != want {
		ts.Fatalf("the agent answered %d, want %s: %s", resp.StatusCode, args[0], answer)
	}
	ts.Setenv("ID", "github:"+args[2])
}

func mac(h func() hash.Hash, key string, body []byte) string {
	m := hmac.New(h, []byte(key))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

// cmdTrickle sends a delivery's body one byte a second, and checks that the agent
// ends that before a minute is over: trickle
func cmdTrickle(ts *testscript.TestScript, _ bool, _ []string) {
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(ts.Getenv("HOOK"), "http://"), patience)
	ts.Check(err)
	defer conn.Close()
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: agent\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\nX-GitHub-Delivery: slow\r\n"+
		"X-Hub-Signature-256: sha256=%064d\r\nContent-Length: 100000\r\n\r\n{", 0)
	begun := time.Now()
	for time.Since(begun) < patience {
		ts.Check(conn.SetReadDeadline(time.Now().Add(time.Second)))
		if n, err := conn.Read(make([]byte, 1)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if _, err := conn.Write([]byte(" ")); err != nil {
			return
		}
	}
	ts.Fatalf("the agent still waits after %s", patience)
}

// cmdAPI asks the API under a host name: api CODE host path [header: value]…
// The token goes along unless a header says otherwise.
func cmdAPI(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ts.Getenv("API")+args[2], nil)
	ts.Check(err)
	req.Host = args[1]
	req.Header.Set("Authorization", "Bearer "+token(ts))
	for _, h := range args[3:] {
		name, value, _ := strings.Cut(h, ":")
		if req.Header.Set(name, strings.TrimSpace(value)); strings.TrimSpace(value) == "" {
			req.Header.Del(name)
		}
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	fmt.Fprintln(ts.Stdout(), string(body))
	if want, _ := strconv.Atoi(args[0]); resp.StatusCode != want {
		ts.Fatalf("%s as %s: %d, want %s: %s", args[2], args[1], resp.StatusCode, args[0], body)
	}
}

// cmdRecreate deletes a repository and makes another one under its name, from a
// folder; REPO_ID and SHA are the new one's: recreate owner/name folder
func cmdRecreate(ts *testscript.TestScript, _ bool, args []string) {
	hubOf(ts).Remove(args[0])
	cmdRepo(ts, false, args)
}

// cmdBranch makes a branch of any name at SHA: branch owner/name name
func cmdBranch(ts *testscript.TestScript, _ bool, args []string) {
	dir := hubOf(ts).GitDir(args[0])
	ref := dir + "/refs/heads/" + args[1]
	ts.Check(os.MkdirAll(ref[:strings.LastIndexByte(ref, '/')], 0o755))
	ts.Check(os.WriteFile(ref, []byte(ts.Getenv("SHA")+"\n"), 0o644))
}
