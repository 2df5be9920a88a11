package lab

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// namespace is one host's network and host name namespace, held by open
// descriptors: it lives until they are closed and no process is left in it.
type namespace struct {
	network *os.File
	uts     *os.File
}

// newNamespace makes a network namespace and a host name namespace that is
// called name. The calling thread is in its old namespaces again afterwards.
func newNamespace(name string) (ns *namespace, err error) {
	runtime.LockOSThread()
	old, err := threadNamespace()
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	defer old.close()
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWUTS); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("new network namespace: %w", err)
	}
	// A thread that cannot go back stays locked, and ends with its goroutine.
	defer func() {
		if back := old.enter(); back == nil {
			runtime.UnlockOSThread()
		} else if err == nil {
			err = back
		}
	}()
	if err := unix.Sethostname([]byte(name)); err != nil {
		return nil, fmt.Errorf("host name %s: %w", name, err)
	}
	return threadNamespace()
}

// threadNamespace opens the namespaces of the calling thread.
func threadNamespace() (*namespace, error) {
	network, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, fmt.Errorf("network namespace: %w", err)
	}
	uts, err := os.Open("/proc/thread-self/ns/uts")
	if err != nil {
		network.Close()
		return nil, fmt.Errorf("host name namespace: %w", err)
	}
	return &namespace{network: network, uts: uts}, nil
}

// enter moves the calling thread, which must be locked, into the namespaces.
func (ns *namespace) enter() error {
	if err := unix.Setns(int(ns.network.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter network namespace: %w", err)
	}
	if err := unix.Setns(int(ns.uts.Fd()), unix.CLONE_NEWUTS); err != nil {
		return fmt.Errorf("enter host name namespace: %w", err)
	}
	return nil
}

// do runs f on the calling goroutine with its thread in the namespaces.
// Goroutines that f starts are not in them.
func (ns *namespace) do(f func() error) error {
	runtime.LockOSThread()
	old, err := threadNamespace()
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer old.close()
	if err := ns.enter(); err != nil {
		if old.enter() == nil {
			runtime.UnlockOSThread()
		}
		return err
	}
	defer func() {
		if old.enter() == nil {
			runtime.UnlockOSThread()
		}
	}()
	return f()
}

func (ns *namespace) close() {
	ns.network.Close()
	ns.uts.Close()
}
