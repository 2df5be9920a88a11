package vrrp_test

import (
	"os"
	"testing"

	"tandem/vrrp"
	"tandem/vrrp/vrrptest"
)

// A router that was stopped leaves no file open.
func TestNoDescriptorIsLeft(t *testing.T) {
	open := func() int {
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(files)
	}
	once := func() {
		h := vrrptest.NewLAN().Host("one", "192.168.200.1/24")
		r, err := vrrp.Start(conf(t, seed("VI_1", 100)), h, vrrp.Options{OwnWait: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	once() // the runtime opens its own with the first one
	before := open()
	for range 3 {
		once()
	}
	if after := open(); after > before {
		t.Errorf("%d files are open, %d more than before", after, after-before)
	}
}
