package exchange

import (
	"crypto/tls"
	"io"
	"sync/atomic"
	"time"

	"tandem/internal/flow"
	"tandem/internal/sock"
	"tandem/proxy/upstream"
)

// Conn is a connection to a back end that carries one request at a time, as bytes
// of a ByteProtocol, and may be idle in a pool in between.
type Conn struct {
	*flow.Conn
	net      *sock.Conn
	tls      *tls.Conn // nil without TLS
	idle     upstream.Idle
	poolable bool
	requests int
	began    time.Time
	sentBase int64 // bytes sent for earlier requests
	closed   atomic.Bool

	before, after []byte // see piece
}

// Close closes the connection and gives up its buffers.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	err := c.Conn.Close()
	c.Release()
	return err
}

// Quiet reports whether nothing has been received.
func (c *Conn) Quiet() bool { return !c.Ready() }

// Watch and Unwatch are upstream.Link's.
func (c *Conn) Watch(gone func()) { c.WatchClose(gone) }

// Unwatch ends Watch.
func (c *Conn) Unwatch() { c.StopWatch() }

// The methods below make it a link.

func (c *Conn) sent() int64                    { return c.Sent() - c.sentBase }
func (c *Conn) line() io.Closer                { return c.net }
func (c *Conn) setReadTimeout(d time.Duration) { c.SetReadTimeout(d) }
func (c *Conn) setSendTimeout(d time.Duration) { c.SetSendTimeout(d) }
func (c *Conn) interrupt()                     { c.InterruptRead() }
func (c *Conn) resume()                        { c.ResumeRead() }

// unprocessed: a request of which nothing could be sent.
func (c *Conn) unprocessed(_ *Exchange, err error) bool {
	_, sending := err.(sendError)
	return sending && c.sent() == 0
}

func (c *Conn) mayKeep(x *Exchange, now time.Time) bool {
	pool := x.Target.Group.Pool
	return x.Reusable && x.sentAll() && pool != nil && c.poolable && c.requests < pool.Requests && now.Sub(c.began) <= pool.Time &&
		!x.clientGone.Load()
}

func (c *Conn) keep(x *Exchange, now time.Time) { x.Target.Group.Pool.Put(&c.idle, now) }

func (c *Conn) close(*Exchange, time.Time, bool) { _ = c.Close() }
