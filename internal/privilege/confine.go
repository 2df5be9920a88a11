package privilege

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
)

// Confinement says what Confine leaves to the process.
type Confinement struct {
	// Account is who files are opened as; nil: whoever the process is.
	Account *Account
	// Keep are the rights that Raise and With can wake later.
	Keep Rights
	// Programs: others' programs will be run, with the rights that whoever
	// runs them has. Otherwise no program that this process might be made to
	// execute has rights that are not in Keep, nor gains any by its owner or
	// by capabilities of its file.
	Programs bool
}

// confined is what Confine has made of the process.
type confined struct {
	account *Account // nil: unchanged
	resting Rights   // what a thread has that does nothing special
}

// ErrCgo is Confine's in a program with cgo, where the runtime does not reach
// all threads. Nothing has been changed then.
var ErrCgo = errors.New("this tandem was built with cgo and cannot change the rights of its threads: build it with CGO_ENABLED=0")

// state is nil before Confine.
var state atomic.Pointer[confined]

// Dropped reports whether files are opened as another user than the process's.
func Dropped() bool {
	s := state.Load()
	return s != nil && s.account != nil
}

// User returns who files are opened as; ok is false as long as that is whoever
// the process is.
func User() (a Account, ok bool) {
	if s := state.Load(); s != nil && s.account != nil {
		return *s.account, true
	}
	return Account{}, false
}

// ofFiles are the rights that root has over files, which a process without an
// account of its own keeps awake: it serves what root may read.
var ofFiles = Of(Chown, DACOverride, FOwner) | 1<<unix.CAP_DAC_READ_SEARCH | 1<<unix.CAP_FSETID

// Confine puts all rights of all threads to sleep, and gives those up for good
// that are not kept. It is called once, after everything that only the start
// may do; after an error the process is in between and must end. An account
// takes a process of root's.
func Confine(c Confinement) error {
	effective, had, err := ofThread()
	if err != nil {
		return err
	}
	s := &confined{account: c.Account}
	if c.Account == nil {
		s.resting = ofFiles & effective
	}
	// Before anything is changed: whether threads can be reached at all.
	if err := allThreads("getpid", unix.SYS_GETPID, 0, 0, 0); err != nil {
		return err
	}
	if !c.Programs {
		if err := limitPrograms(had, c.Keep|s.resting); err != nil {
			return err
		}
	}
	if c.Account != nil {
		if err := openFilesAs(*c.Account); err != nil {
			return err
		}
	}
	// A container may lack some of them; what is not there cannot be kept.
	header, data := capset(s.resting&had, (c.Keep|s.resting)&had)
	if err := allThreads("capset", unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data)), 0); err != nil {
		return err
	}
	state.Store(s)
	return nil
}

// limitPrograms bounds what programs can have that this process executes.
func limitPrograms(had, keep Rights) error {
	if err := allThreads("prctl(PR_SET_NO_NEW_PRIVS)", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0); err != nil {
		return err
	}
	if had&(1<<unix.CAP_SETPCAP) == 0 {
		return nil // the set is whoever's who started the process
	}
	for c := Capability(0); c <= unix.CAP_LAST_CAP; c++ {
		in, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0)
		if err != nil {
			break // unknown to an older kernel, as all after it
		}
		if in == 1 && !keep.Has(c) {
			if err := allThreads("prctl(PR_CAPBSET_DROP)", unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(c), 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// openFilesAs has all threads open files as the account, with the groups that
// its user is in.
func openFilesAs(a Account) error {
	groups, err := LookupGroups(a)
	if err != nil {
		return err
	}
	if err := syscall.Setgroups(groups); err != nil {
		return fmt.Errorf("initgroups(%s, %d) failed (%s)%s", a.Name, a.GID, errorlog.Reason(err), Why(err, SetGID))
	}
	// These two return what was before, also when they refuse.
	if err := allThreads("setfsgid", sysSetfsgid, uintptr(a.GID), 0, 0); err != nil {
		return err
	}
	if gid, _ := unix.SetfsgidRetGid(-1); gid != a.GID {
		return fmt.Errorf("setgid(%d) failed (%s)%s", a.GID, errorlog.Reason(unix.EPERM), Why(unix.EPERM, SetGID))
	}
	if err := allThreads("setfsuid", sysSetfsuid, uintptr(a.UID), 0, 0); err != nil {
		return err
	}
	if uid, _ := unix.SetfsuidRetUid(-1); uid != a.UID {
		return fmt.Errorf("setuid(%d) failed (%s)%s", a.UID, errorlog.Reason(unix.EPERM), Why(unix.EPERM, SetUID))
	}
	return nil
}

// Why is ": " and the capability that a refusal was for, if that is missing.
func Why(err error, needed Capability) string {
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
		return ""
	}
	if missing := Check(needed); missing != nil {
		return ": " + missing.Error()
	}
	return ""
}

// allThreads has every thread do a system call.
func allThreads(name string, trap, a1, a2, a3 uintptr) error {
	switch _, _, errno := syscall.AllThreadsSyscall(trap, a1, a2, a3); errno {
	case 0:
		return nil
	case unix.ENOTSUP:
		return ErrCgo // what AllThreadsSyscall answers there
	default:
		return fmt.Errorf("%s failed: %w", name, errno)
	}
}
