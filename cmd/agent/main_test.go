package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/engine/enginetest"
	"github.com/franela/pocketci/engine/offline"
	"github.com/franela/pocketci/internal/fault"
	"github.com/franela/pocketci/run"
)

// TestMain makes `agent` a command of the scripts: this test binary run again as
// the real program, but for the engine, which is the fake one. What its
// functions do stands in comments in the modules (see enginetest).
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"agent": func() { os.Exit(agentUnderTest()) },
	})
}

// agentUnderTest is the program as tests run it: with the fake engine where
// FAKE_ENGINE names its folder, and failing as the environment says.
func agentUnderTest() int {
	w := system(daggerEngine)
	if os.Getenv("FAKE_ENGINE") != "" {
		w = system(fakeEngine)
	}
	var err error
	if w.trial, err = trialOf(os.Getenv); err != nil {
		return complain(os.Stderr, err)
	}
	if err := later(&w, os.Getenv("CLOCK_AHEAD")); err != nil {
		return complain(os.Stderr, err)
	}
	return execute(context.Background(), os.Args[1:], w)
}

// later has the program run some time from now, and look at once for what it has
// kept long enough by then.
func later(w *world, ahead string) error {
	if ahead == "" {
		return nil
	}
	by, err := time.ParseDuration(ahead)
	w.clock = func() time.Time { return time.Now().Add(by) }
	w.trial.tidy = 20 * time.Millisecond
	return err
}

// fakeEngine is controlled by the files in FAKE_ENGINE; that of a named host
// by those in a folder beside it.
func fakeEngine(c engine.Config, live func(string) io.Writer) (runtime, error) {
	silence, _ := time.ParseDuration(os.Getenv(fault.SilenceVariable)) // empty: as it is
	f, err := enginetest.New(enginetest.Config{
		Reader: func(ctx context.Context, src run.Source) (run.Table, error) {
			return offline.Read(ctx, src.Tree.Files, src.ModulePath)
		},
		Control: controlOf(os.Getenv("FAKE_ENGINE"), c.RunnerHost), Silence: silence,
	})
	if err != nil {
		return nil, err
	}
	return fake{f, live}, nil
}

// controlOf is the folder of the engine at a host: FAKE_ENGINE itself where none
// is named, else FAKE_ENGINE-<host> without its scheme.
func controlOf(dir, host string) string {
	if _, name, ok := strings.Cut(host, "://"); ok {
		return dir + "-" + strings.ReplaceAll(name, "/", "_")
	}
	return dir
}

// fake is the fake engine in dispatch's words.
type fake struct {
	*enginetest.Fake
	live func(string) io.Writer
}

func (f fake) Open(ctx context.Context, s dispatch.Spec) (dispatch.Session, error) {
	session, err := f.Fake.Open(ctx, engineSpec(s, f.live))
	if err != nil {
		return nil, err
	}
	return session, nil
}

// called are the functions that the fake engine in dir was asked to call, sorted.
func called(dir string) ([]string, error) {
	f, err := os.Open(filepath.Join(dir, "log.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var names []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r enginetest.Record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, err
		}
		if r.Op == "call" {
			names = append(names, r.Function)
		}
	}
	slices.Sort(names)
	return names, lines.Err()
}
