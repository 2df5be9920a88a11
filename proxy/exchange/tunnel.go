package exchange

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"tandem/internal/contain"
	"tandem/internal/flow"
	"tandem/web"
)

// tunnel is a connection that the client and the back end use as they like
// after the response's head (RFC 9110 section 7.8).
type tunnel struct {
	x    *Exchange
	conn *Conn
	last atomic.Int64 // when something went through, in nanoseconds since began
	from time.Time
	done chan struct{} // closed when the client's half has ended
}

// tunnel carries bytes both ways until one side closes its connection or
// nothing has come from the back end, and nothing gone to it, for the read
// time-out.
func (x *Exchange) tunnel() web.Code {
	r := x.Request
	if !r.IsMain() {
		x.log(logError, readingHead, "connection upgrade in subrequest")
		x.finish(false)
		return web.Error
	}
	// The client's leaving is seen by reading, with what it sent before.
	r.StopWatch()
	if err := r.StartTunnel(); err != nil {
		x.finish(false)
		return web.Error
	}
	conn := x.link.(*Conn)
	x.setNoDelay(conn.net)
	t := &tunnel{x: x, conn: conn, from: time.Now(), done: make(chan struct{})}
	go t.upward()
	err := t.downward()
	x.hangUp()
	r.InterruptBody()
	<-t.done
	r.ResumeBody()
	x.Request.Waited()
	if isTimeout(err) {
		x.log(logError, tunneling, "upstream timed out (110: Connection timed out)")
	}
	x.finish(false)
	return web.OK
}

func (t *tunnel) touch() { t.last.Store(int64(time.Since(t.from))) }

// upward carries what the client sends. At its end the back end's connection
// is closed, which ends the other direction.
func (t *tunnel) upward() {
	defer close(t.done)
	defer contain.Recover("a tunnel")
	x := t.x
	defer x.hangUp()
	buf := getBuffer(int(x.Settings.BufferSize.V))
	defer putBuffer(buf)
	for {
		n, err := x.Request.TunnelRead(buf)
		if n > 0 {
			t.touch()
			if _, err := t.conn.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// downward carries what the back end sends; the error says why that ended,
// nil: one side has closed its connection.
func (t *tunnel) downward() error {
	x := t.x
	s := x.state()
	if len(x.rest) > 0 {
		s.length += int64(len(x.rest))
		if err := x.Request.TunnelWrite(x.rest); err != nil {
			return nil
		}
		x.rest = nil
	}
	buf := getBuffer(int(x.Settings.BufferSize.V))
	defer putBuffer(buf)
	limit := x.Settings.ReadTimeout.V
	for wait := limit; ; wait = limit {
		n, err := t.conn.Read(buf)
		if isTimeout(err) {
			// What went the other way counts, too.
			idle := time.Since(t.from) - time.Duration(t.last.Load())
			if wait = limit - idle; wait <= 0 {
				return err
			}
			t.conn.SetReadTimeout(wait)
			continue
		}
		t.conn.SetReadTimeout(limit)
		if n > 0 {
			t.touch()
			s.received += int64(n)
			s.length += int64(n)
			if err := x.Request.TunnelWrite(buf[:n]); err != nil {
				return nil
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, flow.ErrInterrupted):
			return nil
		default:
			return err
		}
	}
}
