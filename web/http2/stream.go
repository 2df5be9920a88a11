package http2

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"tandem/internal/h2"
	"tandem/web"
	"tandem/web/message"
)

// stream is one request and its response: the carrier of the request.
type stream struct {
	r    *web.Request
	s    *session
	h2   h2.Stream
	head head
	bad  *message.BadRequest // what is wrong with the head

	pace      web.Pace
	enc       *h2.Encoder // while a head is written
	connected bool        // extended CONNECT was granted
	tunnel    bool        // what comes is no message
	timedOut  bool
	taken     int64 // of the request's body
	wide      bool  // the client may send more than before
	trailers  bool  // what WriteFields writes
	headOnly  bool  // the response has ended with its head
	interim   []web.ResponseField
	status    int // of the head that is written
}

var streams = sync.Pool{New: func() any {
	x := new(stream)
	x.r = web.NewRequest(x)
	return x
}}

// begin reads the head of a request. It is called by the goroutine that reads
// frames.
func (x *stream) begin(s *session, id uint32, b *h2.Block) {
	x.s = s
	s.h.Open(&x.h2, id, b)
	r := x.r
	r.Open(s.c)
	x.bad = x.head.read(r.Head, b, &s.rules)
	if x.bad == nil && x.head.protocol != nil {
		x.bad = x.upgrade()
	}
	if p := r.Head.Get("priority"); p != nil {
		x.h2.SetPriority(string(p))
	}
}

// serve answers the request.
func (x *stream) serve() {
	r := x.r
	if x.bad != nil {
		r.Refuse(x.bad)
		x.h2.Malformed()
	} else {
		r.Serve()
		x.drain()
	}
	if x.tunnel && !r.Broken() {
		// An orderly close of the TCP connection is an END_STREAM (RFC 8441 section 5).
		_ = x.h2.SendData(nil, true)
	}
	code := h2.InternalError
	if x.timedOut {
		code = h2.ProtocolError
	}
	x.h2.Close(code)
	if !r.Close() {
		return
	}
	x.h2.OnWait = nil
	*x = stream{r: r, h2: x.h2, head: x.head}
	streams.Put(x)
}

// drained is how long a body may be, in bytes, to be waited for when nobody wanted
// it; a longer one is cut off.
const drained = 64 << 10

// unannounced is how long a body of unknown length is waited for: it may go on for
// ever, and what is under way has come by then.
const unannounced = 100 * time.Millisecond

// drain waits for what is left of a small body that nobody has read: a client that
// is told to stop sending may take that for a failure. It also finds out whether
// the body is as long as it was announced, and what follows it is in order.
func (x *stream) drain() {
	r := x.r
	if r.Broken() || !x.drains() || x.h2.Ended() {
		return
	}
	x.h2.ReadTimeout = r.Core.LingeringTimeout.V
	if r.Head.ContentLength < 0 {
		x.h2.ReadTimeout = unannounced
	}
	var buf [1024]byte
	for left := drained; left > 0; {
		n, err := x.ReadBody(buf[:])
		left -= n
		var bad *message.BadRequest
		if errors.As(err, &bad) {
			x.h2.Malformed()
		}
		if err != nil {
			return
		}
	}
}

func (x *stream) drains() bool {
	h := x.r.Head
	return h.Body && h.ContentLength <= drained && !x.tunnel
}

// upgrade makes of an extended CONNECT (RFC 8441) the request that HTTP/1 has for
// it: a GET with Upgrade.
func (x *stream) upgrade() *message.BadRequest {
	h := x.r.Head
	if string(x.head.protocol) != "websocket" {
		return message.Bad(501, fmt.Sprintf(`client sent unknown ":protocol": "%s"`, message.Quote(x.head.protocol)))
	}
	h.Method, h.Body = methodGET, false
	add := func(name, value []byte) *message.BadRequest {
		*h.NextField() = message.Field{Name: name, Value: value, ID: message.LookupFieldID(name)}
		return h.Add(false, x.s.rules.MaxHeaders+maxSpare)
	}
	if bad := add(upgradeName, x.head.protocol); bad != nil {
		return bad
	}
	if h.Get("sec-websocket-key") != nil {
		return nil
	}
	// HTTP/1 asks for a key; HTTP/2 has none.
	var nonce [16]byte
	_, _ = rand.Read(nonce[:])
	return add(keyName, base64.StdEncoding.AppendEncode(nil, nonce[:]))
}

var (
	methodGET   = []byte("GET")
	upgradeName = []byte("upgrade")
	keyName     = []byte("sec-websocket-key")
)

// Configure takes over what the location says of time-outs.
func (x *stream) Configure() {
	core := x.r.Core
	x.h2.SendTimeout, x.h2.ReadTimeout = core.SendTimeout.V, core.ClientBodyTimeout.V
	x.h2.Chunk = int(chunks.Of(x.r.Location).size.V)
}

// TimedOut has the stream end without a further word.
func (x *stream) TimedOut(bool) { x.timedOut = true }

// The response.

// left is an error of sending that comes from the client: it has reset the stream,
// left, or broken a rule.
type left struct{ error }

// Is says that what was to be sent has nowhere to go.
func (left) Is(target error) bool { return target == net.ErrClosed }

func (e left) Unwrap() error { return e.error }

// sent is what sending came to, for the request.
func sent(err error) error {
	var reset *h2.StreamError
	var bad *h2.ConnectionError
	if errors.As(err, &reset) || errors.As(err, &bad) || err == h2.ErrClosed {
		return left{err}
	}
	return err
}

// SendHead writes the head, which waits for the first piece of the body.
func (x *stream) SendHead() error {
	r := x.r
	x.pace = web.NewPace(r)
	if x.s.c.Closing() {
		x.s.h.Shutdown(false)
	}
	x.status = r.Response.Status
	if x.status == 101 {
		// "A server [...] responds with a 2xx" (RFC 8441 section 5).
		if x.head.protocol == nil {
			return fmt.Errorf("status 101 in HTTP/2: %w", errProtocol)
		}
		x.connected, x.status = true, 200
	}
	// A response of which it is known that nothing follows ends with its head, as in
	// nginx.
	x.headOnly = (r.HeaderOnly || r.Response.ContentLength == 0 && !r.ExpectTrailers) && !x.connected
	n, err := x.h2.SendHead(x, x.headOnly)
	r.HeadBytes += int64(n)
	if err == nil && x.headOnly {
		err = x.Flush()
	}
	return sent(err)
}

var errProtocol = fmt.Errorf("no such thing: %w", net.ErrClosed)

// WriteFields writes the head of the response, or of an interim one, or what
// follows the body.
func (x *stream) WriteFields(e *h2.Encoder) {
	switch {
	case x.trailers:
		for _, f := range x.r.Response.Trailers() {
			e.Field(f.Name, f.Value)
		}
	case x.interim != nil:
		e.Status(x.status)
		for _, f := range x.interim {
			e.Field(f.Name, f.Value)
		}
	default:
		e.Status(x.status)
		x.enc = e
		x.r.WriteFields(x)
		x.enc = nil
	}
}

// WriteField writes a field of the response's head, unless it concerns a
// connection of HTTP/1 (RFC 9113 section 8.2.2).
func (x *stream) WriteField(name, value []byte) {
	if ofConnection(name) || x.connected && message.EqualLower(name, "sec-websocket-accept") {
		return
	}
	if seldom(name) {
		x.enc.Once(name, value)
		return
	}
	x.enc.Field(name, value)
}

// WriteOwn writes nothing: HTTP/2 has no fields of its own.
func (x *stream) WriteOwn() {}

// ofConnection reports whether a field concerns a connection of HTTP/1.
func ofConnection(name []byte) bool {
	switch len(name) {
	case len("connection"):
		return message.EqualLower(name, "connection") || message.EqualLower(name, "keep-alive")
	case len("upgrade"):
		return message.EqualLower(name, "upgrade")
	case len("proxy-connection"):
		return message.EqualLower(name, "proxy-connection")
	case len("transfer-encoding"):
		return message.EqualLower(name, "transfer-encoding")
	}
	return false
}

// seldom reports whether a field's value seldom comes again.
func seldom(name []byte) bool {
	return message.EqualLower(name, "set-cookie") || message.EqualLower(name, "content-range") || message.EqualLower(name, "location")
}

// SendInterim sends an interim response.
func (x *stream) SendInterim(status int, fields []web.ResponseField) error {
	final := x.status
	if x.status, x.interim = status, fields; fields == nil {
		x.interim = noFields
	}
	n, err := x.h2.SendHead(x, false)
	x.status, x.interim = final, nil
	x.r.HeadBytes += int64(n)
	if err != nil {
		return err
	}
	return x.h2.Flush()
}

var noFields = []web.ResponseField{}

// SendBody sends a piece of the body.
func (x *stream) SendBody(c web.Chunk) error {
	r := x.r
	if r.Broken() {
		return net.ErrClosed
	}
	if x.headOnly {
		if c.Len() == 0 {
			return nil
		}
		return web.ErrBodySent
	}
	trailers := c.Last && len(r.Response.Trailers()) > 0
	end := c.Last && !trailers
	before := x.h2.Sent()
	var err error
	switch {
	case x.pace.Limited() && c.Len() > 0:
		err = x.sendSlowly(c, end)
	case c.File.Len > 0:
		if len(c.Data) > 0 {
			err = x.h2.SendData(c.Data, false)
		}
		if err == nil {
			err = x.h2.SendFile(c.File.File, c.File.Off, c.File.Len, end)
		}
	case len(c.Data) > 0 || end:
		err = x.h2.SendData(c.Data, end)
	}
	// The headers of frames are no part of $body_bytes_sent, as in nginx.
	r.HeadBytes += x.h2.Sent() - before - c.Len()
	if err == nil && trailers {
		x.trailers = true
		var n int
		n, err = x.h2.SendHead(x, true)
		r.HeadBytes += int64(n)
	}
	if err == nil && (c.Last || c.Flush || c.Len() >= int64(r.Core.PostponeOutput.V)) {
		err = x.h2.Flush()
	}
	return sent(err)
}

// sendSlowly sends a piece of the body as fast as limit_rate allows.
func (x *stream) sendSlowly(c web.Chunk, end bool) error {
	for left := c.Len(); left > 0; left = c.Len() {
		n, err := x.pace.Room(left)
		if err != nil {
			return err
		}
		if len(c.Data) > 0 {
			n = min(n, int64(len(c.Data)))
			err = x.h2.SendData(c.Data[:n], end && n == left)
			c.Data = c.Data[n:]
		} else {
			err = x.h2.SendFile(c.File.File, c.File.Off, n, end && n == left)
			c.File.Off, c.File.Len = c.File.Off+n, c.File.Len-n
		}
		if err == nil {
			err = x.h2.Flush()
		}
		if err != nil {
			return err
		}
		x.pace.Took(n)
	}
	return nil
}

// Flush sends what waits.
func (x *stream) Flush() error { return sent(x.h2.Flush()) }

// Sent returns how many bytes of frames have been sent.
func (x *stream) Sent() int64 { return x.h2.Sent() }

// The body of the request.

// ReadBody reads from the body. One that is longer or shorter than announced is
// malformed (RFC 9113 section 8.1.1).
func (x *stream) ReadBody(p []byte) (int, error) {
	if !x.wide {
		// Who reads is quick: the client need not wait for that each time.
		x.wide = true
		x.h2.Widen(readWindow)
	}
	n, err := x.h2.Read(p)
	return x.took(n, err)
}

// readWindow is how much of a body that is being read may be under way, in bytes.
const readWindow = 256 << 10

// ReadBodyNow is ReadBody without waiting.
func (x *stream) ReadBodyNow(p []byte) (int, error) {
	n, err := x.h2.ReadNow(p)
	return x.took(n, err)
}

// took holds what has been read against the length that was announced.
func (x *stream) took(n int, err error) (int, error) {
	x.taken += int64(n)
	announced := x.r.Head.ContentLength
	switch {
	case announced < 0:
	case x.taken > announced:
		return 0, message.Bad(400, "client intended to send body data larger than declared")
	case x.taken < announced && (err == nil || err == io.EOF) && x.h2.Ended():
		// Its last part is not passed on: it would look like the whole.
		return 0, message.Bad(400, fmt.Sprintf("client prematurely closed stream: only %d out of %d bytes of request body received", x.taken, announced))
	}
	return n, err
}

// BodyBuffered returns how many bytes of the body have come and not been read.
func (x *stream) BodyBuffered() int { return x.h2.Buffered() }

// BodyTaken returns how many bytes of the body have been read.
func (x *stream) BodyTaken() int64 { return x.taken }

// BodyDone reports whether the body has been read to its end.
func (x *stream) BodyDone() bool {
	announced := x.r.Head.ContentLength
	return !x.r.Head.Body || x.h2.Ended() && (announced < 0 || x.taken == announced)
}

// DropBody drops what has come of the body, and what will come.
func (x *stream) DropBody() error {
	if !x.drains() {
		x.h2.Discard()
	}
	return nil
}

// The presence of the client.

// Watch has gone called when the client resets the stream or leaves.
func (x *stream) Watch(gone func()) { x.h2.Watch(gone) }

// StopWatch ends Watch.
func (x *stream) StopWatch() { x.h2.Watch(nil) }

// OnSlow has slow called when sending has to wait.
func (x *stream) OnSlow(slow func()) { x.h2.OnWait = slow }

// Slow calls what OnSlow was given.
func (x *stream) Slow() {
	if x.h2.OnWait != nil {
		x.h2.OnWait()
	}
}

// InterruptBody ends reads that wait.
func (x *stream) InterruptBody() { x.h2.Interrupt() }

// ResumeBody ends InterruptBody.
func (x *stream) ResumeBody() { x.h2.Resume() }

// The stream as a tunnel.

// StartTunnel leaves the stream to what is no message.
func (x *stream) StartTunnel() error {
	x.tunnel = true
	x.h2.ReadTimeout = 0
	return x.h2.Flush()
}

// TunnelRead reads what follows the head of the request.
func (x *stream) TunnelRead(p []byte) (int, error) { return x.h2.Read(p) }

// TunnelWrite writes what follows the head of the response.
func (x *stream) TunnelWrite(p []byte) (int, error) {
	if err := x.h2.SendData(p, false); err != nil {
		return 0, err
	}
	return len(p), x.h2.Flush()
}

var _ interface {
	web.Carrier
	web.Tunnel
} = (*stream)(nil)
