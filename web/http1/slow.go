package http1

import "errors"

// ErrInterrupted ends the reading of a body that InterruptBody concerns.
var ErrInterrupted = errors.New("reading of the body was interrupted")

// OnWait has slow called, once and on the goroutine that writes, when a write
// would have to wait for the client; nil ends that. slow must not block. On a
// transport without a descriptor of its own, such as TLS, slow is called before
// a write that may have to wait.
func (c *Conn) OnWait(slow func()) { c.slow = slow }

// Slow calls what OnWait was given, for a writer that waits for a reason of its
// own, such as a limit of its speed.
func (c *Conn) Slow() {
	if slow := c.slow; slow != nil {
		c.slow = nil
		slow()
	}
}

// InterruptBody, called from any goroutine, makes a ReadBody or Read that waits
// return ErrInterrupted at once, and those that would have to wait, until
// ResumeBody.
func (c *Conn) InterruptBody() {
	c.state.Or(stateNoBody)
	_ = c.s.SetReadDeadline(longAgo) // fails only on a closed connection
}

// ResumeBody ends InterruptBody. Nothing may be reading meanwhile.
func (c *Conn) ResumeBody() {
	c.state.And(^uint32(stateNoBody))
	c.read.armed = 1 // long ago: it is set anew by the next wait
}

// ReadBodyNow is ReadBody of what can be read without waiting; ErrNotYet when
// that is nothing. It may take in a part of the framing, which is remembered.
func (c *Conn) ReadBodyNow(p []byte) (n int, err error) {
	c.now = true
	n, err = c.ReadBody(p)
	c.now = false
	return n, err
}
