package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/franela/pocketci/engine/enginetest"
	"github.com/franela/pocketci/internal/fault"
	"github.com/franela/pocketci/store/storetest"
)

// The fault test's sizes; see package fault.
var (
	faultFull   = flag.Bool("fault.full", false, "the fault test with 1,000 deliveries and 50 random kills")
	faultEngine = flag.Bool("fault.engine", false, "the fault test with a real engine")
	faultSeed   = flag.Uint64("fault.seed", 1, "where the fault test begins its random numbers")
)

// program makes the agent's process: this test binary run again as the real program.
func program(tb testing.TB, args ...string) func() *exec.Cmd {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	return func() *exec.Cmd {
		cmd := exec.Command(self, args...)
		cmd.Args[0] = "agent"
		return cmd
	}
}

// TestFault holds that nothing is lost and nothing is done twice, whatever
// happens to the agent and to its engine.
func TestFault(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]bool{"the agent dies": false, "the agent and its engine die": true} {
		t.Run(name, func(t *testing.T) {
			if !*faultEngine {
				t.Parallel()
			}
			c := fault.Config{
				Happenings: 100, Kills: 8, Stops: 1, Ends: 1, Rounds: 1,
				Faults: faults, Latency: 30 * time.Millisecond, Seed: *faultSeed,
			}
			if *faultEngine {
				c.Happenings, c.Kills, c.Stops, c.Ends = 40, 6, 1, 1
				withRealEngine(t, &c)
			}
			if *faultFull {
				c.Happenings, c.Kills, c.Stops, c.Ends, c.Rounds = 870, 50, 5, 5, 2
			}
			try(t, c)
		})
	}
}

// TestFaultOnPostgreSQL is the same with a database that goes away, too, and a
// second agent that works on it all the time.
func TestFaultOnPostgreSQL(t *testing.T) {
	t.Parallel()
	pg := storetest.StartPostgres(t, false)
	c := fault.Config{
		Happenings: 60, Kills: 4, Stops: 1, Ends: 1, Rounds: 1,
		Faults: true, Latency: 30 * time.Millisecond, Seed: *faultSeed,
		Rival: program(t, "work"), Env: []string{"POCKETCI_STORE=" + pg.URL(t)},
		Outage: func() func() { pg.Stop(t); return func() { pg.Start(t) } },
	}
	if *faultFull {
		c.Happenings, c.Kills, c.Stops, c.Ends, c.Rounds = 870, 50, 5, 5, 2
	}
	try(t, c)
}

// withRealEngine gives the trial one that is at hand, or is started for it.
func withRealEngine(t *testing.T, c *fault.Config) {
	t.Helper()
	real, err := enginetest.FindReal(t.Context())
	if err != nil {
		t.Fatal("no real engine: ", err)
	}
	t.Cleanup(real.Stop)
	c.Real = real.Host
	c.Env = append(c.Env, "_EXPERIMENTAL_DAGGER_CLI_BIN="+real.CLI)
}

// try makes a trial and prints its table.
func try(t *testing.T, c fault.Config) {
	t.Helper()
	c.Dir = t.TempDir()
	c.Command, c.Log = program(t), t.Logf
	c.Clients, c.Lease = 8, 4*time.Second
	if c.Real == "" {
		c.Fake = filepath.Join(c.Dir, "engine")
		c.Env = append(c.Env, "FAKE_ENGINE="+c.Fake, fault.SilenceVariable+"=300ms")
	}
	report, err := fault.Run(t.Context(), c)
	if report != nil {
		t.Logf("TABLE:\n%s", report)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Problems {
		t.Error(p)
	}
	for _, p := range fault.Points() {
		if report.Reached(p) == 0 {
			t.Errorf("the agent never died at the point %q", p)
		}
	}
}
