package process

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// daemonFD tells the detached process which descriptor to report readiness on.
const daemonFD = "TANDEM_READY_FD"

// IsDaemon reports whether this is the process that Daemonize has started.
func IsDaemon() bool { return os.Getenv(daemonFD) != "" }

// Daemonize starts the program again in a session of its own, detached from
// the terminal, and returns when that one serves or has failed. A Go process
// cannot fork itself.
func Daemonize(stderr io.Writer) int {
	exe, err := ownProgram()
	if err != nil {
		fmt.Fprintf(stderr, "nginx: [emerg] %v\n", err)
		return 1
	}
	r, w, err := os.Pipe()
	if err != nil {
		fmt.Fprintf(stderr, "nginx: [emerg] pipe() failed: %v\n", err)
		return 1
	}
	cmd := &exec.Cmd{Path: exe, Args: os.Args}
	cmd.Env = append(os.Environ(), daemonFD+"=3")
	cmd.ExtraFiles = []*os.File{w}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(stderr, "nginx: [emerg] %v\n", err)
		return 1
	}
	_ = w.Close()
	if n, _ := r.Read(make([]byte, 1)); n == 1 {
		return 0
	}
	_ = cmd.Wait()
	return 1
}

// ownProgram returns what to execute to begin this program anew: by the name that
// it was started with, if that is still it, because the kernel names the process
// after it. Scripts that look for a process called nginx find a tandem that was
// started through a link of that name.
func ownProgram() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	named, err := exec.LookPath(os.Args[0])
	if err != nil {
		return exe, nil
	}
	if named, err = filepath.Abs(named); err != nil {
		return exe, nil
	}
	one, err := os.Stat(named)
	if err != nil {
		return exe, nil
	}
	if other, err := os.Stat(exe); err != nil || !os.SameFile(one, other) {
		return exe, nil
	}
	return named, nil
}

// DaemonReady tells the process that started this one that it serves, and lets
// go of the terminal.
func DaemonReady() {
	if !IsDaemon() {
		return
	}
	_ = os.Unsetenv(daemonFD)
	ready := os.NewFile(3, "ready")
	_, _ = ready.Write([]byte{1})
	_ = ready.Close()
	if null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0); err == nil {
		for fd := range 3 {
			_ = syscall.Dup3(int(null.Fd()), fd, 0)
		}
		_ = null.Close()
	}
}
