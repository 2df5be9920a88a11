package process

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// KeepInMemory keeps the process's memory from being swapped out. Only what is
// in use is kept: the runtime reserves much more. What is mapped later is locked
// as well, by threads without the right to lock as much as they like: without
// the limit raised, which takes CAP_SYS_RESOURCE, the runtime would get no more
// memory and end the process.
func KeepInMemory() error {
	unlimited := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unlimited); err != nil {
		return fmt.Errorf("no limit of locked memory: %w", err)
	}
	return unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT)
}
