package exchange

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"

	"tandem/internal/flow"
	"tandem/internal/sock"
	"tandem/proxy/upstream"
)

// Conn is a connection to a back end. It is used by one exchange at a time and
// may be idle in a pool in between.
type Conn struct {
	*flow.Conn
	net      *sock.Conn
	tls      *tls.Conn // nil without TLS
	idle     upstream.Idle
	poolable bool
	requests int
	began    time.Time
	sentBase int64 // bytes sent for earlier requests
	closed   atomic.Bool
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

// setNoDelay has small packets to the back end sent at once, unless tcp_nodelay
// is off.
func (x *Exchange) setNoDelay(s *sock.Conn) {
	if x.Request.Core.TCPNodelay.V {
		s.SetNoDelay()
	}
}

// dial connects to a peer. The client's leaving ends it.
func (x *Exchange) dial(addr upstream.Addr) (*sock.Conn, error) {
	c, b := x.Settings, x.Settings.Bind.V
	o := sock.Options{
		Local: b.Local(x.Request), Transparent: b.Transparent(),
		Rcvbuf: int(c.SocketRcvbuf.V), Sndbuf: int(c.SocketSndbuf.V), KeepAlive: c.SocketKeepalive.V,
		SpeaksFirst: !x.Instant,
	}
	if addr.Network == "unix" {
		return sock.DialUnix(addr.Text, &o)
	}
	s, connected, err := sock.Dial(addr.IP, &o)
	if err != nil || connected {
		return s, err
	}
	x.setLive(s)
	if x.clientGone.Load() || x.context().Err() != nil {
		err = net.ErrClosed
	} else {
		err = s.Connected(c.ConnectTimeout.V)
	}
	x.setLive(nil)
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}
