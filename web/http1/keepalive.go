package http1

import (
	"tandem/web"
	"tandem/web/message"
)

// wantsKeepalive reports whether the client wants to send another request on its
// connection (RFC 9112 section 9.3).
func wantsKeepalive(h *message.Head) bool {
	switch {
	case h.ConnectionClose, h.IsConnect():
		return false
	case h.ConnectionKeepAlive:
		return h.Version >= message.HTTP10
	default:
		return h.Version > message.HTTP10
	}
}

// keepaliveAllowed reports whether the request's location allows another one.
func (x *exchange) keepaliveAllowed() bool {
	r, core := x.r, x.r.Core
	switch {
	case core.KeepaliveTimeout.V == 0, x.s.requests >= core.KeepaliveRequests.V:
		return false
	case r.Start.Sub(x.s.c.Start) > core.KeepaliveTime.V:
		return false
	}
	return !r.KeepaliveDisabled()
}

// keeps reports whether the connection stays after the response.
func (x *exchange) keeps() bool { return x.keepalive && x.r.Ending() == web.Stays }
