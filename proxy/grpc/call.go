package grpc

import (
	"bytes"
	"strconv"
	"sync"

	"golang.org/x/net/http2/hpack"

	"tandem/internal/errorlog"
	"tandem/internal/escape"
	"tandem/proxy/exchange"
	"tandem/proxy/http2"
	"tandem/web"
	"tandem/web/message"
)

const logError = errorlog.Error

// call is one request to a gRPC server.
type call struct {
	exchange.Exchange
	settings *settings
	target   target
	own      bool // a request of the process's own
	response http2.Response
}

var calls = sync.Pool{New: func() any { return new(call) }}

// handle answers a request of a location with grpc_pass.
func handle(r *web.Request) web.Code {
	set := slot.Of(r.Location)
	if set.pass == nil {
		// The handler is of an if block, the settings of another one after it.
		r.Logf(errorlog.Alert, "no upstream configuration")
		return 500
	}
	c := calls.Get().(*call)
	c.settings, c.Request = set, r
	t, code := c.find(set.pass)
	if code == web.OK {
		code = c.ReadBody(r, true)
	}
	if code != web.OK {
		c.Release()
		return code
	}
	return c.Run(r, &set.Settings, t, c)
}

// Release gives the call back.
func (c *call) Release() {
	c.settings, c.Request, c.target = nil, nil, target{}
	if !c.own {
		calls.Put(c)
	}
}

var (
	fieldLength = []byte("content-length")
	fieldTE     = []byte("te")
	fieldType   = []byte("content-type")
	grpcType    = []byte("application/grpc")
	methodPOST  = []byte("POST")
	trailers    = []byte("trailers")
)

// AppendRequest appends the fields of the request.
func (c *call) AppendRequest(dst []byte) ([]byte, error) {
	r, set := c.Request, c.settings
	scratch := r.Scratch()
	defer func() { r.Unscratch(scratch) }()
	if r.RawPathValid && r.IsMain() {
		c.URI = r.RawURI
	} else {
		scratch = escape.AppendURI(scratch, r.Path, escape.URI)
		if len(r.Args) > 0 {
			scratch = append(append(scratch, '?'), r.Args...)
		}
		c.URI = r.Keep(scratch)
	}
	var host []byte
	if set.headers.Host != nil {
		host = set.headers.Host.Value(&r.Session)
	}
	if len(host) == 0 {
		host = []byte(c.target.host)
	}
	method := r.MethodName
	if c.own {
		method = methodPOST
	}
	dst, err := http2.AppendTarget(dst, c.target.tls, method, c.URI, host)
	if err != nil {
		return dst, err
	}
	if c.own {
		dst = exchange.AppendField(exchange.AppendField(dst, fieldType, grpcType), fieldTE, trailers)
	}
	if n := r.Main.Head.ContentLength; set.ownLength && n >= 0 && !c.own {
		scratch = strconv.AppendInt(scratch[:0], n, 10)
		dst = exchange.AppendField(dst, fieldLength, scratch)
	}
	if set.ownTE && wantsTrailers(r) {
		dst = exchange.AppendField(dst, fieldTE, trailers)
	}
	return http2.AppendHeaders(dst, r, set.headers, true)
}

// wantsTrailers reports whether the client takes fields behind bodies. Others
// there are that gRPC's clients do not send with it.
func wantsTrailers(r *web.Request) bool {
	return bytes.Contains(bytes.ToLower(r.Head.Lookup(message.TE)), trailers)
}

// TakeHead takes the fields of a response. One without messages ends with its head,
// which holds the outcome, and is to do so for the client: it must not look like one
// with messages whose outcome is missing.
func (c *call) TakeHead(fields []hpack.HeaderField, end bool) error {
	err := c.response.TakeHead(&c.Exchange, fields, c.Request.Method == web.HEAD)
	if err == nil && end && c.response.EndBody() == nil {
		c.Head.ContentLength = 0
	}
	return err
}

// TakeTrailers takes the fields behind the body.
func (c *call) TakeTrailers(fields []hpack.HeaderField) error {
	return http2.TakeTrailers(&c.Exchange, fields)
}

// ParseBody checks a piece of the body.
func (c *call) ParseBody(b []byte) ([]byte, int, error) { return c.response.ParseBody(&c.Exchange, b) }

// EndBody says what is wrong with the body having ended.
func (c *call) EndBody() error { return c.response.EndBody() }
