package openfile

import (
	"errors"
	"syscall"
)

// ErrnoOf returns the system's error in err; EIO if there is none.
func ErrnoOf(err error) syscall.Errno {
	var e syscall.Errno
	if errors.As(err, &e) {
		return e
	}
	return syscall.EIO
}
