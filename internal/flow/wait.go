package flow

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Wait ends the life of what was pinned and waits for something to be received.
// While it waits the connection holds no buffer. Bytes that are already there,
// buffered or received meanwhile, make it return at once.
//
// It returns io.EOF when the client closed the connection,
// os.ErrDeadlineExceeded when idle has passed (0: never), ErrClosing after
// Interrupt, and the transport's error otherwise.
func (c *Conn) Wait(idle time.Duration) error {
	c.Unpin()
	if c.r < c.w {
		return nil
	}
	if c.sock.reads == nil {
		return c.waitStream(idle, false)
	}
	return c.waitSocket(readOp{timeout: idle, idle: true, once: c.state.Load()&stateInterrupted != 0})
}

// WaitFirst is Wait for the first bytes of a connection, which Interrupt does not
// end: who has just connected is owed an answer.
func (c *Conn) WaitFirst(idle time.Duration) error {
	if c.sock.reads == nil {
		return c.waitStream(idle, true)
	}
	return c.waitSocket(readOp{timeout: idle, idle: true, first: true})
}

func (c *Conn) waitSocket(op readOp) error {
	c.sock.in = op
	n, err := c.sock.read()
	if err == ErrNotYet {
		err = ErrClosing
	}
	if err != nil {
		return err
	}
	c.r, c.w = 0, n
	return nil
}

// waitStream is Wait on a transport without a descriptor of its own,
// such as TLS: it waits for one byte, which needs no buffer here.
func (c *Conn) waitStream(idle time.Duration, first bool) error {
	if c.buf != nil {
		PutBuffer(c.buf)
		c.buf = nil
	}
	if !first {
		c.state.Or(stateIdle)
		defer c.state.And(^uint32(stateIdle))
	}
	from := now()
	for {
		if err := c.read.arm(from, idle, c.s.SetReadDeadline); err != nil {
			return err
		}
		if !first && c.state.Load()&stateInterrupted != 0 {
			return ErrClosing
		}
		n, err := c.s.Read(c.first[:])
		if n > 0 {
			c.buf = GetBuffer(SmallBuffer)
			c.buf[0] = c.first[0]
			c.r, c.w = 0, 1
			return nil
		}
		if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
			err = c.expired(from, idle, !first)
		}
		if err != nil {
			return err
		}
	}
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// Interrupt, called from any goroutine until Release, makes an idle Wait return
// ErrClosing at once, and the next one when the connection is busy. Other reads
// are not disturbed, and what has been received already is still returned.
func (c *Conn) Interrupt() {
	if c.state.Or(stateInterrupted)&stateIdle != 0 {
		_ = c.s.SetReadDeadline(longAgo) // fails only on a closed connection
	}
}

// Resume undoes Interrupt, which nobody may call at the same time.
func (c *Conn) Resume() {
	// A deadline that Interrupt has set is replaced when it fires.
	c.state.And(^uint32(stateInterrupted))
}

// Interrupted says whether Interrupt has been called.
func (c *Conn) Interrupted() bool { return c.state.Load()&stateInterrupted != 0 }

// Starved reports, from any goroutine until Release, whether a read waits for the
// other side, from which nothing has come. It is true also where that cannot be
// seen, as on a transport without a descriptor of its own.
func (c *Conn) Starved() bool {
	if c.sock.reads == nil {
		return true
	}
	if c.state.Load()&stateWaiting == 0 {
		return false
	}
	starved := true
	_ = c.sock.reads.Control(func(fd uintptr) { // a closed one waits for nothing
		var b [1]byte
		_, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		starved = err == unix.EAGAIN
	})
	return starved
}
