package netif_test

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/vrrp/netif"
)

func TestVMAC(t *testing.T) {
	p := newLAN(t)
	s := stack(t, p.one)
	v := netif.VMAC{Name: "vrrp.51", Base: "ens33", Hardware: netif.VirtualMAC(false, 51)}
	conf := func(iface, name string) string {
		t.Helper()
		return strings.TrimSpace(must[string](t)(p.one.Output("cat", "/proc/sys/net/ipv4/conf/"+iface+"/"+name)))
	}
	for range 2 { // the second time it is there already
		check(t, s.AddVMAC(v))
	}
	shown := must[string](t)(p.one.Output("ip", "-d", "link", "show", "vrrp.51"))
	for _, want := range []string{"vrrp.51@ens33", "00:00:5e:00:01:33", "macvlan mode private", ",UP", "addrgenmode none"} {
		if !strings.Contains(shown, want) {
			t.Errorf("no %q in\n%s", want, shown)
		}
	}
	for _, c := range []struct{ iface, name, want string }{
		{"vrrp.51", "arp_ignore", "1"}, {"vrrp.51", "accept_local", "1"}, {"vrrp.51", "rp_filter", "0"},
		{"ens33", "arp_ignore", "1"}, {"ens33", "arp_filter", "1"},
	} {
		if got := conf(c.iface, c.name); got != c.want {
			t.Errorf("%s of %s is %s, want %s", c.name, c.iface, got, c.want)
		}
	}

	// The neighbours learn the virtual router's hardware address for the VIP,
	// and adverts come from it.
	check(t, s.Addresses().Set([]netif.Address{address("vrrp.51", "192.168.200.254/32")}, netif.Forever))
	in := inbox(socket(t, p.two, netif.SocketConfig{Interface: "ens33"}))
	capture := must[*lab.Capture](t)(p.port2.Capture())
	defer capture.Close()
	out := socket(t, p.one, netif.SocketConfig{Interface: "vrrp.51"})
	check(t, out.Send(addr1, netif.GroupIPv4, packet4(addr1, netif.GroupIPv4, 112, 255, 51)))
	if d := next(t, in); d.Src != addr1 {
		t.Errorf("received from %v", d.Src)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	advert := must[lab.Frame](t)(capture.Wait(ctx, func(f lab.Frame) bool { return f.Data[23] == 112 }))
	if got := hex.EncodeToString(advert.Data[6:12]); got != "00005e000133" {
		t.Errorf("the advert came from %s", got)
	}
	listener := must[net.Listener](t)(p.one.Listen("tcp", "192.168.200.254:80"))
	defer listener.Close()
	conn := must[net.Conn](t)(p.two.DialContext(ctx, "tcp", "192.168.200.254:80"))
	conn.Close()
	// An ARP reply whose sender is the VIP.
	reply := must[lab.Frame](t)(capture.Wait(ctx, func(f lab.Frame) bool {
		return hex.EncodeToString(f.Data[12:14]) == "0806" && f.Data[21] == 2 && hex.EncodeToString(f.Data[28:32]) == "c0a8c8fe"
	}))
	if got := hex.EncodeToString(reply.Data[22:28]); got != "00005e000133" {
		t.Errorf("the VIP is said to be at %s", got)
	}
	// And an announcement goes out from it.
	announcer(t, p.one).Announce(netif.Announcement{Interface: "vrrp.51", Addresses: []netip.Addr{netip.MustParseAddr("192.168.200.254")}})
	garp := must[lab.Frame](t)(capture.Wait(ctx, func(f lab.Frame) bool {
		return hex.EncodeToString(f.Data[12:14]) == "0806" && hex.EncodeToString(f.Data[28:32]) == "c0a8c8fe" && hex.EncodeToString(f.Data[38:42]) == "c0a8c8fe"
	}))
	if got := hex.EncodeToString(garp.Data[6:12]); got != "00005e000133" {
		t.Errorf("announced from %s", got)
	}

	check(t, s.RemoveVMAC("vrrp.51"))
	check(t, s.RemoveVMAC("vrrp.51"))
	if _, err := s.Interface("vrrp.51"); !errors.Is(err, netif.ErrNoInterface) {
		t.Errorf("not removed: %v", err)
	}
	if got := conf("ens33", "arp_ignore") + conf("ens33", "arp_filter"); got != "00" {
		t.Errorf("arp_ignore and arp_filter are %s afterwards", got)
	}
}

// What is sent to a VMAC's address is dropped if all.rp_filter is 1, and that is told.
func TestVMACReversePath(t *testing.T) {
	p := newLAN(t)
	s := stack(t, p.one)
	links := s.Links()
	vmacs := []netif.VMAC{{Name: "vrrp.51", Base: "ens33", Hardware: netif.VirtualMAC(false, 51)}}
	vip := []netif.Address{address("vrrp.51", "192.168.200.254/32")}
	for _, c := range []struct {
		filter  string
		reached bool
	}{{"0", true}, {"1", false}, {"2", true}} {
		check(t, p.one.Sysctl("net/ipv4/conf/all/rp_filter", c.filter))
		if err := links.Set(vmacs, nil); (err == nil) != c.reached || err != nil && !strings.Contains(err.Error(), "net.ipv4.conf.all.rp_filter is 1") {
			t.Errorf("rp_filter %s: %v", c.filter, err)
		}
		check(t, s.Addresses().Set(vip, netif.Forever))
		// As somebody who has not heard of the address before.
		must[string](t)(p.two.Output("ip", "neigh", "flush", "to", "192.168.200.254"))
		listener := must[net.Listener](t)(p.one.Listen("tcp", "192.168.200.254:80"))
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		if c.reached {
			ctx, cancel = context.WithTimeout(t.Context(), 5*time.Second)
		}
		conn, err := p.two.DialContext(ctx, "tcp", "192.168.200.254:80")
		if (err == nil) != c.reached {
			t.Errorf("rp_filter %s: connecting: %v", c.filter, err)
		}
		if err == nil {
			conn.Close()
		}
		cancel()
		listener.Close()
	}
	check(t, links.Set(nil, nil))
	if _, err := s.Interface("vrrp.51"); !errors.Is(err, netif.ErrNoInterface) {
		t.Errorf("not removed: %v", err)
	}
}

func TestVMACErrors(t *testing.T) {
	p := newLAN(t)
	s := stack(t, p.one)
	mac := netif.VirtualMAC(true, 7)
	if got := mac.String(); got != "00:00:5e:00:02:07" {
		t.Errorf("virtual MAC %s", got)
	}
	if err := s.AddVMAC(netif.VMAC{Name: "vrrp.7", Base: "ens99", Hardware: mac}); !errors.Is(err, netif.ErrNoInterface) {
		t.Errorf("no base: %v", err)
	}
	if err := s.AddVMAC(netif.VMAC{Name: "lo", Base: "ens33", Hardware: mac}); !errors.Is(err, netif.ErrNotVMAC) {
		t.Errorf("name in use: %v", err)
	}
	// What a dead process left, with another mode and address.
	must[string](t)(p.one.Output("ip", "link", "add", "link", "ens33", "name", "vrrp.7", "type", "macvlan", "mode", "bridge"))
	check(t, s.AddVMAC(netif.VMAC{Name: "vrrp.7", Base: "ens33", Hardware: mac}))
	if shown := must[string](t)(p.one.Output("ip", "-d", "link", "show", "vrrp.7")); !strings.Contains(shown, "mode private") || !strings.Contains(shown, mac.String()) {
		t.Errorf("not mended:\n%s", shown)
	}
}

func TestPromoteSecondaries(t *testing.T) {
	p := newLAN(t)
	links := stack(t, p.one).Links()
	check(t, links.Set(nil, []string{"ens33", "ens99"}))
	for _, a := range []string{"10.0.0.1/24", "10.0.0.2/24"} {
		check(t, p.port1.AddAddress(netip.MustParsePrefix(a)))
	}
	check(t, p.port1.RemoveAddress(netip.MustParsePrefix("10.0.0.1/24")))
	if held := must[bool](t)(p.one.Holds(netip.MustParseAddr("10.0.0.2"))); !held {
		t.Error("the secondary address went with the first")
	}
	check(t, links.Set(nil, nil))
	if got := must[string](t)(p.one.Output("cat", "/proc/sys/net/ipv4/conf/ens33/promote_secondaries")); got != "0\n" {
		t.Errorf("promote_secondaries is %s afterwards", got)
	}
}

// A process that dies leaves its VMACs; its successor takes them over, under
// whatever name it calls them, and the base gets its parameters back at the end.
func TestVMACLeft(t *testing.T) {
	p := newLAN(t)
	v := netif.VMAC{Name: "vrrp.51", Base: "ens33", Hardware: netif.VirtualMAC(false, 51)}
	dead := stack(t, p.one)
	check(t, dead.Links().Set([]netif.VMAC{v}, nil))
	check(t, dead.Close())
	later := stack(t, p.one)
	renamed := v
	renamed.Name = "virtual"
	links := later.Links()
	check(t, links.Set([]netif.VMAC{renamed}, nil))
	if _, err := later.Interface("vrrp.51"); !errors.Is(err, netif.ErrNoInterface) {
		t.Errorf("the old one is there: %v", err)
	}
	check(t, later.Close())
	last := stack(t, p.one)
	check(t, last.Links().Cleanup([]netif.VMAC{renamed}))
	if _, err := last.Interface("virtual"); !errors.Is(err, netif.ErrNoInterface) {
		t.Errorf("not cleaned up: %v", err)
	}
	if got := must[string](t)(p.one.Output("cat", "/proc/sys/net/ipv4/conf/ens33/arp_ignore")); got != "0\n" {
		t.Errorf("arp_ignore is %s afterwards", strings.TrimSpace(got))
	}
}
