// Package privilege gives up root's rights and takes some of them back for a
// moment. After Drop the process runs as an ordinary user, with the network
// rights that it needs all the time; the rights to files that the operator owns
// (configuration, keys, logs, the pid file) are dormant, and Raise wakes them on
// one thread, for one function. Requests are served on other threads, without
// them.
//
// It needs a binary without cgo: only then does the runtime change the
// credentials of all threads.
package privilege

import (
	"errors"
	"fmt"
	"os/user"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Account is a user and group to run as.
type Account struct {
	Name     string // of the user
	UID, GID int
}

// capabilities is a set of Linux capabilities, as bits.
type capabilities uint64

func setOf(caps ...uint) (set capabilities) {
	for _, c := range caps {
		set |= 1 << c
	}
	return set
}

var (
	// awake are the rights that every thread keeps: ports below 1024,
	// addresses and routes, raw sockets.
	awake = setOf(unix.CAP_NET_BIND_SERVICE, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW)
	// dormant are the rights that Raise wakes: files of any owner, limits,
	// to run scripts as other users and end them, and to have the VRRP thread
	// scheduled before others and its memory kept from being swapped out.
	dormant = setOf(unix.CAP_DAC_OVERRIDE, unix.CAP_CHOWN, unix.CAP_FOWNER, unix.CAP_SYS_RESOURCE,
		unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_KILL, unix.CAP_SYS_NICE, unix.CAP_IPC_LOCK)
)

// dropped says that Drop has been called and that Raise has something to do.
var dropped atomic.Bool

// Dropped reports whether the process has given up root's rights.
func Dropped() bool { return dropped.Load() }

// Drop makes all threads of the process, which must be root's, run as a, with
// the groups that a's user is in. It is called once; after an error the process
// is in between and must end.
func Drop(a Account) error {
	groups, err := groupsOf(a)
	if err != nil {
		return err
	}
	if err := syscall.Setgroups(groups); err != nil {
		return fmt.Errorf("initgroups(%s, %d) failed: %w", a.Name, a.GID, err)
	}
	if err := syscall.Setresgid(a.GID, a.GID, a.GID); err != nil {
		return fmt.Errorf("setgid(%d) failed: %w", a.GID, err)
	}
	_, had, err := ofThread()
	if err != nil {
		return err
	}
	if err := keepCapabilities(1); err != nil {
		return err
	}
	if err := syscall.Setresuid(a.UID, a.UID, a.UID); err != nil {
		return fmt.Errorf("setuid(%d) failed: %w", a.UID, err)
	}
	// A container may lack some of them; what is not there cannot be kept.
	header, data := capset(awake&had, (awake|dormant)&had)
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data)), 0); errno != 0 {
		return fmt.Errorf("capset() failed: %w", errno)
	}
	if err := keepCapabilities(0); err != nil {
		return err
	}
	dropped.Store(true)
	return nil
}

// Raise runs f with the dormant rights, which what f does on its own goroutine
// has and what it leaves to others has not. Before Drop it only calls f.
func Raise(f func()) {
	if !dropped.Load() {
		f()
		return
	}
	runtime.LockOSThread()
	before, had, err := ofThread()
	if err == nil {
		err = setThread(had, had)
	}
	if err != nil {
		panic("privilege: " + err.Error())
	}
	// A thread that could not be put back stays locked, and the runtime ends it
	// together with the goroutine.
	defer func() {
		if setThread(before, had) == nil {
			runtime.UnlockOSThread()
		}
	}()
	f()
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

// keepCapabilities says, for every thread, whether the rights outlive the change
// of the user.
func keepCapabilities(yes uintptr) error {
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, yes, 0); errno != 0 {
		if errno == unix.ENOTSUP {
			// What syscall.AllThreadsSyscall answers in a program with cgo.
			return errors.New("this tandem was built with cgo and cannot change the user of its threads: build it with CGO_ENABLED=0")
		}
		return fmt.Errorf("prctl(PR_SET_KEEPCAPS, %d) failed: %w", yes, errno)
	}
	return nil
}

// capset returns the arguments of the system call of that name.
func capset(effective, permitted capabilities) (unix.CapUserHeader, [2]unix.CapUserData) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{
		{Effective: uint32(effective), Permitted: uint32(permitted)},
		{Effective: uint32(effective >> 32), Permitted: uint32(permitted >> 32)},
	}
	return header, data
}

func setThread(effective, permitted capabilities) error {
	header, data := capset(effective, permitted)
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fmt.Errorf("capset() failed: %w", err)
	}
	return nil
}

// ofThread returns what the calling thread has.
func ofThread() (effective, permitted capabilities, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, 0, fmt.Errorf("capget() failed: %w", err)
	}
	effective = capabilities(data[0].Effective) | capabilities(data[1].Effective)<<32
	permitted = capabilities(data[0].Permitted) | capabilities(data[1].Permitted)<<32
	return effective, permitted, nil
}
