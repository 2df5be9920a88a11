package h2

import (
	"io"
	"slices"
)

// source is what a stream has to send of a body: bytes, or a part of a file.
type source struct {
	p      []byte
	file   io.ReaderAt
	off, n int64 // of the file
	end    bool  // the body ends with it
}

func (o *source) left() int64 { return int64(len(o.p)) + o.n }

// Streams whose bytes have no room, in the buffer or in the connection's window,
// wait in c.waiters. Whoever makes room takes from their sources, a frame from each
// in turn, so that a stream's goroutine wakes up once, when all of its bytes have
// been taken.

// enqueue lets a stream wait behind all others of its urgency, before those that
// are less urgent. The caller holds mu.
func (c *Conn) enqueue(s *Stream) {
	i := len(c.waiters)
	for i > 0 && c.waiters[i-1].urgency > s.urgency {
		i--
	}
	c.waiters = slices.Insert(c.waiters, i, s)
	s.queued = true
}

// fill takes from the streams that wait what there is room for: what is less urgent
// when nothing is left of the others. The caller holds mu.
func (c *Conn) fill() {
	for len(c.waiters) > 0 && len(c.buf) < outLimit && c.sendWindow > 0 {
		s := c.waiters[0]
		c.waiters = slices.Delete(c.waiters, 0, 1)
		s.queued = false
		s.frame()
		s.moved = true
		switch {
		case s.src.left() == 0:
			wake(s.sender)
		case s.sendWindow > 0:
			c.enqueue(s)
		}
	}
}

// resume goes on with a stream whose own window has opened. The caller holds mu.
func (c *Conn) resume(s *Stream) {
	if s.src.left() > 0 && s.sendWindow > 0 && !s.queued && s.dead == nil {
		c.enqueue(s)
	}
}

// refill is fill for the goroutine that reads, which has another one write. The
// caller holds mu.
func (c *Conn) refill() {
	if c.fill(); len(c.buf) > c.unhurried && !c.writing && c.dead == nil {
		c.writing = true
		go c.writeRest()
	}
}

// frame takes one frame of the stream's source, for which there must be room. A
// file that ends early resets the stream. The caller holds mu.
func (s *Stream) frame() {
	c, src := s.c, &s.src
	if s.sendEnd() != nil {
		*src = source{}
		return
	}
	n := int(min(src.left(), s.sendWindow, c.sendWindow, int64(min(c.theirs.maxFrame, s.Chunk))))
	s.dataFrame(n, src.end && int64(n) == src.left())
	if src.n == 0 {
		c.buf = append(c.buf, src.p[:n]...)
		src.p = src.p[n:]
		return
	}
	at := len(c.buf)
	c.buf = slices.Grow(c.buf, n)[:at+n]
	// From memory as a rule; what has to come from the disk keeps the others of this
	// connection waiting, and nobody else.
	got, err := src.file.ReadAt(c.buf[at:], src.off)
	if src.off, src.n = src.off+int64(n), src.n-int64(n); got < n {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		// The frame's header has been promised so many bytes.
		clear(c.buf[at+got:])
		s.outEnded, s.failed, *src = false, err, source{}
		c.reset(s, InternalError, false)
	}
}

// ahead reports whether the stream need not wait behind those that do. The caller
// holds mu.
func (s *Stream) ahead() bool {
	return len(s.c.waiters) == 0 || s.urgency < s.c.waiters[0].urgency
}

// send sends what is in the source, or leaves it to others to take as soon as there
// is room, and waits for that.
func (s *Stream) send(src source) error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := s.sendEnd(); err != nil {
		return err
	}
	if src.left() == 0 {
		s.dataFrame(0, src.end) // needs no room
		return nil
	}
	s.src, s.failed = src, nil
	for s.src.left() > 0 && len(c.buf) < outLimit && s.sendWindow > 0 && c.sendWindow > 0 && s.ahead() {
		s.frame()
	}
	err := s.failed
	if s.src.left() > 0 {
		err = s.waitToSend()
	}
	s.src = source{}
	return err
}

// waitToSend waits until the source is empty, and writes for all while nobody else
// does. The caller holds mu, which is released meanwhile.
func (s *Stream) waitToSend() error {
	c := s.c
	if s.OnWait != nil {
		c.mu.Unlock()
		s.OnWait()
		c.mu.Lock()
	}
	wrote := false
	defer func() {
		s.leaveQueue()
		// Others count on who has written.
		if c.dead == nil && !c.writing && (c.ending != nil || len(c.buf) > 0 && (wrote || len(c.waiters) > 0)) {
			c.writing = true
			go c.writeRest()
		}
	}()
	for s.src.left() > 0 {
		if err := s.sendEnd(); err != nil {
			return err
		}
		c.resume(s)
		if c.fill(); s.src.left() == 0 {
			break
		}
		// What has been sent so far must be on its way before the peer can open a
		// window.
		if !c.writing && len(c.buf) > 0 {
			c.writing, wrote = true, true
			c.write()
			c.wrote()
			continue
		}
		s.moved = false
		c.mu.Unlock()
		err := await(s.sender, &s.sendTimer, s.SendTimeout)
		c.mu.Lock()
		if err != nil && !s.moved && s.src.left() > 0 {
			return err
		}
	}
	return s.failed
}

// leaveQueue reports whether the stream was waiting. The caller holds mu.
func (s *Stream) leaveQueue() bool {
	if !s.queued {
		return false
	}
	s.queued = false
	i := slices.Index(s.c.waiters, s)
	if i < 0 {
		return false
	}
	s.c.waiters = slices.Delete(s.c.waiters, i, i+1)
	return true
}

// setUrgency puts a stream that waits at its new place. The caller holds mu.
func (s *Stream) setUrgency(u uint8) {
	s.urgency = u
	if s.leaveQueue() {
		s.c.enqueue(s)
	}
}
