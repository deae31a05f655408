package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	// killAfter is how long a git process that was asked to end may take for it.
	killAfter = 5 * time.Second
	// maxStderr bounds what is kept of what git says about a failure.
	maxStderr = 4 << 10
	// maxRecord bounds one record (a file name, a line) of git's output.
	maxRecord = 1 << 20
)

// program is the git executable and what every process of it gets.
type program struct {
	path string
	env  []string
	base []setting
}

// setting is one line of git's configuration. It is passed by environment.
type setting struct{ key, value string }

// command is one git process.
type command struct {
	// args begin with the subcommand. They never hold credentials.
	args []string
	// dir is the working folder.
	dir string
	// env and config come on top of the program's.
	env    []string
	config []setting
	stdin  string
	// record gets the output piece by piece, without the separator sep; nil
	// drops it. The slice is valid during the call only.
	record func([]byte) error
	sep    byte
	// owned is a locked file that the process and its children hold open.
	owned *os.File
	// secrets are taken out of errors.
	secrets []string
}

// environ puts the environment of a process together.
func (p *program) environ(c command) []string {
	env := append([]string(nil), p.env...)
	env = append(env, c.env...)
	all := append(append([]setting(nil), p.base...), c.config...)
	env = append(env, "GIT_CONFIG_COUNT="+strconv.Itoa(len(all)))
	for i, s := range all {
		n := strconv.Itoa(i)
		env = append(env, "GIT_CONFIG_KEY_"+n+"="+s.key, "GIT_CONFIG_VALUE_"+n+"="+s.value)
	}
	return env
}

// cmd prepares a process that ends with ctx: asked first, killed later.
func (p *program) cmd(ctx context.Context, c command) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.path, c.args...)
	cmd.Dir, cmd.Env = c.dir, p.environ(c)
	cmd.WaitDelay = killAfter
	if c.owned != nil {
		cmd.ExtraFiles = []*os.File{c.owned}
	}
	ownGroup(cmd)
	return cmd
}

// run runs a git process to its end.
func (p *program) run(ctx context.Context, c command) error {
	cmd := p.cmd(ctx, c)
	cmd.Stdin = strings.NewReader(c.stdin)
	stderr := &tail{max: maxStderr}
	cmd.Stderr = stderr
	out := &splitter{sep: c.sep, fn: c.record}
	if c.record != nil {
		cmd.Stdout = out
	}
	err := cmd.Run()
	if ctx.Err() != nil {
		endGroup(cmd)
		return fmt.Errorf("git %s: %w", c.args[0], context.Cause(ctx))
	}
	if out.err != nil {
		return fmt.Errorf("git %s: %w", c.args[0], out.err)
	}
	if err == nil {
		return out.flush()
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("git %s: %w", c.args[0], err)
	}
	return &failure{verb: c.args[0], code: exit.ExitCode(), stderr: tidy(stderr.String(), c.secrets...)}
}

// output runs a git process whose output is one short text.
func (p *program) output(ctx context.Context, c command) (string, error) {
	var b bytes.Buffer
	c.sep = '\n'
	c.record = func(line []byte) error {
		if b.Len() > maxRecord {
			return errors.New("output is too long")
		}
		b.Write(line)
		b.WriteByte('\n')
		return nil
	}
	err := p.run(ctx, c)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// exitCode gives the code of a process that failed, or -1.
func exitCode(err error) int {
	var f *failure
	if errors.As(err, &f) {
		return f.code
	}
	return -1
}

// splitter cuts a stream into records.
type splitter struct {
	sep byte
	fn  func([]byte) error
	buf []byte
	err error
}

// Write takes the next bytes of the stream.
func (s *splitter) Write(b []byte) (int, error) {
	n := len(b)
	for {
		i := bytes.IndexByte(b, s.sep)
		if i < 0 {
			break
		}
		record := b[:i]
		if len(s.buf) > 0 {
			s.buf = append(s.buf, record...)
			record = s.buf
		}
		if s.err = s.fn(record); s.err != nil {
			return 0, s.err
		}
		s.buf, b = s.buf[:0], b[i+1:]
	}
	if s.buf = append(s.buf, b...); len(s.buf) > maxRecord {
		s.err = errors.New("a record of its output is too long")
		return 0, s.err
	}
	return n, nil
}

// flush hands over what stands after the last separator.
func (s *splitter) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	return s.fn(s.buf)
}

// tail keeps the last bytes written to it.
type tail struct {
	max int
	b   []byte
	cut bool
}

// Write takes the next bytes.
func (t *tail) Write(b []byte) (int, error) {
	t.b = append(t.b, b...)
	if over := len(t.b) - t.max; over > 0 {
		t.cut = true
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(b), nil
}

// String gives whole lines, as far as there are any.
func (t *tail) String() string {
	if _, rest, ok := bytes.Cut(t.b, []byte("\n")); ok && t.cut && len(rest) > 0 {
		return string(rest)
	}
	return string(t.b)
}

// tidy makes what git said fit to be shown: without secrets and control
// characters, lines apart.
func tidy(text string, secrets ...string) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return ' '
		}
		return r
	}, strings.TrimSpace(text))
}
