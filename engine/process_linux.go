package engine

import "syscall"

// sysProcAttr has the kernel kill a session whose agent is gone, and keeps it
// out of the terminal's signals: the agent ends its sessions itself.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
