//go:build !unix

package git

import (
	"os"
	"os/exec"
)

// ownGroup does nothing: where there are no process groups, only git itself is ended.
func ownGroup(*exec.Cmd) {}

// endGroup does nothing.
func endGroup(*exec.Cmd) {}

// tryLock always succeeds: where files can't be locked this way, one agent per data
// folder is the operator's care.
func tryLock(*os.File, bool) (bool, error) { return true, nil }
