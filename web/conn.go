package web

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/flow"
	"tandem/session"
)

// Client is who sends requests, and how it is connected: what a request knows of
// its connection, whatever the protocol. The zero Client is nobody.
type Client struct {
	session.Client
	protocol *Protocol // nil: not known yet, or none
	secured  *secured  // nil without TLS
	arrivals *arrivals // where it is until it has arrived; nil: not asked for
	// abandoned: something has panicked, see Request.contained.
	abandoned atomic.Bool
}

// Conn is a client's connection. The protocol that is spoken on it has a Dialogue.
type Conn struct {
	Client
	// Flow is the bytes of the connection, without TLS. It is nil where the
	// protocol has no connection of that kind.
	Flow *flow.Conn

	port     *Port
	servers  *addrServers
	gen      *Generation
	requests int
	abrupt   bool        // it ends without a goodbye
	ended    bool        // end has been called
	expired  bool        // parkedUntil has passed
	silent   atomic.Bool // nothing has come from the client yet

	parkedUntil int64 // when it ends, by flow.Now, while it is parked

	mu       sync.Mutex
	dialogue Dialogue // nil as long as it is not known what the client speaks
}

var connectionNumber atomic.Uint64

// Serve answers the requests of a connection to p until either side ends it, or
// it is parked.
func (g *Generation) Serve(nc net.Conn, p *Port) { g.accept(nc, p).Run() }

// accept makes a connection of what has come to p; it is to be resumed.
func (g *Generation) accept(nc net.Conn, p *Port) *Conn {
	c := g.newConn(p, nc.LocalAddr(), nc.RemoteAddr())
	c.Socket, c.Flow = nc, flow.NewConn(nc)
	c.silent.Store(true)
	g.admit(c)
	c.CountWaiting(1)
	if c.arrivals = g.HTTP.arrivals; c.arrivals != nil {
		c.arrivals.add(c)
	}
	return c
}

// Connect notes a connection to p whose bytes are the concern of the protocol
// alone, such as one of QUIC. It is forgotten with Disconnect.
func (g *Generation) Connect(p *Port, local, peer net.Addr) *Conn {
	c := g.newConn(p, local, peer)
	g.admit(c)
	return c
}

// Disconnect forgets a connection of Connect.
func (c *Conn) Disconnect() { c.end() }

func (g *Generation) newConn(p *Port, local, peer net.Addr) *Conn {
	c := &Conn{port: p, servers: p.At(local), gen: g}
	c.Number, c.Start, c.Local = connectionNumber.Add(1), time.Now(), local
	c.SetPeer(peer)
	return c
}

// admit counts the connection. When the generation was retired meanwhile, the
// request, if one comes, is still answered, and then the connection closed.
func (g *Generation) admit(c *Conn) {
	if !g.add(c) {
		g.stats.late.Add(1)
	}
	g.stats.accepted.Add(1)
}

// waitFirst waits for what the client sends first. parked: it is no longer the
// goroutine's, and is woken for that.
func (c *Conn) waitFirst() (parked bool, err error) {
	if c.expired {
		return false, os.ErrDeadlineExceeded
	}
	wait := c.servers.Default.Core.Limits.HeaderTimeout
	if c.Parks(wait) {
		if err = c.Flow.WaitFirst(ParkAfter); err != os.ErrDeadlineExceeded {
			return false, err
		}
		if parking.add(c, wait, true) {
			return true, nil
		}
		wait -= ParkAfter
	}
	return false, c.Flow.WaitFirst(wait)
}

// prepare finds out what the client speaks, of which the first bytes have come,
// or could not be waited for; false ends the connection.
func (c *Conn) prepare(err error) bool {
	wait := c.servers.Default.Core.Limits.HeaderTimeout
	c.silent.Store(false)
	c.CountWaiting(-1)
	if err != nil && !c.gen.Own.has(c.Peer) {
		c.logNoRequest(err)
	}
	if c.Draining() {
		c.Move()
	}
	if err == nil && c.servers.ProxyProtocol {
		if !c.readProxyHeader() {
			return false
		}
		c.CountWaiting(1)
		err = c.Flow.Wait(wait)
		c.CountWaiting(-1)
	}
	if err == nil && c.servers.TLS {
		c.arrived() // a handshake takes as long as its client does
		if !c.secure() {
			return false
		}
		if !c.secured.plain {
			c.CountWaiting(1)
			err = c.Flow.WaitFirst(wait)
			c.CountWaiting(-1)
		}
	}
	if err != nil {
		return false
	}
	if c.protocol, err = c.findProtocol(); err != nil {
		return false
	}
	c.Use(c.protocol.Open(c))
	return true
}

// logNoRequest logs why a connection ends that has sent no request.
func (c *Conn) logNoRequest(err error) {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.logf(errLevelInfo, "client timed out (110: Connection timed out) while waiting for request, client: %s, server: %v", c.PeerText, c.Local)
	case errors.Is(err, io.EOF):
		c.logf(errLevelInfo, "client closed connection while waiting for request, client: %s, server: %v", c.PeerText, c.Local)
	}
}

// CountWaiting adds to the number of connections between two requests.
func (c *Conn) CountWaiting(n int64) { c.gen.stats.waiting.Add(n) }

// Use has the connection served by d.
func (c *Conn) Use(d Dialogue) {
	c.mu.Lock()
	c.dialogue = d
	c.mu.Unlock()
	if c.Draining() {
		d.Interrupt()
	}
}

// serve has the connection served until it ends or has nothing to do.
func (c *Conn) serve() {
	if c.dialogue == nil {
		parked, err := c.waitFirst()
		if parked {
			return
		}
		if !c.prepare(err) {
			c.end()
			return
		}
	}
	if c.dialogue.Serve() {
		c.end()
	}
}

// Wake goes on with a connection that has nobody to serve it: its Dialogue has
// returned false from Serve, or it is to have one now.
func (c *Conn) Wake() { connectionWorkers.Do(c) }

// end closes the connection, which is no longer counted when its client sees
// that, and forgets it.
func (c *Conn) end() {
	if c.ended {
		return // it has panicked in here
	}
	c.ended = true
	c.gen.stats.conns.Add(-1)
	c.arrived()
	if c.abrupt {
		// TLS is not to say goodbye, as in nginx: the client may take nothing.
		_ = c.Socket.Close()
	}
	if c.Flow != nil {
		c.Flow.Close()
	}
	c.gen.members.Remove(c)
	// Nobody interrupts it any more.
	if c.Flow != nil && !c.Abandoned() {
		c.Flow.Release()
	}
}

// abort has the connection end as it is.
func (c *Conn) abort() {
	if c.Socket != nil {
		_ = c.Socket.Close()
	}
	if s := c.current(); s != nil {
		s.Close()
	}
	parking.wake(c.Number)
}

// interrupt ends the wait for another request, and not that for the first.
func (c *Conn) interrupt() {
	if c.Flow != nil {
		c.Flow.Interrupt()
	}
	if s := c.current(); s != nil {
		s.Interrupt()
		parking.wake(c.Number)
	}
}

func (c *Conn) current() Dialogue {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dialogue
}

// Server returns the server that a request is for as long as its host is not
// known: the one that TLS was negotiated with, or the address's default.
func (c *Conn) Server() *Server {
	if c.secured != nil {
		return c.secured.server
	}
	return c.servers.Default
}

// Secure reports whether the connection is one for TLS.
func (c *Conn) Secure() bool { return c.secured != nil }

// Abandoned reports whether something has panicked that may still use what
// belongs to the connection: then nothing of it is to be used for another.
func (c *Conn) Abandoned() bool { return c.abandoned.Load() }

// Draining reports whether the configuration has been replaced, or the server is
// ending.
func (c *Conn) Draining() bool { return c.gen.draining() }

// Closing reports whether the client is to be told that the connection ends,
// because its generation is being retired, or its address handed over.
func (c *Conn) Closing() bool {
	return c.Draining() && !c.Movable() || c.gen.Drain.On() && c.gen.Drain.has(c.Local)
}

// Log returns the error log of what happens beside requests.
func (c *Conn) Log() *errorlog.Log {
	srv := c.Server()
	if own := srv.Location.Core.ErrorLog.V; own != nil {
		return own
	}
	return srv.HTTP.Log
}
