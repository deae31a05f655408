package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// agent is the program under test, as a process that is started again and again
// over the same data folder and at the same addresses.
type agent struct {
	command func() *exec.Cmd
	env     []string
	hook    string
	api     string
	dataDir string
	client  *http.Client

	mu  sync.Mutex
	log bytes.Buffer

	cmd   *exec.Cmd
	ended chan struct{}
	exit  error
}

// free is a loopback address that nobody listens on.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// start starts the process; env comes on top of what every start gets.
func (a *agent) start(env ...string) error {
	a.cmd = a.command()
	a.cmd.Env = append(append(os.Environ(), a.env...), env...)
	a.cmd.Stderr = writer(func(p []byte) (int, error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.log.Write(p)
	})
	if err := a.cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	a.ended = ended
	go func() { a.exit = a.cmd.Wait(); close(ended) }()
	return nil
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// said is the end of the process's log.
func (a *agent) said() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.log.Bytes()
	return string(b[max(0, len(b)-6000):])
}

// signal sends the process a signal; one that has ended gets none.
func (a *agent) signal(s syscall.Signal) { _ = a.cmd.Process.Signal(s) }

// kill ends the process as nothing it could prepare for, and waits for its end.
func (a *agent) kill() {
	a.signal(syscall.SIGKILL)
	<-a.ended
}

// dead tells whether the process has ended.
func (a *agent) dead() bool {
	select {
	case <-a.ended:
		return true
	default:
		return false
	}
}

// killed tells whether the process, which has ended, was killed.
func (a *agent) killed() bool {
	var exit *exec.ExitError
	if !a.dead() || !errors.As(a.exit, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signal() == syscall.SIGKILL
}

var errDied = errors.New("the agent has ended")

// up waits until the process answers.
func (a *agent) up(ctx context.Context) error {
	return a.until(ctx, func() (bool, error) {
		if a.dead() {
			return false, errDied
		}
		code, _, err := a.get(ctx, a.hook+"/healthz", "")
		return err == nil && code == http.StatusOK, nil
	})
}

// until asks again and again until ok, an error, or the end of ctx.
func (a *agent) until(ctx context.Context, ok func() (bool, error)) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		good, err := ok()
		if good || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (a *agent) get(ctx context.Context, url, token string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// see reads an answer of the API.
func (a *agent) see(ctx context.Context, path string, into any) error {
	token, err := os.ReadFile(filepath.Join(a.dataDir, "api-token"))
	if err != nil {
		return err
	}
	code, body, err := a.get(ctx, a.api+path, strings.TrimSpace(string(token)))
	if err != nil {
		return err
	}
	if code != http.StatusOK {
		return fmt.Errorf("%s: %d: %s", path, code, body)
	}
	return json.Unmarshal(body, into)
}

// ready is what /readyz tells.
type ready struct {
	Store struct {
		Writable                 bool
		Queued, Waiting, Running int
	}
	Outbox struct{ Waiting, Dead int }
}

func (a *agent) ready(ctx context.Context) (ready, int, error) {
	var r ready
	code, body, err := a.get(ctx, a.hook+"/readyz", "")
	if err == nil {
		err = json.Unmarshal(body, &r)
	}
	return r, code, err
}

// busy counts what is not done.
func (r ready) busy() int {
	return r.Store.Queued + r.Store.Waiting + r.Store.Running + r.Outbox.Waiting
}
