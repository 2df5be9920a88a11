package relay_test

import (
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"tandem/internal/relay"
	"tandem/internal/sock"
)

// told is a Receiver that passes on what it is told.
type told struct {
	got    chan string
	failed chan error
}

func (r told) Receive(b []byte) { r.got <- string(b) }
func (r told) Failed(err error) { r.failed <- err }

// A Peer sends several datagrams at once, and tells what comes; that nobody listens
// any more is told, too.
func TestPeer(t *testing.T) {
	back, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	fd, err := sock.Datagrams(back.LocalAddr().(*net.UDPAddr).AddrPort(), &sock.Options{})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := back.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	to := told{make(chan string, 100), make(chan error, 100)}
	p, err := relay.NewPeer(fd, to, relay.NewOutlet(raw, func(err error) { t.Error(err) }), false)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Begin(); err != nil {
		t.Fatal(err)
	}
	if err := p.Send([][]byte{[]byte("one"), []byte("two"), []byte("three")}); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	var from net.Addr
	for _, want := range []string{"one", "two", "three"} {
		n := 0
		if n, from, err = back.ReadFrom(buf); err != nil || string(buf[:n]) != want {
			t.Fatalf("%q, %v, want %q", buf[:n], err, want)
		}
		_, _ = back.WriteTo(buf[:n], from)
	}
	for _, want := range []string{"one", "two", "three"} {
		if got := <-to.got; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	p.Pause(true)
	_, _ = back.WriteTo([]byte("later"), from)
	p.Pause(false)
	if got := <-to.got; got != "later" {
		t.Errorf("%q", got)
	}
	back.Close()
	_ = p.Send([][]byte{[]byte("x")})
	select {
	case err := <-to.failed:
		if err.(interface{ Unwrap() error }).Unwrap() != syscall.ECONNREFUSED {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("nothing was told")
	}
}

// Many conversations share an Outlet, which sends from the address that is wanted.
func TestOutlet(t *testing.T) {
	c, err := net.ListenPacket("udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	o := relay.NewOutlet(raw, func(err error) { t.Error(err) })
	var clients []net.PacketConn
	from := netip.MustParseAddr("127.0.0.77")
	for range 100 { // more than are sent at once
		client, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		_ = client.SetDeadline(time.Now().Add(time.Minute))
		clients = append(clients, client)
		o.Add([]byte(client.LocalAddr().String()), client.LocalAddr().(*net.UDPAddr).AddrPort(), from)
	}
	o.Flush()
	buf := make([]byte, 100)
	for _, client := range clients {
		n, who, err := client.ReadFrom(buf)
		if err != nil || string(buf[:n]) != client.LocalAddr().String() || who.(*net.UDPAddr).AddrPort().Addr() != from {
			t.Errorf("%q from %v, %v", buf[:n], who, err)
		}
	}
}
