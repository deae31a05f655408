package git

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
)

// Limits of single objects in memory, in bytes. Contents beyond maxBlob can be
// named, hashed and sized, not read.
const (
	maxBlob   = 64 << 20
	maxTree   = 64 << 20
	maxCommit = 16 << 20
)

var (
	// errMissing: the repository does not hold the object.
	errMissing = errors.New("object is missing")
	errTooBig  = errors.New("object is too big to be read")
)

// object is one git object.
type object struct {
	oid  string
	kind string // commit, tree, blob, tag
	size int64
	data []byte // nil if only asked about
}

// objects reads a repository's objects through two long-lived git processes, each
// started when it is first needed: one for contents, one for sizes. It is safe for
// concurrent use; requests are answered one after the other.
type objects struct {
	contents, sizes reader
}

// newObjects prepares reading; ctx bounds the processes' lives.
func newObjects(ctx context.Context, p *program, c command) *objects {
	o := &objects{}
	for r, mode := range map[*reader]string{&o.contents: "--batch", &o.sizes: "--batch-check"} {
		c.args = []string{"cat-file", mode}
		cc := c
		r.ctx = ctx
		r.start = func() *exec.Cmd { return p.cmd(ctx, cc) }
	}
	return o
}

// get reads an object; spec is a sha or a revision without spaces at its end. It
// wraps errMissing if there is none, errTooBig if it has more than max bytes.
func (o *objects) get(spec string, max int64) (object, error) { return o.contents.ask(spec, max, true) }

// info gives an object's kind and size. It wraps errMissing if there is none.
func (o *objects) info(spec string) (object, error) { return o.sizes.ask(spec, 0, false) }

// commit gives the commit that spec names or that the tag it names points at.
func (o *objects) commit(spec string) (commit, error) {
	got, err := o.get(spec+"^{commit}", maxCommit)
	if err != nil {
		return commit{}, err
	}
	return parseCommit(got)
}

// Close ends the processes. Reading fails afterwards. Twice is harmless.
func (o *objects) Close() error {
	o.contents.close()
	o.sizes.close()
	return nil
}

// reader asks one `git cat-file` process.
type reader struct {
	ctx   context.Context // the lives of the process and of those who ask it are one
	start func() *exec.Cmd

	mu     sync.Mutex
	closed bool
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *tail
}

func (r *reader) ask(spec string, max int64, content bool) (object, error) {
	if strings.ContainsAny(spec, "\n\x00") || spec == "" {
		return object{}, fmt.Errorf("read %q: %w", spec, errMissing)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh := r.cmd == nil
	got, err := r.once(spec, max, content)
	if err != nil && !fresh && !answered(err) && !r.closed && r.ctx.Err() == nil {
		got, err = r.once(spec, max, content) // a process that died in between is started again
	}
	if err != nil && r.ctx.Err() != nil {
		err = context.Cause(r.ctx)
	}
	if err != nil {
		return object{}, fmt.Errorf("read %s: %w", spec, err)
	}
	return got, nil
}

// answered tells that the process is well and did say what it had to.
func answered(err error) bool { return errors.Is(err, errMissing) || errors.Is(err, errTooBig) }

func (r *reader) once(spec string, max int64, content bool) (object, error) {
	if err := r.open(); err != nil {
		return object{}, err
	}
	got, err := r.exchange(spec, max, content)
	if err != nil && !errors.Is(err, errMissing) {
		err = r.end(err) // what is left in the pipe would be taken for the next answer
	}
	return got, err
}

func (r *reader) open() error {
	if r.closed {
		return errors.New("reader is closed")
	}
	if r.cmd != nil {
		return nil
	}
	cmd := r.start()
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	r.stderr = &tail{max: maxStderr}
	cmd.Stderr = r.stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	r.cmd, r.in, r.out = cmd, in, bufio.NewReaderSize(out, 64<<10)
	return nil
}

func (r *reader) exchange(spec string, max int64, content bool) (object, error) {
	if _, err := io.WriteString(r.in, spec+"\n"); err != nil {
		return object{}, err
	}
	header, err := r.out.ReadString('\n')
	if err != nil {
		return object{}, err
	}
	got, err := parseHeader(strings.TrimSuffix(header, "\n"), spec)
	if err != nil || !content {
		return got, err
	}
	if got.size > max {
		return object{}, fmt.Errorf("%w: %d bytes, %d are the most", errTooBig, got.size, max)
	}
	b := make([]byte, got.size+1)
	if _, err := io.ReadFull(r.out, b); err != nil {
		return object{}, err
	}
	got.data = b[:got.size]
	return got, nil
}

// parseHeader reads "<oid> <kind> <size>" or "<spec> missing".
func parseHeader(line, spec string) (object, error) {
	if rest, ok := strings.CutPrefix(line, spec+" "); ok && (rest == "missing" || rest == "ambiguous") {
		return object{}, errMissing
	}
	f := strings.Split(line, " ")
	if len(f) != 3 || !isSHA(f[0]) {
		return object{}, fmt.Errorf("git cat-file said %q", line)
	}
	size, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil || size < 0 {
		return object{}, fmt.Errorf("git cat-file said %q", line)
	}
	return object{oid: f[0], kind: f[1], size: size}, nil
}

// end stops the process and adds what it said to err.
func (r *reader) end(err error) error {
	if r.cmd == nil {
		return err
	}
	_ = r.cmd.Process.Kill() // it only reads
	_ = r.in.Close()
	waited := r.cmd.Wait()
	r.cmd, r.in, r.out = nil, nil, nil
	said := tidy(r.stderr.String())
	if said == "" || waited == nil {
		return err
	}
	if contains(said, "from promisor remote") { // it would have to be fetched
		err = errMissing
	}
	return fmt.Errorf("%w: %w", err, &failure{verb: "cat-file", code: -1, stderr: said})
}

func (r *reader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	_ = r.end(nil)
}

// unlessMissing keeps what is wrong, apart from a missing object.
func unlessMissing(err error) error {
	if errors.Is(err, errMissing) {
		return nil
	}
	return err
}
