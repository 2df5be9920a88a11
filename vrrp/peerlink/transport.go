package peerlink

import (
	"context"
	"net"
	"net/netip"
)

// Place is where a node listens for its followers, and connects from: the address
// that its adverts come from, on their interface.
type Place struct {
	Interface string // "": any, for unicast instances without an interface
	Addr      netip.Addr
	Port      uint16
}

// Hops says how far packets go, and from how far away those may come that are
// heeded.
type Hops struct {
	TTL int // of what is sent
	Min int // TTL of what is received; 0: any
	// Routed: the other side may be behind a router.
	Routed bool
}

// Transport carries the connections of links: TCP, or a network in memory.
type Transport interface {
	// Listen accepts connections at a place and nowhere else. What comes from
	// further away than h allows finds nobody there.
	Listen(p Place, h Hops) (Listener, error)
	// Dial connects from a place to the same port of another address. The error
	// is ECONNREFUSED, wrapped, if the host is there and nobody listens, and
	// ECONNRESET if somebody has accepted and closed at once.
	Dial(ctx context.Context, from Place, to netip.Addr, h Hops) (Conn, error)
}

// Listener accepts connections.
type Listener interface {
	// Accept waits for one. The error is net.ErrClosed, wrapped, after Close.
	Accept() (Conn, error)
	// Demand changes from how far away connections may come.
	Demand(Hops) error
	Close() error
}

// Conn is a connection.
type Conn interface {
	net.Conn
	// Local and Remote are the addresses of its ends, without zones.
	Local() netip.Addr
	Remote() netip.Addr
	// ArrivedWith returns the TTL or hop limit with which the first packet of an
	// accepted connection arrived; ok is false if that is not known.
	ArrivedWith() (ttl int, ok bool)
	// Bound changes how far the packets go and come from.
	Bound(Hops) error
	// Cut ends it at once, and leaves nothing of it.
	Cut()
}
