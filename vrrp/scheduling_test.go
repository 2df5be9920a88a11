package vrrp_test

import (
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tandem/vrrp"
)

// onThread runs f on a thread of its own, which ends with it.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	<-done
}

func TestRealtime(t *testing.T) {
	onThread(func() {
		if err := (vrrp.Scheduling{Realtime: 3, CPUs: []int{0}}).Apply(); err != nil {
			t.Skip(err) // without the right
		}
		attr, err := unix.SchedGetAttr(0, 0)
		if err != nil || attr.Policy != unix.SCHED_RR || attr.Priority != 3 || attr.Flags&unix.SCHED_FLAG_RESET_ON_FORK == 0 {
			t.Errorf("%+v, %v", attr, err)
		}
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(0, &set); err != nil || set.Count() != 1 || !set.IsSet(0) {
			t.Errorf("processors %v, %v", set, err)
		}
	})
}

// What the kernel refuses is told, and the rest is done.
func TestWithoutRealtime(t *testing.T) {
	onThread(func() {
		err := vrrp.Scheduling{Realtime: 1000, Nice: 5, CPUs: []int{1000}}.Apply()
		if err == nil || !strings.Contains(err.Error(), "real-time priority 1000: ") || !strings.Contains(err.Error(), "processors [1000]: ") {
			t.Errorf("error %v", err)
		}
		attr, err := unix.SchedGetAttr(0, 0)
		if err != nil || attr.Policy != unix.SCHED_NORMAL || attr.Nice != 5 {
			t.Errorf("%+v, %v", attr, err)
		}
	})
}
