package config

import (
	"os"
	"runtime"

	"github.com/adrg/xdg"
	"github.com/mattn/go-isatty"
)

// Machine is what defaults depend on.
type Machine struct {
	// CPUs are those that this process may use.
	CPUs int
	// StateDir is the user's folder for state that outlives a restart.
	StateDir string
	// Terminal tells whether the log goes to one.
	Terminal bool
}

// ThisMachine is the one that the program runs on; log is where it logs to.
func ThisMachine(log *os.File) Machine {
	return Machine{
		CPUs:     runtime.GOMAXPROCS(0),
		StateDir: xdg.StateHome,
		Terminal: isatty.IsTerminal(log.Fd()) || isatty.IsCygwinTerminal(log.Fd()),
	}
}

// maxEvents is the default of --max-events. An event that is worked on costs an
// engine session of about 60 MB, and mostly waits for the engine.
func (m Machine) maxEvents() int { return min(max(2*m.CPUs, 4), 32) }

// maxCalls is the default of --max-calls. Calls run in the engine, which often
// is another machine; more than it can do at once only wait there.
func (m Machine) maxCalls() int { return min(max(4*m.CPUs, 8), 128) }
