package wire

import (
	"io"

	"tandem/internal/flow"
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
func (c *Conn) ReadHead(h *message.Head, lim *message.Limits) error {
	c.body.reset()
	c.Unpin()
	h.Reset()
	var p headParser
	var from int64
	for {
		if received := c.Buffered(); len(received) > 0 {
			done, bad := p.feed(h, received, lim)
			if done || bad != nil {
				c.Discard(p.scan)
				c.Pin()
				h.Complete = done
			}
			if bad != nil {
				return bad
			}
			if done {
				c.body.trailerLimit = orDefault(lim.LargeSize, defaultLargeSize)
				c.startBody(h)
				return nil
			}
		}
		if c.Full() {
			// The bytes move, and with them everything h points to.
			c.Grow()
			p = headParser{}
			h.Reset()
			continue
		}
		if from == 0 {
			from = flow.Now()
		}
		if err := c.Fill(from, lim.HeaderTimeout); err != nil {
			if err == io.EOF && len(c.Buffered()) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
}
