package fastcgi

import (
	"fmt"
	"sync"

	nc "tandem/nginxconf"
	"tandem/proxy/cgi"
	"tandem/proxy/exchange"
	"tandem/web"
)

// call is one request over FastCGI to a back end.
type call struct {
	exchange.Exchange
	settings *settings
	keep     bool // the connection stays open after the response

	try     int // the one that what follows is of, from 1
	records decoder
	head    cgi.HeadReader
	message []byte // of a record on stderr that has come in part
	left    int64  // of the response's body; -1: not known
}

var calls = sync.Pool{New: func() any { return new(call) }}

// handle answers a request of a location with fastcgi_pass.
func handle(r *web.Request) web.Code {
	set := slot.Of(r.Location).Settings()
	if set == nil || set.Pass == nil {
		return cgi.NoPass(r)
	}
	c := newCall(set, set.keepConn.V)
	return set.Answer(r, &c.Exchange, c, true)
}

// own makes requests of the process's own.
func own(s *nc.Scope) func(r *web.Request, keep bool) (*exchange.Exchange, exchange.Protocol) {
	set := of(s)
	return func(r *web.Request, keep bool) (*exchange.Exchange, exchange.Protocol) {
		c := newCall(set, keep)
		return &c.Exchange, c
	}
}

func newCall(set *settings, keep bool) *call {
	c := calls.Get().(*call)
	c.settings, c.keep, c.Framed, c.Streams = set, keep, true, false
	return c
}

// Release gives the call back.
func (c *call) Release() {
	c.settings, c.try, c.message = nil, 0, nil
	c.head.Reset()
	calls.Put(c)
}

// AppendRequest appends the records up to the request's body.
func (c *call) AppendRequest(dst []byte) ([]byte, error) {
	set := c.settings
	flags := byte(0)
	if c.keep {
		flags = keepConn
	}
	dst = appendBegin(dst, flags)
	start := len(dst)
	// The header is made once the length is known.
	dst = append(dst, zeros[:]...)
	dst, err := set.AppendParams(&c.Exchange, dst, appendPair)
	if err != nil {
		return dst, err
	}
	n := len(dst) - start - headerSize
	if n > maxContent {
		return dst, fmt.Errorf("fastcgi request record is too big: %d", n)
	}
	_, padding := appendHeader(dst[:start], params, n)
	dst = appendEnd(append(dst, zeros[:padding]...), params)
	if !c.Streams && !c.SendsBody() {
		dst = appendEnd(dst, stdin)
	}
	return dst, nil
}

// FrameBody appends what makes a record of a piece of the request body, and
// after the last piece the end of the body.
func (c *call) FrameBody(before, after []byte, size int64, last bool) ([]byte, []byte) {
	if size > 0 {
		padding := 0
		before, padding = appendHeader(before, stdin, int(size))
		after = append(after, zeros[:padding]...)
	}
	if last {
		after = appendEnd(after, stdin)
	}
	return before, after
}
