package h2

import "time"

// dataFrame is a part of a body. It is handed on as it comes, so that a stream
// waits for its bytes and not for the frame's end.
func (c *Conn) dataFrame(h frameHeader) error {
	if h.id == 0 {
		return connectionError(ProtocolError, "%s sent DATA frame with incorrect identifier", c.peer())
	}
	padding, left, err := c.padding(h, "DATA")
	if err != nil {
		return err
	}
	end := h.flags&FlagEndStream != 0
	empty := left == 0
	if empty && !end {
		c.work.idle++
	}
	c.awaitWindow(h)
	wanted, err := c.admitData(h, h.length-left)
	if err != nil {
		return err
	}
	for left > 0 {
		p, err := c.in.some(left)
		if err != nil {
			return err
		}
		if left -= len(p); wanted {
			c.deliver(h.id, p, end && left == 0)
		}
	}
	if wanted && end && empty {
		c.deliver(h.id, nil, true)
	}
	return c.in.skip(padding)
}

// windowGrace is how many milliseconds a body that is longer than its window waits
// for that to be widened.
const windowGrace = 20

// awaitWindow gives a server's stream the time to be read. A client may send a body
// right behind its head that is longer than the window it has been told of; nginx
// has begun to read it by then, and takes it.
func (c *Conn) awaitWindow(h frameHeader) {
	if c.client {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for range c.grace {
		s := c.streams[h.id]
		if s == nil || s.dead != nil || s.inEnded || int64(h.length) <= s.recvWindow || int64(h.length) > maxGrace {
			return
		}
		c.mu.Unlock()
		time.Sleep(time.Millisecond)
		c.mu.Lock()
	}
}

// maxGrace is how long such a body may be, in bytes: no window is made larger.
const maxGrace = 256 << 10

// admitData takes a frame off the windows, which padding counts for, too, and
// also what nobody reads (RFC 9113 section 6.9.1). It reports whether somebody
// wants what the frame holds.
func (c *Conn) admitData(h frameHeader, padding int) (wanted bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := int64(h.length)
	if size > c.recvWindow {
		return false, connectionError(FlowControlError, "%s violated connection flow control: received DATA frame length %d, available window %d", c.peer(), size, c.recvWindow)
	}
	if c.recvWindow -= size; c.recvWindow < maxWindow/4 {
		c.control(appendWindowUpdate(c.room(), 0, uint32(maxWindow-c.recvWindow)))
		c.recvWindow = maxWindow
	}
	s := c.streams[h.id]
	switch {
	case s == nil:
		return false, c.notOpen(h, "DATA")
	case s.peerReset:
		c.afterReset(s)
		return false, nil
	case s.dead != nil:
		return false, nil
	case s.inEnded && s.outEnded:
		return false, c.streamClosed(h, "DATA")
	case s.inEnded:
		c.peerFault(s, StreamClosed)
		return false, nil
	case size > s.recvWindow:
		c.peerFault(s, FlowControlError)
		return false, nil
	}
	c.payload += size
	s.recvWindow -= size
	if padding > 0 {
		s.giveCredit(padding)
	}
	return true, nil
}

// deliver hands a part of a body to its stream, which may have ended meanwhile.
func (c *Conn) deliver(id uint32, p []byte, end bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streams[id]
	if s == nil || s.dead != nil {
		return
	}
	s.inEnded = end
	if s.discards {
		s.giveCredit(len(p))
	} else if len(p) > 0 {
		if s.inAt > 0 && len(s.in)+len(p) > cap(s.in) {
			s.in = s.in[:copy(s.in, s.in[s.inAt:])]
			s.inAt = 0
		}
		s.in = append(s.in, p...)
	}
	c.wakeReader(s)
}
