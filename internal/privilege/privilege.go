// Package privilege lets each thread have the rights that it needs at the
// moment, and no others. After Confine a thread has none: it opens files as the
// user that the configuration names, and the kernel refuses it everything that
// takes a capability. Raise and With wake what a function needs, on one thread,
// for as long as it runs.
//
// The process stays root's. Only the identity that files are opened with
// changes (setfsuid(2)): what the kernel asks when another process wants to
// signal, trace, read, limit or reschedule this one are the real, the effective
// and the saved user, and those must not be a user that anybody else runs as.
//
// It needs a binary without cgo: only then does the runtime change the
// credentials of all threads.
package privilege

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Account is a user and group to open files as.
type Account struct {
	Name     string // of the user
	UID, GID int
}

// capset returns the arguments of the system call of that name.
func capset(effective, permitted Rights) (unix.CapUserHeader, [2]unix.CapUserData) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{
		{Effective: uint32(effective), Permitted: uint32(permitted)},
		{Effective: uint32(effective >> 32), Permitted: uint32(permitted >> 32)},
	}
	return header, data
}

// setThread gives the calling thread its rights.
func setThread(effective, permitted Rights) error {
	header, data := capset(effective, permitted)
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fmt.Errorf("capset() failed: %w", err)
	}
	return nil
}

// ofThread returns what the calling thread has.
func ofThread() (effective, permitted Rights, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, 0, fmt.Errorf("capget() failed: %w", err)
	}
	effective = Rights(data[0].Effective) | Rights(data[1].Effective)<<32
	permitted = Rights(data[0].Permitted) | Rights(data[1].Permitted)<<32
	return effective, permitted, nil
}
