package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// namespaceDir is where `ip netns` keeps the network namespaces that have names.
const namespaceDir = "/run/netns"

// enterNamespace goes on in the network namespace that net_namespace names, with
// everything: the program is begun anew there, because a process that has
// threads cannot move as a whole. It returns if it is there already, or if there
// is nothing to enter.
func (c *configuration) enterNamespace() error {
	if c.keepalived == nil || c.keepalived.Global.NetNamespace == "" {
		return nil
	}
	name := c.keepalived.Global.NetNamespace
	path := filepath.Join(namespaceDir, name)
	fail := func(err error) error {
		pos := c.keepalived.Global.NetNamespacePos
		return fmt.Errorf("net_namespace %s in %v: %w; `ip netns add %s` makes one", name, pos, err, name)
	}
	file, err := os.Open(path)
	if err != nil {
		return fail(err)
	}
	defer file.Close()
	wanted, err := file.Stat()
	if err != nil {
		return fail(err)
	}
	if own, err := os.Stat("/proc/self/ns/net"); err != nil || os.SameFile(own, wanted) {
		return err
	}
	executable, err := ownProgram()
	if err != nil {
		return fail(err)
	}
	// The thread that calls exec is the one that the new program goes on with.
	runtime.LockOSThread()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return fail(err)
	}
	return fail(unix.Exec(executable, os.Args, os.Environ()))
}
