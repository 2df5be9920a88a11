package web

import (
	"bytes"
	"errors"
	"io"
	"os"

	"tandem/web/message"
)

// The life of a request, for the protocol that carries it: NewRequest, and then
// for one request after another Open, a head read into Request.Head, one of
// Serve, Refuse and Abandon, and Close.

// NewRequest returns a request that carrier carries.
func NewRequest(carrier Carrier) *Request {
	r := new(Request)
	r.init()
	r.carrier = carrier
	return r
}

// Open begins a request of a connection. Its head is to be read next, within the
// limits of Request.Server.
func (r *Request) Open(c *Conn) {
	c.requests++
	// Whether a connection is our own is asked when it has sent something: by
	// then it has been announced.
	if c.requests == 1 && c.gen.Own.has(c.Peer) {
		c.Own = true
		c.gen.stats.accepted.Add(^uint64(0))
	}
	r.client, r.at, r.ordinal = &c.Client, c.servers, c.requests
	srv := c.Server()
	r.Server = srv
	r.Attach(&c.Client.Client, &srv.Location.Level)
	r.setLocation(srv.Location)
	r.ending = EndsHastily // until its head is known to be good
	r.stats().reading.Add(1)
	r.stage = reading
}

// headRead ends the reading of the head.
func (r *Request) headRead() {
	r.stats().reading.Add(-1)
	r.stage = between
	r.Start = r.Now()
}

// Serve answers the request, whose head is complete.
func (r *Request) Serve() {
	defer r.contained()
	r.headRead()
	if !r.IsOwn() {
		r.stats().requests.Add(1)
	}
	r.stats().active.Add(1)
	r.stage = answering
	r.begin()
	r.stage = finishing
	r.finish()
	r.stage = between
	r.stats().active.Add(-1)
}

// Refuse answers a request whose head is faulty.
func (r *Request) Refuse(bad *message.BadRequest) {
	defer r.contained()
	r.headRead()
	r.stats().requests.Add(1)
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
	if code != 400 {
		r.ending = Ends
	}
	r.Finalize(code)
	r.finish()
}

// Abandon logs a request whose head has not come to its end, because of err; it
// gets no answer. received is what has come of it that is not in the head.
func (r *Request) Abandon(err error, received []byte) {
	defer r.contained()
	r.headRead()
	if len(received) == 0 {
		return
	}
	r.stats().requests.Add(1)
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
		r.TimedOut()
		code = 408
	case errors.Is(err, io.ErrUnexpectedEOF):
		r.Logf(errLevelInfo, "client prematurely closed connection while reading client request %s", reading)
	default:
		r.Logf(errLevelInfo, "%v while reading client request %s", err, reading)
	}
	r.fail(code)
	r.finish()
}

// Close ends the use of what the request holds, and makes it ready for another
// Open. It returns false when something has panicked: then the request, and what
// was at work for it, is not to be used again.
func (r *Request) Close() (again bool) {
	if r.stage == reading {
		r.stats().reading.Add(-1)
		return false
	}
	if r.abandoned {
		return false
	}
	r.reset()
	r.client = nil
	return true
}

// finish completes the response and logs the request.
func (r *Request) finish() {
	r.arrived()
	if r.HeaderSent && !r.broken {
		if err := r.carrier.Flush(); err != nil {
			r.LogSendError(err)
			r.broken = true
		}
	}
	r.runAfterwards()
	if !r.IsOwn() {
		r.runLog()
	}
	r.Session.End()
	r.Body.close()
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
		r.Finalize(400)
		return false
	}
	return r.takeHost()
}

// takeHost is setHost for a head that is complete and without fault; what is
// misdirected it answers, and what is for a server that does not speak the
// connection's protocol.
func (r *Request) takeHost() bool {
	if r.setHost(r.Head.ServerName) {
		p := r.client.protocol
		if p == nil || p.enabled(r.Server) {
			return true
		}
		r.Logf(errLevelInfo, "client attempted to request the server name for which the negotiated protocol is disabled")
	}
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
	srv := r.Server
	if names := r.at.Names; names != nil {
		var ok bool
		if srv, ok = names.Find(&r.Session, host); !ok {
			srv = r.at.Default
		}
	}
	if s := r.client.secured; s != nil && s.misdirected(host, srv) {
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
