package exchange

import (
	"time"

	"tandem/proxy/upstream"
	"tandem/web"
)

// nonIdempotent are the methods whose requests are not sent twice unless
// non_idempotent says so (RFC 9110 section 9.2.2 and nginx).
const nonIdempotent = web.POST | web.LOCK | web.PATCH

// nextTimeout is next for a time that has passed.
func (x *Exchange) nextTimeout(action string) outcome {
	x.log(logError, action, "upstream timed out (110: Connection timed out)")
	return x.next(OnTimeout)
}

// next ends a try that failed, and decides whether another peer is asked.
func (x *Exchange) next(why Condition) outcome {
	x.Request.Waited()
	now := x.Request.Now()
	status := why.status()
	s := x.state()
	if x.link != nil {
		x.stopSender()
		s.sent = x.link.sent()
	}
	s.response = now.Sub(x.tryBegan)
	result := upstream.Failed
	switch {
	case why == On403 || why == On404:
		result = upstream.Refused
	case why == OnError && x.cached && !x.received:
		result = upstream.Stale
	}
	x.selection.Told = upstream.Told{Status: status, Sent: s.sent, Received: s.received}
	if x.selection.Free(result, now) {
		x.log(logWarn, connecting, "upstream server temporarily disabled")
	}
	x.closeLink(now, why != OnTimeout && why != OnError)
	if x.clientGone.Load() {
		return x.abandoned()
	}
	s.status = status
	if !x.mayRetry(why, now) || x.selection.Tries == 0 {
		if o, ok := x.staleAfter(why); ok {
			return o
		}
		return outcome{code: web.Code(status)}
	}
	return outcome{retry: true}
}

// mayRetry reports whether the settings allow another try after a failure.
func (x *Exchange) mayRetry(why Condition, now time.Time) bool {
	c := x.Settings
	if x.sent && x.Request.Method&nonIdempotent != 0 {
		why |= OnNonIdempotent
	}
	allowed := c.NextUpstream.V
	if allowed&Never != 0 || allowed&why != why {
		return false
	}
	if x.sent && x.Streams {
		return false
	}
	timeout := c.NextUpstreamTimeout.V
	return timeout == 0 || now.Sub(x.began) < timeout
}

// abandoned ends the exchange because the client has left.
func (x *Exchange) abandoned() outcome {
	if x.link != nil {
		x.Request.LogUpstreamf(logInfo, x.appendUpstream,
			"client prematurely closed connection, so upstream connection is closed too while %s", sending)
	} else {
		x.log(logInfo, connecting, "client prematurely closed connection")
	}
	x.finish(false)
	return outcome{code: web.StatusClientClosed}
}

// closeLink ends the use of the connection to the back end; trusted: it may
// serve other requests still, if it can.
func (x *Exchange) closeLink(now time.Time, trusted bool) {
	l := x.link
	if l == nil {
		return
	}
	x.stopSender()
	x.setLink(nil)
	l.close(x, now, trusted)
}

// finish ends the dealings with the peer: its connection goes back to the
// pool, if it may, or is closed. Calling it again does nothing.
func (x *Exchange) finish(complete bool) {
	x.giveBack(complete)
	x.bound.Ended(x.Request)
}

// giveBack is finish as far as the peer is concerned.
func (x *Exchange) giveBack(complete bool) {
	now := x.Request.Now()
	l := x.link
	keep := complete && l != nil && l.mayKeep(x, now)
	if !keep && l != nil {
		x.stopSender()
	}
	if s := x.state(); s != nil {
		if s.response < 0 {
			s.response = now.Sub(x.tryBegan)
			if l != nil {
				s.sent = l.sent()
			}
		}
		x.selection.Told = upstream.Told{Status: s.status, Sent: s.sent, Received: s.received}
	}
	x.selection.Free(upstream.Worked, now)
	if l == nil {
		return
	}
	if !keep {
		x.closeLink(now, true)
		return
	}
	if x.sender != nil {
		x.sender = nil
		l.resume()
	}
	x.setLink(nil)
	l.keep(x, now)
}
