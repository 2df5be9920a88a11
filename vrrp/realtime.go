package vrrp

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Realtime returns a function for Options.Thread that has the loop scheduled round robin among real-time threads, with
// a priority of 1 to 99, before everything that is scheduled normally. It needs CAP_SYS_NICE or a limit (RLIMIT_RTPRIO)
// that allows it.
func Realtime(priority int) func() error {
	return func() error {
		attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: uint32(priority)}
		// The thread's children, if it ever had any, are not to inherit it.
		attr.Flags = unix.SCHED_FLAG_RESET_ON_FORK
		if err := unix.SchedSetAttr(0, &attr, 0); err != nil {
			return fmt.Errorf("real-time priority %d: %w", priority, err)
		}
		return nil
	}
}
