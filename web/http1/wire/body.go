package wire

import (
	"errors"
	"io"
	"time"

	"tandem/internal/flow"
	"tandem/web/message"
)

// body is how far the body of the current request has been read.
type body struct {
	chunked bool
	ended   bool
	err     error // a protocol error stays
	left    int64 // bytes left of the body, or of the current chunk
	taken   int64 // bytes read on the wire, framing and trailers included

	stage        chunkStage
	overhead     int // bytes of chunk extensions so far
	trailerLimit int
	trailerRaw   []byte
	trailers     []message.Field
}

func (b *body) reset() {
	trailers := b.trailers[:0]
	clear(b.trailers)
	*b = body{ended: true, trailers: trailers, trailerLimit: b.trailerLimit}
}

// startBody prepares reading the body that h announces (RFC 9112 section 6.3):
// one without a length is chunked.
func (c *Conn) startBody(h *message.Head) {
	b := &c.body
	b.chunked = h.Body && h.ContentLength < 0
	b.left = max(h.ContentLength, 0)
	b.ended = !h.Body
}

// BodyDone says whether nothing is left of the body of the current request,
// so that what follows on the connection is the next request.
func (c *Conn) BodyDone() bool { return c.body.ended }

// BodyTaken returns how many bytes ReadBody has taken from the wire for the
// body of the current request, framing and trailers included.
func (c *Conn) BodyTaken() int64 { return c.body.taken }

// directRead is from how many bytes on a read goes past the buffer.
const directRead = 2048

// ReadBody reads from the body of the current request and undoes the chunked
// coding. It returns io.EOF at the end of the body, *BadRequest for faulty
// chunks, os.ErrDeadlineExceeded when the body time-out passed without a byte
// and io.ErrUnexpectedEOF when the client closed the connection. n is 0 when
// there is an error.
func (c *Conn) ReadBody(p []byte) (n int, err error) {
	b := &c.body
	if b.err != nil {
		return 0, b.err
	}
	if b.chunked && b.left == 0 && !b.ended {
		if err := c.nextChunk(); err != nil {
			if _, bad := err.(*message.BadRequest); bad {
				b.err = err
			}
			return 0, err
		}
	}
	if b.ended {
		return 0, io.EOF
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	if len(p) == 0 {
		return 0, nil
	}
	received := c.Buffered()
	if len(received) == 0 && len(p) >= directRead {
		n, err = c.Read(p)
	} else {
		if len(received) == 0 {
			err = c.fillBody()
			received = c.Buffered()
		}
		n = copy(p, received)
		c.Discard(n)
	}
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	b.taken += int64(n)
	if b.left -= int64(n); b.left == 0 {
		if b.chunked {
			b.stage = chunkEnd
		} else {
			b.ended = true
		}
	}
	return n, nil
}

// fillBody reads more bytes behind what is buffered.
func (c *Conn) fillBody() error {
	if c.receivedOnly {
		return errNotReceived
	}
	return c.Refill()
}

// ReadBodyNow is ReadBody of what can be read without waiting; flow.ErrNotYet
// when that is nothing. It may take in a part of the framing, which is
// remembered.
func (c *Conn) ReadBodyNow(p []byte) (n int, err error) {
	c.NoWait(true)
	n, err = c.ReadBody(p)
	c.NoWait(false)
	return n, err
}

// errNotReceived ends a read that may not wait.
var errNotReceived = errors.New("body has not been received")

// DropReceived drops what has been received of the body already, which does not
// count as taken. It returns *message.BadRequest for faulty chunks, and otherwise
// nil, whether there is more to come or not.
func (c *Conn) DropReceived() error {
	c.receivedOnly = true
	taken := c.body.taken
	defer func() { c.receivedOnly, c.body.taken = false, taken }()
	// A small piece, so that no read goes past the buffer.
	var scratch [directRead / 2]byte
	for !c.body.ended && len(c.Buffered()) > 0 {
		if _, err := c.ReadBody(scratch[:]); err != nil && err != io.EOF {
			if err == errNotReceived {
				return nil
			}
			return err
		}
	}
	return nil
}

// DiscardBody reads the rest of the body and drops it, which does not count as
// taken, so that the connection can serve another request. It returns nil at the
// end of the body, and otherwise why it gave up: ReadBody's error, or errTooMuch
// after maxBytes bytes or maxTime (0: no bound).
func (c *Conn) DiscardBody(maxBytes int64, maxTime time.Duration) error {
	if c.body.ended {
		return nil
	}
	until := int64(0)
	if maxTime > 0 {
		until = flow.Now() + int64(maxTime)
	}
	wait, taken := c.ReadTimeout(), c.body.taken
	defer func() {
		c.SetReadTimeout(wait)
		c.body.taken = taken
	}()
	scratch := flow.GetBuffer(flow.SmallBuffer)
	defer flow.PutBuffer(scratch)
	for dropped := int64(0); ; {
		if until != 0 {
			left := time.Duration(until - flow.Now())
			if left <= 0 {
				return errTooMuch
			}
			if wait == 0 || left < wait {
				c.SetReadTimeout(left)
			} else {
				c.SetReadTimeout(wait)
			}
		}
		n, err := c.ReadBody(scratch)
		if c.body.ended {
			return nil
		}
		if err != nil {
			return err
		}
		if dropped += int64(n); maxBytes > 0 && dropped > maxBytes {
			return errTooMuch
		}
	}
}
