package vrrp_test

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/vrrp/vrrptest"
)

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
