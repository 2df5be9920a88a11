package exchange

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tandem/proxy/upstream"
	"tandem/web/http1"
)

// Conn is a connection to a back end. It is used by one exchange at a time and
// may be idle in a pool in between.
type Conn struct {
	*http1.Conn
	net      net.Conn
	tls      *tls.Conn // nil without TLS
	idle     upstream.Idle
	poolable bool
	requests int
	began    time.Time
	sentBase int64 // bytes sent for earlier requests
	closed   atomic.Bool
}

func newConn(nc net.Conn, now time.Time) *Conn {
	return &Conn{Conn: http1.NewConn(nc), net: nc, began: now}
}

// Close closes the connection and gives up its buffers.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	err := c.Conn.Close()
	c.Release()
	return err
}

// Quiet reports whether nothing has been received.
func (c *Conn) Quiet() bool { return !c.Ready() }

// Watch and Unwatch are upstream.Link's.
func (c *Conn) Watch(gone func()) { c.WatchClose(gone) }

// Unwatch ends Watch.
func (c *Conn) Unwatch() { c.StopWatch() }

// sent returns the bytes sent for the present request.
func (c *Conn) sent() int64 { return c.Sent() - c.sentBase }

// dial connects to a peer.
func dial(ctx context.Context, addr upstream.Addr, c *Settings, b *bind, local netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Timeout: c.ConnectTimeout.V, KeepAlive: -1}
	if c.SocketKeepalive.V {
		d.KeepAlive = 0
		d.KeepAliveConfig = net.KeepAliveConfig{Enable: true, Idle: -1, Interval: -1, Count: -1}
	}
	options := c.SocketRcvbuf.V > 0 || c.SocketSndbuf.V > 0 || b != nil && b.transparent
	if local.IsValid() && addr.Network == "tcp" {
		d.LocalAddr = net.TCPAddrFromAddrPort(local)
		options = true
	}
	if options {
		d.Control = func(_, _ string, raw syscall.RawConn) error { return socketOptions(raw, c, b, local) }
	}
	nc, err := d.DialContext(ctx, addr.Network, addr.Text)
	return nc, err
}

// socketOptions sets what must be set before connecting.
func socketOptions(raw syscall.RawConn, c *Settings, b *bind, local netip.AddrPort) error {
	var err error
	set := func(fd, level, option, value int) {
		if e := unix.SetsockoptInt(fd, level, option, value); e != nil && err == nil {
			err = os.NewSyscallError("setsockopt", e)
		}
	}
	controlErr := raw.Control(func(p uintptr) {
		fd := int(p)
		if n := c.SocketRcvbuf.V; n > 0 {
			set(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, int(n))
		}
		if n := c.SocketSndbuf.V; n > 0 {
			set(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, int(n))
		}
		if b != nil && b.transparent {
			if local.Addr().Is6() {
				set(fd, unix.SOL_IPV6, unix.IPV6_TRANSPARENT, 1)
			} else {
				set(fd, unix.SOL_IP, unix.IP_TRANSPARENT, 1)
			}
		}
		if local.IsValid() && local.Port() == 0 {
			// Ports are then chosen at connect, when the pair of addresses
			// is known, and the same one may serve many peers.
			_ = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		}
	})
	if err == nil {
		err = controlErr
	}
	return err
}
