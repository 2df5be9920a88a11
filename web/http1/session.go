package http1

import (
	"errors"
	"os"
	"time"

	"tandem/internal/flow"
	"tandem/web"
	"tandem/web/http1/wire"
	"tandem/web/message"
)

// errParked: the connection has been parked and is no longer the goroutine's.
var errParked = errors.New("http1: parked")

// session is HTTP/1 on one connection.
type session struct {
	c         *web.Conn
	wire      *wire.Conn
	requests  int
	pipelined bool // the next request has come already
	delays    bool // small packets wait; see web.Conn.SetNoDelay
	parked    bool // it has returned from Serve in order to be

	keepaliveTimeout time.Duration // of the last request's location
	keepUntil        time.Time     // when its keepalive_min_timeout has passed
}

func open(c *web.Conn) web.Dialogue { return &session{c: c, wire: wire.NewConn(c.Flow)} }

// yieldsOf: of so many requests, a connection lets all but the last be followed
// by the others that have something to do, before it looks for its next one. By
// then that has come, as a rule, when there is much to do: so it costs neither a
// read that finds nothing nor a wait. After the last it looks at once and waits,
// so that the scheduler gets to ask which other connections have become ready.
const yieldsOf = 4

// Serve answers requests until the connection ends or is parked.
func (s *session) Serve() (ended bool) {
	var err error
	if s.parked {
		s.parked = false
		s.c.CountWaiting(-1)
		if s.c.Expired() {
			err = os.ErrDeadlineExceeded
		} else {
			err = s.waitNext()
		}
	}
	for err == nil && s.one() {
		if s.requests%yieldsOf != 0 {
			flow.TakeTurns()
		}
		s.pipelined = len(s.wire.Buffered()) > 0
		err = s.waitNext()
	}
	if err == errParked {
		return false
	}
	if !s.c.Abandoned() {
		s.wire.Release()
	}
	return true
}

// Interrupt has nothing to do: a connection that waits is woken by its flow.Conn,
// and a parked one by the server.
func (s *session) Interrupt() {}

// Close has nothing to do, as Interrupt.
func (s *session) Close() {}

// waitNext waits for another request. When the configuration is replaced
// meanwhile, the connection goes on with the new one. When none comes for a
// moment the connection is parked, which is errParked. When there is to be no
// other request it waits until keepUntil all the same, for one that is on its way.
func (s *session) waitNext() error {
	parks, timeout := s.c.Parks(s.keepaliveTimeout), s.keepaliveTimeout
	for {
		wait := timeout
		if parks {
			wait = web.ParkAfter
		}
		s.c.CountWaiting(1)
		err := s.wire.WaitRequest(wait)
		if parks && err == os.ErrDeadlineExceeded {
			// Once it is parked the session may be anybody's.
			if s.parked = true; s.c.Park(timeout) {
				return errParked
			}
			s.parked = false
			// It waits as it is, or has been interrupted.
			parks = false
			s.c.CountWaiting(-1)
			continue
		}
		s.c.CountWaiting(-1)
		draining := s.c.Draining()
		moved := draining && s.c.Move()
		if err != flow.ErrClosing {
			return err
		}
		if moved {
			continue
		}
		left := time.Until(s.keepUntil)
		if !draining || left <= 0 {
			return err
		}
		s.wire.Resume()
		parks, timeout = false, left
	}
}

// one reads and answers one request; false ends the connection.
func (s *session) one() bool {
	x := s.take()
	defer x.drop()
	s.requests++
	r := x.r
	r.Open(s.c)
	r.Pipelined = s.pipelined
	if err := s.wire.ReadHead(r.Head, &r.Server.Core.Limits); err != nil {
		x.badHead(err)
		return false
	}
	x.keepalive = wantsKeepalive(r.Head)
	r.Serve()
	return x.next()
}

// badHead deals with a head that could not be read.
func (x *exchange) badHead(err error) {
	var bad *message.BadRequest
	if !errors.As(err, &bad) {
		x.r.Abandon(err, x.s.wire.Buffered())
		return
	}
	x.r.Refuse(bad)
	if !x.r.Broken() {
		x.linger(true)
	}
}

// lingerMax is how much of a body nobody wanted is read to keep a connection.
const lingerMax = 64 << 10

// next decides, after a response, whether the connection serves another request.
func (x *exchange) next() bool {
	r, s := x.r, x.s
	if r.Broken() {
		return false
	}
	if !x.keeps() {
		x.linger(!s.wire.BodyDone())
		return false
	}
	if !s.wire.BodyDone() {
		if err := s.wire.DiscardBody(lingerMax, r.Core.LingeringTimeout.V); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				r.TimedOut()
			}
			return false
		}
	}
	s.keepaliveTimeout, s.keepUntil = r.Core.KeepaliveTimeout.V, time.Time{}
	if least := r.Core.KeepaliveMin.V; least > 0 {
		s.keepUntil = time.Now().Add(min(least, s.keepaliveTimeout))
	}
	// One that is drained, but was told of no end with this response, is told
	// with the next.
	return !s.c.Draining() || s.c.Movable() || !s.keepUntil.IsZero()
}

// linger closes the sending side first and reads on for a while, so that a
// client that is still sending gets to see the answer. unread: there may be
// something that it is sending.
func (x *exchange) linger(unread bool) {
	core := x.r.Core
	switch core.LingeringClose.V {
	case web.LingeringOff:
		return
	case web.LingeringOn:
		if !unread || x.r.Ending() == web.EndsHastily {
			return
		}
	}
	x.s.wire.CloseLinger(core.LingeringTime.V, core.LingeringTimeout.V)
}
