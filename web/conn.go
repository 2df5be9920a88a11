package web

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"tandem/internal/flow"
	"tandem/internal/proxyproto"
	"tandem/web/http1"
	"tandem/web/message"
)

// conn is one client connection over HTTP/1.
type conn struct {
	net              net.Conn
	flow             *flow.Conn
	wire             *http1.Conn
	port             *Port
	servers          *addrServers
	gen              *Generation
	number           uint64
	start            time.Time
	requests         int
	peer             netip.AddrPort // zero for a unix socket
	peerText         string
	real             netip.Addr // what SetRemote was given last
	realText         string
	proxied          *proxyproto.Header // what a PROXY header said, nil without
	scheme           string
	secured          *secured // nil without TLS
	pipelined        bool
	own              bool          // made by this process itself
	broken           bool          // nothing more is to be read or written
	timedOut         bool          // the client was too slow, see Request.timedOut
	delays           bool          // small packets wait; see setNoDelay
	silent           atomic.Bool   // nothing has come from the client yet
	keepaliveTimeout time.Duration // of the last request's location
	keepUntil        time.Time     // when its keepalive_min_timeout has passed
	parkedUntil      time.Time     // when it ends, while it is parked
	req              *Request      // while one is answered
	stage            stage
	ended            bool // end has been called
	abandoned        bool // something has panicked, see leave
	space            *workspace
}

// yieldsOf: of so many requests, a connection lets all but the last be followed
// by the others that have something to do, before it looks for its next one. By
// then that has come, as a rule, when there is much to do: so it costs neither a
// read that finds nothing nor a wait. After the last it looks at once and waits,
// so that the scheduler gets to ask which other connections have become ready.
const yieldsOf = 4

var connectionNumber atomic.Uint64

// Serve answers the requests of a connection to p until either side ends it.
func (g *Generation) Serve(nc net.Conn, p *Port) {
	c := &conn{net: nc, port: p, servers: p.servers(nc.LocalAddr()), gen: g, start: time.Now(), number: connectionNumber.Add(1), scheme: "http"}
	c.setPeer(nc.RemoteAddr())
	c.flow = flow.NewConn(nc)
	c.wire = http1.NewConn(c.flow)
	defer c.contained()
	if !g.add(c) {
		// The generation was retired meanwhile: the request, if one comes, is
		// still answered, and then the connection closed.
		g.stats.late.Add(1)
	}
	g.stats.accepted.Add(1)

	wait := c.servers.dflt.Core.Limits.HeaderTimeout
	g.stats.waiting.Add(1)
	c.silent.Store(true)
	err := c.wire.WaitFirst(wait)
	c.silent.Store(false)
	g.stats.waiting.Add(-1)
	if err != nil && !g.Own.has(c.peer) {
		c.noRequest(err)
	}
	if g.draining() {
		c.move()
	}
	if err == nil && c.servers.proxyProtocol {
		if !c.readProxyHeader() {
			c.end()
			return
		}
		g.stats.waiting.Add(1)
		err = c.wire.WaitRequest(wait)
		g.stats.waiting.Add(-1)
	}
	if err == nil && c.servers.ssl {
		if !c.secure() {
			c.end()
			return
		}
		if !c.secured.plain {
			g.stats.waiting.Add(1)
			err = c.wire.WaitFirst(wait)
			g.stats.waiting.Add(-1)
		}
	}
	c.serve(err)
}

// noRequest logs why a connection ends that has sent no request.
func (c *conn) noRequest(err error) {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.logf(errLevelInfo, "client timed out (110: Connection timed out) while waiting for request, client: %s, server: %v", c.peerText, c.net.LocalAddr())
	case errors.Is(err, io.EOF):
		c.logf(errLevelInfo, "client closed connection while waiting for request, client: %s, server: %v", c.peerText, c.net.LocalAddr())
	}
}

// serve answers requests, after a wait for the first that came to err, until the
// connection ends or is parked.
func (c *conn) serve(err error) {
	for err == nil && c.one() {
		if c.requests%yieldsOf != 0 {
			flow.TakeTurns()
		}
		c.pipelined = len(c.wire.Buffered()) > 0
		err = c.waitNext()
	}
	if err != errParked {
		c.end()
	}
}

// resume goes on with a connection that was parked.
func (c *conn) resume() {
	defer c.contained()
	c.gen.stats.waiting.Add(-1)
	c.serve(c.waitNext())
}

// end closes the connection, which is no longer counted when its client sees
// that, and forgets it.
func (c *conn) end() {
	if c.ended {
		return // it has panicked in here
	}
	c.ended = true
	c.gen.stats.conns.Add(-1)
	if c.timedOut {
		// TLS is not to say goodbye, as in nginx: the client may take nothing.
		_ = c.net.Close()
	}
	c.wire.Close()
	c.gen.remove(c)
	if c.abandoned {
		return
	}
	// Nobody interrupts it any more.
	c.wire.Release()
	c.flow.Release()
}

// abort has the connection end as it is, parked or not.
func (c *conn) abort() {
	_ = c.net.Close()
	parking.wake(c.number)
}

// interrupt ends the wait for another request.
func (c *conn) interrupt() {
	c.wire.Interrupt()
	parking.wake(c.number)
}

// waitNext waits for another request. When the configuration is replaced
// meanwhile, the connection goes on with the new one. When none comes for a
// moment the connection is parked, which is errParked. When there is to be no
// other request it waits until keepUntil all the same, for one that is on its way.
func (c *conn) waitNext() error {
	parks, timeout := c.parks(), c.keepaliveTimeout
	for {
		wait := timeout
		if parks {
			wait = parkAfter
		}
		c.gen.stats.waiting.Add(1)
		err := c.wire.WaitRequest(wait)
		if parks && err == os.ErrDeadlineExceeded {
			if parking.add(c) {
				return errParked
			}
			// It waits as it is, or has been interrupted.
			parks = false
			c.gen.stats.waiting.Add(-1)
			continue
		}
		c.gen.stats.waiting.Add(-1)
		draining := c.gen.draining()
		moved := draining && c.move()
		if err != flow.ErrClosing {
			return err
		}
		if moved {
			continue
		}
		left := time.Until(c.keepUntil)
		if !draining || left <= 0 {
			return err
		}
		c.wire.Resume()
		parks, timeout = false, left
	}
}

func (c *conn) setPeer(addr net.Addr) {
	switch a := addr.(type) {
	case *net.TCPAddr:
		c.peer = a.AddrPort()
		c.peerText = c.peer.Addr().String()
	default:
		c.peerText = "unix:"
	}
}

// one reads and answers one request; false ends the connection.
func (c *conn) one() bool {
	r := c.takeRequest()
	defer c.leave(r)
	c.requests++
	r.remote, r.remoteText = c.peer, c.peerText
	srv := c.servers.dflt
	if c.secured != nil {
		srv = c.secured.server
	}
	r.Server = srv
	r.setLocation(srv.Location)
	c.gen.stats.reading.Add(1)
	c.stage = reading
	err := c.wire.ReadHead(r.Head, &srv.Core.Limits)
	c.gen.stats.reading.Add(-1)
	c.stage = between
	r.Start = r.Now()
	r.vars.reset(srv.HTTP.variables.stored)
	if err != nil {
		return c.badHead(r, err)
	}
	// Whether a connection is our own is asked when it has sent something: by
	// then it has been announced.
	if c.requests == 1 && c.gen.Own.has(c.peer) {
		c.own = true
		c.gen.stats.accepted.Add(^uint64(0))
	}
	if !c.own {
		c.gen.stats.requests.Add(1)
	}
	c.gen.stats.active.Add(1)
	c.stage = answering
	r.begin()
	c.stage = finishing
	c.finish(r)
	c.stage = between
	c.gen.stats.active.Add(-1)
	return c.next(r)
}

// badHead deals with a head that could not be read.
func (c *conn) badHead(r *Request, err error) bool {
	var bad *message.BadRequest
	if !errors.As(err, &bad) {
		c.noHead(r, err)
		return false
	}
	c.gen.stats.requests.Add(1)
	if r.Head.Version == 0 {
		// A request line that was not understood is answered with a head.
		r.Head.Version = message.HTTP10
	}
	code := Code(bad.Status)
	if r.takePart() {
		r.Logf(errLevelInfo, "%s while reading client request %s", bad.Reason, r.headPart())
	} else {
		code = 421
	}
	r.Keepalive = false
	r.LingeringClose = code != 400
	r.Finalize(code)
	c.finish(r)
	if !c.broken {
		c.linger(r)
	}
	return false
}

// noHead logs a request whose head has not come to its end; it gets no answer.
func (c *conn) noHead(r *Request, err error) {
	received := c.wire.Buffered()
	if len(received) == 0 {
		return
	}
	c.gen.stats.requests.Add(1)
	r.takePart()
	reading := r.headPart()
	if !r.Head.LineRead {
		line := bytes.TrimLeft(received, "\r\n")
		if i := bytes.IndexByte(line, '\r'); i >= 0 {
			line = line[:i]
		}
		r.Head.Line = line
	}
	code := Code(400)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		r.Logf(errLevelInfo, "client timed out (110: Connection timed out) while reading client request %s", reading)
		r.timedOut()
		code = 408
	case errors.Is(err, io.ErrUnexpectedEOF):
		r.Logf(errLevelInfo, "client prematurely closed connection while reading client request %s", reading)
	default:
		r.Logf(errLevelInfo, "%v while reading client request %s", err, reading)
	}
	r.fail(code)
	c.finish(r)
}

// headPart is the part of the head that is being read, in nginx's words.
func (r *Request) headPart() string {
	if r.Head.LineRead {
		return "headers"
	}
	return "line"
}

// takePart makes of a head that is faulty or not complete what can be made of
// it. False: it is misdirected, see setHost.
func (r *Request) takePart() bool {
	r.MethodName, r.Method, r.RawURI = r.Head.Method, lookupMethod(r.Head.Method), r.Head.Target
	if len(r.RawURI) > 0 {
		// Only something behind the request line was wrong.
		r.takePath()
	}
	if len(r.Head.ServerName) > 0 || r.Head.Complete {
		return r.setHost(r.Head.ServerName)
	}
	return true
}

// finish completes the response and logs the request.
func (c *conn) finish(r *Request) {
	if r.HeaderSent && !c.broken {
		if err := r.stream.flush(); err != nil {
			r.LogSendError(err)
			c.broken = true
		}
	}
	r.runAfterwards()
	if !c.own {
		r.runLog()
	}
	r.runCleanups()
	r.Body.close()
}

// next decides, after a response, whether the connection serves another
// request.
func (c *conn) next(r *Request) bool {
	if c.broken {
		return false
	}
	if !r.Keepalive {
		if c.wire.BodyDone() {
			r.LingeringClose = false
		}
		c.linger(r)
		return false
	}
	if !c.wire.BodyDone() {
		if err := c.wire.DiscardBody(lingerMax, r.Core.LingeringTimeout.V); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				r.timedOut()
			}
			return false
		}
	}
	c.keepaliveTimeout, c.keepUntil = r.Core.KeepaliveTimeout.V, time.Time{}
	if least := r.Core.KeepaliveMin.V; least > 0 {
		c.keepUntil = time.Now().Add(min(least, c.keepaliveTimeout))
	}
	// One that is drained, but was told of no end with this response, is told
	// with the next.
	return !c.gen.draining() || c.movable()
}

// lingerMax is how much of a body nobody wanted is read to keep a connection.
const lingerMax = 64 << 10

// linger closes the sending side first and reads on for a while, so that a
// client that is still sending gets to see the answer.
func (c *conn) linger(r *Request) {
	mode := r.Core.LingeringClose.V
	if mode == LingeringOff || mode == LingeringOn && !r.LingeringClose {
		return
	}
	c.wire.CloseLinger(r.Core.LingeringTime.V, r.Core.LingeringTimeout.V)
}

// closing reports whether the response is to say that the connection ends,
// because its generation is being retired, or its address handed over.
func (c *conn) closing() bool {
	return c.gen.draining() && !c.movable() || c.gen.Drain.On() && c.gen.Drain.has(c.net.LocalAddr())
}

// begin takes a request from its head to its answer.
func (r *Request) begin() {
	if !r.takeHead() || r.refuseInsecure() {
		return
	}
	if r.Method == TRACE {
		r.Logf(errLevelInfo, "client sent TRACE method")
		r.Finalize(405)
		return
	}
	if r.Method == CONNECT && !r.Server.connect {
		r.Logf(errLevelInfo, "client sent CONNECT method")
		r.Finalize(405)
		return
	}
	r.handle()
}

// takeHead makes the request of its head: method, path, host, server. It
// answers what cannot be understood and returns false.
func (r *Request) takeHead() bool {
	h := r.Head
	r.MethodName = h.Method
	r.Method = lookupMethod(h.Method)
	r.RawURI = h.Target
	r.Path = rootPath
	r.RawPathValid = true
	if r.Method == CONNECT {
		return r.takeHost()
	}
	if len(h.Target) == 1 && h.Target[0] == '*' {
		r.Path = h.Target
	} else if !r.takePath() {
		// nginx has not looked at the fields yet.
		h.KeepLine()
		r.RawURI = nil
		r.Logf(errLevelInfo, "client sent invalid request while reading client request line")
		r.Keepalive = false
		r.Finalize(400)
		return false
	}
	return r.takeHost()
}

// takeHost is setHost for a head that is complete and without fault; what is
// misdirected it answers.
func (r *Request) takeHost() bool {
	if r.setHost(r.Head.ServerName) {
		return true
	}
	r.Keepalive = false
	r.Finalize(421)
	return false
}

// takePath makes path and arguments of the target; false leaves the path empty
// for a target that stands for none.
func (r *Request) takePath() bool {
	target := r.Head.Target
	scratch := r.Scratch()
	path, args, ok := message.NormalizePath(scratch, target, r.Server.Core.MergeSlashes.V)
	if !ok {
		path, args = empty, nil
	} else if len(path) > 0 && &path[0] != &target[0] {
		path = r.Keep(path)
	}
	r.Unscratch(scratch)
	r.Path, r.Args = path, args
	if len(args) == 0 {
		r.Args = nil
	}
	return ok
}

var rootPath = []byte("/")

func lookupMethod(name []byte) Method {
	switch string(name) {
	case "GET":
		return GET
	case "HEAD":
		return HEAD
	case "POST":
		return POST
	}
	if m, ok := Methods[string(name)]; ok {
		return m
	}
	return MethodUnknown
}

// setHost takes the host of the request and the server that has this name; a
// request without a host is for the server with the empty name. A host that no
// server has is for the default one. False leaves the request as it is: it must
// not be answered on this connection, see misdirected.
func (r *Request) setHost(host []byte) bool {
	c := r.conn
	srv := r.Server
	if names := c.servers.names; names != nil {
		if srv = names.find(r, host); srv == nil {
			srv = c.servers.dflt
		}
	}
	if c.secured != nil && c.secured.misdirected(host, srv) {
		part := "headers"
		if len(r.Head.Authority) > 0 {
			part = "line"
		}
		r.Logf(errLevelInfo, "client attempted to request the server name different from the one that was negotiated while reading client request %s", part)
		return false
	}
	r.Host = host
	if srv != r.Server {
		r.Server = srv
		r.setLocation(srv.Location)
	}
	return true
}

// runLog runs the log phase for the main request and for those subrequests
// that log_subrequest names.
func (r *Request) runLog() {
	for _, handler := range r.Server.HTTP.handlers[Log] {
		handler(r)
	}
}
