package http1

import (
	"strconv"

	"tandem/web"
	"tandem/web/http1/wire"
	"tandem/web/message"
)

// SendHead settles how the body is delimited and whether the connection stays,
// and writes the head, which waits for the first piece of the body.
func (x *exchange) SendHead() error {
	r := x.r
	x.last = false
	x.pace = web.NewPace(r)
	if x.keepalive && x.s.c.Closing() {
		x.keepalive = false
	}
	x.settleFraming()
	x.last = r.HeaderOnly
	if r.Head.Version < message.HTTP10 {
		return nil // HTTP/0.9 has no head
	}
	start := len(x.out)
	p := &r.Response
	if p.StatusLine != nil {
		x.out = append(append(append(x.out, "HTTP/1.1 "...), p.StatusLine...), crlf...)
	} else {
		x.out = wire.AppendStatusLine(x.out, p.Status)
	}
	r.WriteFields(x)
	x.out = append(x.out, crlf...)
	r.HeadBytes = int64(len(x.out) - start)
	return nil
}

// settleFraming decides between a length, chunks, and the end of the connection.
func (x *exchange) settleFraming() {
	r := x.r
	p := &r.Response
	if web.NoContent(p.Status) || r.Method == web.HEAD || r.Method == web.CONNECT && p.Status < 300 {
		return
	}
	switch {
	case p.ContentLength != -1 && !r.ExpectTrailers:
	case r.Head.Version >= message.HTTP11 && r.Core.Chunked.V:
		p.ContentLength = -1
		x.chunked = true
	case p.ContentLength == -1:
		x.keepalive = false
	}
}

// WriteField writes a field of the response's head.
func (x *exchange) WriteField(name, value []byte) {
	out := append(append(x.out, name...), ": "...)
	x.out = append(append(out, value...), "\r\n"...)
}

// WriteOwn writes the fields that concern the connection.
func (x *exchange) WriteOwn() {
	if x.chunked {
		x.out = append(x.out, "Transfer-Encoding: chunked\r\n"...)
	}
	switch {
	case x.r.Response.Status == 101:
		x.out = append(x.out, "Connection: upgrade\r\n"...)
	case x.keeps():
		x.out = append(x.out, "Connection: keep-alive\r\n"...)
		if t := x.r.Core.KeepaliveHeader.V; t > 0 {
			x.out = append(x.out, "Keep-Alive: timeout="...)
			x.out = append(strconv.AppendInt(x.out, int64(t.Seconds()), 10), crlf...)
		}
	default:
		x.out = append(x.out, "Connection: close\r\n"...)
	}
}

// AppendSent appends the value of a field that WriteOwn writes.
func (x *exchange) AppendSent(dst []byte, name string) (value []byte, ok bool) {
	switch name {
	case "connection":
		switch {
		case x.r.Response.Status == 101:
			return append(dst, "upgrade"...), true
		case x.keeps():
			return append(dst, "keep-alive"...), true
		}
		return append(dst, "close"...), true
	case "keep_alive":
		if t := x.r.Core.KeepaliveHeader.V; t > 0 && x.keeps() {
			return strconv.AppendInt(append(dst, "timeout="...), int64(t.Seconds()), 10), true
		}
	case "transfer_encoding":
		if x.chunked {
			return append(dst, "chunked"...), true
		}
	}
	return dst, false
}

// SendInterim sends an interim response.
func (x *exchange) SendInterim(status int, fields []web.ResponseField) error {
	x.out = wire.AppendStatusLine(x.out, status)
	for i := range fields {
		x.WriteField(fields[i].Name, fields[i].Value)
	}
	x.out = append(x.out, crlf...)
	return x.Flush()
}

var crlf = []byte("\r\n")
