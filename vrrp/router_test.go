package vrrp_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/vrrp"
	"tandem/vrrp/fsm"
	"tandem/vrrp/netif"
	"tandem/vrrp/vrrptest"
)

// The seed scenario: two nodes, both "state MASTER", priorities 100 and 50.
func TestSeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		a := start(t, lan.Host("a", "192.168.200.7/24"), seed("VI_7", 100))
		b := start(t, lan.Host("b", "192.168.200.10/24"), seed("VI_10", 50))
		expect(t, "events of a", a.said(), "(VI_7) entering BACKUP, priority 100: started")
		pass(3700 * time.Millisecond)
		expect(t, "events of a", a.said(), "(VI_7) entering MASTER, priority 100: master down timer expired: no advert heard for 3.61 s")
		expect(t, "machine a", a.did(), `
ip addr replace 192.168.200.254/32 dev ens33 valid_lft 2sec
garp 192.168.200.254 dev ens33 repeat 5`)
		expect(t, "packets", lan.Log(), "3.609s a > 224.0.0.18: VRID 51 priority 100")
		pass(6 * time.Second)
		if b.role() != "BACKUP" || b.holds() {
			t.Errorf("b is %s", b.role())
		}
		expect(t, "events of b", b.said(), `
(VI_10) entering BACKUP, priority 50: started
(VI_10) master is 192.168.200.7, priority 100`)

		// Planned stop: b takes over before a lets go.
		a.said()
		lan.Log()
		go a.stop()
		pass(800 * time.Millisecond)
		if !a.holds() || b.holds() {
			t.Errorf("before the skew time: a holds %v, b holds %v", a.holds(), b.holds())
		}
		pass(100 * time.Millisecond)
		if a.holds() || !b.holds() {
			t.Errorf("after the skew time: a holds %v, b holds %v", a.holds(), b.holds())
		}
		expect(t, "packets", lan.Log(), `
9.700s a > 224.0.0.18: VRID 51 priority 0
10.505s b > 224.0.0.18: VRID 51 priority 50`)
		expect(t, "events of a", a.said(), "(VI_7) entering STOP, priority 100: 192.168.200.10 is master now, priority 50")
		expect(t, "events of b", b.said(), "(VI_10) entering MASTER, priority 50: priority 0 heard from 192.168.200.7")

		// a returns and preempts.
		a = start(t, a.Host, seed("VI_7", 100))
		pass(4 * time.Second)
		if !a.holds() || b.holds() {
			t.Errorf("after the return: a holds %v, b holds %v", a.holds(), b.holds())
		}
		expect(t, "events of b", b.said(), `(VI_10) master is 192.168.200.7, priority 100
(VI_10) entering BACKUP, priority 50: higher priority 100 heard from 192.168.200.7, ours 50`)
		a.stop()
		b.stop()
	})
}

// The lease is renewed while the process lives, four times in its length.
func TestLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		n := start(t, lan.Host("a", "192.168.200.7/24"), seed("VI_7", 100))
		pass(3700 * time.Millisecond)
		_ = n.Host.String()
		pass(4900 * time.Millisecond)
		renewals := 0
		for line := range strings.Lines(n.Host.String()) {
			if line == "ip addr replace 192.168.200.254/32 dev ens33 valid_lft 2sec\n" {
				renewals++
			} else if line != "garp 192.168.200.254 dev ens33 repeat 1\n" {
				t.Errorf("did %s", line)
			}
		}
		if renewals != 9 {
			t.Errorf("%d renewals in 4.9 s of a lease of 2 s", renewals)
		}
		n.stop()
	})
}

// What is wrong with a peer's packets is told once, field by field, and counted.
func TestMismatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		a := start(t, lan.Host("a", "192.168.200.7/24"), seed("VI_7", 100))
		b := start(t, lan.Host("b", "192.168.200.10/24"), strings.Replace(seed("VI_10", 50), "1111", "2222", 1))
		c := start(t, lan.Host("c", "192.168.200.11/24"), strings.Replace(seed("VI_11", 30), "200.254", "200.253", 1))
		pass(10 * time.Second)
		s, err := b.Status(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if n := s.Instances[0].Counters.Dropped["auth-password"]; n < 6 {
			t.Errorf("%d drops counted", n)
		}
		if got := b.said(); strings.Count(got, "(VI_10) packet dropped, from 192.168.200.7: auth_pass differs from ours") > 2 {
			t.Errorf("told too often:\n%s", got)
		}
		if got := c.said(); strings.Count(got, "virtual addresses [192.168.200.254], ours [192.168.200.253]: not one in common, so another pair seems to use virtual_router_id 51 too") != 1 {
			t.Errorf("c was told:\n%s", got)
		}
		a.stop()
		b.stop()
		c.stop()
	})
}

// A master knows of another one, whatever keeps them from settling it: adverts that are dropped for what they say, adverts
// that the other one does not hear, adverts that a firewall drops.
func TestRival(t *testing.T) {
	for _, c := range []struct {
		name, other string
		filter      func(a, b *vrrptest.Host)
		want        string
	}{
		{"one of two", seed("VI_1", 50), func(_, _ *vrrptest.Host) {}, ""},
		{"another password", strings.Replace(seed("VI_1", 50), "1111", "2222", 1), func(_, _ *vrrptest.Host) {},
			"its adverts are dropped: auth_pass differs from ours"},
		{"the other one is deaf", seed("VI_1", 50), func(_, b *vrrptest.Host) { b.Filter(true) },
			"it goes on with priority 50, and ours is 100: it seems not to hear us"},
		{"we are deaf", seed("VI_1", 150), func(a, _ *vrrptest.Host) { a.Filter(true) },
			"its adverts arrive on ens33, and a firewall drops them"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lan := vrrptest.NewLAN()
				ha, hb := lan.Host("a", "192.168.200.7/24"), lan.Host("b", "192.168.200.10/24")
				c.filter(ha, hb)
				a, b := start(t, ha, seed("VI_1", 100)), start(t, hb, c.other)
				rival := func() string {
					s, err := a.Status(context.Background())
					if err != nil {
						t.Fatal(err)
					}
					if found := s.Instances[0].Rival; found != nil {
						if found.Source != netip.MustParseAddr("192.168.200.10") {
							t.Errorf("the rival is %v", found.Source)
						}
						return found.Why
					}
					return ""
				}
				pass(20 * time.Second)
				if got := rival(); got != c.want {
					t.Errorf("rival: %q, want %q", got, c.want)
				}
				b.stop()
				pass(3 * time.Minute)
				if got := rival(); got != "" {
					t.Errorf("it is gone, and still said to be there: %q", got)
				}
				a.stop()
			})
		})
	}
}

// Routes and rules follow the addresses when they come, and go before them.
func TestRoutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		routes := func(list string) string {
			return seed("VI_7", 100, "virtual_routes {\n"+list+"}", "virtual_rules {\n from 192.168.200.254 table 7 priority 900\n}")
		}
		n := start(t, lan.Host("a", "192.168.200.7/24"), routes("10.0.0.0/8 via 192.168.200.1 dev ens33\n10.9.0.0/16 via 192.168.200.1 dev ens33\n"))
		n.did()
		pass(10 * time.Second)
		lines := n.did()
		if a, r, u := strings.Index(lines, "ip addr replace"), strings.Index(lines, "10.0.0.0/8"), strings.Index(lines, "rule"); a < 0 || r < a || u < r {
			t.Errorf("becoming master:\n%s", lines)
		}
		if err := n.Reload(context.Background(), conf(t, routes("10.0.0.0/8 via 192.168.200.1 dev ens33\n"))); err != nil {
			t.Fatal(err)
		}
		pass(0)
		if lines = n.did(); !strings.Contains(lines, "route del 10.9.0.0/16") || strings.Contains(lines, "del 10.0.0.0/8") {
			t.Errorf("a route is gone from the file:\n%s", lines)
		}
		n.stop()
		lines = n.did()
		if u, r, a := strings.Index(lines, "rule del"), strings.Index(lines, "route del 10.0.0.0/8"), strings.Index(lines, "ip addr del"); u < 0 || r < u || a < r {
			t.Errorf("stopping:\n%s", lines)
		}
	})
}

// A sync group moves as one, and the weights of its members' trackers do not count.
func TestSyncGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		second := strings.NewReplacer("virtual_router_id 51", "virtual_router_id 52", "200.254", "200.253").Replace(seed("VI_2", 100))
		n := start(t, lan.Host("a", "192.168.200.7/24"), "vrrp_sync_group VG {\n group {\n VI_1\n VI_2\n }\n}\n"+seed("VI_1", 100)+second)
		pass(4 * time.Second)
		n.SetTracker("VI_1", vrrp.Tracker{Kind: fsm.FaultScript, Name: "chk", Weight: -30})
		pass(0)
		s, err := n.Status(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if s.Groups[0].Role != fsm.Master || s.Instances[0].Priority != 100 || s.Instances[0].Parts[0].Weight != 0 {
			t.Errorf("status %+v", s)
		}
		n.said()
		n.SetTracker("VI_1", vrrp.Tracker{Kind: fsm.FaultScript, Name: "chk", Fault: true, Text: "exit status 1"})
		pass(0)
		if n.holds() {
			t.Errorf("it still holds %v", n.Present())
		}
		got := n.said()
		for _, want := range []string{
			"(VI_1) entering FAULT, priority 100: script chk: exit status 1\n",
			"(VI_2) entering FAULT, priority 100: sync group member VI_1: script chk: exit status 1\n",
			"sync group VG: entering FAULT: VI_1: script chk: exit status 1\n",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("not told: %sbut\n%s", want, got)
			}
		}
		n.stop()
	})
}

// What cannot be had at the start is an error, and nothing is left behind.
func TestStartFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		h := lan.Host("a", "192.168.200.7/24")
		c := conf(t, seed("VI_1", 100))
		c.Instances[0].Packet.VRID = 0
		c.Instances[0].FSM.VRID = 0
		_, err := vrrp.Start(c, h, vrrp.Options{})
		if err == nil || err.Error() != "vrrp: instance VI_1: packet: VRID 0 is not in 1 to 255" {
			t.Errorf("got %v", err)
		}
		c = conf(t, seed("VI_1", 100))
		c.Groups = []vrrp.GroupConfig{{Name: "VG", Members: []string{"VI_1", "VI_9"}}}
		if _, err := vrrp.Start(c, h, vrrp.Options{}); err == nil || err.Error() != "vrrp: sync group VG: no instance VI_9" {
			t.Errorf("got %v", err)
		}
	})
}

// Leftovers of a dead process are removed at start; what somebody else set is told.
func TestLeftovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		h := lan.Host("a", "192.168.200.7/24")
		h.Place(netif.Address{Interface: "ens33", Prefix: netip.MustParsePrefix("192.168.200.254/32")})
		h.Place(netif.Address{Interface: "ens33", Prefix: netip.MustParsePrefix("192.168.200.254/24")})
		n := start(t, h, seed("VI_7", 100))
		if got := n.said(); !strings.Contains(got, "(VI_7) the machine has the virtual address as 192.168.200.254/24 on ens33, which is not ours") {
			t.Errorf("told:\n%s", got)
		}
		if len(n.Present()) != 1 {
			t.Errorf("present: %v", n.Present())
		}
		n.stop()
	})
}
