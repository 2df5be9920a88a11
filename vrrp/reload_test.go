package vrrp_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/vrrp"
	"tandem/vrrp/vrrptest"
)

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
