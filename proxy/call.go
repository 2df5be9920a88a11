package proxy

import (
	"errors"
	"strings"
	"sync"

	"tandem/internal/errorlog"
	"tandem/proxy/block"
	"tandem/proxy/exchange"
	"tandem/proxy/header"
	"tandem/web"
	"tandem/web/http1/wire"
	"tandem/web/message"
)

// call is one request over HTTP/1 to a back end.
type call struct {
	exchange.Exchange
	settings *settings
	pass     *pass
	target   target

	head    bool // the response has no body
	length  int64
	chunked bool // the request body is sent in chunks

	left   int64 // of the response's body
	chunks chunkDecoder
}

var calls = sync.Pool{New: func() any { return new(call) }}

// callSlot is where variables find the call of a request.
var callSlot = web.NewContext[call]()

// handle answers a request of a location with proxy_pass.
func handle(r *web.Request) web.Code {
	set := slot.Of(r.Location)
	if set.pass == nil {
		// The handler is of an if block, the settings of another one after it.
		r.Logf(errorlog.Alert, "no upstream configuration")
		return 500
	}
	c, p := newCall(set)
	c.settings, c.pass, c.Request = set, set.pass, r
	callSlot.Set(r, c)
	t, code := c.findTarget()
	if code == web.OK {
		code = c.ReadBody(r, c.mayStream())
	}
	if code != web.OK {
		callSlot.Set(r, nil)
		p.Release()
		return code
	}
	return c.Run(r, &set.Settings, t, p)
}

// newCall returns a call in the version that the settings say.
func newCall(set *settings) (*call, exchange.Protocol) {
	if set.version.V == version2 {
		c := streamCalls.Get().(*streamCall)
		return &c.call, c
	}
	c := calls.Get().(*call)
	return c, c
}

// mayStream reports whether the request body may go out as it comes in.
func (c *call) mayStream() bool {
	set := c.settings
	return !set.RequestBuffering.V && set.setBody.V == nil && set.PassRequestBody.V &&
		(!c.Request.LengthUnknown() || set.version.V != version10)
}

// findTarget settles where the request goes.
func (c *call) findTarget() (block.Target, web.Code) {
	p := c.pass
	if p.template != nil {
		return c.evaluateTarget()
	}
	c.target = p.target
	t := p.ref.Target()
	t.Scheme, t.TLS = p.target.scheme, p.target.tls
	return t, web.OK
}

// evaluateTarget is findTarget for a proxy_pass with variables.
func (c *call) evaluateTarget() (block.Target, web.Code) {
	r := c.Request
	url := string(c.pass.template.Value(&r.Session))
	t, l, err := parseTarget(url)
	if err != nil {
		if errors.Is(err, errURLPrefix) {
			r.Logf(logError, "invalid URL prefix in \"%s\"", url)
		} else {
			r.Logf(logError, "%v", err)
		}
		return block.Target{}, 500
	}
	if strings.HasPrefix(t.uri, "?") {
		t.uri = "/" + t.uri
	}
	c.target = t
	to, code := exchange.FindTarget(r, l)
	to.Scheme, to.TLS = t.scheme, t.tls
	return to, code
}

// Release gives the call back.
func (c *call) Release() {
	c.forget()
	calls.Put(c)
}

// forget makes c as good as new.
func (c *call) forget() {
	c.settings, c.pass, c.Request = nil, nil, nil
	c.target = target{}
	c.head, c.chunked, c.length, c.left = false, false, 0, 0
	c.chunks = chunkDecoder{}
}

// AppendRequest appends the request line and the headers.
func (c *call) AppendRequest(dst []byte) ([]byte, error) {
	r, set := c.Request, c.settings
	start := len(dst)
	if c.ConvertsHead() {
		dst = append(dst, "GET"...)
	} else if t := set.method.V; t != nil {
		dst = t.Append(&r.Session, dst)
	} else {
		dst = append(dst, r.MethodName...)
	}
	c.head = message.EqualLower(dst[start:], "head")
	dst = append(dst, ' ')
	uri := len(dst)
	dst = c.appendURI(dst)
	c.URI = r.Keep(dst[uri:])
	if len(c.URI) == 0 {
		return dst, errEmptyURI
	}
	if header.Splits(dst[start:]) {
		return dst, errSplit
	}
	dst, err := c.appendHost(appendVersion(dst, set.version.V))
	if err != nil {
		return dst, err
	}
	body := set.setBody.V.Value(&r.Session)
	c.OwnBody = set.setBody.V != nil
	c.measureBody(body)
	if dst, err = c.appendSet(dst); err != nil {
		return dst, err
	}
	return append(append(c.appendClientHeaders(dst), "\r\n"...), body...), nil
}

// appendVersion ends a request line.
func appendVersion(dst []byte, v version) []byte {
	if v == version11 {
		return append(dst, " HTTP/1.1\r\n"...)
	}
	return append(dst, " HTTP/1.0\r\n"...)
}

// appendClientHeaders appends the headers of the client that are passed on.
func (c *call) appendClientHeaders(dst []byte) []byte {
	set := c.settings
	if !set.PassRequestHeaders.V {
		return dst
	}
	headers := c.headers()
	for i := range c.Request.Head.Fields {
		f := &c.Request.Head.Fields[i]
		if !headers.Drops(f) {
			dst = append(append(append(append(dst, f.Name...), ": "...), f.Value...), "\r\n"...)
		}
	}
	return dst
}

// appendHost appends the Host header.
func (c *call) appendHost(dst []byte) ([]byte, error) {
	start := len(dst)
	dst = append(dst, "Host: "...)
	name := len(dst)
	host := c.headers().Host
	if host != nil {
		dst = host.Append(&c.Request.Session, dst)
	}
	if len(dst) == name {
		if host != nil && c.settings.version.V != version11 {
			return dst[:start], nil
		}
		dst = append(dst, c.target.host...)
	}
	if len(dst) == name {
		return dst[:start], nil
	}
	if header.Splits(dst[name:]) {
		return dst, errSplit
	}
	return append(dst, "\r\n"...), nil
}

// measureBody settles the length of the request body as it is sent.
func (c *call) measureBody(body []byte) {
	main := c.Request.Main
	c.length, c.chunked = -1, false
	switch {
	case c.OwnBody:
		c.length = int64(len(body))
	case c.Streams && main.LengthUnknown():
		c.chunked = true
	case c.Streams:
		c.length = main.Head.ContentLength
	case main.Body.Read && main.HasBody() || main.Head.ContentLength == 0:
		c.length = main.Body.Len
	}
}

// appendSet appends the headers that the configuration and the body ask for.
func (c *call) appendSet(dst []byte) ([]byte, error) {
	r, h := c.Request, c.headers()
	for i := range h.Set {
		sh := &h.Set[i]
		start := len(dst)
		dst = append(append(dst, sh.Name...), ": "...)
		value := len(dst)
		dst = sh.Value.Append(&r.Session, dst)
		if len(dst) == value {
			dst = dst[:start]
			continue
		}
		if splitsField(dst[value:]) {
			return dst, errSplit
		}
		dst = append(dst, "\r\n"...)
	}
	if h.length && c.length >= 0 {
		dst = append(dst, "Content-Length: "...)
		dst = append(appendInt(dst, c.length), "\r\n"...)
	}
	if h.chunked && c.chunked {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	if h.modifiedSince || h.noneMatch {
		dst = c.appendConditions(dst, h)
	}
	return dst, nil
}

// headers returns the headers that the request has beside the client's.
func (c *call) headers() *headers {
	if c.Caches() {
		return c.settings.cached
	}
	return c.settings.headers
}

// appendConditions appends by what it is asked whether an entry of the cache still
// holds.
func (c *call) appendConditions(dst []byte, h *headers) []byte {
	modified, etag := c.Validators()
	if h.modifiedSince && modified != -1 {
		dst = message.AppendDate(append(dst, "If-Modified-Since: "...), modified)
		dst = append(dst, "\r\n"...)
	}
	if h.noneMatch && len(etag) > 0 {
		dst = append(append(append(dst, "If-None-Match: "...), etag...), "\r\n"...)
	}
	return dst
}

// FrameBody appends what goes around a piece of the request body.
func (c *call) FrameBody(before, after []byte, size int64, last bool) ([]byte, []byte) {
	if !c.chunked {
		return before, after
	}
	if size > 0 {
		before = wire.AppendChunkHeader(before, size)
		after = append(after, "\r\n"...)
	}
	if last {
		after = append(after, "0\r\n\r\n"...)
	}
	return before, after
}
