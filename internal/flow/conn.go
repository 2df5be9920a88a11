package flow

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ErrClosing is what Wait returns after Interrupt.
var ErrClosing = errors.New("connection is closing")

// Conn is one connection: its read buffer, the write side and the deadlines. One
// goroutine uses it; a second one may write while the first reads, as a tunnel
// does; Interrupt may be called from any.
type Conn struct {
	s    net.Conn
	sock socket // the file descriptor under s, when there is one

	// buf[r:w] has been received and not been read yet. What lies below floor
	// is pinned; when more room was needed than is left above it, the pinned
	// bytes stay in held.
	buf      []byte
	r, w     int
	floor    int
	held     []byte
	sent     int64
	readWait time.Duration
	sendWait time.Duration

	read, write deadline
	state       atomic.Uint32
	first       [1]byte // what waitStream reads into
	watch       watch
	slow        func() // OnWait
	now         bool   // NoWait
}

// States of a connection as Interrupt sees it.
const (
	stateIdle        = 1 << iota // in Wait with nothing received
	stateInterrupted             // Interrupt was called
	stateNoRead                  // InterruptRead was called
	stateWaiting                 // a read waits for the other side
)

var conns = sync.Pool{New: func() any { return new(Conn) }}

// NewConn returns a Conn for s, which stays the caller's to close, through
// Close or CloseLinger. Release gives the Conn back.
func NewConn(s net.Conn) *Conn {
	c := conns.Get().(*Conn)
	c.Reset(s)
	return c
}

// Reset makes c a fresh connection on s, which begins without a buffered byte.
func (c *Conn) Reset(s net.Conn) {
	c.watch.forget()
	c.dropBuffers()
	c.s = s
	c.sock.reset(c, s)
	c.sent, c.readWait, c.sendWait, c.now = 0, 0, 0, false
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

// SetReadTimeout sets the longest wait of a Read or Refill. 0 is for ever.
func (c *Conn) SetReadTimeout(d time.Duration) { c.readWait = d }

// ReadTimeout returns what SetReadTimeout has set.
func (c *Conn) ReadTimeout() time.Duration { return c.readWait }

// SetSendTimeout sets the longest wait between two successful writes. 0 is for
// ever.
func (c *Conn) SetSendTimeout(d time.Duration) { c.sendWait = d }

// Buffered returns what has been received and not been read. Discard takes it
// away.
func (c *Conn) Buffered() []byte { return c.buf[c.r:c.w] }

// Discard takes n bytes off Buffered.
func (c *Conn) Discard(n int) {
	if n < 0 || n > c.w-c.r {
		panic("flow: Discard beyond the buffered bytes")
	}
	c.r += n
}

// ErrBufferFull reports that Fill has no room.
var ErrBufferFull = errors.New("read buffer is full")

// Full says whether Fill would have no room.
func (c *Conn) Full() bool { return c.w == len(c.buf) }

// Fill waits for more bytes behind Buffered. The wait began at from, by Now, and
// where from is 0 when it begins.
func (c *Conn) Fill(from int64, timeout time.Duration) error {
	if c.w == len(c.buf) {
		return ErrBufferFull
	}
	return c.fill(from, timeout)
}

// Grow makes room after Buffered, which moves to the front of the buffer or into
// a larger one. Nothing may be pinned.
func (c *Conn) Grow() {
	old := c.buf
	if c.r == 0 {
		c.buf = GetBuffer(4 * max(len(old), SmallBuffer/4))
	}
	c.w = copy(c.buf, old[c.r:c.w])
	if c.r == 0 && old != nil {
		PutBuffer(old)
	}
	c.r = 0
}

// Pin keeps in its place, until Unpin, everything that has been discarded since
// the last Grow: slices of it stay valid.
func (c *Conn) Pin() { c.floor = c.r }

// Unpin ends the life of what was pinned.
func (c *Conn) Unpin() {
	c.floor = 0
	if c.held != nil {
		PutBuffer(c.held)
		c.held = nil
	}
	if n := c.w - c.r; len(c.buf) > SmallBuffer && n <= SmallBuffer {
		small := GetBuffer(SmallBuffer)
		copy(small, c.buf[c.r:c.w])
		PutBuffer(c.buf)
		c.buf, c.r, c.w = small, 0, n
	} else if n == 0 {
		c.r, c.w = 0, 0
	}
}

// roomToRefill is how much room above the pinned bytes a buffer should have.
const roomToRefill = 1024

// Refill waits for more bytes behind Buffered, for which it finds room, and
// leaves what is pinned alone. The read time-out applies.
func (c *Conn) Refill() error {
	if c.r == c.w {
		c.r, c.w = c.floor, c.floor
	}
	if c.w == len(c.buf) || c.r == c.w && len(c.buf)-c.floor < roomToRefill {
		switch {
		case c.r > c.floor && len(c.buf)-c.floor >= roomToRefill:
			c.w = c.floor + copy(c.buf[c.floor:], c.buf[c.r:c.w])
			c.r = c.floor
		default:
			c.leavePinned()
		}
	}
	return c.fill(0, c.readWait)
}

// leavePinned takes a buffer of its own for what comes, with room after what is
// buffered.
func (c *Conn) leavePinned() {
	old, n := c.buf, c.w-c.r
	c.buf = GetBuffer(max(SmallBuffer, 2*n))
	copy(c.buf, old[c.r:c.w])
	switch {
	case c.floor == 0 && old != nil:
		PutBuffer(old)
	case c.held == nil:
		c.held = old
	}
	c.r, c.w, c.floor = 0, n, 0
}

// Read reads the connection, what is buffered first. The read time-out applies.
func (c *Conn) Read(p []byte) (int, error) {
	if c.r < c.w {
		n := copy(p, c.buf[c.r:c.w])
		c.r += n
		return n, nil
	}
	if len(p) == 0 {
		return 0, nil
	}
	return c.readInto(p, 0, c.readWait)
}

// Ask is Write of a request and then Read of the beginning of its answer, for a
// client: it looks for the answer only when something has come. Without p it
// reads into what room returns, which is called no earlier than needed. sent is
// false when the request could not be written; then err says why.
func (c *Conn) Ask(request, p []byte, room func() []byte) (n int, sent bool, err error) {
	if c.sock.raw != nil && c.r == c.w {
		TakeTurns()
		op := &c.sock.in
		*op = readOp{p: p, room: room, ask: request, timeout: c.readWait}
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
		PutBuffer(c.held)
	}
	if c.buf != nil {
		PutBuffer(c.buf)
	}
	c.held, c.buf = nil, nil
	c.r, c.w, c.floor = 0, 0, 0
}

// fill reads more bytes after buf[r:w], for which there must be room. The wait
// began at from.
func (c *Conn) fill(from int64, timeout time.Duration) error {
	n, err := c.readInto(c.buf[c.w:], from, timeout)
	c.w += n
	return err
}
