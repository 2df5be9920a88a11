package sock

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listen listens at an address and sends back what comes.
func listen(t *testing.T, network, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l
}

func addrPort(a net.Addr) netip.AddrPort { return a.(*net.TCPAddr).AddrPort() }

// dial is Dial and Connected.
func dial(to netip.AddrPort, o Options) (*Conn, error) {
	c, connected, err := Dial(to, &o)
	if err != nil || connected {
		return c, err
	}
	if err = c.Connected(10 * time.Second); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// echo sends something and wants it back, as often as it is told.
func echo(t *testing.T, c *Conn, times int) {
	t.Helper()
	var got [5]byte
	for range times {
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, got[:]); err != nil || string(got[:]) != "hello" {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

func TestDial(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		l := listen(t, "tcp", addr)
		to := addrPort(l.Addr())
		for name, o := range map[string]Options{
			"plain":        {},
			"speaks first": {SpeaksFirst: true},
			"bound":        {Local: netip.AddrPortFrom(to.Addr(), 0)},
			"transparent":  {Local: netip.AddrPortFrom(to.Addr(), 0), Transparent: true},
			"all":          {Rcvbuf: 8192, Sndbuf: 8192, KeepAlive: true, SpeaksFirst: true},
		} {
			t.Run(addr+" "+name, func(t *testing.T) {
				if o.Transparent && os.Geteuid() != 0 {
					t.Skip("needs CAP_NET_ADMIN")
				}
				c, err := dial(to, o)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				c.SetNoDelay()
				echo(t, c, 3)
				if got := addrPort(c.RemoteAddr()); got != to {
					t.Errorf("remote address %v, want %v", got, to)
				}
				if got := addrPort(c.LocalAddr()); got.Addr() != to.Addr() || got == to {
					t.Errorf("local address %v", got)
				}
			})
		}
	}
}

func TestOptions(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	c, err := dial(addrPort(l.Addr()), Options{Rcvbuf: 10000, Sndbuf: 20000, KeepAlive: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetNoDelay()
	raw, _ := c.SyscallConn()
	// The kernel doubles sizes, see socket(7).
	for _, want := range []struct{ level, option, value int }{
		{unix.SOL_SOCKET, unix.SO_RCVBUF, 20000}, {unix.SOL_SOCKET, unix.SO_SNDBUF, 40000},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1}, {unix.SOL_TCP, unix.TCP_NODELAY, 1},
	} {
		err := raw.Control(func(fd uintptr) {
			if got, err := unix.GetsockoptInt(int(fd), want.level, want.option); err != nil || got != want.value {
				t.Errorf("option %d of level %d is %d, %v, want %d", want.option, want.level, got, err, want.value)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestDialUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if _, err := DialUnix(path, new(Options)); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("without a socket: %v", err)
	}
	listen(t, "unix", path)
	c, err := DialUnix(path, &Options{SpeaksFirst: true, KeepAlive: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	echo(t, c, 3)
	if got := c.RemoteAddr().String(); got != path {
		t.Errorf("remote address %q", got)
	}
}

// A port that nobody listens at refuses, even when the kernel has chosen that
// very port for the connecting side.
func TestRefused(t *testing.T) {
	// An address that no other process takes a port of.
	l, err := net.Listen("tcp", fmt.Sprintf("127.100.%d.%d:0", os.Getpid()>>8&255, os.Getpid()&255))
	if err != nil {
		t.Fatal(err)
	}
	to := addrPort(l.Addr())
	l.Close()
	for name, o := range map[string]Options{"": {}, "self": {Local: to}} {
		if c, err := dial(to, o); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	other := netip.MustParseAddrPort("[::1]:0")
	if _, err := dial(to, Options{Local: other}); !errors.Is(err, syscall.EAFNOSUPPORT) {
		t.Errorf("from an address of another family: %v", err)
	}
}

// full listens at an address that answers nobody any more, because as many as
// may wait for being accepted do.
func full(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(sa.(*unix.SockaddrInet4).Port))
	for range 16 {
		c, connected, err := Dial(to, new(Options))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if !connected {
			return to
		}
	}
	t.Fatal("the listener takes everybody")
	return to
}

func TestConnectedTimeout(t *testing.T) {
	to := full(t)
	c, connected, err := Dial(to, new(Options))
	if err != nil || connected {
		t.Fatal(connected, err)
	}
	defer c.Close()
	if err := c.Connected(20 * time.Millisecond); err != os.ErrDeadlineExceeded {
		t.Errorf("Connected: %v", err)
	}
}

func TestConnectedClosed(t *testing.T) {
	to := full(t)
	c, _, err := Dial(to, new(Options))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- c.Connected(0) }()
	c.Close()
	if err := <-done; err != net.ErrClosed {
		t.Errorf("Connected: %v", err)
	}
	if err := c.Connected(time.Second); err != net.ErrClosed {
		t.Errorf("Connected when closed: %v", err)
	}
}

// What fails, fails as package net has it: crypto/tls goes on after a time-out
// only then.
func TestErrors(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	c, err := dial(addrPort(l.Addr()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	var one [1]byte
	_, err = c.Read(one[:])
	var timeout interface {
		Timeout() bool
		Temporary() bool
	}
	if !errors.As(err, &timeout) || !timeout.Timeout() || !timeout.Temporary() || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read past the deadline: %v", err)
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	echo(t, c, 1)
	raw, _ := c.SyscallConn()
	if err := raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_WR) }); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(one[:]); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("Write after the end: %v", err)
	}
	if _, err := c.Read(one[:]); err != io.EOF {
		t.Errorf("Read at the end: %v", err)
	}
	waiting := make(chan error)
	other, err := dial(addrPort(l.Addr()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		raw, _ := other.SyscallConn()
		waiting <- raw.Read(func(uintptr) bool { return false })
	}()
	other.Close()
	if err := <-waiting; err != net.ErrClosed {
		t.Errorf("waiting when closed: %v", err)
	}
	c.Close()
	if _, err := c.Read(one[:]); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read when closed: %v", err)
	}
	if c.LocalAddr() != nil {
		t.Error("there is an address when closed")
	}
}
