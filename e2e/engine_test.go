// Package e2e_test holds what is tried against a real engine: the real program
// over a GitHub of the tests' own, the offline reader and the helper module beside
// what the engine says. Where no engine is at hand these tests are skipped, and
// say so.
package e2e_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/franela/pocketci/engine/enginetest"
)

// TestMain ends the engine if it was started for these tests.
func TestMain(m *testing.M) {
	code := m.Run()
	if real, err := findEngine(false); err == nil {
		real.Stop()
	}
	os.Exit(code)
}

// realEngine is an engine and what the tests' processes have to know to use it.
type realEngine struct{ enginetest.Real }

func (r realEngine) environ() []string {
	return []string{"_EXPERIMENTAL_DAGGER_RUNNER_HOST=" + r.Host, "_EXPERIMENTAL_DAGGER_CLI_BIN=" + r.CLI}
}

// found is the one engine of this process.
var found struct {
	sync.Mutex
	looked bool
	real   enginetest.Real
	err    error
}

// findEngine finds or starts an engine once; unless look is set, only the one
// that was found before counts.
func findEngine(look bool) (realEngine, error) {
	found.Lock()
	defer found.Unlock()
	if !found.looked && !look {
		return realEngine{}, errors.New("nobody needed an engine")
	}
	if !found.looked {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		defer cancel()
		found.real, found.err = enginetest.FindReal(ctx)
		found.looked = true
	}
	return realEngine{found.real}, found.err
}

// needEngine skips where there is no engine.
func needEngine(t testing.TB) realEngine {
	t.Helper()
	real, err := findEngine(true)
	if err != nil {
		why, _, _ := strings.Cut(strings.ReplaceAll(err.Error(), "\n", "; "), ": Client:")
		t.Skip("NO ENGINE: nothing here was tried against a real one: " + why)
	}
	return real
}
