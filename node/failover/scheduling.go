package failover

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"tandem/internal/privilege"
	"tandem/internal/process"
	"tandem/keepalivedconf"
	"tandem/vrrp"
)

// ScheduleThread has the calling thread, that of VRRP's or BFD's loop, scheduled as
// keepalived.conf says of VRRP, and before everything else if it says nothing.
func ScheduleThread(g *keepalivedconf.Global) (err error) {
	s := vrrp.Scheduling{Realtime: max(g.RealtimePriority, 1), Nice: g.Niceness, CPUs: g.CPUAffinity}
	privilege.Raise(func() { err = s.Apply() })
	if missing := privilege.Check(privilege.SysNice); err != nil && missing != nil {
		return fmt.Errorf("%w: %w", err, missing)
	}
	if errors.Is(err, unix.EPERM) {
		// The right is there, and the control group has no time for such threads.
		return fmt.Errorf("%w: the control group of the process has no real-time budget (docker run --cpu-rt-runtime=950000 gives one, where the engine and the kernel "+
			"have that); VRRP runs with ordinary priority", err)
	}
	return err
}

// keepInMemory keeps the process's memory from being swapped out, if
// keepalived.conf asks for it (vrrp_no_swap).
func keepInMemory(g *keepalivedconf.Global) (err error) {
	if !g.NoSwap {
		return nil
	}
	privilege.Raise(func() { err = process.KeepInMemory() })
	if err != nil {
		return fmt.Errorf("vrrp_no_swap: %w", privilege.Explain(err, privilege.IPCLock, privilege.SysResource))
	}
	return nil
}
