package failovertest

import (
	"context"
	"net"
	"net/netip"

	"tandem/vrrp/peerlink"
	"tandem/vrrp/vrrptest"
)

// transport is a host's peerlink.Transport: everybody on the LAN is as near as
// VRRP is heard, and a host has one address.
type transport struct{ host *vrrptest.Host }

// Listen implements peerlink.Transport.
func (t transport) Listen(p peerlink.Place, _ peerlink.Hops) (peerlink.Listener, error) {
	l, err := t.host.Listen(p.Port)
	if err != nil {
		return nil, err
	}
	return listener{l}, nil
}

// Dial implements peerlink.Transport.
func (t transport) Dial(ctx context.Context, from peerlink.Place, to netip.Addr, _ peerlink.Hops) (peerlink.Conn, error) {
	c, err := t.host.Dial(ctx, netip.AddrPortFrom(to, from.Port).String())
	if err != nil {
		return nil, err
	}
	return conn{c}, nil
}

// listener is a peerlink.Listener.
type listener struct{ net.Listener }

// Accept implements peerlink.Listener.
func (l listener) Accept() (peerlink.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return conn{c}, nil
}

// Demand implements peerlink.Listener.
func (l listener) Demand(peerlink.Hops) error { return nil }

// conn is a peerlink.Conn.
type conn struct{ net.Conn }

// Local implements peerlink.Conn.
func (c conn) Local() netip.Addr { return address(c.LocalAddr()) }

// Remote implements peerlink.Conn.
func (c conn) Remote() netip.Addr { return address(c.RemoteAddr()) }

func address(a net.Addr) netip.Addr { return a.(*net.TCPAddr).AddrPort().Addr() }

// ArrivedWith implements peerlink.Conn.
func (conn) ArrivedWith() (ttl int, ok bool) { return 255, true }

// Bound implements peerlink.Conn.
func (conn) Bound(peerlink.Hops) error { return nil }

// Cut implements peerlink.Conn.
func (c conn) Cut() { _ = c.Close() }
