package h2

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

// outLimit is how much may wait to be sent on a connection, in bytes, before
// streams have to wait. Frames without a body may exceed it, by controlLimit at
// most.
const (
	outLimit     = 64 << 10
	controlLimit = 64 << 10
	outSize      = outLimit + minMaxFrame + 4<<10
)

var outBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, outSize)
	return &b
}}

// room returns the buffer of what is to be sent. The caller holds mu.
func (c *Conn) room() []byte {
	if c.buf == nil {
		c.out = outBuffers.Get().(*[]byte)
		c.buf = (*c.out)[:0]
	}
	return c.buf
}

// control makes buf, to which frames were appended that answer the peer's, what
// is to be sent. A peer that has us answer and does not read is cut off. The
// caller holds mu.
func (c *Conn) control(buf []byte) {
	c.buf = buf
	if c.writing && len(c.buf) > outLimit+controlLimit {
		c.fail(connectionError(EnhanceYourCalm, "http2 flood detected"))
		_ = c.in.t.Close()
	}
}

// flush has what waits be sent. With others, streams that are about to send
// something, too, are let do so first.
func (c *Conn) flush(others bool) {
	c.mu.Lock()
	if c.writing || len(c.buf) == 0 || c.dead != nil {
		c.mu.Unlock()
		return
	}
	c.writing = true
	if others && len(c.streams) > 1 {
		c.mu.Unlock()
		// Behind all that can run now: most streams will have put their answers
		// into the buffer by then.
		runtime.Gosched()
		c.mu.Lock()
	}
	c.write()
	if c.dead == nil && (len(c.buf) > 0 || c.ending != nil) {
		// That is of others, who went on meanwhile; so does this one.
		go c.writeRest()
	} else {
		c.wrote()
	}
	c.mu.Unlock()
}

// wrote ends writing. The caller holds mu.
func (c *Conn) wrote() {
	c.writing = false
	if c.dead != nil {
		c.written.Broadcast()
	}
	c.giveBack()
}

// flushLater is flush by another goroutine, for the one that reads: it must not
// wait for a peer that reads only when it is read. A client's acknowledgement of
// settings waits for company: it is not worth a packet, and a server that answers
// and closes the connection with it unread takes its answer back.
func (c *Conn) flushLater() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.writing || len(c.buf) == 0 || c.dead != nil:
	case len(c.buf) > c.unhurried || c.ending != nil:
		c.writing = true
		go c.writeRest()
	case c.hurry == nil:
		c.hurry = time.AfterFunc(ackDelay, c.flushAll)
	default:
		c.hurry.Reset(ackDelay)
	}
}

// ackDelay is how long the acknowledgement of settings may wait.
const ackDelay = 100 * time.Millisecond

// flushAll writes whatever waits.
func (c *Conn) flushAll() {
	c.mu.Lock()
	if c.writing || len(c.buf) == 0 || c.dead != nil {
		c.mu.Unlock()
		return
	}
	c.writing = true
	c.mu.Unlock()
	c.writeRest()
}

// writeRest writes until nothing waits.
func (c *Conn) writeRest() {
	c.mu.Lock()
	for c.dead == nil && len(c.buf) > 0 {
		c.write()
	}
	if c.ending != nil {
		c.fail(c.ending)
	}
	c.wrote()
	c.mu.Unlock()
}

// write sends what waits, with mu released meanwhile.
func (c *Conn) write() {
	buf, out := c.buf, c.out
	c.buf, c.out, c.unhurried = nil, nil, 0
	c.wakeWaiters()
	if c.deaf == nil {
		c.mu.Unlock()
		_, err := c.in.t.Write(buf)
		c.mu.Lock()
		c.writeFailed(err)
	}
	if cap(buf) <= 2*outSize {
		*out = buf[:0]
		outBuffers.Put(out)
	}
}

// writeFailed ends the connection when err is not nil. A server that has closed it
// may have answered before: a client reads on, and comes to its end. The caller
// holds mu.
func (c *Conn) writeFailed(err error) {
	switch {
	case err == nil:
	case c.client && (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)):
		c.deaf = err
		for _, s := range c.streams {
			s.wakeSender()
		}
	default:
		c.fail(err)
		_ = c.in.t.Close()
	}
}

// giveBack gives an empty buffer back. The caller holds mu.
func (c *Conn) giveBack() {
	if c.buf != nil && len(c.buf) == 0 {
		outBuffers.Put(c.out)
		c.buf, c.out = nil, nil
	}
}

// waitToSend waits until there may be room for the stream's bytes: in the
// buffer, in the connection's window, or in its own. The caller holds mu, which
// is released meanwhile.
func (s *Stream) waitToSend() error {
	c := s.c
	s.endTurn()
	if s.sendWindow > 0 && !s.queued {
		s.queued = true
		c.enqueue(s)
	}
	c.wakeWaiters()
	c.mu.Unlock()
	// What has been sent so far must be on its way before the peer can open a
	// window.
	c.flush(false)
	if s.OnWait != nil {
		s.OnWait()
	}
	err := await(s.sender, &s.sendTimer, s.SendTimeout)
	c.mu.Lock()
	if err != nil {
		c.forget(s)
	}
	return err
}

// enqueue lets a stream wait for the buffer or the connection's window: behind
// all others of its urgency, before those that are less urgent. The caller holds
// mu.
func (c *Conn) enqueue(s *Stream) {
	i := len(c.waiters)
	for i > 0 && c.waiters[i-1].urgency > s.urgency {
		i--
	}
	c.waiters = append(c.waiters, nil)
	copy(c.waiters[i+1:], c.waiters[i:])
	c.waiters[i] = s
}

// wakeWaiters wakes as many streams as there is room for, those of one urgency:
// what is less urgent has its turn when they are done. The caller holds mu.
func (c *Conn) wakeWaiters() {
	n := 0
	room := min(int64(outLimit-len(c.buf)), c.sendWindow) - int64(c.turns)*minMaxFrame
	for ; n < len(c.waiters) && room > 0; room -= minMaxFrame {
		s := c.waiters[n]
		if s.urgency != c.waiters[0].urgency {
			break
		}
		s.queued, s.turn = false, true
		c.turns++
		s.wakeSender()
		n++
	}
	if n > 0 {
		left := copy(c.waiters, c.waiters[n:])
		clear(c.waiters[left:])
		c.waiters = c.waiters[:left]
	}
}

// endTurn ends what wakeWaiters has given a stream: the next frame. The caller
// holds mu.
func (s *Stream) endTurn() {
	if s.turn {
		s.turn = false
		s.c.turns--
	}
}

// forget takes a stream out of the waiters, and lets others have its turn. The
// caller holds mu.
func (c *Conn) forget(s *Stream) {
	s.endTurn()
	s.leaveQueue()
	c.wakeWaiters()
}

// leaveQueue reports whether the stream was waiting. The caller holds mu.
func (s *Stream) leaveQueue() bool {
	c := s.c
	i := slices.Index(c.waiters, s)
	if i < 0 {
		return false
	}
	s.queued = false
	c.waiters = slices.Delete(c.waiters, i, i+1)
	return true
}

// setUrgency puts a stream that waits at its new place. The caller holds mu.
func (s *Stream) setUrgency(u uint8) {
	s.urgency = u
	if s.leaveQueue() {
		s.queued = true
		s.c.enqueue(s)
	}
}
