package datagram

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// socket returns a socket of UDP, its descriptor and its address.
func socket(t *testing.T, network, addr string) (c *net.UDPConn, fd int) {
	t.Helper()
	p, err := net.ListenPacket(network, addr)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { p.Close() })
	c = p.(*net.UDPConn)
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(f uintptr) { fd = int(f) })
	return c, fd
}

func addrOfConn(c *net.UDPConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

// await waits until a socket has something.
func await(t *testing.T, fd int) {
	t.Helper()
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(p, 60000)
		if err == unix.EINTR {
			continue
		}
		if n != 1 || err != nil {
			t.Fatal("nothing comes", err)
		}
		return
	}
}

// Datagrams of all sizes arrive as they were sent, in order, from the address that
// was wanted, to sockets that have them joined and to those that do not.
func TestSendReceive(t *testing.T) {
	for _, network := range []string{"udp4", "udp6"} {
		for _, join := range []bool{false, true} {
			t.Run(fmt.Sprint(network, join), func(t *testing.T) {
				host, from := "127.0.0.1:0", netip.MustParseAddr("127.0.0.9")
				if network == "udp6" {
					host, from = "[::1]:0", netip.MustParseAddr("::1")
				}
				sender, out := socket(t, network, host[:len(host)-1]+"0")
				if network == "udp4" {
					sender, out = socket(t, network, "0.0.0.0:0")
				}
				receiver, in := socket(t, network, host)
				if join {
					Join(in)
				}
				if network == "udp4" {
					_ = unix.SetsockoptInt(in, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
				} else {
					_ = unix.SetsockoptInt(in, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
				}
				var s Sender
				var want [][]byte
				for i, size := range []int{100, 100, 100, 100, 50, 100, 100, 0, 1, 1200, 1200, 7, 3000, 3000, 9000} {
					b := bytes.Repeat([]byte{byte(i + 1)}, size)
					want = append(want, b)
					s.Add(b, addrOfConn(receiver), from)
				}
				if err := s.Flush(out); err != nil {
					t.Fatal(err)
				}
				if s.Len() != 0 {
					t.Error("something waits still")
				}
				r := NewReader(8)
				for got := 0; got < len(want); {
					await(t, in)
					r.Reset()
					if n, err := r.Receive(in, 8); err != nil || n == 0 {
						t.Fatal(n, err)
					}
					for d, ok := r.Next(); ok; d, ok = r.Next() {
						if !bytes.Equal(d.Data, want[got]) {
							t.Fatalf("datagram %d has %d bytes, want %d", got, len(d.Data), len(want[got]))
						}
						if d.From != netip.AddrPortFrom(from, addrOfConn(sender).Port()) || d.Local != addrOfConn(receiver).Addr() {
							t.Errorf("from %v to %v", d.From, d.Local)
						}
						got++
					}
				}
			})
		}
	}
}

// A datagram that cannot be sent keeps none of the others back.
func TestOneFails(t *testing.T) {
	_, out := socket(t, "udp4", "127.0.0.1:0")
	receiver, in := socket(t, "udp4", "127.0.0.1:0")
	var s Sender
	to := addrOfConn(receiver)
	s.Add([]byte("one"), to, netip.Addr{})
	s.Add(make([]byte, 65530), to, netip.Addr{})
	s.Add([]byte("two"), to, netip.Addr{})
	if err := s.Flush(out); err == nil {
		t.Error("a datagram that is too long is no error")
	}
	r := NewReader(4)
	var got []string
	for len(got) < 2 {
		await(t, in)
		r.Reset()
		if _, err := r.Receive(in, 4); err != nil {
			t.Fatal(err)
		}
		for d, ok := r.Next(); ok; d, ok = r.Next() {
			got = append(got, string(d.Data))
		}
	}
	if fmt.Sprint(got) != "[one two]" {
		t.Error(got)
	}
}

// Through a socket that is connected to nobody an error comes back.
func TestRefused(t *testing.T) {
	c, err := net.Dial("udp4", "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, _ := c.(*net.UDPConn).SyscallConn()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		var err error
		_ = raw.Control(func(fd uintptr) { err = Send(int(fd), [][]byte{[]byte("x"), []byte("y")}) })
		if err != nil {
			if err.(interface{ Unwrap() error }).Unwrap() != syscall.ECONNREFUSED {
				t.Error(err)
			}
			return
		}
	}
	t.Error("no error has come back")
}
