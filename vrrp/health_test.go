package vrrp_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"tandem/vrrp"
	"tandem/vrrp/fsm"
	"tandem/vrrp/vrrptest"
)

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

// Trackers: a weight changes the priority, a fault takes the instance out, and the first result is waited for.
func TestTrackers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		text := "global_defs {\n enable_script_security\n}\nvrrp_script chk {\n script \"/bin/true\"\n user root\n}\n" + seed("VI_7", 100, "track_script {\n chk\n }")
		n := start(t, lan.Host("a", "192.168.200.7/24"), text)
		if n.role() != "INIT" {
			t.Errorf("before the first result: %s", n.role())
		}
		n.SetTracker("VI_7", vrrp.Tracker{Kind: fsm.FaultScript, Name: "chk"})
		n.SetTracker("VI_7", vrrp.Tracker{Kind: fsm.FaultScript, Name: "other", Weight: -30})
		pass(4 * time.Second)
		s, _ := n.Status(context.Background())
		if i := s.Instances[0]; i.Priority != 70 || i.Base != 100 || len(i.Parts) != 2 || i.Next != "advert" || i.Role.String() != "MASTER" {
			t.Errorf("status %+v", i)
		}
		n.SetTracker("VI_7", vrrp.Tracker{Kind: fsm.FaultScript, Name: "chk", Fault: true, Text: "exit status 1"})
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
