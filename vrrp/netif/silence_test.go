package netif_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/vrrp/netif"
)

// arp returns the ARP settings of node 1's interface.
func arp(t *testing.T, p lan) string {
	t.Helper()
	out, err := p.one.Output("cat", "/proc/sys/net/ipv4/conf/ens33/arp_announce", "/proc/sys/net/ipv4/conf/ens33/arp_ignore")
	check(t, err)
	return strings.Join(strings.Fields(out), " ")
}

// send sends a datagram, which takes the neighbour's hardware address.
func send(t *testing.T, h *lab.Host, from, to netip.Addr) {
	t.Helper()
	check(t, h.Do(func() error {
		var local *net.UDPAddr
		if from.IsValid() {
			local = net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
		}
		c, err := net.DialUDP("udp4", local, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, 9)))
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte("?"))
		return err
	}))
}

// answered waits for an answer of another host: what was sent before has
// arrived by then.
func answered(t *testing.T, h *lab.Host, to netip.Addr) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := h.DialContext(ctx, "tcp", netip.AddrPortFrom(to, 9).String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("%v does not answer: %v", to, err)
	}
}

// TestSilence has an address on the loopback, where the neighbours would learn
// of it in two ways.
func TestSilence(t *testing.T) {
	p := newLAN(t)
	check(t, p.one.Sysctl("net/ipv4/conf/ens33/arp_ignore", "0"))
	s := stack(t, p.one)
	hidden := netip.MustParseAddr("192.168.200.254")
	addresses := s.Addresses()
	check(t, addresses.Set([]netif.Address{address("lo", "192.168.200.254/32")}, netif.Lease(3*time.Second)))
	before, err := s.ARPSettings("ens33")
	check(t, err)
	check(t, s.SetARPSettings("ens33", before.Silent()))
	if got := arp(t, p); got != "2 1" {
		t.Errorf("arp_announce and arp_ignore: %s", got)
	}
	knows := func() bool {
		out, err := p.two.Output("ip", "neigh", "show", hidden.String())
		check(t, err)
		return strings.Contains(out, "lladdr")
	}
	// Node 2 asks for it, and is asked in its name.
	send(t, p.two, netip.Addr{}, hidden)
	_, err = p.one.Output("ip", "neigh", "flush", "all")
	check(t, err)
	send(t, p.one, hidden, netip.MustParseAddr("192.168.200.10"))
	answered(t, p.one, netip.MustParseAddr("192.168.200.10"))
	answered(t, p.two, netip.MustParseAddr("192.168.200.7"))
	if knows() {
		t.Error("node 2 has learned of the address")
	}
	check(t, s.SetARPSettings("ens33", before))
	if got := arp(t, p); got != "0 0" {
		t.Errorf("arp_announce and arp_ignore afterwards: %s", got)
	}
	_, err = p.two.Output("ip", "neigh", "flush", "all")
	check(t, err)
	send(t, p.two, netip.Addr{}, hidden)
	answered(t, p.two, netip.MustParseAddr("192.168.200.7"))
	if !knows() {
		t.Error("node 2 does not learn of the address although nothing keeps it from that")
	}
	if err := s.SetARPSettings("ens99", before); !errors.Is(err, netif.ErrNoInterface) {
		t.Errorf("an interface that does not exist: %v", err)
	}
}
