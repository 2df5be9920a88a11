package netif_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/vrrp/netif"
)

// What no_accept drops, and what it lets through.
func TestFilter(t *testing.T) {
	lab.Needs(t, "nft")
	p := newLAN(t)
	s := stack(t, p.one)
	vip, vip6 := address("ens33", "192.168.200.254/32"), address("ens33", "fd00::254/128")
	check(t, s.Addresses().Set([]netif.Address{vip, vip6}, netif.Forever))
	reaches := func(host string) bool {
		t.Helper()
		listener := must[net.Listener](t)(p.one.Listen("tcp", net.JoinHostPort(host, "80")))
		defer listener.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		conn, err := p.two.DialContext(ctx, "tcp", net.JoinHostPort(host, "80"))
		if err != nil {
			return false
		}
		conn.Close()
		return true
	}
	ruleset := func() string { return must[string](t)(p.one.Output("nft", "list", "ruleset")) }

	f := s.Filter()
	check(t, f.Set([]netif.Address{vip, vip6}))
	for _, host := range []string{"192.168.200.254", "fd00::254"} {
		if reaches(host) {
			t.Errorf("%s answers", host)
		}
	}
	// Its own addresses are not concerned, and neighbour discovery passes: the
	// hardware address of the VIP is known.
	for _, host := range []string{"192.168.200.7", "fd00::7"} {
		if !reaches(host) {
			t.Errorf("%s does not answer", host)
		}
	}
	if known := must[string](t)(p.two.Output("ip", "neigh", "show", "fd00::254")); !strings.Contains(known, "lladdr") {
		t.Errorf("neighbour: %q", known)
	}
	other := s.Filter()
	check(t, other.Set([]netif.Address{vip}))
	check(t, f.Set(nil))
	if reaches("192.168.200.254") || !reaches("fd00::254") {
		t.Error("a filter that ended does not leave the other one alone")
	}
	check(t, other.Set(nil))
	if got := ruleset(); got != "" {
		t.Errorf("left behind:\n%s", got)
	}

	// A link-local address is dropped on its interface only.
	check(t, f.Set([]netif.Address{address("ens33", "fe80::254/128")}))
	if got := ruleset(); !strings.Contains(got, `iifname "ens33" ip6 daddr fe80::254 drop`) || !strings.Contains(got, `oifname "ens33" ip6 saddr fe80::254 drop`) {
		t.Errorf("link-local:\n%s", got)
	}
	// Nobody has to clean up after a process that is killed.
	check(t, s.Close())
	if got := ruleset(); got != "" {
		t.Errorf("left behind by a process that is gone:\n%s", got)
	}
}

// What is asked of the table in global_defs, and a table that was left there.
func TestFirewallConfig(t *testing.T) {
	lab.Needs(t, "nft")
	p := newLAN(t)
	s := stack(t, p.one)
	must[string](t)(p.one.Output("nft", "add", "table", "ip", "keepalived"))
	must[string](t)(p.one.Output("nft", "add", "table", "ip", "other"))
	check(t, s.SetFirewall(netif.FirewallConfig{Table: "keepalived", Priority: -7, Counters: true}))
	check(t, s.Filter().Set([]netif.Address{address("ens33", "192.168.200.254/32")}))
	got := must[string](t)(p.one.Output("nft", "list", "table", "ip", "keepalived"))
	for _, want := range []string{"hook input priority filter - 7; policy accept;", "ip daddr @vips counter packets 0 bytes 0 drop", "elements = { 192.168.200.254 }"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	check(t, s.SetFirewall(netif.FirewallConfig{Priority: -1}))
	if got := must[string](t)(p.one.Output("nft", "list", "ruleset")); strings.Contains(got, "keepalived") || !strings.Contains(got, "table ip tandem") || !strings.Contains(got, "table ip other") {
		t.Errorf("after a change of the name:\n%s", got)
	}
}

// A switch must not learn the virtual router's hardware address from a backup: group memberships go out
// with the base's.
func TestVMACIsolated(t *testing.T) {
	lab.Needs(t, "nft")
	p := newLAN(t)
	s := stack(t, p.one)
	v := netif.VMAC{Name: "vrrp.51", Base: "ens33", Hardware: netif.VirtualMAC(false, 51)}
	links := s.Links()
	check(t, links.Set([]netif.VMAC{v}, nil))
	capture := must[*lab.Capture](t)(p.port2.Capture())
	defer capture.Close()
	socket(t, p.one, netif.SocketConfig{Interface: "vrrp.51"}) // joins the group
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	report := must[lab.Frame](t)(capture.Wait(ctx, func(f lab.Frame) bool {
		return f.Data[12] == 8 && f.Data[13] == 0 && f.Data[23] == 2
	}))
	base := must[netif.Interface](t)(s.Interface("ens33"))
	if got := net.HardwareAddr(report.Data[6:12]); got.String() != base.Hardware.String() {
		t.Errorf("the membership report comes from %v, want %v", got, base.Hardware)
	}
	check(t, links.Set(nil, nil))
	if got := must[string](t)(p.one.Output("nft", "list", "ruleset")); got != "" {
		t.Errorf("left behind:\n%s", got)
	}
	if got := must[string](t)(p.one.Output("cat", "/proc/sys/net/ipv4/conf/ens33/arp_ignore")); got != "0\n" {
		t.Errorf("arp_ignore is %s afterwards", strings.TrimSpace(got))
	}
}
