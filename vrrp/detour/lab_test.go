package detour_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/vrrp/detour"
	"tandem/vrrp/netif"
)

func TestMain(m *testing.M) {
	lab.Main()
	os.Exit(m.Run())
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// owner is a host with a server that says who it is, and then sends back what
// it is sent.
type owner struct {
	*lab.Host
	listener *net.TCPListener
}

func newOwner(t *testing.T, l *lab.Lab, sw *lab.Switch, name, network string, addresses ...netip.Prefix) *owner {
	h, err := l.Host(name)
	check(t, err)
	o := &owner{Host: h}
	_, err = sw.Connect(h, "ens33", addresses...)
	check(t, err)
	listener, err := h.Listen(network, ":80")
	check(t, err)
	o.listener = listener.(*net.TCPListener)
	t.Cleanup(func() { o.listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				fmt.Fprintln(c, name)
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return o
}

// on runs f with the host's network.
func (o *owner) on(t *testing.T, f func() error) {
	t.Helper()
	check(t, o.Do(f))
}

// client is a connection and what it has read ahead.
type client struct {
	net.Conn
	*bufio.Reader
	server string
}

func (c *client) Read(b []byte) (int, error) { return c.Reader.Read(b) }

// dial connects to the address and learns who answers.
func dial(t *testing.T, h *lab.Host, vip netip.Addr) (*client, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 700*time.Millisecond)
	defer cancel()
	conn, err := h.DialContext(ctx, "tcp", netip.AddrPortFrom(vip, 80).String())
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	check(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	c := &client{Conn: conn, Reader: bufio.NewReader(conn)}
	c.server, err = c.ReadString('\n')
	return c, err
}

// echo sends so much that the kernels merge and split packets on the way.
func (c *client) echo(t *testing.T) {
	t.Helper()
	data := bytes.Repeat([]byte("0123456789abcdef"), 64<<10) // 1 MiB
	go func() { _, _ = c.Write(data) }()
	got := make([]byte, len(data))
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("from %s: %v", c.server, err)
	}
	if !bytes.Equal(got, data) {
		t.Errorf("from %s: other data came back", c.server)
	}
}

// prepare gives the next owner the address without anybody's noticing.
func prepare(t *testing.T, next *owner, vip netip.Prefix) {
	t.Helper()
	next.on(t, func() error {
		s, err := netif.Open()
		if err != nil {
			return err
		}
		t.Cleanup(func() { s.Close() })
		if err := s.SetARPSettings("ens33", netif.ARPSettings{}.Silent()); err != nil {
			return err
		}
		return s.Addresses().Set([]netif.Address{{Interface: "lo", Prefix: vip}}, netif.Forever)
	})
}

// TestDetour hands an address over between two hosts under a client's eyes.
func TestDetour(t *testing.T) {
	for _, c := range []struct{ name, network, own, next, client, vip string }{
		{"IPv4", "tcp4", "192.168.200.7/24", "192.168.200.10/24", "192.168.200.100/24", "192.168.200.254/32"},
		{"IPv6", "tcp6", "fd00::7/64", "fd00::10/64", "fd00::100/64", "fd00::254/128"},
		{"IPv4 on a socket for both", "tcp", "192.168.200.7/24", "192.168.200.10/24", "192.168.200.100/24", "192.168.200.254/32"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := lab.New(t)
			sw, err := l.Switch()
			check(t, err)
			vip := netip.MustParsePrefix(c.vip)
			old := newOwner(t, l, sw, "old", c.network, netip.MustParsePrefix(c.own), vip)
			next := newOwner(t, l, sw, "next", c.network, netip.MustParsePrefix(c.next))
			h, err := l.Host("client")
			check(t, err)
			_, err = sw.Connect(h, "eth0", netip.MustParsePrefix(c.client))
			check(t, err)
			var hardware net.HardwareAddr
			next.on(t, func() error {
				i, err := net.InterfaceByName("ens33")
				hardware = i.HardwareAddr
				return err
			})

			before, err := dial(t, h, vip.Addr())
			if err != nil {
				// The first question for a neighbour may find nobody ready.
				before, err = dial(t, h, vip.Addr())
			}
			check(t, err)
			if before.server != "old\n" {
				t.Fatalf("before: served by %s", before.server)
			}
			prepare(t, next, vip)
			raw, err := old.listener.SyscallConn()
			check(t, err)
			any := netip.IPv4Unspecified()
			if c.network != "tcp4" {
				any = netip.IPv6Unspecified()
			}
			listeners := []detour.Listener{{Addr: netip.AddrPortFrom(any, 80), Conn: raw}}
			var d *detour.Detour
			old.on(t, func() error {
				d, err = detour.Start(detour.Config{
					Interface: "ens33", Addresses: []netip.Addr{vip.Addr()}, To: hardware,
					Listeners: listeners,
				})
				return err
			})
			defer d.Close()
			left := func() (n int) {
				old.on(t, func() error {
					list, err := detour.Connections([]netip.Addr{vip.Addr()}, listeners)
					n = len(list)
					return err
				})
				return n
			}
			for range 5 {
				after, err := dial(t, h, vip.Addr())
				check(t, err)
				if after.server != "next\n" {
					t.Fatalf("after: served by %s", after.server)
				}
				after.echo(t)
			}
			// The host's own address is not concerned.
			own, err := dial(t, h, netip.MustParsePrefix(c.own).Addr())
			check(t, err)
			if own.server != "old\n" {
				t.Errorf("the old host's own address: served by %s", own.server)
			}
			// What was established goes on.
			before.echo(t)
			if n := left(); n != 1 {
				t.Errorf("%d connections left, want 1", n)
			}
			before.Conn.Close()
			for end := time.Now().Add(5 * time.Second); left() != 0; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%d connections left", left())
				}
			}
			if d.Forwarded() == 0 {
				t.Error("nothing was counted as sent on")
			}
			// Nobody has been told of the change: without the detour the old
			// host serves again.
			d.Close()
			again, err := dial(t, h, vip.Addr())
			check(t, err)
			if again.server != "old\n" {
				t.Errorf("again: served by %s", again.server)
			}
			// The listener is as exclusive as before.
			old.on(t, func() error {
				thief := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
					return raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, 15, 1) })
				}}
				second, err := thief.Listen(context.Background(), c.network, ":80")
				if err == nil {
					second.Close()
					return errors.New("a second listener could be opened")
				}
				return nil
			})
		})
	}
}

func TestNotEthernet(t *testing.T) {
	l := lab.New(t)
	h, err := l.Host("old")
	check(t, err)
	check(t, h.Do(func() error {
		_, err := detour.Start(detour.Config{Interface: "lo", To: make(net.HardwareAddr, 6)})
		if !errors.Is(err, detour.ErrNotEthernet) {
			// The loopback interface has a hardware address of zeros.
			return err
		}
		return nil
	}))
}
