package h2

import "sync"

// Transport carries a connection: a socket, or TLS on one.
type Transport interface {
	// Wait returns when bytes have come, without holding a buffer meanwhile.
	Wait() error
	// Read reads what has come, at least one byte.
	Read(p []byte) (int, error)
	// Write writes p, or says why not all of it.
	Write(p []byte) (int, error)
	// Interrupt, from any goroutine, has Wait return an error, now and later.
	Interrupt()
	// Linger ends writing and drops what still comes, for a while: a connection
	// that is closed with something unread costs the peer the end of what it was
	// sent.
	Linger()
	// Close ends reading and writing, from any goroutine.
	Close() error
}

// maxFrame is the longest payload that is received, in bytes: what every peer
// may send (RFC 9113 section 4.2). No more is offered.
const maxFrame = minMaxFrame

// inSize is the size of the read buffer: a frame of the longest kind and its
// header always fit.
const inSize = 32 << 10

var inBuffers = sync.Pool{New: func() any { return new([inSize]byte) }}

// input takes frames apart. buf[r:w] has been received.
type input struct {
	t    Transport
	buf  *[inSize]byte // nil while nothing is there
	r, w int
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

// frame returns the next frame; its payload is valid until the next call.
func (c *Conn) frame() (frameHeader, []byte, error) {
	head, err := c.in.take(frameHeaderLen)
	if err != nil {
		return frameHeader{}, nil, err
	}
	h := parseFrameHeader(head)
	if h.length > maxFrame {
		return h, nil, connectionError(FrameSizeError, "%s sent frame of type %d with too large length %d", c.peer(), h.typ, h.length)
	}
	if h.typ == FramePushPromise {
		return h, nil, connectionError(ProtocolError, "%s sent PUSH_PROMISE frame", c.peer())
	}
	c.received += int64(frameHeaderLen + h.length)
	if h.length == 0 {
		return h, nil, nil
	}
	p, err := c.in.take(h.length)
	return h, p, err
}

// unpad takes the padding off a payload (RFC 9113 section 6.1).
func (c *Conn) unpad(h frameHeader, p []byte, name string) ([]byte, error) {
	if h.flags&FlagPadded == 0 {
		return p, nil
	}
	if len(p) == 0 {
		return nil, connectionError(FrameSizeError, "%s sent padded %s frame with incorrect length: 0", c.peer(), name)
	}
	padding := int(p[0])
	if padding >= len(p) {
		return nil, connectionError(ProtocolError, "%s sent padded %s frame with incorrect length: %d, padding: %d", c.peer(), name, len(p), padding)
	}
	return p[1 : len(p)-padding], nil
}
