package http1

import (
	"io"

	"tandem/web/message"
)

// ReadHead reads the next request head into h and prepares its body. It ends
// the current request.
//
// The error is a *BadRequest when the client is to be answered with a status,
// os.ErrDeadlineExceeded when HeaderTimeout has passed since the head was first
// waited for, io.EOF when the client closed the connection before the first
// byte and io.ErrUnexpectedEOF when it did later, and the transport's error
// otherwise. After an error h holds what has been understood so far.
func (c *Conn) ReadHead(h *message.Head, lim *Limits) error {
	c.finishRequest()
	h.Reset()
	var p headParser
	var from int64
	for {
		if c.r < c.w {
			done, bad := p.feed(h, c.buf[c.r:c.w], lim)
			if done || bad != nil {
				c.r += p.scan
				c.floor = c.r
				h.Size = p.scan - p.start
			}
			if bad != nil {
				return bad
			}
			if done {
				c.body.trailerLimit = orDefault(lim.LargeSize, defaultLargeSize)
				c.StartBody(h)
				return nil
			}
		}
		if c.w == len(c.buf) {
			// The bytes move, and with them everything h points to.
			c.moreRoom()
			p = headParser{}
			h.Reset()
		}
		if from == 0 {
			from = now()
		}
		if err := c.fill(from, lim.HeaderTimeout); err != nil {
			if err == io.EOF && c.r < c.w {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
}

// moreRoom makes room after buf[r:w] while nothing below r is needed: by
// moving it to the front, or into a larger buffer.
func (c *Conn) moreRoom() {
	old := c.buf
	if c.r == 0 {
		c.buf = getBuffer(4 * max(len(old), smallBuffer/4))
	}
	c.w = copy(c.buf, old[c.r:c.w])
	if c.r == 0 && old != nil {
		putBuffer(old)
	}
	c.r = 0
}
