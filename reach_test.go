package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"tandem/internal/lab"
)

// reachedPID and reachedFolder name the process, and its folder, that the test's
// second process tries to get at.
const (
	reachedPID    = "TANDEM_TEST_REACHED"
	reachedFolder = "TANDEM_TEST_REACHED_FOLDER"
)

// TestOutOfReach: a process that runs as the user of the user directive, such as
// an application server of the same box, cannot signal, trace, read, limit or
// reschedule the node. It can do all of that to a process of its own.
func TestOutOfReach(t *testing.T) {
	if pid, err := strconv.Atoi(os.Getenv(reachedPID)); err == nil {
		reach(t, pid, os.Getenv(reachedFolder))
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("only root may become another user")
	}
	b := newBox(t)
	b.write("conf/nginx.conf", conf("user nobody nogroup;\n", "here"), 0o644)
	b.start()
	t.Setenv(reachedPID, strconv.Itoa(b.cmd.Process.Pid))
	t.Setenv(reachedFolder, b.dir)
	out, err := lab.AsNobody(t, "-test.v", "-test.run=^TestOutOfReach$")
	if err != nil || !bytes.Contains([]byte(out), []byte("--- PASS: TestOutOfReach")) {
		t.Errorf("%v\n%s", err, out)
	}
	if _, body := b.get("/say"); body != "here" {
		t.Errorf("afterwards: %q", body)
	}
}

// attempt is a way to get at a thread of another process.
type attempt struct {
	name string
	try  func(pid, tid int) error
}

// reach runs as the user of the user directive.
func reach(t *testing.T, node int, folder string) {
	own := exec.Command("sleep", "60")
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = own.Process.Kill(); _ = own.Wait() }()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", node))
	if err != nil || len(threads) < 3 {
		t.Fatalf("threads of the node: %q %v", threads, err)
	}
	for _, a := range attempts {
		for _, thread := range threads {
			tid, _ := strconv.Atoi(filepath.Base(thread))
			err := a.try(node, tid)
			if errors.Is(err, unix.ESRCH) || errors.Is(err, os.ErrNotExist) {
				continue // the thread has ended meanwhile
			}
			if !errors.Is(err, os.ErrPermission) { // EPERM or EACCES
				t.Errorf("%s, thread %d: %v", a.name, tid, err)
			}
		}
		// What is refused to everybody proves nothing.
		if err := a.try(own.Process.Pid, own.Process.Pid); err != nil {
			t.Errorf("%s to a process of its own: %v", a.name, err)
		}
	}
	if conn, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0); err == nil {
		if err := unix.Connect(conn, &unix.SockaddrUnix{Name: folder + "/logs/nginx.control"}); !errors.Is(err, unix.EACCES) {
			t.Errorf("control socket: %v", err)
		}
		_ = unix.Close(conn)
	}
	signalByDescriptor(t, node, syscall.SIGKILL)
	if err := unix.Kill(node, 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("the node is gone: %v", err)
	}
	signalByDescriptor(t, own.Process.Pid, syscall.SIGKILL)
	ended := make(chan error, 1)
	go func() { ended <- own.Wait() }()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the owner of a descriptor does not get its signal")
	}
}

// signalByDescriptor has the kernel signal a process because something can be
// read: whom, is checked when the signal is sent.
func signalByDescriptor(t *testing.T, pid int, sig syscall.Signal) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(pair[0]); _ = unix.Close(pair[1]) }()
	for _, c := range [][2]int{{unix.F_SETOWN, pid}, {unix.F_SETSIG, int(sig)}, {unix.F_SETFL, unix.O_ASYNC}} {
		if _, err := unix.FcntlInt(uintptr(pair[0]), c[0], c[1]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := unix.Write(pair[1], []byte("x")); err != nil {
		t.Fatal(err)
	}
}

func errnoOr(errno syscall.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}

func openOf(name string, flags int) func(pid, tid int) error {
	return func(pid, tid int) error {
		f, err := os.OpenFile(fmt.Sprintf("/proc/%d/task/%d/%s", pid, tid, name), flags, 0)
		if err == nil {
			_ = f.Close()
		}
		return err
	}
}

var attempts = []attempt{
	{"kill", func(pid, _ int) error { return unix.Kill(pid, 0) }},
	{"tgkill", func(pid, tid int) error { return unix.Tgkill(pid, tid, 0) }},
	{"pidfd_send_signal", func(pid, _ int) error {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.PidfdSendSignal(fd, 0, nil, 0)
	}},
	{"pidfd_getfd", func(pid, _ int) error {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		got, err := unix.PidfdGetfd(fd, 0, 0)
		if err == nil {
			_ = unix.Close(got)
		}
		return err
	}},
	{"prlimit", func(pid, _ int) error {
		var limit unix.Rlimit
		if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &limit); err != nil {
			return err
		}
		return unix.Prlimit(pid, unix.RLIMIT_NOFILE, &limit, nil)
	}},
	{"sched_setaffinity", func(_, tid int) error {
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(tid, &set); err != nil {
			return err
		}
		return unix.SchedSetaffinity(tid, &set)
	}},
	{"sched_setattr", func(_, tid int) error {
		return unix.SchedSetAttr(tid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_BATCH, Nice: 19}, 0)
	}},
	{"setpriority", func(_, tid int) error { return unix.Setpriority(unix.PRIO_PROCESS, tid, 19) }},
	{"ioprio_set", func(_, tid int) error {
		const process, idle = 1, 3 << 13
		_, _, errno := unix.Syscall(unix.SYS_IOPRIO_SET, process, uintptr(tid), idle)
		return errnoOr(errno)
	}},
	{"process_vm_readv", func(pid, _ int) error {
		// Nothing is asked for, which is checked after the right to ask.
		var to [1]byte
		local := unix.Iovec{Base: &to[0], Len: 1}
		_, _, errno := unix.Syscall6(unix.SYS_PROCESS_VM_READV, uintptr(pid), uintptr(unsafe.Pointer(&local)), 1, uintptr(unsafe.Pointer(&unix.RemoteIovec{Base: 0, Len: 1})), 1, 0)
		if errno == unix.EFAULT { // nothing is mapped there: it was allowed
			errno = 0
		}
		return errnoOr(errno)
	}},
	{"kcmp", func(pid, _ int) error {
		_, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(os.Getpid()), uintptr(pid), 2, 0, 0, 0)
		return errnoOr(errno)
	}},
	{"mem", openOf("mem", os.O_RDWR)},
	{"environ", openOf("environ", os.O_RDONLY)},
	{"fd", openOf("fd", os.O_RDONLY)},
	{"maps", openOf("maps", os.O_RDONLY)},
	{"oom_score_adj", openOf("oom_score_adj", os.O_WRONLY)},
	{"ptrace", func(_, tid int) error {
		const seize = 0x4206 // without stopping it; ends with this process
		_, _, errno := unix.Syscall6(unix.SYS_PTRACE, seize, uintptr(tid), 0, 0, 0, 0)
		return errnoOr(errno)
	}},
}
