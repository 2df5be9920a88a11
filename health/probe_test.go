package health

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/sock"
)

// fullListener returns the address of a listener whose queue is full and that
// accepts nobody: no more connections come to stand.
func fullListener(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	loopback := [4]byte{127, 0, 0, 1}
	if err = unix.Bind(fd, &unix.SockaddrInet4{Addr: loopback}); err != nil {
		t.Fatal(err)
	}
	if err = unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.AddrPortFrom(netip.AddrFrom4(loopback), uint16(name.(*unix.SockaddrInet4).Port))
	for range 10 {
		c, connected, err := sock.Dial(addr, &sock.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if !connected {
			return addr
		}
	}
	t.Fatal("the queue does not fill up")
	return addr
}

// A listener that nobody accepts at any more fails the probe in its time, and
// whoever ends the probe does not wait for that.
func TestOnceQueueFull(t *testing.T) {
	p := &Probe{Addr: fullListener(t), Path: "/", Good: good, Timeout: 50 * time.Millisecond}
	if _, err := p.Once(context.Background()); err == nil || err.Error() != "no connection to "+p.Addr.String()+": timed out" {
		t.Errorf("queue full: %v", err)
	}
	p.Timeout = time.Hour
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := p.Once(ctx); err == nil || !strings.HasPrefix(err.Error(), "no connection to ") {
		t.Errorf("ended: %v", err)
	}
}

// Whoever ends the probe does not wait for an answer, either.
func TestOnceEnded(t *testing.T) {
	s := startServer(t, "hang")
	ctx, cancel := context.WithCancel(context.Background())
	p := &Probe{Addr: s.addr, Path: "/", Good: good, Timeout: time.Hour}
	p.Announce = func(_ netip.AddrPort, done bool) {
		if !done {
			cancel()
		}
	}
	if _, err := p.Once(ctx); err == nil || !strings.HasPrefix(err.Error(), "no answer from ") {
		t.Errorf("ended: %v", err)
	}
}

// The server gets to see the connection together with the request, so that it
// need not wait for that: not before, when the probe has yet to speak. The kernel
// waits for it no longer than 40 ms, which a busy machine may exceed now and then.
func TestOnceSpeaksFirst(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 10 {
		waiting := 0
		p := &Probe{Addr: netip.MustParseAddrPort(l.Addr().String()), Path: "/", Good: good, Timeout: 10 * time.Millisecond}
		p.Announce = func(_ netip.AddrPort, done bool) {
			if !done {
				waiting = queued(t, l)
			}
		}
		_, _ = p.Once(context.Background()) // nobody answers
		if queued(t, l) != 1 {
			t.Fatal("no connection has come")
		}
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		if waiting == 0 {
			return
		}
	}
	t.Error("the connection can be accepted before the request has been sent")
}

// queued returns 1 when a connection waits for being accepted, 0 when none does.
func queued(t *testing.T, l net.Listener) (n int) {
	t.Helper()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0) })
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}
