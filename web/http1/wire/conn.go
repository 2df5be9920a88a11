package wire

import (
	"sync"
	"time"

	"tandem/internal/flow"
)

// Conn reads the requests of one connection. One goroutine uses it.
type Conn struct {
	*flow.Conn
	body         body
	receivedOnly bool // the body is not to be waited for
}

var conns = sync.Pool{New: func() any { return new(Conn) }}

// NewConn returns a Conn for a connection, which stays the caller's. Release
// gives the Conn back.
func NewConn(f *flow.Conn) *Conn {
	c := conns.Get().(*Conn)
	c.Conn = f
	c.body.reset()
	return c
}

// Release gives c back, and not the connection under it. Nothing may use c
// afterwards.
func (c *Conn) Release() {
	c.Conn = nil
	conns.Put(c)
}

// WaitRequest ends the current request and waits for the first byte of the next
// (see flow.Conn.Wait).
func (c *Conn) WaitRequest(idle time.Duration) error {
	c.body.reset()
	return c.Wait(idle)
}

// Unread says whether closing now would drop bytes of the client, received or
// announced (see flow.Conn.Unread).
func (c *Conn) Unread() bool { return !c.body.ended || c.Conn.Unread() }
