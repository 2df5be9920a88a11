package scenario_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"tandem/internal/lab/probe"
	"tandem/internal/scenario"
	"tandem/vrrp/netif"
	"tandem/vrrp/packet"
)

// stranger is a host that sends adverts of the seed's virtual router with
// priority 255.
type stranger struct {
	address netip.Addr
	socket  *netif.Socket
}

func newStranger(t *testing.T, p *scenario.Pair) *stranger {
	t.Helper()
	prefix := netip.MustParsePrefix("192.168.200.66/24")
	h, err := p.Lab.Host("stranger")
	check(t, err)
	_, err = p.Switch.Connect(h, "eth0", prefix)
	check(t, err)
	s := &stranger{address: prefix.Addr()}
	check(t, h.Do(func() (err error) {
		s.socket, err = netif.OpenSocket(netif.SocketConfig{Interface: "eth0"})
		return err
	}))
	t.Cleanup(func() { s.socket.Close() })
	return s
}

// send sends an advert: with changed settings, and then with changed bytes.
func (s *stranger) send(t *testing.T, settings func(*packet.Settings), bytes func([]byte) []byte) {
	t.Helper()
	set := packet.Settings{
		Version: packet.V2, Family: packet.IPv4, VRID: 51, Interval: time.Second,
		Addresses: []netip.Addr{vip}, Auth: packet.AuthPass, Key: [8]byte{'1', '1', '1', '1'},
	}
	if settings != nil {
		settings(&set)
	}
	codec, err := packet.NewCodec(set)
	check(t, err)
	codec.Begin(s.address, 255, time.Now())
	data := codec.Packet(netif.GroupIPv4)
	if bytes != nil {
		data = bytes(data)
	}
	check(t, s.socket.Send(s.address, netif.GroupIPv4, data))
}

// TestBadPackets sends adverts that would take the VIP away if they were
// right.
func TestBadPackets(t *testing.T) {
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, seed)
	one, two := p.Nodes[0], p.Nodes[1]
	observe(t, p, "start", started(one, two), one)
	s := newStranger(t, p)
	begun := time.Now()
	for _, c := range []struct {
		what     string
		settings func(*packet.Settings)
		bytes    func([]byte) []byte
		said     string
	}{
		{"TTL", func(s *packet.Settings) { s.TTL = 254 }, nil, "TTL 254, must be 255"},
		{"length", nil, func(b []byte) []byte { return b[:len(b)-8] }, "32 bytes, 1 addresses need 40"},
		// VRRPv3 has no password, so the length is wrong first, and that has
		// been told.
		{"version", nil, func(b []byte) []byte { b[20] = 0x31; return b }, "addresses need"},
		{"checksum", nil, func(b []byte) []byte { b[26] ^= 1; return b }, " is wrong"},
		{"password", func(s *packet.Settings) { s.Key[0] = '2' }, nil, "auth_pass differs from ours"},
		{"authentication type", func(s *packet.Settings) { s.Auth = packet.AuthNone }, nil, "auth_type none, ours PASS"},
		{"interval", func(s *packet.Settings) { s.Interval = 2 * time.Second }, nil, "interval"},
	} {
		// The first one is told; all of them have no effect.
		for range 3 {
			s.send(t, c.settings, c.bytes)
		}
		for _, n := range p.Nodes {
			if err := n.AwaitLog(within(t), "packet dropped, from 192.168.200.66"); err != nil {
				t.Errorf("%s: %v", c.what, err)
			}
			if err := n.AwaitLog(within(t), c.said); err != nil {
				t.Errorf("%s: %v", c.what, err)
			}
		}
	}
	// A second later still nobody has moved.
	seen := observe(t, p, "wrong adverts", func(ctx context.Context) error {
		_, err := p.Probe.Wait(ctx, time.Now().Add(time.Second), probe.Result.OK)
		return err
	}, one)
	atMost(t, "wrong adverts", seen, 500*time.Millisecond, 0)
	if spans := two.Holding.Spans(); len(spans) != 0 {
		t.Errorf("node 2 held the VIP: %v", spans)
	}
	if spans := one.Holding.Spans(); len(spans) != 1 || !spans[0].From.Before(begun) {
		t.Errorf("node 1 did not hold the VIP all the time: %v", spans)
	}
	// A right one has an effect, so the wrong ones would have had.
	s.send(t, nil, nil)
	check(t, one.Holding.Wait(within(t), false))
	check(t, p.Await(within(t), one))
}

// TestInterfaceAppearsLater starts a node before its interface exists, as
// happens at boot, and takes the interface away again later.
func TestInterfaceAppearsLater(t *testing.T) {
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, seed)
	one, two := p.Nodes[0], p.Nodes[1]
	check(t, one.Port.Remove())
	observe(t, p, "start", started(one, two), two)
	connect := func(context.Context) (err error) {
		one.Port, err = p.Switch.Connect(one.Host, p.Interface, one.Address)
		return err
	}
	seen := observe(t, p, "interface appears", connect, one)
	atMost(t, "interface appears", seen, time.Second, time.Second)
	shows(t, p, one)
	seen = observe(t, p, "interface goes", func(context.Context) error { return one.Port.Remove() }, two)
	atMost(t, "interface goes", seen, 5*time.Second, 0)
	seen = observe(t, p, "interface comes back", connect, one)
	atMost(t, "interface comes back", seen, time.Second, time.Second)
	shows(t, p, one)
}
