package trap

import (
	"net/netip"
	"testing"
)

// What is told of virtual servers, with keepalived's variables in its order.
func TestVirtualServers(t *testing.T) {
	r := listen(t)
	s := New(func(text string) { t.Error(text) })
	defer s.Close()
	s.Quorum(VirtualServer{Mark: 3}, QuorumLost, 1) // nobody wants to know yet
	s.Configure(Config{Receivers: []Receiver{{r.LocalAddr().String(), "c"}}, RouterID: "R", Checkers: true})
	const head, base, router = "2c c\n.1.3.6.1.6.3.1.1.4.1.0 .1.3.6.1.4.1.9586.100.5.3.5.0.", "\n.1.3.6.1.4.1.9586.100.5.3.", "\n.1.3.6.1.4.1.9586.100.5.1.2.0 \"R\""
	s.RealServer(VirtualServer{Address: netip.MustParseAddrPort("192.0.2.1:80"), TCP: true, Up: 1, Total: 2}, netip.MustParseAddrPort("[2001:db8::5]:8080"), true)
	want := head + "1" + base + "4.1.3 2" + base + `4.1.4 " \x01\r\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05"` + base + "4.1.5 8080" + base + "4.1.6 1" +
		base + "3.1.2 2" + base + "3.1.5 1" + base + `3.1.6 "\xc0\x00\x02\x01"` + base + "3.1.7 80" + base + "3.1.8 1" + base + "3.1.21 1" + base + "3.1.20 2" + router
	if got := r.next(t); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	s.Quorum(VirtualServer{Mark: 3, Total: 2}, QuorumLost, 2)
	want = head + "2" + base + "3.1.2 1" + base + "3.1.4 3" + base + "3.1.8 2" + base + "3.1.23 2" + base + "3.1.22 2" + base + "3.1.21 0" + base + "3.1.20 2" + router
	if got := r.next(t); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	s.Quorum(VirtualServer{Group: "G", TCP: true}, QuorumStopping, 1)
	want = head + "2" + base + "3.1.2 3" + base + `3.1.3 "G"` + base + "3.1.8 1" + base + "3.1.23 3" + base + "3.1.22 1" + base + "3.1.21 0" + base + "3.1.20 0" + router
	if got := r.next(t); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
