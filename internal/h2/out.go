package h2

import (
	"errors"
	"runtime"
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
	c.fill()
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
