package vrrp_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/vrrp"
	"tandem/vrrp/netif"
	"tandem/vrrp/vrrptest"
)

// stuck is a host whose kernel sets no address and announces none until free is closed.
type stuck struct {
	*vrrptest.Host
	free chan struct{}
}

func (k stuck) Hold(c netif.FirewallConfig) (netif.Holders, error) {
	h, err := k.Host.Hold(c)
	h.Addresses = stuckAddresses{h.Addresses, k.free}
	return h, err
}

func (k stuck) Announcer() (netif.Announcer, error) {
	a, err := k.Host.Announcer()
	return stuckAnnouncer{a, k.free}, err
}

type stuckAddresses struct {
	netif.Addresses
	free chan struct{}
}

func (a stuckAddresses) Set(desired []netif.Address, lease netif.Lease) error {
	<-a.free
	return a.Addresses.Set(desired, lease)
}

type stuckAnnouncer struct {
	netif.Announcer
	free chan struct{}
}

func (a stuckAnnouncer) Announce(an netif.Announcement) {
	<-a.free
	a.Announcer.Announce(an)
}

func (a stuckAnnouncer) Withdraw(iface string, addresses []netip.Addr) {
	<-a.free
	a.Announcer.Withdraw(iface, addresses)
}

// Adverts leave on time whatever does not return: the kernel's addresses and announcements, or whoever is told of events.
func TestNothingKeepsAdvertsWaiting(t *testing.T) {
	for _, c := range []struct {
		name           string
		kernel, events bool
	}{{"kernel", true, false}, {"events", false, true}, {"both", true, true}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lan, free := vrrptest.NewLAN(), make(chan struct{})
				n := &node{Host: lan.Host("a", "192.168.200.7/24"), t: t}
				kernel, o := vrrp.Kernel(n.Host), vrrp.Options{}
				if c.kernel {
					kernel = stuck{n.Host, free}
				}
				if c.events {
					o.Events = func(vrrp.Event) { <-free }
				}
				var err error
				if n.Router, err = vrrp.Start(conf(t, seed("VI_7", 255)), kernel, o); err != nil {
					t.Fatal(err)
				}
				n.SetHealth("", vrrp.Health{OK: true})
				// Whoever tells the router things does not wait either.
				for range 60 {
					pass(time.Second)
					n.SetHealth("", vrrp.Health{OK: true})
				}
				if c.kernel && n.holds() {
					t.Error("the kernel was not stuck")
				}
				var want strings.Builder
				for i := range 61 {
					fmt.Fprintf(&want, "%d.000s a > 224.0.0.18: VRID 51 priority 255\n", i)
				}
				expect(t, "packets", lan.Log(), want.String())
				close(free)
				n.stop()
			})
		})
	}
}
