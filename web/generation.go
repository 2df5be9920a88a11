package web

import (
	"context"
	"net"
	"runtime"
	"sync/atomic"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/listen"
	"tandem/session"
)

// Generation is one configuration at work: its connections, from the first
// that it accepts to the last that ends. Reload starts a new one on the same
// sockets and retires the old.
type Generation struct {
	HTTP  *HTTP
	Own   *OwnConnections // may be nil
	Drain *Drain          // may be nil
	stats *Stats

	next    *Generation // that has replaced it, or nil; set before it is retired
	members session.Generation[*Conn]
}

// Stats are counters over all generations of a process, as stub_status shows
// them.
type Stats struct {
	accepted, requests atomic.Uint64
	active             atomic.Int64 // requests being answered
	reading            atomic.Int64 // requests whose head is being read
	waiting            atomic.Int64 // connections between requests
	conns              atomic.Int64
	late               atomic.Uint64
}

// Counts are the counters at one moment.
type Counts struct {
	Accepted, Requests uint64
	Active             int64 // requests being answered
	Reading            int64 // requests whose head is being read
	Waiting            int64 // connections between requests
	Connections        int64
}

// Counts returns the counters of all generations.
func (s *Stats) Counts() Counts {
	return Counts{
		Accepted: s.accepted.Load(), Requests: s.requests.Load(),
		Active: s.active.Load(), Reading: s.reading.Load(), Waiting: s.waiting.Load(), Connections: s.conns.Load(),
	}
}

// Counts returns the counters of the process; none before the configuration is at
// work.
func (r *Request) Counts() Counts {
	if s := r.stats(); s != nil {
		return s.Counts()
	}
	return Counts{}
}

func (r *Request) stats() *Stats { return r.Server.HTTP.stats }

// NewGeneration puts a configuration to work; it accepts nothing until its Servers
// are given the sockets.
func NewGeneration(h *HTTP, stats *Stats) *Generation {
	h.stats = stats
	g := &Generation{HTTP: h, stats: stats}
	g.members.Begin(h.Run)
	return g
}

func (g *Generation) add(c *Conn) bool {
	g.stats.conns.Add(1)
	return g.members.Add(c)
}

// draining reports whether connections are to end after their request.
func (g *Generation) draining() bool { return g.members.Retired() }

// silentGrace is how long a client that connected before the generation was
// retired may take for the first byte of its request. It is enough for a lost
// packet to be sent again; the client may also be out of reach, because the
// address that it connected to has moved to another node.
const silentGrace = time.Second

// Retire has idle connections end now and busy ones after their request. A
// client that has connected and sent nothing yet has a moment to do so. With
// next, connections to sockets that next has as well go on there, after the
// request that they have begun.
func (g *Generation) Retire(next *Generation) {
	if g.members.Retire(func() { g.next = next }, (*Conn).interrupt) {
		time.AfterFunc(silentGrace, g.closeSilent)
	}
}

// closeSilent closes connections on which nothing has come.
func (g *Generation) closeSilent() {
	g.members.Each(func(c *Conn) {
		if c.silent.Load() {
			c.abort()
		}
	})
}

// Wait waits until a retired generation has no connection left and nothing of it
// runs in the background, or until the context ends, when connections that are
// left are closed as they are.
func (g *Generation) Wait(ctx context.Context) error { return g.members.Wait(ctx, (*Conn).abort) }

// Abort closes every connection as it is.
func (g *Generation) Abort() { g.members.Abort((*Conn).abort) }

// Connections returns how many connections the generation has.
func (g *Generation) Connections() int { return g.members.Len() }

// Servers returns who serves the sockets of the configuration.
func (g *Generation) Servers() map[listen.Address]listen.Server {
	servers := make(map[listen.Address]listen.Server, len(g.HTTP.Ports))
	for _, p := range g.HTTP.Ports {
		servers[p.Addr] = portServer{g, p}
	}
	return servers
}

// portServer serves a port in a generation.
type portServer struct {
	gen  *Generation
	port *Port
}

// Accept implements listen.Server.
func (s portServer) Accept(nc net.Conn) {
	connectionWorkers.Do(s.gen.accept(nc, s.port))
	// The scheduler runs the newest goroutine first. Connections that came
	// together are to be served in their order: limits count them so.
	runtime.Gosched()
}

// Failed implements listen.Server.
func (s portServer) Failed(err error) {
	s.gen.HTTP.Log.Printf(errorlog.Alert, "accept() failed (%v)", err)
}
