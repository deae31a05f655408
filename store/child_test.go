package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/store"
)

// child is a process of this test binary that does one thing with a store.
type child struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner
}

// spawn starts the TestChild that does this in a process of its own. It is killed with the test.
func spawn(t *testing.T, what, name, place string) *child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), "STORE_CHILD="+what, "STORE_NAME="+name, "STORE_PLACE="+place)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: cmd, stdin: stdin, lines: bufio.NewScanner(stdout)}
	t.Cleanup(c.kill)
	return c
}

// line is the next line that the child says; it is empty when it has ended.
func (c *child) line() string {
	if c.lines.Scan() {
		return c.lines.Text()
	}
	return ""
}

// kill ends the child as nothing it could prepare for.
func (c *child) kill() {
	_ = c.cmd.Process.Signal(syscall.SIGKILL)
	for c.lines.Scan() { // What it said before counts; Wait would lose it.
	}
	_ = c.cmd.Wait()
}

func place() store.Config {
	where := os.Getenv("STORE_PLACE")
	if strings.HasPrefix(where, "postgres://") {
		return store.Config{URL: where}
	}
	return store.Config{Dir: where}
}

// TestChild is what children do.
func TestChild(t *testing.T) {
	what := os.Getenv("STORE_CHILD")
	if what == "" || what == "flush" {
		t.Skip("only in a child process")
	}
	s, err := store.Open(t.Context(), place())
	if err != nil {
		t.Fatal(err)
	}
	switch what {
	case "hold":
		fmt.Println("open")
		_, _ = io.Copy(io.Discard, os.Stdin)
		err = s.Close()
	case "append":
		err = appendForEver(t.Context(), s, os.Getenv("STORE_NAME"))
	case "break":
		err = breakDisk(t.Context(), s)
	default:
		err = fmt.Errorf("what is %q?", what)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// appendForEver says the id of each event once it is acknowledged.
func appendForEver(ctx context.Context, s *store.Store, name string) error {
	errs := make(chan error)
	for client := range 8 {
		go func() {
			for n := 0; ; n++ {
				e := sample(fmt.Sprintf("%s-%d-%d", name, client, n))
				if _, err := s.Append(ctx, e); err != nil {
					errs <- err
					return
				}
				fmt.Println(e.ID)
			}
		}()
	}
	return <-errs
}

func sample(id string) event.Event {
	return event.Event{
		ID: id, Vendor: "github", Name: "push", Type: "push",
		Repo:    event.Repo{ID: 1, Owner: "octo", Name: "hello"},
		Payload: []byte(`{"id":"` + id + `","text":"` + strings.Repeat("x", 200) + `"}`),
	}
}

// breakDisk lets the disk fail in the middle of appends, makes it good again,
// and expects that the store takes nothing more all the same.
func breakDisk(ctx context.Context, s *store.Store) error {
	signal.Ignore(syscall.SIGXFSZ)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1 << 20, Max: limit.Max}); err != nil {
		return err
	}
	var wg sync.WaitGroup
	for client := range 4 {
		wg.Go(func() {
			for n := 0; n < 100_000; n++ {
				e := sample(fmt.Sprintf("%d-%d", client, n))
				if _, err := s.Append(ctx, e); err != nil {
					return
				}
				fmt.Println(e.ID)
			}
		})
	}
	wg.Wait()
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if _, err := s.Append(ctx, sample("afterwards")); !errors.Is(err, store.ErrBroken) {
		return fmt.Errorf("append on a disk that failed: %w", err)
	}
	if h, _ := s.Health(ctx); h.Writable {
		return errors.New("a store whose disk failed says that it is writable")
	}
	if _, _, err := s.Run(ctx, "0-0"); err != nil {
		return fmt.Errorf("read from a store whose disk failed: %w", err)
	}
	fmt.Println("broken")
	return nil
}
