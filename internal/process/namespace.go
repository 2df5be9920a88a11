package process

import (
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// namespaceDir is where `ip netns` keeps the network namespaces that have names.
const namespaceDir = "/run/netns"

// Enter goes on in the network namespace of that name, with everything: the
// program is begun anew there, because a process that has threads cannot move as
// a whole. It returns if it is there already, or with what is in the way.
func Enter(name string) error {
	path := filepath.Join(namespaceDir, name)
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	wanted, err := file.Stat()
	if err != nil {
		return err
	}
	if own, err := os.Stat("/proc/self/ns/net"); err != nil || os.SameFile(own, wanted) {
		return err
	}
	executable, err := ownProgram()
	if err != nil {
		return err
	}
	// The thread that calls exec is the one that the new program goes on with.
	runtime.LockOSThread()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	return unix.Exec(executable, os.Args, os.Environ())
}
