package web

import (
	"context"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/listen"
)

// Generation is one configuration at work: its connections, from the first
// that it accepts to the last that ends. Reload starts a new one on the same
// sockets and retires the old.
type Generation struct {
	HTTP  *HTTP
	Own   *OwnConnections // may be nil
	Drain *Drain          // may be nil
	stats *Stats

	retired atomic.Bool
	next    *Generation // that has replaced it, or nil; set before retired
	mu      sync.Mutex
	conns   map[*Conn]struct{}
	empty   chan struct{} // closed when retired and without connections

	background sync.WaitGroup
	end        context.CancelFunc // of what runs in the background
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
	ctx, cancel := context.WithCancel(context.Background())
	g := &Generation{HTTP: h, stats: stats, conns: make(map[*Conn]struct{}), empty: make(chan struct{}), end: cancel}
	g.background.Go(func() { h.Run(ctx) })
	return g
}

func (g *Generation) add(c *Conn) bool {
	g.stats.conns.Add(1)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.conns[c] = struct{}{}
	return !g.retired.Load()
}

func (g *Generation) remove(c *Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, c)
	g.checkEmpty()
}

func (g *Generation) checkEmpty() {
	if g.retired.Load() && len(g.conns) == 0 {
		select {
		case <-g.empty:
		default:
			close(g.empty)
		}
	}
}

// draining reports whether connections are to end after their request.
func (g *Generation) draining() bool { return g.retired.Load() }

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
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.retired.Load() {
		return
	}
	g.next = next
	g.retired.Store(true)
	g.end()
	for c := range g.conns {
		c.interrupt()
	}
	g.checkEmpty()
	time.AfterFunc(silentGrace, g.closeSilent)
}

// closeSilent closes connections on which nothing has come.
func (g *Generation) closeSilent() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.conns {
		if c.silent.Load() {
			c.abort()
		}
	}
}

// Wait waits until a retired generation has no connection left and nothing of it
// runs in the background, or until the context ends, when connections that are
// left are closed as they are.
func (g *Generation) Wait(ctx context.Context) error {
	select {
	case <-g.empty:
		g.background.Wait()
		return nil
	case <-ctx.Done():
	}
	g.Abort()
	// Requests that have been cut off are still to be logged.
	select {
	case <-g.empty:
	case <-time.After(abortGrace):
	}
	return ctx.Err()
}

// abortGrace is how long connections that were cut may take to notice.
const abortGrace = time.Second

// Abort closes every connection as it is.
func (g *Generation) Abort() {
	g.end()
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.conns {
		c.abort()
	}
}

// Connections returns how many connections the generation has.
func (g *Generation) Connections() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns)
}

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
