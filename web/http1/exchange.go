package http1

import (
	"sync"

	"tandem/web"
)

// exchange is one request and its response: the carrier of the request, with the
// memory that both take. A connection has one only while it answers, so that the
// many that wait for their next request cost little, and the few that are busy
// share memory that is in the processor's caches.
type exchange struct {
	r          *web.Request
	s          *session
	sentBefore int64  // what the connection had sent when the request began
	out        []byte // what waits to be sent: the head, small pieces of the body
	pace       web.Pace
	keepalive  bool // the client and the location want another request to follow
	chunked    bool // the body of the response is sent in chunks
	last       bool // the response has ended
}

var exchanges = sync.Pool{New: func() any {
	x := new(exchange)
	x.r = web.NewRequest(x)
	return x
}}

// take gives the connection a request to read.
func (s *session) take() *exchange {
	x := exchanges.Get().(*exchange)
	x.s, x.sentBefore = s, s.wire.Sent()
	return x
}

// maxKeptOutput is how large a buffer for a response may be to be kept.
const maxKeptOutput = 2 * maxWaiting

// drop ends the use of the connection's request.
func (x *exchange) drop() {
	if !x.r.Close() {
		return
	}
	out := x.out[:0]
	if cap(out) > maxKeptOutput {
		out = nil
	}
	*x = exchange{r: x.r, out: out}
	exchanges.Put(x)
}

// Configure takes over what the location says of the connection.
func (x *exchange) Configure() {
	core := x.r.Core
	if x.keepalive {
		x.keepalive = x.keepaliveAllowed()
	}
	x.s.wire.SetSendTimeout(core.SendTimeout.V)
	x.s.wire.SetReadTimeout(core.ClientBodyTimeout.V)
	if on := core.TCPNodelay.V; on == x.s.delays {
		x.s.delays = !on
		x.s.c.SetNoDelay(on)
	}
}

// TimedOut has the connection end without a further word.
func (x *exchange) TimedOut(reset bool) { x.s.c.CutOff(reset) }

// The body of the request.

// ReadBody reads from the body, without its framing.
func (x *exchange) ReadBody(p []byte) (int, error) { return x.s.wire.ReadBody(p) }

// ReadBodyNow is ReadBody without waiting.
func (x *exchange) ReadBodyNow(p []byte) (int, error) { return x.s.wire.ReadBodyNow(p) }

// BodyBuffered returns how much has been received while the body is not complete.
func (x *exchange) BodyBuffered() int {
	if x.s.wire.BodyDone() {
		return 0
	}
	return len(x.s.wire.Buffered())
}

// BodyTaken returns how many bytes have been read, with the framing of chunks.
func (x *exchange) BodyTaken() int64 { return x.s.wire.BodyTaken() }

// BodyDone reports whether the body has been read to its end.
func (x *exchange) BodyDone() bool { return x.s.wire.BodyDone() }

// DropBody drops what has been received of the body, in so far as its framing can
// be faulty. What is left is dropped after the response.
func (x *exchange) DropBody() error {
	if !x.r.LengthUnknown() {
		return nil
	}
	return x.s.wire.DropReceived()
}

// The presence of the client.

// Watch has gone called when the client closes the connection.
func (x *exchange) Watch(gone func()) { x.s.wire.WatchClose(gone) }

// StopWatch ends Watch.
func (x *exchange) StopWatch() { x.s.wire.StopWatch() }

// OnSlow has slow called when a write has to wait.
func (x *exchange) OnSlow(slow func()) { x.s.wire.OnWait(slow) }

// Slow calls what OnSlow was given.
func (x *exchange) Slow() { x.s.wire.Slow() }

// InterruptBody ends reads that wait.
func (x *exchange) InterruptBody() { x.s.wire.InterruptRead() }

// ResumeBody ends InterruptBody.
func (x *exchange) ResumeBody() { x.s.wire.ResumeRead() }

// The connection as a tunnel.

// StartTunnel leaves the connection to what is no message.
func (x *exchange) StartTunnel() error {
	x.keepalive = false
	x.s.wire.SetReadTimeout(0)
	return x.Flush()
}

// TunnelRead reads what follows the request.
func (x *exchange) TunnelRead(p []byte) (int, error) { return x.s.wire.Read(p) }

// TunnelWrite writes what follows the head of the response.
func (x *exchange) TunnelWrite(p []byte) (int, error) { return x.s.wire.Write(p) }
