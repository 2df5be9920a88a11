package stream

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/listen"
)

// Generation is one configuration at work: its sessions, from the first to the
// last. A reload starts a new one on the same sockets and retires the old, whose
// sessions go on.
type Generation struct {
	Stream *Stream
	// Find returns who serves connections to an address, for pass; nil: nobody is
	// found.
	Find func(listen.Address) listen.Server

	retired  atomic.Bool
	mu       sync.Mutex
	sessions map[*Session]struct{}
	empty    chan struct{} // closed when retired and without sessions

	background sync.WaitGroup
	end        context.CancelFunc
}

// NewGeneration puts a configuration to work; nothing comes until its Servers are
// given the sockets.
func NewGeneration(st *Stream) *Generation {
	ctx, cancel := context.WithCancel(context.Background())
	g := &Generation{Stream: st, sessions: make(map[*Session]struct{}), empty: make(chan struct{}), end: cancel}
	g.background.Go(func() { st.Run(ctx) })
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
	p.gen.add(s)
	s.Notef(errorlog.Info, "client %s connected to %s", s.peerName(), p.name)
	go func() {
		s.serve()
		s.release()
	}()
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

func (g *Generation) add(s *Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sessions[s] = struct{}{}
}

func (g *Generation) remove(s *Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, s)
	g.checkEmpty()
}

func (g *Generation) checkEmpty() {
	if g.retired.Load() && len(g.sessions) == 0 {
		select {
		case <-g.empty:
		default:
			close(g.empty)
		}
	}
}

// Retire notes that no session will come any more; those that are there go on.
func (g *Generation) Retire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.retired.Store(true)
	g.end()
	g.checkEmpty()
}

// Wait waits until a retired generation has no session left and nothing of it runs
// in the background, or until the context ends, when sessions that are left are
// closed as they are.
func (g *Generation) Wait(ctx context.Context) error {
	select {
	case <-g.empty:
		g.background.Wait()
		return nil
	case <-ctx.Done():
	}
	g.Abort()
	// Sessions that have been cut off are still to be logged.
	select {
	case <-g.empty:
	case <-time.After(abortGrace):
	}
	return ctx.Err()
}

// abortGrace is how long sessions that were cut may take to notice.
const abortGrace = time.Second

// Abort ends every session as it is.
func (g *Generation) Abort() {
	g.end()
	g.each(func(*Session) bool { return true }, (*Session).abort)
}

// Cut ends the sessions with addresses that this host no longer has: nothing of
// them arrives here any more.
func (g *Generation) Cut(addrs []netip.Addr) {
	g.each(func(s *Session) bool { return s.isTo(addrs) }, (*Session).abort)
}

// each calls f for the sessions that are meant.
func (g *Generation) each(meant func(*Session) bool, f func(*Session)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for s := range g.sessions {
		if meant(s) {
			f(s)
		}
	}
}

// Sessions returns how many sessions the generation has.
func (g *Generation) Sessions() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.sessions)
}

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

// abort has the session end as it is: whoever waits for the client notices.
func (s *Session) abort() {
	if s.client.Socket != nil {
		_ = s.client.Socket.Close()
	}
	if s.Packets != nil {
		s.Packets.Close()
	}
}
