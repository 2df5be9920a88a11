package web

import (
	"tandem/internal/contain"
)

// stage is what a connection is at with its request: what is to be undone when
// that panics.
type stage uint8

const (
	between stage = iota
	reading
	answering
	finishing
)

// leave ends the use of the connection's request. It is deferred by one: a panic
// in the request, in a module for instance, ends the request and its connection,
// and nothing else.
func (c *conn) leave(r *Request) {
	v := recover()
	if v == nil {
		c.dropRequest()
		return
	}
	p := contain.Caught("a request", v)
	at := c.stage
	switch c.stage = between; at {
	case reading:
		c.gen.stats.reading.Add(-1)
	case answering, finishing:
		c.gen.stats.active.Add(-1)
	}
	_ = contain.Run("the log of a panic", func() { r.Logf(errLevelAlert, "%v", p) })
	if at == answering {
		_ = contain.Run("the answer after a panic", func() {
			if r.HeaderSent || c.broken {
				r.fail(Error)
			} else {
				r.answerAnew(500)
			}
			if c.finish(r); !c.broken {
				c.linger(r)
			}
		})
	}
	for len(r.cleanups) > 0 {
		_ = contain.Run("the end of a request", r.runCleanups)
	}
	// What else was at work for the request may still be: nothing of it, and no
	// buffer of the connection, is used again.
	c.abandoned = true
	c.req, c.space = nil, nil
}

// answerAnew answers with a status, whatever has been prepared before.
func (r *Request) answerAnew(code Code) {
	r.filters = r.filters[:0]
	r.clearHead()
	clear(r.contexts)
	r.replaced, r.answered, r.Keepalive = false, nil, false
	r.Finalize(code)
}

// runCleanups runs what waits for the request's end, the last one first.
func (r *Request) runCleanups() {
	for len(r.cleanups) > 0 {
		last := len(r.cleanups) - 1
		f := r.cleanups[last]
		r.cleanups[last] = nil
		r.cleanups = r.cleanups[:last]
		f()
	}
}

// contained is deferred by what runs a connection: a panic outside of its
// requests, in a TLS handshake for instance, ends it.
func (c *conn) contained() {
	v := recover()
	if v == nil {
		return
	}
	p := contain.Caught("a connection", v)
	c.logf(errLevelAlert, "%v, client: %s, server: %v", p, c.peerText, c.net.LocalAddr())
	c.abandoned = true
	_ = contain.Run("the end of a connection", c.end)
}

// containedAlone is deferred by what runs a subrequest: a panic in it is
// answered with 500, as part of the response that the subrequest belongs to.
func (r *Request) containedAlone() {
	v := recover()
	if v == nil {
		return
	}
	r.Logf(errLevelAlert, "%v", contain.Caught("a subrequest", v))
	if r.HeaderSent {
		r.fail(Error)
		return
	}
	r.answerAnew(500)
}
