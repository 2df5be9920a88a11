package wire

import (
	"fmt"

	"tandem/web/message"
)

// finish checks a complete head and settles how its body is framed.
func finish(h *message.Head, lim *message.Limits) *message.BadRequest {
	// "A server MUST respond with a 400 (Bad Request) status code to any
	// HTTP/1.1 request message that lacks a Host header field" (RFC 9112
	// section 3.2).
	if !h.HasHost && h.Version >= message.HTTP11 {
		return message.Bad(400, `client sent HTTP/1.1 request without "Host" header`)
	}
	if h.Has(message.ContentLength) {
		n, ok := message.ParseLength(h.Lookup(message.ContentLength))
		if !ok {
			return message.Bad(400, `client sent invalid "Content-Length" header`)
		}
		h.ContentLength = n
	}
	if h.Has(message.TransferEncoding) {
		v := h.Lookup(message.TransferEncoding)
		switch {
		case h.Version < message.HTTP11:
			// "A server or client that receives an HTTP/1.0 message containing a
			// Transfer-Encoding header field MUST treat the message as if the
			// framing is faulty" (section 6.1).
			return message.Bad(400, `client sent HTTP/1.0 request with "Transfer-Encoding" header`)
		case !message.EqualLower(v, "chunked"):
			return message.Bad(501, fmt.Sprintf(`client sent unknown "Transfer-Encoding": "%s"`, message.Quote(v)))
		case h.ContentLength >= 0:
			// "A server MAY reject a request that contains both Content-Length
			// and Transfer-Encoding" (section 6.3).
			return message.Bad(400, `client sent "Content-Length" and "Transfer-Encoding" headers at the same time`)
		}
	}
	h.Body = h.ContentLength > 0 || h.Has(message.TransferEncoding)
	if h.IsConnect() {
		if h.Version != message.HTTP11 || !lim.AllowConnect {
			return message.Bad(405, "client sent CONNECT method")
		}
		if h.Body {
			return message.Bad(400, "client sent CONNECT request with body")
		}
	}
	if string(h.Method) == "TRACE" {
		return message.Bad(405, "client sent TRACE method")
	}
	h.Expect100 = h.Version >= message.HTTP11 && message.EqualLower(h.Lookup(message.Expect), "100-continue")
	return nil
}
