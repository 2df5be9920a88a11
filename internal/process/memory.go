package process

import "golang.org/x/sys/unix"

// KeepInMemory keeps the process's memory from being swapped out. Only what is
// in use is kept: the runtime reserves much more.
func KeepInMemory() error {
	return unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT)
}
