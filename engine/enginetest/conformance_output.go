package enginetest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/run"
)

// liveLog keeps what is printed, by function.
type liveLog struct {
	mu      sync.Mutex
	text    map[string]*bytes.Buffer
	printed chan string
}

func newLiveLog() *liveLog {
	return &liveLog{text: map[string]*bytes.Buffer{}, printed: make(chan string, 1000)}
}

func (l *liveLog) writer(function string) io.Writer { return liveWriter{l, function} }

type liveWriter struct {
	log      *liveLog
	function string
}

func (w liveWriter) Write(p []byte) (int, error) {
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	if w.log.text[w.function] == nil {
		w.log.text[w.function] = &bytes.Buffer{}
	}
	w.log.text[w.function].Write(p)
	select {
	case w.log.printed <- w.function:
	default:
	}
	return len(p), nil
}

func (l *liveLog) all() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string]string{}
	for function, text := range l.text {
		all[function] = text.String()
	}
	return all
}

func testOutput(t *testing.T, s Subject) {
	live := newLiveLog()
	calls := started(t, s, source(t, s), engine.Spec{Live: live.writer})
	t.Run("of calls in parallel is told apart", func(t *testing.T) {
		var wait sync.WaitGroup
		for range 4 {
			what := rand.Text()
			wait.Go(func() {
				r := invoke(t, calls, run.Call{Function: "prints", Returns: run.Type{Kind: run.KindVoid}, Args: []run.Arg{value("what", what)}})
				if want := what + "\n" + what + "\n"; r.Output != want || r.Cut != 0 || r.Cached {
					t.Errorf("got %q, cut %d, cached %t; want %q", r.Output, r.Cut, r.Cached, want)
				}
			})
		}
		wait.Wait()
	})
	t.Run("of a container", func(t *testing.T) {
		what := rand.Text()
		r := invoke(t, calls, run.Call{Function: "contains", Returns: run.Type{Kind: run.KindVoid}, Args: []run.Arg{value("what", what)}})
		if r.Output != what+"\n" {
			t.Errorf("got %q", r.Output)
		}
	})
	t.Run("of an object's work", func(t *testing.T) {
		what := rand.Text()
		r := invoke(t, calls, run.Call{Function: "built", Returns: object("Container"), Args: []run.Arg{value("what", what)}})
		if r.Output != what+"\n" {
			t.Errorf("got %q", r.Output)
		}
	})
	t.Run("before a failure, and live", func(t *testing.T) {
		r := invoke(t, calls, run.Call{Function: "fails", Returns: run.Type{Kind: run.KindVoid}})
		if r.Output != "before\n" {
			t.Errorf("got %q", r.Output)
		}
		if got := live.all()["fails"]; got != "before\n" {
			t.Errorf("live: %q", got)
		}
	})
	t.Run("that is too much keeps its ends", func(t *testing.T) {
		r := invoke(t, calls, run.Call{Function: "floods", Returns: run.Type{Kind: run.KindVoid}, Args: []run.Arg{value("what", rand.Text())}})
		if r.Cut == 0 {
			return // an engine with room for it
		}
		if !strings.HasPrefix(r.Output, "line 0\nline 1\n") || !strings.HasSuffix(r.Output, "\nline 19999\n") {
			t.Errorf("got %.40q … %.40q", r.Output, r.Output[max(0, len(r.Output)-40):])
		}
		if want := fmt.Sprintf("[%d bytes of output are not kept]", r.Cut); !strings.Contains(r.Output, want) {
			t.Errorf("the cut is not told: want %s", want)
		}
		var all strings.Builder
		for i := range 20000 {
			fmt.Fprintf(&all, "line %d\n", i)
		}
		if diff := cmp.Diff(all.String(), live.all()["floods"]); diff != "" {
			t.Errorf("live: %.200s", diff)
		}
	})
}

// whenTicking does something once a slow call has printed.
func whenTicking(t *testing.T, live *liveLog, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-live.printed:
			do()
		case <-time.After(patience):
		}
	}()
	t.Cleanup(func() { <-done })
}

func testLost(t *testing.T, s Subject) {
	live := newLiveLog()
	calls := started(t, s, source(t, s), engine.Spec{Live: live.writer})
	whenTicking(t, live, s.Lose)
	slow := run.Call{Function: "slow", Returns: run.Type{Kind: run.KindVoid}, Constructor: []run.Arg{docs()}}
	if r, err := calls.Call(t.Context(), slow); !errors.Is(err, run.ErrEngineLost) {
		t.Errorf("got %+v %v", r, err)
	}
	if r, err := calls.Call(t.Context(), slow); !errors.Is(err, run.ErrEngineLost) {
		t.Errorf("the next call: got %+v %v", r, err)
	}
	if _, err := s.Engine.Open(t.Context(), engine.Spec{Source: source(t, s)}); !errors.Is(err, run.ErrNoEngine) {
		t.Errorf("the next session: %v", err)
	}
}

func testHung(t *testing.T, s Subject) {
	live := newLiveLog()
	calls := started(t, s, source(t, s), engine.Spec{Live: live.writer})
	whenTicking(t, live, s.Hang)
	slow := run.Call{Function: "slow", Returns: run.Type{Kind: run.KindVoid}, Constructor: []run.Arg{docs()}}
	if r, err := calls.Call(t.Context(), slow); !errors.Is(err, run.ErrEngineLost) {
		t.Errorf("got %+v %v", r, err)
	}
}
