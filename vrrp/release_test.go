package vrrp_test

import (
	"net/netip"
	"testing"
	"testing/synctest"

	"tandem/vrrp"
	"tandem/vrrp/netif"
	"tandem/vrrp/vrrptest"
)

// What a dead master left is removed, and the backups are told.
func TestRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		h := lan.Host("a", "192.168.200.7/24")
		left := netip.MustParsePrefix("192.168.200.254/32")
		h.Place(netif.Address{Interface: "ens33", Prefix: left})
		released, err := vrrp.Release(conf(t, seed("VI_7", 100)), h)
		if err != nil || len(released) != 1 || released[0] != left {
			t.Errorf("released %v, %v", released, err)
		}
		expect(t, "machine", h.String(), "ip addr del 192.168.200.254/32 dev ens33")
		expect(t, "packets", lan.Log(), "0.000s a > 224.0.0.18: VRID 51 priority 0")

		// Nothing is left: a backup died, or the lease has ended. Nobody needs to know.
		released, err = vrrp.Release(conf(t, seed("VI_7", 100)), h)
		if err != nil || released != nil {
			t.Errorf("nothing there: released %v, %v", released, err)
		}
		expect(t, "packets", lan.Log(), "")

		// Without an address to send from the leftovers go nevertheless.
		bare := lan.Host("b")
		bare.Place(netif.Address{Interface: "ens33", Prefix: left})
		released, err = vrrp.Release(conf(t, seed("VI_7", 100)), bare)
		if err == nil || len(released) != 1 {
			t.Errorf("no source address: released %v, %v", released, err)
		}
	})
}
