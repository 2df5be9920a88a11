// Package lab makes networks for tests and demonstrations: hosts in network
// namespaces of their own, joined by switches, with faults to order.
//
// Nothing of it touches the machine's own network. The program that uses the
// package is started a second time in new namespaces (network, mount, process
// numbers, host name; and user, when it is not root), so neither root nor any
// other tool is needed, and whatever ends that second process, kill -9 of the
// first one included, ends every process in the lab and every interface.
package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// markerEnv tells the second process that it is the second. Its value
	// is the network namespace of the first one, so that a process that
	// was handed the variable but not the namespaces notices.
	markerEnv = "TANDEM_LAB_OUTSIDE"

	// requireEnv, when it is set, turns the skipping of tests where no lab
	// can be made into a failure.
	requireEnv = "TANDEM_LAB_REQUIRED"

	// exitNoProc is the second process's word for "new process numbers,
	// but no /proc to match": some containers refuse that mount. The first
	// one then tries again without new process numbers.
	exitNoProc = 113
)

// errNotEntered is why no lab can be made in a program that did not call
// Enter or Main.
var errNotEntered = errors.New("the program did not enter the lab's namespaces (lab.Main was not called)")

// unavailable is why this process can make no lab; nil if it can.
var unavailable = errNotEntered

// Main is the first call of a TestMain whose tests use New. In the first
// process it does not return: the tests run in the second one. Where the
// kernel refuses namespaces it returns, and New skips its test with the
// reason (or fails it, if TANDEM_LAB_REQUIRED is set).
func Main() {
	code, done, _ := Enter()
	if done {
		os.Exit(code)
	}
}

// Enter starts the calling program again, with the same arguments, in
// namespaces of its own, waits for it, and returns its exit code with done
// true: the caller has then nothing left to do but to exit with that code. In
// the program started again it returns at once with done false. The error
// says why the kernel refused; done is then false too.
//
// SIGINT, SIGTERM, SIGHUP and SIGQUIT that reach the first process are passed
// on to the second.
func Enter() (code int, done bool, err error) {
	if outside := os.Getenv(markerEnv); outside != "" {
		os.Unsetenv(markerEnv)
		unavailable = settle(outside)
		return 0, false, unavailable
	}
	code, err = again(true)
	if err == nil && code == exitNoProc {
		code, err = again(false)
	}
	if err != nil {
		unavailable = err
		return 0, false, err
	}
	return code, true, nil
}

// again runs this program once more in new namespaces and waits for its end.
func again(newPIDs bool) (int, error) {
	outside, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return 0, fmt.Errorf("network namespaces: %w", err)
	}
	// PR_SET_PDEATHSIG counts from the thread that started the child, so
	// that thread must live as long as this process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), markerEnv+"="+outside)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWUTS,
		Pdeathsig:  syscall.SIGKILL,
		// A group of its own: a Ctrl-C in the terminal reaches the first
		// process alone, which passes it on, and the second ends what it
		// started in its own order.
		Setpgid: true,
	}
	if newPIDs {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWPID
	}
	if !mayMakeNamespaces() {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}

	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("the kernel does not let this process make namespaces: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			cmd.Process.Signal(s)
		case <-ended:
			return exitCode(cmd.ProcessState), nil
		}
	}
}

// mayMakeNamespaces reports whether this process has CAP_SYS_ADMIN, without
// which namespaces can only be made inside a new user namespace.
func mayMakeNamespaces() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) != nil {
		return false
	}
	return data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// exitCode is a process's exit code as a shell gives it: 128 + the signal for
// one that a signal ended.
func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// settle makes the new namespaces usable: mounts that stay here, a /proc of
// the new process numbers, and an empty /run, so that pid files and sockets
// of the machine's own services are not in reach.
func settle(outside string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if os.Getpid() == 1 {
		if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
			os.Exit(exitNoProc)
		}
	}
	inside, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return fmt.Errorf("network namespaces: %w", err)
	}
	if inside == outside {
		return errNotEntered
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("an empty /run: %w", err)
	}
	return nil
}
