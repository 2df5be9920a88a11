package peerlink

import (
	"context"
	"net"
	"strconv"
)

// Transport carries the connections of links: TCP, or a network in memory.
type Transport interface {
	// Listen accepts connections on a port of all addresses.
	Listen(port uint16) (net.Listener, error)
	// Dial connects to an address with a port. The error is ECONNREFUSED,
	// wrapped, if the host is there and nobody listens.
	Dial(ctx context.Context, address string) (net.Conn, error)
}

// TCP is the Transport of the network namespace that the process is in.
type TCP struct{}

// Listen implements Transport.
func (TCP) Listen(port uint16) (net.Listener, error) {
	return net.Listen("tcp", ":"+strconv.Itoa(int(port)))
}

// Dial implements Transport.
func (TCP) Dial(ctx context.Context, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}
