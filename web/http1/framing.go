package http1

import (
	"fmt"
	"math"
)

// finish checks a complete head and settles how its body is framed.
func (h *Head) finish(lim *Limits) *BadRequest {
	// "A server MUST respond with a 400 (Bad Request) status code to any
	// HTTP/1.1 request message that lacks a Host header field" (RFC 9112
	// section 3.2).
	if !h.HasHost && h.Version >= HTTP11 {
		return &BadRequest{400, `client sent HTTP/1.1 request without "Host" header`}
	}
	if h.Has(ContentLength) {
		n, ok := parseLength(h.Lookup(ContentLength))
		if !ok {
			return &BadRequest{400, `client sent invalid "Content-Length" header`}
		}
		h.ContentLength = n
	}
	if h.Has(TransferEncoding) {
		v := h.Lookup(TransferEncoding)
		switch {
		case h.Version < HTTP11:
			// "A server or client that receives an HTTP/1.0 message containing a
			// Transfer-Encoding header field MUST treat the message as if the
			// framing is faulty" (section 6.1).
			return &BadRequest{400, `client sent HTTP/1.0 request with "Transfer-Encoding" header`}
		case !EqualLower(v, "chunked"):
			return &BadRequest{501, fmt.Sprintf(`client sent unknown "Transfer-Encoding": "%s"`, quote(v))}
		case h.ContentLength >= 0:
			// "A server MAY reject a request that contains both Content-Length
			// and Transfer-Encoding" (section 6.3).
			return &BadRequest{400, `client sent "Content-Length" and "Transfer-Encoding" headers at the same time`}
		}
		h.Chunked = true
	}
	if h.IsConnect() {
		if h.Version != HTTP11 || !lim.AllowConnect {
			return &BadRequest{405, "client sent CONNECT method"}
		}
		if h.ContentLength > 0 || h.Chunked {
			return &BadRequest{400, "client sent CONNECT request with body"}
		}
	}
	if string(h.Method) == "TRACE" {
		return &BadRequest{405, "client sent TRACE method"}
	}
	h.Expect100 = h.Version >= HTTP11 && EqualLower(h.Lookup(Expect), "100-continue")
	return nil
}

// parseLength reads 1*DIGIT that fits into 63 bits.
func parseLength(v []byte) (n int64, ok bool) {
	if len(v) == 0 {
		return 0, false
	}
	for _, c := range v {
		if !isDigit(c) || n > (math.MaxInt64-int64(c-'0'))/10 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
