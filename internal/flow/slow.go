package flow

import "errors"

// ErrInterrupted ends a read that InterruptRead concerns.
var ErrInterrupted = errors.New("reading was interrupted")

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

// InterruptRead, called from any goroutine, makes a Read or Refill that waits
// return ErrInterrupted at once, and those that would have to wait, until
// ResumeRead.
func (c *Conn) InterruptRead() {
	c.state.Or(stateNoRead)
	_ = c.s.SetReadDeadline(longAgo) // fails only on a closed connection
}

// ResumeRead ends InterruptRead. Nothing may be reading meanwhile.
func (c *Conn) ResumeRead() {
	c.state.And(^uint32(stateNoRead))
	c.read.armed = 1 // long ago: it is set anew by the next wait
}

// NoWait says whether a Read or Refill that would have to wait returns ErrNotYet
// instead.
func (c *Conn) NoWait(on bool) { c.now = on }
