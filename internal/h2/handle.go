package h2

import (
	"bytes"
	"encoding/binary"
)

// handle obeys one frame (RFC 9113 section 6).
func (c *Conn) handle(h frameHeader) error {
	switch h.typ {
	case FrameData:
		return c.dataFrame(h)
	case FrameHeaders:
		return c.headers(h)
	}
	p, err := c.in.take(h.length)
	if err != nil {
		return err
	}
	switch h.typ {
	case FramePriority:
		return c.priorityFrame(h, p)
	case FrameRSTStream:
		return c.rstStreamFrame(h, p)
	case FrameSettings:
		if h.id != 0 {
			return connectionError(ProtocolError, "%s sent SETTINGS frame with incorrect identifier", c.peer())
		}
		c.work.idle++
		return c.settingsFrame(h, p)
	case FramePing:
		return c.pingFrame(h, p)
	case FrameGoAway:
		return c.goAwayFrame(h, p)
	case FrameWindowUpdate:
		return c.windowUpdateFrame(h, p)
	case FrameContinuation:
		return connectionError(ProtocolError, "%s sent unexpected CONTINUATION frame", c.peer())
	case FramePriorityUpdate:
		return c.priorityUpdateFrame(h, p)
	}
	// "Implementations MUST ignore and discard frames of unknown types" (section
	// 5.5).
	c.work.idle++
	return nil
}

// headers is a HEADERS frame: the beginning of a stream, a response, or what
// follows a body.
func (c *Conn) headers(h frameHeader) error {
	if h.id == 0 {
		return connectionError(ProtocolError, "%s sent HEADERS frame with incorrect identifier 0", c.peer())
	}
	f, err := c.headersFrame(h)
	if err != nil {
		c.mu.Lock()
		if !c.client && c.goingAway < leaving && h.id%2 == 1 {
			c.served = max(c.served, h.id)
		}
		c.mu.Unlock()
		return err
	}
	if f.priority && f.depends == h.id {
		return connectionError(ProtocolError, "%s sent HEADERS frame for stream %d with incorrect dependency", c.peer(), h.id)
	}
	c.payload += int64(c.block.Length)
	c.mu.Lock()
	late := c.headCame()
	s := c.streams[h.id]
	if s == nil {
		open, err := c.mayOpen(h)
		if late == h.id {
			// It has been reset.
			open = false
			c.ended.add(h.id, c.block.EndStream)
		}
		c.mu.Unlock()
		if open {
			return c.open(h.id)
		}
		return err
	}
	// Handler.Head is called with the lock held: the stream's goroutine may be
	// done with it at any moment otherwise.
	defer c.mu.Unlock()
	switch {
	case s.peerReset:
		c.afterReset(s)
	case s.dead != nil:
	case s.inEnded && s.outEnded:
		// Only its goroutine does not know yet.
		return c.streamClosed(h, "HEADERS")
	case s.inEnded:
		c.peerFault(s, StreamClosed)
	case !c.client && !c.block.EndStream, c.handler.Head(s, &c.block) != nil:
		c.peerFault(s, ProtocolError)
	case c.block.EndStream:
		s.inEnded = true
		c.wakeReader(s)
	case c.client:
		c.wakeReader(s)
	}
	return nil
}

// mayOpen reports whether a HEADERS frame begins a stream that is to be served.
// The caller holds mu.
func (c *Conn) mayOpen(h frameHeader) (bool, error) {
	switch {
	case c.client || h.id <= c.lastID:
		return false, c.notOpen(h, "HEADERS")
	case h.id%2 == 0:
		return false, connectionError(ProtocolError, "%s sent HEADERS frame with incorrect identifier %d, the last was %d", c.peer(), h.id, c.lastID)
	}
	c.lastID = h.id
	if c.goingAway >= leaving {
		return false, nil
	}
	c.served = h.id
	return true, nil
}

// open has a server's Handler begin a stream, unless there are too many. Streams
// count until their goroutines have ended, also those that were reset.
func (c *Conn) open(id uint32) error {
	c.work.batch++
	code := RefusedStream
	if c.mayServe() {
		code = c.handler.Open(id, &c.block)
	}
	if code == NoError {
		return nil
	}
	if c.work.refused++; c.most > 0 && c.work.refused > max(c.most, 100) {
		return connectionError(NoError, "%s sent too many refused streams", c.peer())
	}
	c.mu.Lock()
	c.ended.add(id, c.block.EndStream)
	c.control(appendRSTStream(c.room(), id, code))
	c.mu.Unlock()
	return nil
}

// mayServe reports whether there is room for the stream that is to be opened. Its
// body must keep to a window that the peer has heard of.
func (c *Conn) mayServe() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.acked && !c.block.EndStream && c.window < defaultWindow {
		return false
	}
	return c.most == 0 || len(c.streams) < c.most && c.work.batch <= 2*c.most
}

// peerFault resets a stream for what its peer did on it. The caller holds mu.
func (c *Conn) peerFault(s *Stream, code ErrCode) {
	c.work.resets++
	c.reset(s, code, false)
}

// afterReset answers a frame on a stream that its peer has reset itself (RFC 9113
// section 5.1). The caller holds mu.
func (c *Conn) afterReset(s *Stream) {
	c.work.resets++
	c.control(appendRSTStream(c.room(), s.id, StreamClosed))
}

// notOpen says what a frame comes to for a stream that there is not: the peer
// may not know yet that it was reset, otherwise it broke a rule (section 5.1). The
// caller holds mu.
func (c *Conn) notOpen(h frameHeader, name string) error {
	if c.idle(h.id) {
		return connectionError(ProtocolError, "%s sent %s frame for idle stream %d", c.peer(), name, h.id)
	}
	known, complete := c.ended.find(h.id)
	switch {
	case known && complete:
		return c.streamClosed(h, name)
	case !known && h.typ == FrameHeaders:
		return connectionError(ProtocolError, "%s sent HEADERS frame with incorrect identifier %d, the last was %d", c.peer(), h.id, c.lastID)
	}
	c.work.idle++
	return nil
}

func (c *Conn) streamClosed(h frameHeader, name string) error {
	return connectionError(StreamClosed, "%s sent %s frame for closed stream %d", c.peer(), name, h.id)
}

// countLate counts a frame for a stream that has ended. What servers send so, some
// for each stream, is nothing that a client has to fear.
func (c *Conn) countLate() {
	if !c.client {
		c.work.idle++
	}
}

// idle reports whether a stream has not been opened yet. The caller holds mu.
func (c *Conn) idle(id uint32) bool {
	if c.client {
		return id >= c.nextID || id%2 == 0
	}
	return id > c.lastID || id%2 == 0
}

// priorityFrame is the priority of RFC 7540, which is read and ignored.
func (c *Conn) priorityFrame(h frameHeader, p []byte) error {
	c.work.idle++
	switch {
	case h.id == 0:
		return connectionError(ProtocolError, "%s sent PRIORITY frame with incorrect identifier", c.peer())
	case len(p) != 5:
		return connectionError(FrameSizeError, "%s sent PRIORITY frame with incorrect length %d", c.peer(), len(p))
	case binary.BigEndian.Uint32(p)&maxID == h.id:
		return connectionError(ProtocolError, "%s sent PRIORITY frame for stream %d with incorrect dependency", c.peer(), h.id)
	}
	return nil
}

// rstStreamFrame ends a stream.
func (c *Conn) rstStreamFrame(h frameHeader, p []byte) error {
	switch {
	case len(p) != 4:
		return connectionError(FrameSizeError, "%s sent RST_STREAM frame with incorrect length %d", c.peer(), len(p))
	case h.id == 0:
		return connectionError(ProtocolError, "%s sent RST_STREAM frame with incorrect identifier", c.peer())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streams[h.id]
	if s == nil {
		if c.idle(h.id) {
			return connectionError(ProtocolError, "%s sent RST_STREAM frame for idle stream %d", c.peer(), h.id)
		}
		c.ended.add(h.id, true)
		c.countLate()
		return nil
	}
	if !c.client {
		// A server that resets streams has nobody work for it.
		c.work.resets++
	}
	s.remoteReset(ErrCode(binary.BigEndian.Uint32(p)))
	return nil
}

// wakeReader wakes the goroutine that reads from s. On a client that waits until
// all that has come has been looked at: a short response is read at once, and the
// reader knows what became of the stream. The caller holds mu.
func (c *Conn) wakeReader(s *Stream) {
	if !c.client {
		wake(s.reader)
	} else if n := len(c.ready); n == 0 || c.ready[n-1] != s {
		c.ready = append(c.ready, s)
	}
}

// wakeReaders wakes those that wakeReader has put off.
func (c *Conn) wakeReaders() {
	c.mu.Lock()
	for i, s := range c.ready {
		wake(s.reader)
		c.ready[i] = nil
	}
	c.ready = c.ready[:0]
	c.mu.Unlock()
}

// remoteReset: the peer is done with the stream. The caller holds the lock.
func (s *Stream) remoteReset(code ErrCode) {
	if s.peerReset && s.c.client {
		// Nothing may follow, not even that.
		s.dead = &StreamError{StreamClosed, true}
		return
	}
	s.outEnded, s.peerReset = true, true
	s.die(&StreamError{code, true})
}

// pingFrame is answered, unless it is an answer.
func (c *Conn) pingFrame(h frameHeader, p []byte) error {
	switch {
	case len(p) != 8:
		return connectionError(FrameSizeError, "%s sent PING frame with incorrect length %d", c.peer(), len(p))
	case h.id != 0:
		return connectionError(ProtocolError, "%s sent PING frame with incorrect identifier", c.peer())
	}
	c.work.idle++
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.flags&FlagAck == 0 {
		c.control(appendPing(c.room(), true, p))
		return nil
	}
	if c.goingAway == warned && bytes.Equal(p, shutdownPing[:]) {
		c.leave()
	}
	return nil
}

// goAwayFrame: the peer takes no more streams.
func (c *Conn) goAwayFrame(h frameHeader, p []byte) error {
	switch {
	case len(p) < 8:
		return connectionError(FrameSizeError, "%s sent GOAWAY frame with incorrect length %d", c.peer(), len(p))
	case h.id != 0:
		return connectionError(ProtocolError, "%s sent GOAWAY frame with incorrect identifier", c.peer())
	}
	c.work.idle++
	last, code := binary.BigEndian.Uint32(p)&maxID, ErrCode(binary.BigEndian.Uint32(p[4:]))
	c.mu.Lock()
	if c.client {
		c.goingAway = leftOver
		for id, s := range c.streams {
			if id > last {
				s.die(&GoAwayError{code, last})
			}
		}
		if len(c.streams) == 0 {
			c.end(&GoAwayError{code, last})
		}
	}
	c.mu.Unlock()
	c.handler.GoAway(last, code)
	return nil
}

// windowUpdateFrame lets this side send more.
func (c *Conn) windowUpdateFrame(h frameHeader, p []byte) error {
	if len(p) != 4 {
		return connectionError(FrameSizeError, "%s sent WINDOW_UPDATE frame with incorrect length %d", c.peer(), len(p))
	}
	n := int64(binary.BigEndian.Uint32(p) & maxWindow)
	if n < smallCredit {
		c.work.idle++
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.id == 0 {
		if n == 0 {
			return connectionError(ProtocolError, "%s sent WINDOW_UPDATE frame with incorrect window increment 0", c.peer())
		}
		if c.sendWindow += n; c.sendWindow > maxWindow {
			return connectionError(FlowControlError, "%s violated connection flow control: received WINDOW_UPDATE frame with window increment %d not allowed for window %d", c.peer(), n, c.sendWindow-n)
		}
		c.refill()
		return nil
	}
	s := c.streams[h.id]
	if s == nil {
		if c.idle(h.id) {
			return connectionError(ProtocolError, "%s sent WINDOW_UPDATE frame for idle stream %d", c.peer(), h.id)
		}
		if n == 0 {
			c.work.resets++
			c.control(appendRSTStream(c.room(), h.id, ProtocolError))
		}
		c.countLate()
		return nil
	}
	if s.dead != nil {
		return nil
	}
	if n == 0 {
		c.peerFault(s, ProtocolError)
		return nil
	}
	if s.sendWindow += n; s.sendWindow > maxWindow {
		c.peerFault(s, FlowControlError)
		return nil
	}
	c.resume(s)
	c.refill()
	return nil
}
