package proxy

import (
	"sync"

	"golang.org/x/net/http2/hpack"

	"tandem/proxy/exchange"
	"tandem/proxy/http2"
	"tandem/web/message"
)

// streamCall is one request over HTTP/2 to a back end.
type streamCall struct {
	call
	own      bool // see ownCall
	response http2.Response
}

var streamCalls = sync.Pool{New: func() any { return new(streamCall) }}

// Release gives the call back.
func (c *streamCall) Release() {
	c.forget()
	if !c.own {
		streamCalls.Put(c)
	}
}

var (
	methodGET     = []byte("GET")
	contentLength = []byte("Content-Length")

	ifModifiedSince = []byte("If-Modified-Since")
	ifNoneMatch     = []byte("If-None-Match")
)

// AppendRequest appends the fields of the request.
func (c *streamCall) AppendRequest(dst []byte) ([]byte, error) {
	r, set := c.Request, c.settings
	scratch := r.Scratch()
	defer func() { r.Unscratch(scratch) }()
	method := r.MethodName
	switch {
	case c.own, c.ConvertsHead():
		method = methodGET
	case set.method.V != nil:
		method = set.method.V.Value(&r.Session)
	}
	if c.own {
		c.URI = r.RawURI
	} else {
		scratch = c.appendURI(scratch)
		c.URI = r.Keep(scratch)
	}
	if len(c.URI) == 0 {
		return dst, errEmptyURI
	}
	c.head = message.EqualLower(method, "head")
	var host []byte
	h := c.headers()
	if h.Host != nil {
		host = h.Host.Value(&r.Session)
	}
	if len(host) == 0 {
		host = []byte(c.target.host)
	}
	dst, err := http2.AppendTarget(dst, c.target.tls, method, c.URI, host)
	if err != nil {
		return dst, err
	}
	c.length = -1
	if !c.own {
		c.OwnBody, c.OwnData = set.setBody.V != nil, set.setBody.V.Value(&r.Session)
		c.measureBody(c.OwnData)
	}
	if h.length && c.length >= 0 {
		scratch = appendInt(scratch[:0], c.length)
		dst = exchange.AppendField(dst, contentLength, scratch)
	}
	if !c.own {
		dst = c.appendConditionFields(dst, h)
	}
	return http2.AppendHeaders(dst, r, h.Table, set.PassRequestHeaders.V)
}

// appendConditionFields is appendConditions for HTTP/2.
func (c *streamCall) appendConditionFields(dst []byte, h *headers) []byte {
	if !h.modifiedSince && !h.noneMatch {
		return dst
	}
	modified, etag := c.Validators()
	if h.modifiedSince && modified != -1 {
		dst = exchange.AppendField(dst, ifModifiedSince, message.AppendDate(c.Request.Scratch(), modified))
	}
	if h.noneMatch && len(etag) > 0 {
		dst = exchange.AppendField(dst, ifNoneMatch, etag)
	}
	return dst
}

// TakeHead takes the fields of a response.
func (c *streamCall) TakeHead(fields []hpack.HeaderField, _ bool) error {
	return c.response.TakeHead(&c.Exchange, fields, c.head)
}

// TakeTrailers takes the fields behind the body.
func (c *streamCall) TakeTrailers(fields []hpack.HeaderField) error {
	return http2.TakeTrailers(&c.Exchange, fields)
}

// ParseBody checks a piece of the body.
func (c *streamCall) ParseBody(b []byte) ([]byte, int, error) {
	return c.response.ParseBody(&c.Exchange, b)
}

// EndBody says what is wrong with the body having ended.
func (c *streamCall) EndBody() error { return c.response.EndBody() }

// AppendKept appends the head of the response as it is kept in a cache.
func (c *streamCall) AppendKept(dst []byte) []byte { return http2.AppendKept(dst, &c.Head) }

// ParseKept reads such a head.
func (c *streamCall) ParseKept(b []byte) (int, error) {
	n, err := c.ParseHead(b)
	c.Head.StatusLine = nil // HTTP/2 has no words for the status
	return n, err
}
