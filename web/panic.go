package web

import "tandem/internal/contain"

// stage is what a request is at: what is to be undone when that panics.
type stage uint8

const (
	between stage = iota
	reading
	answering
	finishing
)

// contained is deferred by what answers a request: a panic, in a module for
// instance, ends the request, its connection where there is one request after
// another, and nothing else.
func (r *Request) contained() {
	v := recover()
	if v == nil {
		return
	}
	p := contain.Caught("a request", v)
	at := r.stage
	r.stage = between
	if at == answering || at == finishing {
		r.stats().active.Add(-1)
	}
	_ = contain.Run("the log of a panic", func() { r.Logf(errLevelAlert, "%v", p) })
	answered := false
	if at == answering {
		_ = contain.Run("the answer after a panic", func() {
			if r.HeaderSent || r.broken {
				r.fail(Error)
			} else {
				r.answerAnew(500)
			}
			r.finish()
			answered = true
		})
	}
	for !r.Ended() {
		_ = contain.Run("the end of a request", r.Session.End)
	}
	// What else was at work for the request may still be: nothing of it, and no
	// buffer of the connection, is used again.
	r.abandoned = true
	r.client.abandoned.Store(true)
	r.CloseAfter()
	r.broken = r.broken || !answered
}

// answerAnew answers with a status, whatever has been prepared before.
func (r *Request) answerAnew(code Code) {
	r.filters = r.filters[:0]
	r.clearHead()
	clear(r.contexts)
	r.replaced, r.answered = false, nil
	if r.IsMain() {
		r.CloseAfter()
	}
	r.Finalize(code)
}

// contained is deferred by what runs a connection: a panic outside of its
// requests, in a TLS handshake for instance, ends it.
func (c *Conn) contained() {
	v := recover()
	if v == nil {
		return
	}
	p := contain.Caught("a connection", v)
	c.logf(errLevelAlert, "%v, client: %s, server: %v", p, c.PeerText, c.Local)
	c.abandoned.Store(true)
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
