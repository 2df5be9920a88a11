package session

import (
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"tandem/internal/proxyproto"
)

// Client is who is at the other end of a connection, and how it is connected. The
// zero Client is nobody.
type Client struct {
	Number    uint64             // serial number of the connection, $connection
	Start     time.Time          // when the connection was accepted
	Peer      netip.AddrPort     // zero for a unix socket
	PeerText  string             // Peer without its port, "unix:" for a unix socket
	Local     net.Addr           // what the client connected to; nil: nothing
	Socket    net.Conn           // as accepted, below TLS; nil: none of its own
	Proxied   *proxyproto.Header // what a PROXY header said; nil: there was none that told an address
	TLS       *Secured           // nil without TLS
	Datagrams bool               // it is a client of UDP
	Own       bool               // the connection is one of this process to itself

	real atomic.Pointer[realAddr]
}

// realAddr is an address that SetRemote was given, and its text.
type realAddr struct {
	addr netip.Addr
	text string
}

// SetPeer notes the address at the other end of the connection.
func (c *Client) SetPeer(addr net.Addr) {
	switch a := addr.(type) {
	case *net.TCPAddr:
		c.Peer = a.AddrPort()
	case *net.UDPAddr:
		c.Peer = a.AddrPort()
	default:
		c.PeerText = "unix:"
		return
	}
	c.PeerText = c.Peer.Addr().String()
}

// text returns an address that is not that of the connection in text. It serves
// the connection's other sessions too, which mostly are of the same client.
func (c *Client) text(addr netip.Addr) string {
	real := c.real.Load()
	if real == nil || real.addr != addr {
		real = &realAddr{addr, addr.String()}
		c.real.Store(real)
	}
	return real.text
}

// Client returns who the session is for.
func (s *Session) Client() *Client { return s.client }

// RemoteAddr returns the client's address: the connection's, or what the realip
// module made of it.
func (s *Session) RemoteAddr() netip.AddrPort { return s.main.remote }

// RemoteText returns the client's address in text, "unix:" for a unix socket.
func (s *Session) RemoteText() string { return s.main.remoteText }

// SetRemote changes the client's address for this session.
func (s *Session) SetRemote(addr netip.AddrPort) {
	s.main.remote, s.main.remoteText, s.main.remoteChanged = addr, s.client.text(addr.Addr()), true
}

// RemoteChanged reports whether SetRemote has been called in this session.
func (s *Session) RemoteChanged() bool { return s.main.remoteChanged }

// PeerAddr returns the address at the other end of the connection, which
// SetRemote does not change.
func (s *Session) PeerAddr() netip.AddrPort { return s.client.Peer }

// PeerText returns it in text, "unix:" for a unix socket.
func (s *Session) PeerText() string { return s.client.PeerText }

// LocalAddr returns the address the client connected to, nil for a session that
// is no client's.
func (s *Session) LocalAddr() net.Addr { return s.client.Local }

// LocalPort returns the port the client connected to, 0 for a unix socket.
func (s *Session) LocalPort() uint16 {
	switch a := s.client.Local.(type) {
	case *net.TCPAddr:
		return uint16(a.Port)
	case *net.UDPAddr:
		return uint16(a.Port)
	}
	return 0
}

// AppendLocalAddr appends the address the client connected to, without its port.
func (s *Session) AppendLocalAddr(dst []byte) []byte {
	switch a := s.client.Local.(type) {
	case *net.TCPAddr:
		return appendIP(dst, a.IP)
	case *net.UDPAddr:
		return appendIP(dst, a.IP)
	case *net.UnixAddr:
		return append(append(dst, "unix:"...), a.Name...)
	}
	return dst
}

func appendIP(dst []byte, ip net.IP) []byte {
	if addr, ok := netip.AddrFromSlice(ip); ok {
		return addr.AppendTo(dst)
	}
	return dst
}

// ProxyHeader returns what the PROXY header of the connection said, nil if
// there was none that told an address.
func (s *Session) ProxyHeader() *proxyproto.Header { return s.client.Proxied }

// IsOwn reports whether the session is one of the process with itself: limits do
// not concern it.
func (s *Session) IsOwn() bool { return s.client.Own }
