package cgi

import (
	"tandem/internal/errorlog"
	"tandem/proxy/exchange"
	"tandem/web"
)

// Answer answers a request by what a back end says: x is proto's. stream says
// that the protocol can send a body as it comes, if told to.
func (c *Settings) Answer(r *web.Request, x *exchange.Exchange, proto exchange.Protocol, stream bool) web.Code {
	t, code := c.Pass.Target(r)
	if code == web.OK {
		code = x.ReadBody(r, stream && !c.RequestBuffering.V && c.PassRequestBody.V)
	}
	if code != web.OK {
		proto.Release()
		return code
	}
	return x.Run(r, &c.Settings, t, proto)
}

// NoPass answers a request whose handler is of an if block and its settings of
// another one after it.
func NoPass(r *web.Request) web.Code {
	r.Logf(errorlog.Alert, "no upstream configuration")
	return 500
}

// Call is a request over SCGI or uwsgi as far as they do not differ: the body of
// the request follows as it is, and that of the response ends where its head
// says or with the connection, which serves no other request.
type Call struct {
	exchange.Exchange
	left int64 // of the response's body; -1: until the connection ends
}

// FrameBody appends nothing.
func (*Call) FrameBody(before, after []byte, _ int64, _ bool) ([]byte, []byte) { return before, after }

// ParseHead reads the head of a response.
func (c *Call) ParseHead(b []byte) (int, error) {
	n, err := ReadHead(&c.Exchange, b)
	if n == 0 || err != nil {
		return n, err
	}
	h, r := &c.Head, c.Request
	switch {
	case h.Status == 101:
		c.left = 0
		if c.Upgrade = r.WantsUpgrade(); !c.Upgrade {
			// Nobody knows what either side says after it.
			r.CloseAfter()
		}
	case h.Status == 204, h.Status == 304:
		c.left = 0
	case r.Method == web.HEAD:
		c.left = -1
	default:
		c.left = h.ContentLength
	}
	c.Done = c.left == 0 && !c.Upgrade
	c.UntilClose = c.left < 0
	return n, nil
}

// ParseBody takes the next piece of the body off b.
func (c *Call) ParseBody(b []byte) (data []byte, n int, err error) {
	n = len(b)
	if c.left < 0 {
		return b, n, nil
	}
	if int64(n) > c.left {
		c.LogBodyf(errorlog.Warn, "upstream sent more data than specified in \"Content-Length\" header")
		b = b[:c.left]
	}
	c.left -= int64(len(b))
	c.Done = c.left == 0
	return b, n, nil
}
