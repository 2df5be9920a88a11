package h2

import "sync"

// Transport carries a connection: a socket, or TLS on one.
type Transport interface {
	// Wait returns when bytes have come, without holding a buffer meanwhile; or
	// ErrParked, when nobody is to wait for a while.
	Wait() error
	// Read reads what has come, at least one byte.
	Read(p []byte) (int, error)
	// Write writes p, or says why not all of it.
	Write(p []byte) (int, error)
	// Interrupt, from any goroutine, has Wait and Read return an error, now and
	// later.
	Interrupt()
	// Linger ends writing and drops what still comes, for a while: a connection
	// that is closed with something unread costs the peer the end of what it was
	// sent.
	Linger()
	// Close ends reading and writing, from any goroutine.
	Close() error
}

// inSize is the size of the read buffer: a frame of the longest kind and its
// header always fit.
const inSize = 32 << 10

var inBuffers = sync.Pool{New: func() any { return new([inSize]byte) }}

// input takes frames apart. buf[r:w] has been received.
type input struct {
	t    Transport
	buf  *[inSize]byte // nil while nothing is there
	r, w int
	// before, if not nil, is called before more is read.
	before func()
}

// empty reports whether nothing has been received that was not taken.
func (in *input) empty() bool { return in.r == in.w }

// release gives the buffer back; nothing may be in it.
func (in *input) release() {
	if in.buf != nil {
		inBuffers.Put(in.buf)
		in.buf = nil
	}
	in.r, in.w = 0, 0
}

// fill makes at least n bytes available, n at most inSize.
func (in *input) fill(n int) error {
	if in.w-in.r >= n {
		return nil
	}
	if in.buf == nil {
		in.buf = inBuffers.Get().(*[inSize]byte)
	}
	if in.r > 0 && in.r+n > inSize {
		in.w = copy(in.buf[:], in.buf[in.r:in.w])
		in.r = 0
	}
	for in.w-in.r < n {
		if in.before != nil {
			in.before()
		}
		got, err := in.t.Read(in.buf[in.w:])
		in.w += got
		if err != nil && in.w-in.r < n {
			return err
		}
	}
	return nil
}

// take returns the next n bytes, valid until the next call.
func (in *input) take(n int) ([]byte, error) {
	if err := in.fill(n); err != nil {
		return nil, err
	}
	p := in.buf[in.r : in.r+n]
	if in.r += n; in.r == in.w {
		in.r, in.w = 0, 0
	}
	return p, nil
}

// some returns what has come, at least one byte and at most n, valid until the
// next call.
func (in *input) some(n int) ([]byte, error) {
	if err := in.fill(1); err != nil {
		return nil, err
	}
	return in.take(min(n, in.w-in.r))
}

// skip drops the next n bytes.
func (in *input) skip(n int) error {
	for n > 0 {
		p, err := in.some(n)
		if err != nil {
			return err
		}
		n -= len(p)
	}
	return nil
}

// frame returns the header of the next frame. Bodies and header blocks, which are
// taken as they come, may be as long as the settings say, other frames as long as
// every peer may make them (RFC 9113 section 4.2).
func (c *Conn) frame() (frameHeader, error) {
	head, err := c.in.take(frameHeaderLen)
	if err != nil {
		return frameHeader{}, err
	}
	h := parseFrameHeader(head)
	most := minMaxFrame
	if h.typ == FrameData || h.typ == FrameHeaders || h.typ == FrameContinuation {
		most = c.maxFrame
	}
	if h.length > most {
		return h, connectionError(FrameSizeError, "%s sent frame of type %d with too large length %d", c.peer(), h.typ, h.length)
	}
	if h.typ == FramePushPromise {
		return h, connectionError(ProtocolError, "%s sent PUSH_PROMISE frame", c.peer())
	}
	c.received += int64(frameHeaderLen + h.length)
	return h, nil
}

// padding returns how much padding ends a payload (RFC 9113 section
// 6.1), and how much is left of it in front of that.
func (c *Conn) padding(h frameHeader, name string) (padding, left int, err error) {
	if h.flags&FlagPadded == 0 {
		return 0, h.length, nil
	}
	if h.length == 0 {
		return 0, 0, connectionError(FrameSizeError, "%s sent padded %s frame with incorrect length: 0", c.peer(), name)
	}
	p, err := c.in.take(1)
	if err != nil {
		return 0, 0, err
	}
	if padding = int(p[0]); padding >= h.length {
		return 0, 0, connectionError(ProtocolError, "%s sent padded %s frame with incorrect length: %d, padding: %d", c.peer(), name, h.length, padding)
	}
	return padding, h.length - 1 - padding, nil
}
