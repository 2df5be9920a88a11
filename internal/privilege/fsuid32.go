//go:build 386 || arm

package privilege

import "golang.org/x/sys/unix"

// The calls of the plain names take users of 16 bits.
const (
	sysSetfsuid = unix.SYS_SETFSUID32
	sysSetfsgid = unix.SYS_SETFSGID32
)
