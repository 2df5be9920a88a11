package vrrp

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Scheduling is how the kernel treats the VRRP thread.
type Scheduling struct {
	// Realtime is the priority among real-time threads, 1 to 99: before everything that is scheduled normally.
	Realtime int
	// Nice is -20 to 19; it counts where the kernel refuses Realtime. 0: as the process has it.
	Nice int
	// CPUs are the processors that the thread may run on; none: all that the process may.
	CPUs []int
}

// shortSlice is the time slice of a VRRP thread that is scheduled like any other, the shortest that the kernel gives
// (Linux 6.12): a thread that asks for little at a time comes before others when it wakes up.
const shortSlice = 100 * time.Microsecond

// Apply gives the calling thread the scheduling. Round robin among real-time threads takes CAP_SYS_NICE or a limit
// (RLIMIT_RTPRIO) that allows it; without, the thread gets what everybody may have, and the error says so. It is about
// this one thread: goroutines that run on others are not touched.
func (s Scheduling) Apply() error {
	var errs []error
	if len(s.CPUs) > 0 {
		var set unix.CPUSet
		for _, cpu := range s.CPUs {
			set.Set(cpu)
		}
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			errs = append(errs, fmt.Errorf("processors %v: %w", s.CPUs, err))
		}
	}
	// The thread's children, if it ever had any, are not to inherit anything.
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: uint32(s.Realtime), Flags: unix.SCHED_FLAG_RESET_ON_FORK}
	if err := unix.SchedSetAttr(0, &attr, 0); err != nil {
		errs = append(errs, fmt.Errorf("real-time priority %d: %w", s.Realtime, err), s.likeOthers())
	}
	return errors.Join(errs...)
}

// likeOthers makes the best of normal scheduling.
func (s Scheduling) likeOthers() error {
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return fmt.Errorf("scheduling: %w", err)
	}
	attr.Runtime = uint64(shortSlice)
	if s.Nice != 0 {
		attr.Nice = int32(s.Nice)
	}
	if err := unix.SchedSetAttr(0, attr, 0); err != nil {
		return fmt.Errorf("nice value %d: %w", attr.Nice, err)
	}
	return nil
}
