package engine

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"dagger.io/dagger/engineconn"
)

var (
	errConnectTimeout = errors.New("the engine did not take the session in time")
	errProcessEnded   = errors.New("the session's process ended")
)

// maxStderr bounds in bytes what is kept of a session process's error output.
const maxStderr = 8 << 10

// process is a `dagger session`: the CLI holds the connection to the engine and
// serves its API on loopback, protected by a token that only we read. It ends
// when its standard input closes, thus also when we die.
type process struct {
	params engineconn.ConnectParams
	stdin  io.Closer
	stderr *lastBytes
	cmd    *exec.Cmd
	// ended is closed when the process is gone.
	ended chan struct{}
}

// startProcess starts a session and waits until the engine has taken it.
func startProcess(ctx context.Context, cli, dir string, env []string) (*process, error) {
	// Silent: the CLI keeps no telemetry for a display that nobody looks at.
	cmd := exec.Command(cli, "session", "--silent",
		"--label", "dagger.io/sdk.name:go", "--label", "dagger.io/sdk.version:"+engineconn.CLIVersion)
	cmd.Dir, cmd.Env = dir, env
	cmd.SysProcAttr = sysProcAttr()
	cmd.WaitDelay = time.Second // a child of the CLI may outlive it and hold its pipes
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the dagger CLI: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the dagger CLI: %w", err)
	}
	p := &process{stdin: stdin, stderr: &lastBytes{most: maxStderr}, cmd: cmd, ended: make(chan struct{})}
	cmd.Stderr = p.stderr
	params := make(chan error, 1)
	started := make(chan error, 1)
	go p.live(started, params, stdout)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start the dagger CLI: %w", err)
	}
	select {
	case err = <-params:
		if err != nil {
			_ = p.stop(time.Second)
			err = fmt.Errorf("connect to the engine: %w", p.lastWords(err))
		}
	case <-ctx.Done():
		err = fmt.Errorf("connect to the engine: %w", context.Cause(ctx))
	}
	if err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

// live starts the process, reads its parameters and waits for its end. Linux
// kills a child whose parent *thread* dies, so the thread is kept for it.
func (p *process) live(started, params chan<- error, stdout io.Reader) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.ended)
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	go func() {
		line, err := bufio.NewReader(io.LimitReader(stdout, 64<<10)).ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &p.params)
		}
		params <- err
		_, _ = io.Copy(io.Discard, stdout)
	}()
	_ = p.cmd.Wait()
}

// lastWords adds to an error what the process said before it ended.
func (p *process) lastWords(err error) error {
	text := strings.TrimSpace(p.stderr.String())
	if text == "" {
		return err
	}
	text = strings.TrimPrefix(cutTrace(text), "Error: ")
	return errors.New(text)
}

// stop closes the session, waits up to grace, then kills.
func (p *process) stop(grace time.Duration) error {
	_ = p.stdin.Close()
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-p.ended:
		return nil
	case <-t.C:
		p.kill()
		return fmt.Errorf("close the session: killed after %s", grace)
	}
}

// kill ends the process at once and waits for it.
func (p *process) kill() {
	_ = p.stdin.Close()
	if p.cmd.Process != nil {
		_ = p.cmd.Process.Kill()
	}
	<-p.ended
}

// lastBytes keeps the end of what is written to it.
type lastBytes struct {
	mu   sync.Mutex
	most int
	buf  bytes.Buffer
}

func (l *lastBytes) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Write(b)
	if over := l.buf.Len() - l.most; over > 0 {
		l.buf.Next(over)
	}
	return len(b), nil
}

func (l *lastBytes) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
