// Package openfile looks at and opens files for the HTTP server: with names
// that are byte slices, because requests make them, without allocating, and
// with the care for symbolic links that disable_symlinks asks for.
//
// Every name given to this package ends with a NUL byte, as the kernel wants
// it.
package openfile

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Info is what a file's inode says.
type Info struct {
	Dev, Ino     uint64
	Size         int64 // bytes
	Mtime, Ctime int64 // nanoseconds since 1970
	Mode         uint32
	UID          uint32
}

// IsDir reports whether the file is a directory.
func (i *Info) IsDir() bool { return i.Mode&unix.S_IFMT == unix.S_IFDIR }

// IsRegular reports whether it is a regular file.
func (i *Info) IsRegular() bool { return i.Mode&unix.S_IFMT == unix.S_IFREG }

// Modified returns the modification time in seconds since 1970.
func (i *Info) Modified() int64 {
	seconds := i.Mtime / 1e9
	if i.Mtime%1e9 < 0 {
		seconds--
	}
	return seconds
}

func (i *Info) from(st *unix.Stat_t) {
	i.Dev, i.Ino, i.Size = uint64(st.Dev), st.Ino, st.Size
	i.Mtime, i.Ctime = st.Mtim.Nano(), st.Ctim.Nano()
	i.Mode, i.UID = st.Mode, st.Uid
}

// Failure is a system call that failed; the zero Failure is none. It is a
// value, so that a missing file costs no allocation.
type Failure struct {
	Call  string // as nginx names it in its log: "open()"
	Errno syscall.Errno
}

// OK reports that nothing failed.
func (f Failure) OK() bool { return f.Errno == 0 }

func failure(call string, e syscall.Errno) Failure {
	if e == 0 {
		return Failure{}
	}
	return Failure{call, e}
}
