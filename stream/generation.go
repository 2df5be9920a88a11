package stream

import (
	"context"
	"net"
	"net/netip"
	"slices"

	"tandem/internal/errorlog"
	"tandem/internal/listen"
	"tandem/session"
)

// Generation is one configuration at work: its sessions, from the first to the
// last. A reload starts a new one on the same sockets and retires the old, whose
// sessions go on.
type Generation struct {
	Stream *Stream
	// Find returns who serves connections to an address, for pass; nil: nobody is
	// found.
	Find func(listen.Address) listen.Server

	members session.Generation[*Session]
}

// NewGeneration puts a configuration to work; nothing comes until its Servers are
// given the sockets.
func NewGeneration(st *Stream) *Generation {
	g := &Generation{Stream: st}
	g.members.Begin(st.Run)
	return g
}

// Servers returns who serves the sockets of the configuration.
func (g *Generation) Servers() map[listen.Address]listen.Server {
	servers := make(map[listen.Address]listen.Server, len(g.Stream.Ports))
	for _, p := range g.Stream.Ports {
		servers[p.Addr] = &port{p, g, p.Addr.String()}
	}
	return servers
}

// port is a port of a generation.
type port struct {
	*Port
	gen  *Generation
	name string // as the log has it
}

// Accept implements listen.Server.
func (p *port) Accept(nc net.Conn) { p.accept(nc, 0) }

// accept takes a connection that has been passed on so often.
func (p *port) accept(nc net.Conn, passes int) {
	s := newSession(p, nc.LocalAddr(), nc.RemoteAddr())
	s.Conn, s.client.Socket, s.passes = nc, nc, passes
	p.gen.members.Add(s)
	s.Notef(errorlog.Info, "client %s connected to %s", s.peerName(), p.name)
	s.arrive()
	sessionWorkers.Do(s)
}

// Failed implements listen.Server.
func (p *port) Failed(err error) {
	p.gen.Stream.Log.Printf(errorlog.Alert, "accept() failed (%v)", err)
}

// peerName is the client's address with its port, as messages of the log have it.
func (s *Session) peerName() string {
	if s.client.Peer.IsValid() {
		return s.client.Peer.String()
	}
	return s.client.PeerText
}

// Retire notes that no session will come any more; those that are there go on.
func (g *Generation) Retire() { g.members.Retire(func() {}, func(*Session) {}) }

// Wait waits until a retired generation has no session left and nothing of it runs
// in the background, or until the context ends, when sessions that are left are
// closed as they are.
func (g *Generation) Wait(ctx context.Context) error { return g.members.Wait(ctx, (*Session).abort) }

// Abort ends every session as it is.
func (g *Generation) Abort() { g.members.Abort((*Session).abort) }

// Cut resets the sessions with addresses that this host no longer has: nothing of
// them arrives here any more, and back ends are not to wait for them.
func (g *Generation) Cut(addrs []netip.Addr) {
	g.members.Each(func(s *Session) {
		if s.isTo(addrs) {
			s.interrupt(true)
		}
	})
}

// Sessions returns how many sessions the generation has.
func (g *Generation) Sessions() int { return g.members.Len() }

// isTo reports whether the client has come to one of the addresses.
func (s *Session) isTo(addrs []netip.Addr) bool {
	var ip netip.Addr
	switch a := s.client.Local.(type) {
	case *net.TCPAddr:
		ip = a.AddrPort().Addr()
	case *net.UDPAddr:
		ip = a.AddrPort().Addr()
	}
	return slices.Contains(addrs, ip.Unmap().WithZone(""))
}

// abort has the session end as it is.
func (s *Session) abort() { s.interrupt(false) }

// interrupt has the session end as it is: whoever waits for the client notices.
// reset: the client's connection is reset.
func (s *Session) interrupt(reset bool) {
	s.carried.mu.Lock()
	r := s.carried.relay
	s.carried.aborted, s.carried.reset = true, reset
	s.carried.mu.Unlock()
	if r != nil {
		stop(r, reset)
	}
	if s.client.Socket != nil {
		if c, ok := s.client.Socket.(*net.TCPConn); ok && reset {
			_ = c.SetLinger(0) // it fails on one that is closed
		}
		_ = s.client.Socket.Close()
	}
	if s.Packets != nil {
		s.Packets.Close()
	}
}
