package main

import (
	"fmt"

	"golang.org/x/sys/unix"

	"tandem/internal/privilege"
	"tandem/vrrp"
)

// scheduleThread has the calling thread, the VRRP loop's, scheduled as
// keepalived.conf says, and before everything else if it says nothing.
func (c *configuration) scheduleThread() (err error) {
	g := &c.keepalived.Global
	s := vrrp.Scheduling{Realtime: max(g.RealtimePriority, 1), Nice: g.Niceness, CPUs: g.CPUAffinity}
	privilege.Raise(func() { err = s.Apply() })
	return err
}

// keepInMemory keeps the process's memory from being swapped out, if
// keepalived.conf asks for it (vrrp_no_swap). Only what is in use is kept: the
// runtime reserves much more.
func (c *configuration) keepInMemory() (err error) {
	if !c.keepalived.Global.NoSwap {
		return nil
	}
	privilege.Raise(func() { err = unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT) })
	if err != nil {
		return fmt.Errorf("vrrp_no_swap: %w", err)
	}
	return nil
}
