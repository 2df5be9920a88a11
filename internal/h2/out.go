package h2

import (
	"runtime"
	"sync"
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
// wait for a peer that reads only when it is read.
func (c *Conn) flushLater() {
	c.mu.Lock()
	if !c.writing && len(c.buf) > 0 && c.dead == nil {
		c.writing = true
		go c.writeRest()
	}
	c.mu.Unlock()
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
	c.buf, c.out = nil, nil
	c.wakeWaiters()
	c.mu.Unlock()
	_, err := c.in.t.Write(buf)
	if cap(buf) <= 2*outSize {
		*out = buf[:0]
		outBuffers.Put(out)
	}
	c.mu.Lock()
	if err != nil {
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
	if s.sendWindow > 0 && !s.queued {
		s.queued = true
		c.enqueue(s)
	}
	c.mu.Unlock()
	// What has been sent so far must be on its way before the peer can open a
	// window.
	c.flush(false)
	if s.OnWait != nil {
		s.OnWait()
	}
	err := await(s.sender, &s.sendTimer, s.SendTimeout)
	c.mu.Lock()
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

// wakeWaiters wakes as many streams as there is room for. The caller holds mu.
func (c *Conn) wakeWaiters() {
	n := 0
	for room := outLimit - len(c.buf); n < len(c.waiters) && room > 0 && c.sendWindow > 0; room -= minMaxFrame {
		c.waiters[n].queued = false
		c.waiters[n].wakeSender()
		n++
	}
	if n > 0 {
		left := copy(c.waiters, c.waiters[n:])
		clear(c.waiters[left:])
		c.waiters = c.waiters[:left]
	}
}

// forget takes a stream out of the waiters. The caller holds mu.
func (c *Conn) forget(s *Stream) {
	if !s.queued {
		return
	}
	s.queued = false
	for i, w := range c.waiters {
		if w == s {
			c.waiters = append(c.waiters[:i], c.waiters[i+1:]...)
			return
		}
	}
}
