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
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"
)

// Account is a user and group to open files as.
type Account struct {
	Name     string // of the user
	UID, GID int
}

// groupsOf returns the groups of the account: its own and those that list its
// user.
func groupsOf(a Account) ([]int, error) {
	groups := []int{a.GID}
	u, err := user.LookupId(strconv.Itoa(a.UID))
	if err != nil {
		return groups, nil // a number without a name is in no further group
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("initgroups(%s, %d) failed: %w", a.Name, a.GID, err)
	}
	for _, id := range ids {
		if n, err := strconv.Atoi(id); err == nil && n != a.GID && n != primary(u) {
			groups = append(groups, n)
		}
	}
	return groups, nil
}

// primary is the group that the user has of its own: GroupIds lists it too,
// but initgroups takes the one that the directive names instead.
func primary(u *user.User) int {
	n, _ := strconv.Atoi(u.Gid)
	return n
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
