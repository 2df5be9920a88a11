// Package listen is the sockets that a server listens on: of TCP, of UDP and of
// the unix domain. They outlive the configurations that ask for them.
package listen

import (
	"net/netip"
	"time"
)

// Address is where a socket listens: an IP address and port, or a unix socket.
type Address struct {
	IP   netip.AddrPort // zero for a unix socket
	Unix string         // path of a unix socket
	UDP  bool           // it takes datagrams, not connections
}

// String returns the address as nginx writes it: 0.0.0.0:80, [::]:80,
// unix:/run/a.sock.
func (a Address) String() string {
	if a.Unix != "" {
		return "unix:" + a.Unix
	}
	return a.IP.String()
}

// IsWildcard reports whether the address stands for every address of the host.
func (a Address) IsWildcard() bool { return a.Unix == "" && a.IP.Addr().IsUnspecified() }

// Options are what a listen directive says of the socket itself.
type Options struct {
	Backlog     int  // 0: the system's default of nginx, 511
	RcvBuf      int  // SO_RCVBUF in bytes, 0: the system's
	SndBuf      int  // SO_SNDBUF in bytes, 0: the system's
	FastOpen    int  // TCP_FASTOPEN queue, 0: off
	DeferAccept bool // deferred
	ReusePort   bool
	IPv6Only    bool // for IPv6: on unless ipv6only=off
	Bind        bool // bind an address of its own even beside a wildcard
	Multipath   bool // MPTCP
	KeepAlive   Keepalive
}

// Keepalive is so_keepalive: whether to probe idle connections, and how.
type Keepalive struct {
	Set, On     bool
	Idle, Intvl time.Duration // 0: the system's
	Count       int           // 0: the system's
}

// Port is a socket to listen on.
type Port struct {
	Addr    Address
	Options Options
}
