package h2

import "io"

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
func (s *Stream) SendData(p []byte, end bool) error { return s.send(source{p: p, end: end}) }

// dataFrame appends the header of a DATA frame. The caller holds mu.
func (s *Stream) dataFrame(n int, end bool) {
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
	if n <= 0 {
		return nil
	}
	return s.send(source{file: f, off: off, n: n, end: end})
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
	s.leaveQueue()
	c.closed(s)
	c.mu.Unlock()
	c.flush(true)
}
