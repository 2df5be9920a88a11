package http1

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ErrClosing is what WaitRequest returns after Interrupt.
var ErrClosing = errors.New("connection is closing")

// Conn is one client connection: its read buffer, the body of the current
// request, the write side and the deadlines. One goroutine uses it; a second one
// may write while the first reads, as a tunnel does; Interrupt may be called from
// any.
type Conn struct {
	s    net.Conn
	sock socket // the file descriptor under s, when there is one

	// buf[r:w] has been received and not been read yet. Below floor lies the
	// head of the current request, which must stay where it is; when a body
	// needed more room than is left above it, the head stays in held.
	buf      []byte
	r, w     int
	floor    int
	held     []byte
	body     body
	sent     int64
	bodyWait time.Duration

	receivedOnly bool // the body is not to be waited for
	sendWait     time.Duration

	read, write deadline
	state       atomic.Uint32
	first       [1]byte // what waitStream reads into
	watch       watch
	slow        func() // OnWait
	now         bool   // ReadBodyNow is at work
}

// States of a connection as Interrupt sees it.
const (
	stateIdle        = 1 << iota // in WaitRequest with nothing received
	stateInterrupted             // Interrupt was called
	stateNoBody                  // InterruptBody was called
)

var conns = sync.Pool{New: func() any { return new(Conn) }}

// NewConn returns a Conn for s, which stays the caller's to close, through
// Close or CloseLinger. Release gives the Conn back.
func NewConn(s net.Conn) *Conn {
	c := conns.Get().(*Conn)
	c.Reset(s)
	return c
}

// Reset makes c a fresh connection on s.
func (c *Conn) Reset(s net.Conn) {
	c.watch.forget()
	c.dropBuffers()
	c.s = s
	c.sock.reset(c, s)
	c.body.reset()
	c.sent, c.bodyWait, c.sendWait = 0, 0, 0
	c.read, c.write = deadline{}, deadline{}
	c.state.Store(0)
	c.slow = nil
}

// Release gives c and its buffers back. Nothing may use c or what it handed
// out afterwards, Interrupt included. It does not close the transport.
func (c *Conn) Release() {
	c.watch.forget()
	c.dropBuffers()
	c.s = nil
	c.sock.reset(c, nil)
	conns.Put(c)
}

// Transport returns the connection that c was made for.
func (c *Conn) Transport() net.Conn { return c.s }

// Sent returns how many bytes have been written to the transport.
func (c *Conn) Sent() int64 { return c.sent }

// Close closes the transport at once. Unread data of the client makes the
// kernel reset the connection and may cost it the end of the answer; see Unread
// and CloseLinger.
func (c *Conn) Close() error {
	c.StopWatch()
	return c.s.Close()
}

// SetBodyTimeout sets the longest wait between two successful reads of a body
// (client_body_timeout). 0 is for ever.
func (c *Conn) SetBodyTimeout(d time.Duration) { c.bodyWait = d }

// SetSendTimeout sets the longest wait between two successful writes
// (send_timeout). 0 is for ever.
func (c *Conn) SetSendTimeout(d time.Duration) { c.sendWait = d }

// Buffered returns what has been received and not been read: pipelined
// requests, or the first bytes of an upgraded protocol. Discard takes it away.
func (c *Conn) Buffered() []byte { return c.buf[c.r:c.w] }

// Discard takes n bytes off Buffered.
func (c *Conn) Discard(n int) {
	if n < 0 || n > c.w-c.r {
		panic("http1: Discard beyond the buffered bytes")
	}
	c.r += n
}

// ErrBufferFull reports that More has no room.
var ErrBufferFull = errors.New("read buffer is full")

// More waits for more bytes behind Buffered, for what precedes a request.
func (c *Conn) More(timeout time.Duration) error {
	if c.w == len(c.buf) {
		return ErrBufferFull
	}
	return c.fill(now(), timeout)
}

// Read reads the connection without any framing, what is buffered first: for
// tunnels and upgraded protocols. The body time-out applies.
func (c *Conn) Read(p []byte) (int, error) {
	if c.r < c.w {
		n := copy(p, c.buf[c.r:c.w])
		c.r += n
		return n, nil
	}
	if len(p) == 0 {
		return 0, nil
	}
	return c.readInto(p, 0, c.bodyWait)
}

// Ask is Write of a request and then Read of the beginning of its answer, for a
// client: it looks for the answer only when something has come. Without p it
// reads into what room returns, which is called no earlier than needed. sent is
// false when the request could not be written; then err says why.
func (c *Conn) Ask(request, p []byte, room func() []byte) (n int, sent bool, err error) {
	if c.sock.raw != nil && c.r == c.w {
		TakeTurns()
		op := &c.sock.in
		*op = readOp{p: p, room: room, ask: request, timeout: c.bodyWait}
		n, err = c.sock.read()
		request, op.ask = op.ask, nil
		if len(request) == 0 || err != nil {
			return n, len(request) == 0, err
		}
	}
	if _, err = c.Write(request); err != nil {
		return 0, false, err
	}
	if p == nil {
		p = room()
	}
	n, err = c.Read(p)
	return n, true, err
}

func (c *Conn) dropBuffers() {
	if c.held != nil {
		putBuffer(c.held)
	}
	if c.buf != nil {
		putBuffer(c.buf)
	}
	c.held, c.buf = nil, nil
	c.r, c.w, c.floor = 0, 0, 0
}

// finishRequest ends the life of everything handed out for the last request.
func (c *Conn) finishRequest() {
	c.floor = 0
	c.body.reset()
	if c.held != nil {
		putBuffer(c.held)
		c.held = nil
	}
	if n := c.w - c.r; len(c.buf) > smallBuffer && n <= smallBuffer {
		small := getBuffer(smallBuffer)
		copy(small, c.buf[c.r:c.w])
		putBuffer(c.buf)
		c.buf, c.r, c.w = small, 0, n
	} else if n == 0 {
		c.r, c.w = 0, 0
	}
}

// fill reads more bytes after buf[r:w], for which there must be room. The wait
// began at from.
func (c *Conn) fill(from int64, timeout time.Duration) error {
	n, err := c.readInto(c.buf[c.w:], from, timeout)
	c.w += n
	return err
}
