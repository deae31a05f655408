package store_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/franela/pocketci/store"
)

// TestNothingIsAcknowledgedThatWasNotFlushed: each commit asks the disk to flush
// and takes its no for one. The system is made to refuse the calls themselves.
func TestNothingIsAcknowledgedThatWasNotFlushed(t *testing.T) {
	dir := t.TempDir()
	c := spawn(t, "flush", "", dir)
	var said []string
	for line := c.line(); line != "" && line != "PASS"; line = c.line() {
		said = append(said, line)
	}
	c.kill()
	if len(said) == 4 && said[3] == "no filter" {
		t.Skip("the system does not let a process refuse its own calls (seccomp)")
	}
	if len(said) != 4 || said[3] != "refused" {
		t.Fatalf("the child said %q", said)
	}
	s := open(t, store.Config{Dir: dir})
	for _, id := range said[:3] {
		if _, _, err := s.Run(t.Context(), id); err != nil {
			t.Errorf("%s was acknowledged and is lost: %v", id, err)
		}
	}
}

// TestChildThatFlushes is what the child does.
func TestChildThatFlushes(t *testing.T) {
	if os.Getenv("STORE_CHILD") != "flush" {
		t.Skip("only in a child process")
	}
	s, err := store.Open(t.Context(), place())
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		e := sample(fmt.Sprint(n))
		if _, err := s.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		fmt.Println(e.ID)
	}
	if err := refuseFlushes(); err != nil {
		fmt.Println("no filter")
		os.Exit(0)
	}
	for range 2 {
		if _, err := s.Append(t.Context(), sample("unflushed")); !errors.Is(err, store.ErrBroken) {
			t.Fatalf("append without a flush: %v", err)
		}
	}
	if h, _ := s.Health(t.Context()); h.Writable {
		t.Fatal("a store that can't flush says that it is writable")
	}
	fmt.Println("refused")
}

// refuseFlushes has fsync and fdatasync fail with EIO in all of this process.
func refuseFlushes() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	const load, jump, end = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	program := []unix.SockFilter{
		{Code: load, K: 0}, // the call's number
		{Code: jump, K: unix.SYS_FSYNC, Jt: 2},
		{Code: jump, K: unix.SYS_FDATASYNC, Jt: 1},
		{Code: end, K: unix.SECCOMP_RET_ALLOW},
		{Code: end, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EIO)},
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&filter)))
	if errno != 0 {
		return errno
	}
	return nil
}
