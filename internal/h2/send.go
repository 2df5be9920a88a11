package h2

import (
	"io"
	"slices"
)

// Head is a header block to be sent: it writes its fields, without waiting.
type Head interface{ WriteFields(e *Encoder) }

// SendHead sends a header block: a request, a response, one that is only
// informational, or, with end, the fields behind a body. It may wait in memory
// for what follows, see Flush. It returns its length in bytes of frames.
func (s *Stream) SendHead(h Head, end bool) (int, error) {
	c := s.c
	c.mu.Lock()
	if err := s.sendEnd(); err != nil {
		c.mu.Unlock()
		return 0, err
	}
	n := c.appendHead(s.id, h, end)
	s.outEnded = end
	s.sent += int64(n)
	c.mu.Unlock()
	return n, nil
}

// appendHead appends a block, in as many frames as the peer wants it in.
func (c *Conn) appendHead(id uint32, h Head, end bool) int {
	buf := c.room()
	start := len(buf)
	flags := FlagEndHeaders
	if end {
		flags |= FlagEndStream
	}
	c.encoder.begin(AppendFrame(buf, 0, FrameHeaders, flags, id))
	h.WriteFields(&c.encoder)
	buf = c.encoder.end()
	block := len(buf) - start - frameHeaderLen
	if most := c.theirs.maxFrame; block > most {
		rest := append([]byte(nil), buf[start+frameHeaderLen+most:]...)
		buf = buf[:start+frameHeaderLen+most]
		buf[start+4] &^= byte(FlagEndHeaders)
		setFrameLength(buf[start:], most)
		for len(rest) > 0 {
			n, flags := min(len(rest), most), Flags(0)
			if n == len(rest) {
				flags = FlagEndHeaders
			}
			buf = append(AppendFrame(buf, n, FrameContinuation, flags, id), rest[:n]...)
			rest = rest[n:]
		}
	} else {
		setFrameLength(buf[start:], block)
	}
	c.buf = buf
	return len(buf) - start
}

// sendEnd says why nothing more can be sent, nil if it can. The caller holds mu.
func (s *Stream) sendEnd() error {
	switch {
	case s.dead != nil:
		return s.dead
	case s.outEnded:
		return ErrSent
	}
	return s.c.deaf
}

// SendData sends bytes of a body, and, with end, that they were the last. It
// waits while the peer or the connection has no room for them, at most
// SendTimeout each time, which is os.ErrDeadlineExceeded. p may be used again
// when it returns; what it was may still wait in memory, see Flush.
func (s *Stream) SendData(p []byte, end bool) error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		n, err := s.allowance(len(p), end)
		if err != nil {
			return err
		}
		if n > 0 || len(p) == 0 {
			s.dataFrame(n, end && n == len(p))
			c.buf = append(c.buf, p[:n]...)
			if p = p[n:]; len(p) == 0 {
				c.wakeWaiters()
				return nil
			}
			continue
		}
		if err := s.waitToSend(); err != nil {
			return err
		}
	}
}

// allowance returns how many of n bytes may be sent now, in one frame. An end
// without bytes needs no room. The caller holds mu.
func (s *Stream) allowance(n int, end bool) (int, error) {
	if err := s.sendEnd(); err != nil {
		return 0, err
	}
	c := s.c
	if len(c.buf) >= outLimit || len(c.waiters) > 0 && !s.turn && !s.ahead() {
		return 0, nil
	}
	most := int64(min(c.theirs.maxFrame, s.Chunk))
	// A window may have become negative (RFC 9113 section 6.9.2).
	return int(max(min(int64(n), s.sendWindow, c.sendWindow, most), 0)), nil
}

// ahead reports whether the stream need not wait behind those that do. The
// caller holds mu.
func (s *Stream) ahead() bool { return s.urgency < s.c.waiters[0].urgency }

// dataFrame appends the header of a DATA frame. The caller holds mu.
func (s *Stream) dataFrame(n int, end bool) {
	s.endTurn()
	var flags Flags
	if end {
		flags, s.outEnded = FlagEndStream, true
	}
	s.c.buf = AppendFrame(s.c.room(), n, FrameData, flags, s.id)
	s.sendWindow -= int64(n)
	s.c.sendWindow -= int64(n)
	s.c.sent += int64(n)
	s.sent += int64(frameHeaderLen + n)
}

// SendFile is SendData of n bytes of a file from offset off on. A file that ends
// early is io.ErrUnexpectedEOF, and the stream is reset.
func (s *Stream) SendFile(f io.ReaderAt, off, n int64, end bool) error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for n > 0 {
		now, err := s.allowance(int(min(n, maxMaxFrame)), end)
		if err != nil {
			return err
		}
		if now == 0 {
			if err := s.waitToSend(); err != nil {
				return err
			}
			continue
		}
		s.dataFrame(now, end && int64(now) == n)
		at := len(c.buf)
		c.buf = slices.Grow(c.buf, now)[:at+now]
		// From memory as a rule; what has to come from the disk keeps the others
		// of this connection waiting, and nobody else.
		if got, err := f.ReadAt(c.buf[at:], off); got < now {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			// The frame's header has been promised so many bytes.
			clear(c.buf[at+got:])
			c.reset(s, InternalError, false)
			return err
		}
		off, n = off+int64(now), n-int64(now)
	}
	c.wakeWaiters()
	return nil
}

// Flush sends what waits in memory, with that of other streams that are about
// to have something.
func (s *Stream) Flush() error {
	s.c.flush(true)
	return s.Err()
}

// Reset ends the stream at once (RST_STREAM); nothing if both sides have ended.
func (s *Stream) Reset(code ErrCode) {
	c := s.c
	c.mu.Lock()
	c.reset(s, code, false)
	c.mu.Unlock()
	c.flush(false)
}

// Malformed notes that the request was malformed, which Close tells the peer:
// "Servers MAY send an HTTP response prior to closing or resetting the stream"
// (RFC 9113 section 8.1.1).
func (s *Stream) Malformed() {
	s.c.mu.Lock()
	s.malformed = true
	s.c.mu.Unlock()
}

// Close ends the use of the stream by its goroutine. A response or request that
// is not complete is cut off with code; a peer that has not sent all is told to
// stop (RFC 9113 section 8.1).
func (s *Stream) Close(code ErrCode) {
	c := s.c
	c.mu.Lock()
	switch {
	case s.malformed && s.dead == nil:
		c.control(appendRSTStream(c.room(), s.id, ProtocolError))
	case !s.outEnded:
		c.reset(s, code, false)
	case !s.inEnded && c.client:
		c.reset(s, Cancel, false)
	case !s.inEnded:
		c.reset(s, NoError, false)
	}
	s.die(ErrClosed)
	c.forget(s)
	c.closed(s)
	c.mu.Unlock()
	c.flush(true)
}
