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

// Nothing is claimed before the web side has answered; when it fails the addresses go to whoever is there, and stay
// where they are when nobody is.
func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		h := lan.Host("a", "192.168.200.7/24")
		n := &node{Host: h, t: t}
		r, err := vrrp.Start(conf(t, seed("VI_7", 100)), h, vrrp.Options{Events: n.note})
		if err != nil {
			t.Fatal(err)
		}
		n.Router = r
		n.SetHealth("", vrrp.Health{Text: "connection refused"})
		pass(time.Minute)
		if n.role() != "INIT" || n.holds() {
			t.Fatalf("before the first answer: %s", n.role())
		}
		n.SetHealth("VI_7", vrrp.Health{OK: true})
		pass(4 * time.Second)
		if n.role() != "MASTER" || !n.holds() {
			t.Fatalf("after it: %s", n.role())
		}
		n.said()
		n.SetHealth("", vrrp.Health{Text: "connection refused"})
		for range 4 {
			pass(500 * time.Millisecond)
			if n.role() != "MASTER" || !n.holds() {
				t.Errorf("alone with a failing web side: %s", n.role())
			}
		}
		n.SetHealth("", vrrp.Health{OK: true})
		pass(time.Second)
		expect(t, "events", n.said(), `
(VI_7) effective priority is 1 now
(VI_7) resigned: connection refused; another node has 1.25 s to take over, else the addresses stay
(VI_7) effective priority is 100 now`)
		n.stop()
	})
}

// With on_failure release the instance goes to FAULT and stays there.
func TestHealthRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		n := start(t, lan.Host("a", "192.168.200.7/24"), seed("VI_7", 100, "@tandem self_probe_on_failure release"))
		pass(4 * time.Second)
		n.SetHealth("", vrrp.Health{Text: "connection refused"})
		pass(time.Minute)
		if n.role() != "FAULT" || n.holds() {
			t.Errorf("after a failure: %s", n.role())
		}
		n.SetHealth("", vrrp.Health{OK: true})
		pass(4 * time.Second)
		if n.role() != "MASTER" {
			t.Errorf("after recovery: %s", n.role())
		}
		n.stop()
	})
}

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
(VI_7) entering BACKUP, priority 100: no fault any more: interface ens33: is up
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
		if got := b.said(); strings.Count(got, "(VI_10) packet dropped, from 192.168.200.7: auth_pass is another than ours") > 2 {
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
			"its adverts are dropped: auth_pass is another than ours"},
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

// Demote hands over without a gap and stays up; promote takes back.
func TestDemotePromote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		a := start(t, lan.Host("a", "192.168.200.7/24"), seed("VI_7", 100))
		b := start(t, lan.Host("b", "192.168.200.10/24"), seed("VI_10", 50))
		pass(4 * time.Second)
		a.Demote("")
		for range 100 {
			if pass(10 * time.Millisecond); !a.holds() && !b.holds() {
				t.Fatal("nobody holds the address")
			}
		}
		if a.role() != "BACKUP" || b.role() != "MASTER" {
			t.Errorf("a is %s, b is %s", a.role(), b.role())
		}
		a.Promote("VI_7")
		pass(0)
		if a.role() != "MASTER" || b.role() != "BACKUP" {
			t.Errorf("a is %s, b is %s", a.role(), b.role())
		}
		a.stop()
		b.stop()
	})
}

// The peer's process is proven dead: no waiting.
func TestPeerGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		a := start(t, lan.Host("a", "192.168.200.7/24"), seed("VI_7", 100))
		b := start(t, lan.Host("b", "192.168.200.10/24"), seed("VI_10", 50))
		pass(5 * time.Second)
		a.Host.Crash()
		b.PeerGone("", netip.MustParseAddr("192.168.200.7"), nil, "connection refused")
		pass(0)
		if !b.holds() {
			t.Error("b has not taken over")
		}
		a.stop()
		b.stop()
	})
}

// A backup makes itself known to the others by VRRP, and nobody's role changes.
func TestIntroduce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		a := start(t, lan.Host("a", "192.168.200.7/24"), seed("VI_7", 100))
		b := start(t, lan.Host("b", "192.168.200.10/24"), seed("VI_10", 50))
		c := start(t, lan.Host("c", "192.168.200.11/24"), strings.Replace(seed("VI_11", 30), "1111", "2222", 1))
		pass(5 * time.Second)
		addrA, addrB, addrC := netip.MustParseAddr("192.168.200.7"), netip.MustParseAddr("192.168.200.10"), netip.MustParseAddr("192.168.200.11")
		if s, ok := a.Speaker("VI_7", addrB); ok {
			t.Errorf("a backup has spoken unasked: %+v", s)
		}
		if s, ok := b.Speaker("VI_10", addrA); !ok || s.Priority != 100 || time.Since(s.Heard) > time.Second {
			t.Errorf("the master is heard as %+v", s)
		}
		a.said()
		b.said()
		b.Introduce("")
		c.Introduce("")
		pass(time.Second)
		if s, ok := a.Speaker("VI_7", addrB); !ok || s.Priority != 50 {
			t.Errorf("b is heard as %+v", s)
		}
		if s, ok := a.Speaker("VI_7", addrC); ok {
			t.Errorf("who has another password is heard as %+v", s)
		}
		if a.role() != "MASTER" || b.role() != "BACKUP" {
			t.Errorf("a is %s, b is %s", a.role(), b.role())
		}
		expect(t, "events of b", b.said(), "")
		for _, n := range []*node{a, b, c} {
			n.stop()
		}
	})
}

// Of several backups the one that was heard to be the best takes over at once when the master's process is dead, and one
// that knows of a better one, or of one that it has not heard, does not.
func TestBestOfBackups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		a := start(t, lan.Host("a", "192.168.200.7/24"), seed("VI_7", 100))
		b := start(t, lan.Host("b", "192.168.200.10/24"), seed("VI_10", 50))
		c := start(t, lan.Host("c", "192.168.200.11/24"), seed("VI_11", 30))
		pass(5 * time.Second)
		b.Introduce("")
		pass(0)
		a.Host.Crash()
		addr := netip.MustParseAddr
		others := []netip.Addr{addr("192.168.200.10"), addr("192.168.200.11")}
		c.PeerGone("", addr("192.168.200.7"), others, "connection refused")
		b.PeerGone("", addr("192.168.200.7"), others, "connection refused")
		pass(0)
		if c.holds() || b.holds() {
			t.Error("somebody has taken over who cannot know to be the best")
		}
		c.Introduce("")
		pass(0)
		b.PeerGone("", addr("192.168.200.7"), others, "connection refused")
		pass(0)
		if !b.holds() || c.holds() {
			t.Error("the best one has not taken over")
		}
		for _, n := range []*node{a, b, c} {
			n.stop()
		}
	})
}

// A reload keeps role and addresses, applies the difference, and does not pause the adverts.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		a := start(t, lan.Host("a", "192.168.200.7/24"), seed("VI_7", 100))
		pass(10 * time.Second)
		a.said()
		a.did()
		lan.Log()
		next := strings.Replace(seed("VI_renamed", 120), "192.168.200.254", "192.168.200.254\n192.168.200.253", 1)
		if err := a.Reload(context.Background(), conf(t, next)); err != nil {
			t.Fatal(err)
		}
		pass(2500 * time.Millisecond)
		expect(t, "machine", a.did(), `
ip addr replace 192.168.200.254/32 dev ens33 valid_lft 2sec
ip addr replace 192.168.200.253/32 dev ens33 valid_lft 2sec
garp 192.168.200.254 dev ens33 repeat 5
garp 192.168.200.253 dev ens33 repeat 5`)
		expect(t, "packets", lan.Log(), `
10.000s a > 224.0.0.18: VRID 51 priority 120
11.000s a > 224.0.0.18: VRID 51 priority 120
12.000s a > 224.0.0.18: VRID 51 priority 120`)
		expect(t, "events", a.said(), "(VI_renamed) effective priority is 120 now")

		// Another VRID is another instance: the old one goes, the new one begins.
		if err := a.Reload(context.Background(), conf(t, strings.Replace(next, "virtual_router_id 51", "virtual_router_id 52", 1))); err != nil {
			t.Fatal(err)
		}
		pass(0)
		if a.holds() || a.role() != "INIT" {
			t.Errorf("after another VRID: %s, holds %v", a.role(), a.holds())
		}
		a.SetHealth("", vrrp.Health{OK: true})
		pass(4 * time.Second)
		if !a.holds() {
			t.Error("the new instance has not claimed")
		}
		a.stop()
	})
}

// A reload that cannot be done changes nothing.
func TestReloadFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		a := start(t, lan.Host("a", "192.168.200.7/24"), seed("VI_7", 100))
		pass(4 * time.Second)
		twice := conf(t, seed("VI_7", 100))
		twice.Instances = append(twice.Instances, twice.Instances[0])
		if err := a.Reload(context.Background(), twice); err == nil {
			t.Error("the same instance twice was accepted")
		}
		if !a.holds() || a.role() != "MASTER" {
			t.Error("it is not as it was")
		}
		a.stop()
		if err := a.Reload(context.Background(), conf(t, seed("VI_7", 100))); err != vrrp.ErrStopped {
			t.Errorf("reload after stop: %v", err)
		}
	})
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
		n.SetTracker("VI_1", vrrp.Tracker{Kind: kindScript, Name: "chk", Weight: -30})
		pass(0)
		s, err := n.Status(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if s.Groups[0].Role != fsm.Master || s.Instances[0].Priority != 100 || s.Instances[0].Parts[0].Weight != 0 {
			t.Errorf("status %+v", s)
		}
		n.said()
		n.SetTracker("VI_1", vrrp.Tracker{Kind: kindScript, Name: "chk", Fault: true, Text: "exit status 1"})
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

// Trackers: a weight changes the priority, a fault takes the instance out, and the first result is waited for.
func TestTrackers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		text := "global_defs {\n enable_script_security\n}\nvrrp_script chk {\n script \"/bin/true\"\n user root\n}\n" + seed("VI_7", 100, "track_script {\n chk\n }")
		n := start(t, lan.Host("a", "192.168.200.7/24"), text)
		if n.role() != "INIT" {
			t.Errorf("before the first result: %s", n.role())
		}
		n.SetTracker("VI_7", vrrp.Tracker{Kind: kindScript, Name: "chk"})
		n.SetTracker("VI_7", vrrp.Tracker{Kind: kindScript, Name: "other", Weight: -30})
		pass(4 * time.Second)
		s, _ := n.Status(context.Background())
		if i := s.Instances[0]; i.Priority != 70 || i.Base != 100 || len(i.Parts) != 2 || i.Next != "advert" || i.Role.String() != "MASTER" {
			t.Errorf("status %+v", i)
		}
		n.SetTracker("VI_7", vrrp.Tracker{Kind: kindScript, Name: "chk", Fault: true, Text: "exit status 1"})
		pass(0)
		if n.role() != "FAULT" {
			t.Errorf("after a failure: %s", n.role())
		}
		// What is no longer tracked keeps nobody out, and adds nothing.
		if err := n.Reload(context.Background(), conf(t, seed("VI_7", 100))); err != nil {
			t.Fatal(err)
		}
		pass(4 * time.Second)
		s, _ = n.Status(context.Background())
		if i := s.Instances[0]; n.role() != "MASTER" || i.Priority != 70 || len(i.Parts) != 1 {
			t.Errorf("after a reload without it: %+v", i)
		}
		n.stop()
	})
}

// An instance that waits for the first result of a script waits no longer when it is not tracked any more.
func TestAwaitedAndGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		text := "global_defs {\n enable_script_security\n}\nvrrp_script chk {\n script \"/bin/true\"\n user root\n}\n" + seed("VI_7", 100, "track_script {\n chk\n }")
		n := start(t, lan.Host("a", "192.168.200.7/24"), text)
		pass(10 * time.Second)
		if n.role() != "INIT" {
			t.Errorf("before the first result: %s", n.role())
		}
		if err := n.Reload(context.Background(), conf(t, seed("VI_7", 100))); err != nil {
			t.Fatal(err)
		}
		pass(4 * time.Second)
		if n.role() != "MASTER" {
			t.Errorf("after a reload without it: %s", n.role())
		}
		n.stop()
	})
}

// TestWeigh holds weights against keepalived's: reverse takes away what would be added.
func TestWeigh(t *testing.T) {
	for _, c := range []struct {
		good    bool
		weight  int
		reverse bool
		add     int
		fault   bool
	}{
		{true, 0, false, 0, false}, {false, 0, false, 0, true}, {true, 0, true, 0, true}, {false, 0, true, 0, false},
		{true, 10, false, 10, false}, {false, 10, false, 0, false}, {true, 10, true, -10, false}, {false, 10, true, 0, false},
		{true, -10, false, 0, false}, {false, -10, false, -10, false}, {true, -10, true, 0, false}, {false, -10, true, 10, false},
	} {
		if add, fault := vrrp.Weigh(c.good, c.weight, c.reverse); add != c.add || fault != c.fault {
			t.Errorf("%+v: %d, %v", c, add, fault)
		}
	}
}

const kindScript = fsm.FaultScript

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
