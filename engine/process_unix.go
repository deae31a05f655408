//go:build unix && !linux

package engine

import "syscall"

// sysProcAttr keeps a session out of the terminal's signals: the agent ends its
// sessions itself.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
