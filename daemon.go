package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"tandem/internal/errorlog"
	"tandem/nginxconf"
)

// daemonFD tells the detached process which descriptor to report readiness on.
const daemonFD = "TANDEM_READY_FD"

func isDaemon() bool { return os.Getenv(daemonFD) != "" }

// daemonize starts the program again in a session of its own, detached from
// the terminal, and returns when that one serves or has failed. A Go process
// cannot fork itself.
func daemonize(stderr io.Writer) int {
	exe, err := os.Executable()
	if err != nil {
		fmt.Fprintf(stderr, "nginx: [emerg] %v\n", err)
		return 1
	}
	r, w, err := os.Pipe()
	if err != nil {
		fmt.Fprintf(stderr, "nginx: [emerg] pipe() failed: %v\n", err)
		return 1
	}
	cmd := exec.Command(exe, os.Args[1:]...)
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

// daemonReady tells the process that started this one that it serves, and lets
// go of the terminal.
func daemonReady() {
	if !isDaemon() {
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

// levelOf returns the error log's level for a message about the configuration.
func levelOf(s nginxconf.Severity) errorlog.Level {
	level, _ := errorlog.ParseLevel(s.String())
	return level
}
