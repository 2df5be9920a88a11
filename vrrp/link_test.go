package vrrp_test

import (
	"testing"
	"testing/synctest"
	"time"

	"tandem/vrrp/vrrptest"
)

// The interface goes down and comes back.
func TestLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		a := start(t, lan.Host("a", "192.168.200.7/24"), seed("VI_7", 100))
		b := start(t, lan.Host("b", "192.168.200.10/24"), seed("VI_10", 50))
		pass(4 * time.Second)
		a.said()
		a.Link(false)
		pass(0)
		if a.role() != "FAULT" || a.holds() {
			t.Errorf("a with its link down: %s", a.role())
		}
		pass(4 * time.Second)
		if !b.holds() {
			t.Error("b has not taken over")
		}
		a.Link(true)
		pass(4 * time.Second)
		if !a.holds() || b.holds() {
			t.Error("a has not come back")
		}
		expect(t, "events of a", a.said(), `
(VI_7) entering FAULT, priority 100: interface ens33: is down
(VI_7) entering BACKUP, priority 100: fault cleared: interface ens33: is up
(VI_7) priority 50 heard from 192.168.200.10 is lower than ours, 100: preempting when the master down timer expires
(VI_7) master is 192.168.200.10, priority 50
(VI_7) entering MASTER, priority 100: preempting 192.168.200.10, priority 50, ours 100`)
		a.stop()
		b.stop()
	})
}

// Adverts do not come from an address of static_ipaddress, which both nodes have, although the kernel lists it first.
func TestStaticAddressIsNoSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		static := "static_ipaddress {\n 192.168.200.16 dev ens33 scope link\n}\n"
		lan := vrrptest.NewLAN()
		a := start(t, lan.Host("a", "192.168.200.16/32", "192.168.200.7/24"), static+seed("VI_7", 100))
		b := start(t, lan.Host("b", "192.168.200.16/32", "192.168.200.10/24"), static+seed("VI_10", 100))
		// Of two masters with the same priority the one with the greater address stays.
		b.Cut()
		pass(5 * time.Second)
		b.Mend()
		pass(3 * time.Second)
		if a.holds() || !b.holds() {
			t.Error("b has the greater address and is not master")
		}
		a.stop()
		b.stop()
	})
}

// An address deleted by somebody else comes back.
func TestAddressDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		n := start(t, lan.Host("a", "192.168.200.7/24"), seed("VI_7", 100))
		pass(4 * time.Second)
		n.said()
		lan.Log()
		n.Delete("192.168.200.254/32")
		pass(700 * time.Millisecond)
		expect(t, "packets", lan.Log(), `
4.000s a > 224.0.0.18: VRID 51 priority 0
4.609s a > 224.0.0.18: VRID 51 priority 100`)
		if !n.holds() {
			t.Error("it did not come back")
		}
		n.stop()
	})
}

// interface_up_down_delays: a link that flaps changes nothing, one that stays down does after the delay.
func TestDebounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		a := start(t, lan.Host("a", "192.168.200.7/24"), "interface_up_down_delays {\n ens33 0.5 2\n}\n"+seed("VI_7", 100))
		pass(4 * time.Second)
		for range 3 {
			a.Link(false)
			pass(400 * time.Millisecond)
			a.Link(true)
			pass(400 * time.Millisecond)
		}
		if a.role() != "MASTER" {
			t.Errorf("after flapping: %s", a.role())
		}
		a.Link(false)
		pass(600 * time.Millisecond)
		if a.role() != "FAULT" {
			t.Errorf("after the delay: %s", a.role())
		}
		a.Link(true)
		pass(1900 * time.Millisecond)
		if a.role() != "FAULT" {
			t.Errorf("before the delay of going up: %s", a.role())
		}
		pass(200 * time.Millisecond)
		if a.role() != "BACKUP" {
			t.Errorf("after the delay of going up: %s", a.role())
		}
		a.stop()
	})
}
