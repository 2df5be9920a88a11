package netif_test

import (
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/vrrp/netif"
)

var (
	addr1 = netip.MustParseAddr("192.168.200.7")
	addr2 = netip.MustParseAddr("192.168.200.10")
)

// packet4 is an IPv4 packet with a made-up VRRP message of the virtual router.
// The kernel fills the header checksum in.
func packet4(src, dst netip.Addr, protocol, ttl, vrid byte) []byte {
	b := []byte{0x45, 0xc0, 0, 28, 0, 1, 0, 0, ttl, protocol, 0, 0}
	b = append(b, src.AsSlice()...)
	b = append(b, dst.AsSlice()...)
	return append(b, 0x21, vrid, 100, 0, 1, 1, 0xab, 0xcd)
}

// inbox receives in the background.
func inbox(s *netif.Socket) <-chan netif.Datagram {
	out := make(chan netif.Datagram, 100)
	go func() {
		defer close(out)
		for {
			d, err := s.Receive(make([]byte, 2048))
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				out <- d
			}
		}
	}()
	return out
}

// next waits for the next packet.
func next(t *testing.T, in <-chan netif.Datagram) netif.Datagram {
	t.Helper()
	select {
	case d := <-in:
		return d
	case <-time.After(5 * time.Second):
		t.Fatal("no packet")
		return netif.Datagram{}
	}
}

// vridOf is the VRID of a packet.
func vridOf(d netif.Datagram, ipv6 bool) byte {
	if ipv6 {
		return d.Data[1]
	}
	return d.Data[21]
}

func TestMulticast(t *testing.T) {
	p := newLAN(t)
	s1 := socket(t, p.one, netif.SocketConfig{Interface: "ens33"})
	s2 := socket(t, p.two, netif.SocketConfig{Interface: "ens33"})
	in1, in2 := inbox(s1), inbox(s2)
	sent := packet4(addr1, netif.GroupIPv4, 112, 255, 51)
	check(t, s1.Send(addr1, netif.GroupIPv4, sent))
	d := next(t, in2)
	if d.Src != addr1 || d.Dst != netif.GroupIPv4 || d.HopLimit != 255 {
		t.Errorf("received from %v to %v with TTL %d", d.Src, d.Dst, d.HopLimit)
	}
	if d.Data[1] != 0xc0 || d.Data[9] != 112 || hex.EncodeToString(d.Data[20:]) != hex.EncodeToString(sent[20:]) {
		t.Errorf("received %x, sent %x", d.Data, sent)
	}
	// The sender does not hear itself: what it hears first is the answer.
	check(t, s2.Send(addr2, netif.GroupIPv4, packet4(addr2, netif.GroupIPv4, 112, 7, 51)))
	if d := next(t, in1); d.Src != addr2 || d.HopLimit != 7 {
		t.Errorf("received from %v with TTL %d", d.Src, d.HopLimit)
	}
	if c := s1.Counters(); c != (netif.Counters{Sent: 1, Received: 1}) {
		t.Errorf("counters %+v", c)
	}
}

func TestMulticastIPv6(t *testing.T) {
	p := newLAN(t)
	source := func(h *lab.Host) netip.Addr {
		s := stack(t, h)
		for deadline := time.Now().Add(5 * time.Second); ; {
			i := must[netif.Interface](t)(s.Interface("ens33"))
			if a, ok := i.Source(true, nil); ok {
				return a
			}
			if time.Now().After(deadline) {
				t.Fatal("no link-local address")
			}
		}
	}
	src1, src2 := source(p.one), source(p.two)
	s1 := socket(t, p.one, netif.SocketConfig{Interface: "ens33", IPv6: true})
	s2 := socket(t, p.two, netif.SocketConfig{Interface: "ens33", IPv6: true})
	in1, in2 := inbox(s1), inbox(s2)
	message := []byte{0x31, 51, 100, 0, 0, 100, 0xab, 0xcd}
	check(t, s1.Send(src1, netif.GroupIPv6, message))
	d := next(t, in2)
	if d.Src != src1 || d.Dst != netif.GroupIPv6 || d.HopLimit != 255 || hex.EncodeToString(d.Data) != hex.EncodeToString(message) {
		t.Errorf("received %x from %v to %v with hop limit %d", d.Data, d.Src, d.Dst, d.HopLimit)
	}
	check(t, s2.Send(src2, netif.GroupIPv6, message))
	if d := next(t, in1); d.Src != src2 {
		t.Errorf("received from %v", d.Src)
	}
	// Unicast, with a smaller hop limit.
	u1 := socket(t, p.one, netif.SocketConfig{Interface: "ens33", IPv6: true, Unicast: true, TTL: 9})
	to := netip.MustParseAddr("fd00::10")
	check(t, u1.Send(netip.MustParseAddr("fd00::7"), to, message))
	if d := next(t, in2); d.Dst != to || d.HopLimit != 9 {
		t.Errorf("unicast to %v with hop limit %d", d.Dst, d.HopLimit)
	}
}

func TestUnicastHearsNoGroup(t *testing.T) {
	p := newLAN(t)
	s1 := socket(t, p.one, netif.SocketConfig{Interface: "ens33", Unicast: true})
	s2 := socket(t, p.two, netif.SocketConfig{Interface: "ens33", Unicast: true})
	in2 := inbox(s2)
	check(t, s1.Send(addr1, netif.GroupIPv4, packet4(addr1, netif.GroupIPv4, 112, 255, 1)))
	check(t, s1.Send(addr1, addr2, packet4(addr1, addr2, 112, 255, 2)))
	if d := next(t, in2); d.Dst != addr2 || vridOf(d, false) != 2 {
		t.Errorf("received %x", d.Data)
	}
}

func TestOtherGroup(t *testing.T) {
	p := newLAN(t)
	group := netip.MustParseAddr("224.0.0.42")
	s1 := socket(t, p.one, netif.SocketConfig{Interface: "ens33", Group: group})
	s2 := socket(t, p.two, netif.SocketConfig{Interface: "ens33", Group: group})
	in2 := inbox(s2)
	check(t, s1.Send(addr1, netif.GroupIPv4, packet4(addr1, netif.GroupIPv4, 112, 255, 1)))
	check(t, s1.Send(addr1, group, packet4(addr1, group, 112, 255, 2)))
	if d := next(t, in2); d.Dst != group {
		t.Errorf("received %x", d.Data)
	}
}

func TestVRIDFilter(t *testing.T) {
	p := newLAN(t)
	any1 := socket(t, p.one, netif.SocketConfig{Interface: "ens33"})
	only := socket(t, p.two, netif.SocketConfig{Interface: "ens33", VRID: 51})
	in := inbox(only)
	for _, vrid := range []byte{50, 51, 52} {
		check(t, any1.Send(addr1, netif.GroupIPv4, packet4(addr1, netif.GroupIPv4, 112, 255, vrid)))
	}
	short := packet4(addr1, netif.GroupIPv4, 112, 255, 0)[:21]
	short[3] = 21
	check(t, any1.Send(addr1, netif.GroupIPv4, short))
	if d := next(t, in); vridOf(d, false) != 51 {
		t.Errorf("received %x", d.Data)
	}
	if d := next(t, in); len(d.Data) != 21 {
		t.Errorf("received %x, expected the short one", d.Data)
	}

	any6 := socket(t, p.one, netif.SocketConfig{Interface: "ens33", IPv6: true})
	only6 := socket(t, p.two, netif.SocketConfig{Interface: "ens33", IPv6: true, VRID: 51})
	in6 := inbox(only6)
	src := netip.MustParseAddr("fd00::7")
	for _, vrid := range []byte{50, 51} {
		check(t, any6.Send(src, netif.GroupIPv6, []byte{0x31, vrid, 100, 0, 0, 100, 0, 0}))
	}
	check(t, any6.Send(src, netif.GroupIPv6, []byte{0x31}))
	if d := next(t, in6); vridOf(d, true) != 51 {
		t.Errorf("received %x", d.Data)
	}
	if d := next(t, in6); len(d.Data) != 1 {
		t.Errorf("received %x, expected the short one", d.Data)
	}
}

func TestAuthenticationHeader(t *testing.T) {
	p := newLAN(t)
	s1 := socket(t, p.one, netif.SocketConfig{Interface: "ens33", AH: true})
	s2 := socket(t, p.two, netif.SocketConfig{Interface: "ens33", AH: true, VRID: 51})
	in2 := inbox(s2)
	for _, vrid := range []byte{50, 51} {
		b := packet4(addr1, netif.GroupIPv4, 51, 255, vrid)
		b = append(b[:20:20], append(make([]byte, 24), b[20:]...)...)
		b[3] += 24
		check(t, s1.Send(addr1, netif.GroupIPv4, b))
	}
	if d := next(t, in2); d.Data[9] != 51 || d.Data[45] != 51 {
		t.Errorf("received %x", d.Data)
	}
}

// TestBoundToItsInterface has a second LAN whose packets must not be heard.
func TestBoundToItsInterface(t *testing.T) {
	p := newLAN(t)
	check(t, p.port2.Host.Sysctl("net/ipv4/conf/all/rp_filter", "0"))
	must[*lab.Port](t)(p.sw.Connect(p.two, "ens34", netip.MustParsePrefix("192.168.201.10/24")))
	other := socket(t, p.two, netif.SocketConfig{Interface: "ens34"})
	mine := socket(t, p.two, netif.SocketConfig{Interface: "ens33"})
	s1 := socket(t, p.one, netif.SocketConfig{Interface: "ens33"})
	inOther, inMine := inbox(other), inbox(mine)
	// Both are on the switch, so each hears it once and only once.
	check(t, s1.Send(addr1, netif.GroupIPv4, packet4(addr1, netif.GroupIPv4, 112, 255, 1)))
	check(t, s1.Send(addr1, netif.GroupIPv4, packet4(addr1, netif.GroupIPv4, 112, 255, 2)))
	for _, in := range []<-chan netif.Datagram{inOther, inMine} {
		for vrid := byte(1); vrid <= 2; vrid++ {
			if d := next(t, in); vridOf(d, false) != vrid {
				t.Errorf("received %x, expected VRID %d", d.Data, vrid)
			}
		}
	}
}

// TestInterfaceComesBack takes the interface away from under the socket, and
// brings another one of the same name.
func TestInterfaceComesBack(t *testing.T) {
	for _, ipv6 := range []bool{false, true} {
		p := newLAN(t)
		s2 := socket(t, p.two, netif.SocketConfig{Interface: "ens33", IPv6: ipv6})
		s1 := socket(t, p.one, netif.SocketConfig{Interface: "ens33", IPv6: ipv6})
		in2 := inbox(s2)
		src, back, dst := addr1, addr2, netif.GroupIPv4
		data, answer := packet4(src, dst, 112, 255, 1), packet4(back, dst, 112, 255, 1)
		if ipv6 {
			src, back, dst = netip.MustParseAddr("fd00::7"), netip.MustParseAddr("fd00::10"), netif.GroupIPv6
			data = []byte{0x31, 1, 100, 0, 0, 100, 0, 0}
			answer = data
		}
		check(t, s1.Send(src, dst, data))
		next(t, in2)
		for range 30 { // more often than a socket may have memberships
			check(t, p.port2.Remove())
			if err := s2.Rebind(); !errors.Is(err, netif.ErrNoInterface) {
				t.Fatalf("Rebind without an interface: %v", err)
			}
			if err := s2.Send(back, dst, answer); !errors.Is(err, netif.ErrNoInterface) {
				t.Fatalf("Send without an interface: %v", err)
			}
			p.port2 = must[*lab.Port](t)(p.sw.Connect(p.two, "ens33", netip.MustParsePrefix("192.168.200.10/24"), netip.MustParsePrefix("fd00::10/64")))
			check(t, s2.Rebind())
			check(t, s2.Rebind())
		}
		check(t, s1.Send(src, dst, data))
		if d := next(t, in2); d.Src != src {
			t.Errorf("received from %v", d.Src)
		}
		in1 := inbox(s1)
		check(t, s2.Send(back, dst, answer))
		if d := next(t, in1); d.Src != back {
			t.Errorf("received from %v", d.Src)
		}
	}
}

// TestInterfaceAppearsLater opens a socket before its interface exists.
func TestInterfaceAppearsLater(t *testing.T) {
	p := newLAN(t)
	s2 := socket(t, p.two, netif.SocketConfig{Interface: "ens34"})
	s1 := socket(t, p.one, netif.SocketConfig{Interface: "ens33"})
	in2 := inbox(s2)
	// Not bound yet, and on the other interface: not heard.
	check(t, s1.Send(addr1, addr2, packet4(addr1, addr2, 112, 255, 1)))
	must[*lab.Port](t)(p.sw.Connect(p.two, "ens34", netip.MustParsePrefix("192.168.201.10/24")))
	check(t, s2.Rebind())
	check(t, s1.Send(addr1, netif.GroupIPv4, packet4(addr1, netif.GroupIPv4, 112, 255, 2)))
	if d := next(t, in2); vridOf(d, false) != 2 {
		t.Errorf("received %x", d.Data)
	}
}

// TestSendWithoutRoute sends on an interface that is down.
func TestSendWithoutRoute(t *testing.T) {
	p := newLAN(t)
	s := socket(t, p.one, netif.SocketConfig{Interface: "ens33"})
	check(t, p.port1.Down())
	begun := time.Now()
	err := s.Send(addr1, netif.GroupIPv4, packet4(addr1, netif.GroupIPv4, 112, 255, 1))
	if err == nil || time.Since(begun) > 10*time.Second {
		t.Errorf("Send on an interface that is down: %v after %v", err, time.Since(begun))
	}
	if c := s.Counters(); c.Failed != 1 || c.Sent != 0 {
		t.Errorf("counters %+v", c)
	}
}

// TestFullBuffer sends to a neighbour that does not answer, so that packets
// pile up, and expects refusals instead of a wait.
func TestFullBuffer(t *testing.T) {
	p := newLAN(t)
	check(t, p.one.Sysctl("net/ipv4/neigh/ens33/unres_qlen_bytes", "100000000"))
	s := socket(t, p.one, netif.SocketConfig{Interface: "ens33", Unicast: true})
	nobody := netip.MustParseAddr("192.168.200.99")
	var err error
	for range 100000 {
		if err = s.Send(addr1, nobody, packet4(addr1, nobody, 112, 255, 1)); err != nil {
			break
		}
	}
	if !errors.Is(err, netif.ErrFull) {
		t.Fatalf("error %v", err)
	}
	if c := s.Counters(); c.Full != 1 || c.Failed != 0 || c.Sent == 0 {
		t.Errorf("counters %+v", c)
	}
}
