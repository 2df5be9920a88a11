package openfile

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls, made directly: the functions of package unix take names as
// strings and copy them.

func statAt(dir int, name []byte, flags int, i *Info) syscall.Errno {
	var st unix.Stat_t
	for {
		_, _, e := unix.Syscall6(sysFstatat, uintptr(dir), uintptr(unsafe.Pointer(&name[0])),
			uintptr(unsafe.Pointer(&st)), uintptr(flags), 0, 0)
		if e == unix.EINTR {
			continue
		}
		if e == 0 {
			i.from(&st)
		}
		return e
	}
}

// Fstat looks at an open file.
func Fstat(fd int, i *Info) Failure {
	var st unix.Stat_t
	_, _, e := unix.Syscall(unix.SYS_FSTAT, uintptr(fd), uintptr(unsafe.Pointer(&st)), 0)
	if e == 0 {
		i.from(&st)
	}
	return failure("fstat()", e)
}

// openAt opens a file without waiting for whoever is at the other end of a
// FIFO.
func openAt(dir int, name []byte, flags int) (int, syscall.Errno) {
	for {
		fd, _, e := unix.Syscall6(unix.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(&name[0])),
			uintptr(flags|unix.O_CLOEXEC|unix.O_NONBLOCK), 0, 0, 0)
		if e == unix.EINTR {
			continue
		}
		if e != 0 {
			return -1, e
		}
		return int(fd), 0
	}
}

// Close closes a file that Open opened.
func Close(fd int) { _ = unix.Close(fd) }

// ReadFull reads a file from its beginning until b is full or the file ends.
func ReadFull(fd int, b []byte) (int, Failure) {
	n := 0
	for n < len(b) {
		got, _, e := unix.Syscall6(unix.SYS_PREAD64, uintptr(fd), uintptr(unsafe.Pointer(&b[n])), uintptr(len(b)-n), uintptr(n), 0, 0)
		switch {
		case e == unix.EINTR:
		case e != 0:
			return n, failure("read()", e)
		case got == 0:
			return n, Failure{}
		default:
			n += int(got)
		}
	}
	return n, Failure{}
}
