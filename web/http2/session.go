package http2

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"tandem/internal/flow"
	"tandem/internal/h2"
	"tandem/web"
)

// session is HTTP/2 on one connection. The goroutine in Serve reads frames; each
// request has a goroutine of its own. Without a request for a moment the connection
// has none: it is parked.
type session struct {
	c        *web.Conn
	h        *h2.Conn
	rules    Rules
	requests int
	idle     *time.Timer // fires when there has been no stream for so long
	last     *time.Timer // fires when those on their way have had time to come
	open     atomic.Int64
	answers  sync.WaitGroup // of requests' goroutines
	waiting  bool           // it is counted among those that wait for a request
	waits    time.Duration  // how long the connection may be idle
}

func open(c *web.Conn) web.Dialogue {
	srv := c.Server()
	set := slot.Of(srv)
	limits, core := &srv.Core.Limits, srv.Location.Core
	s := &session{c: c, rules: Rules{
		MaxHeaders: limits.MaxHeaders, UnderscoresInHeaders: limits.UnderscoresInHeaders, IgnoreInvalidHeaders: limits.IgnoreInvalidHeaders,
	}}
	s.h = h2.NewConn(&transport{flow: c.Flow, s: s}, s, h2.Options{
		MaxStreams: set.streams.V, Window: int(set.preread.V), HeadTime: limits.HeaderTimeout,
		Settings: serverSettings,
		Limits:   h2.Limits{String: limits.LargeSize, List: limits.LargeCount * limits.LargeSize, Fields: s.rules.MaxHeaders + maxSpare},
	})
	c.Flow.SetReadTimeout(0) // who is to be waited for has a time limit of its own
	c.Flow.SetSendTimeout(core.SendTimeout.V)
	s.waits = core.KeepaliveTimeout.V
	s.idle = time.AfterFunc(max(s.waits, limits.HeaderTimeout), s.expire)
	return s
}

// serverSettings allow websockets and frames of any size, and say that the old
// priorities are not obeyed.
var serverSettings = []h2.Setting{
	{ID: h2.SettingEnableConnectProtocol, Value: 1}, {ID: h2.SettingNoRFC7540Priorities, Value: 1}, {ID: h2.SettingMaxFrameSize, Value: h2.MaxFrame},
}

// maxSpare is how many fields may be there besides those that max_headers counts:
// pseudo-header fields, and parts of the one Cookie.
const maxSpare = 64

// Serve answers requests until the connection ends or is parked.
func (s *session) Serve() (ended bool) {
	s.countWaiting(false)
	err := s.h.Serve()
	if err == h2.ErrParked {
		return false
	}
	// All streams have been told. What they still do, such as a line in the log, is
	// part of the connection.
	s.answers.Wait()
	s.idle.Stop()
	if s.last != nil {
		s.last.Stop()
	}
	s.log(err)
	return true
}

// log tells why the connection has ended, unless that is nothing out of the
// ordinary.
func (s *session) log(err error) {
	var bad *h2.ConnectionError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.c.Infof("client timed out (110: Connection timed out) while processing HTTP/2 connection")
	case errors.As(err, &bad):
		s.c.Infof("%s while processing HTTP/2 connection", bad.Reason)
	}
}

// Interrupt is done by the goroutine in Serve, which its flow.Conn has woken, or the
// server if the connection is parked: see transport.Wait.
func (s *session) Interrupt() {}

// Close ends all streams of a connection that has been cut.
func (s *session) Close() { s.h.Close() }

// expire ends a connection that has been idle for too long.
func (s *session) expire() {
	if s.open.Load() == 0 {
		s.h.Shutdown(true)
	}
}

// lastStreams is how long requests that were on their way when the client was
// warned have to come, should it not answer a PING.
const lastStreams = time.Second

// retire ends the connection without losing a request.
func (s *session) retire() {
	if s.last == nil {
		s.h.Shutdown(false)
		s.last = time.AfterFunc(lastStreams, func() { s.h.Shutdown(true) })
	}
}

// Open begins a request.
func (s *session) Open(id uint32, b *h2.Block) h2.ErrCode {
	if s.requests == 0 {
		s.idle.Stop()
	}
	s.requests++
	x := streams.Get().(*stream)
	x.begin(s, id, b)
	s.open.Add(1)
	core := x.r.Core
	if core.KeepaliveTimeout.V == 0 || s.requests >= core.KeepaliveRequests.V || time.Since(s.c.Start) > core.KeepaliveTime.V {
		s.h.Shutdown(true)
	}
	s.answers.Add(1)
	answering.Do(x)
	return h2.NoError
}

// Head takes the fields behind a body, which nothing here asks for.
func (s *session) Head(st *h2.Stream, b *h2.Block) error {
	for i := range b.Fields {
		f := &b.Fields[i]
		if f.Name == "" || f.Name[0] == ':' {
			return errTrailers
		}
		if _, _, bad := checkName(f.Name); bad != nil {
			return bad
		}
		if bad := checkValue(f); bad != nil {
			return bad
		}
	}
	return nil
}

var errTrailers = errors.New("pseudo-header fields behind a body")

// Ended has an idle connection end in time.
func (s *session) Ended(_ *h2.Stream, left int) {
	s.open.Add(-1)
	if left == 0 {
		s.idle.Reset(s.waits)
	}
}

// GoAway: the client opens no more streams; nothing is to be done about it.
func (s *session) GoAway(uint32, h2.ErrCode) {}

// transport is the connection's bytes, for package h2.
type transport struct {
	flow *flow.Conn
	s    *session
}

// Wait waits for frames, or has the connection parked. What ends the use of the
// connection while it waits is done here: it moves to the configuration that has
// replaced its own when no request is open, or else its client is told to make
// another one.
func (t *transport) Wait() error {
	s := t.s
	for wait := web.ParkAfter; ; {
		s.countWaiting(s.open.Load() == 0)
		err := t.flow.Wait(wait)
		if wait > 0 && err == os.ErrDeadlineExceeded {
			s.countWaiting(s.open.Load() == 0)
			s.h.Trim()
			// Once it is parked the session may be anybody's.
			if s.c.Park(0) {
				return h2.ErrParked
			}
			wait = 0 // it waits as it is, or has been interrupted
			continue
		}
		s.countWaiting(false)
		if err != flow.ErrClosing || s.h.Err() != nil {
			return err
		}
		t.flow.Resume()
		if !s.c.Draining() || s.open.Load() > 0 || !s.c.Move() {
			s.retire()
		}
	}
}

// countWaiting has the connection be one of those that wait for a request, or not.
func (s *session) countWaiting(yes bool) {
	switch {
	case yes && !s.waiting:
		s.c.CountWaiting(1)
	case !yes && s.waiting:
		s.c.CountWaiting(-1)
	}
	s.waiting = yes
}

func (t *transport) Read(p []byte) (int, error) {
	n, err := t.flow.Read(p)
	if err == io.EOF && n == 0 {
		err = io.ErrUnexpectedEOF // within a frame
	}
	return n, err
}

func (t *transport) Write(p []byte) (int, error) { return t.flow.Write(p) }

func (t *transport) Interrupt() {
	t.flow.Interrupt()
	t.flow.InterruptRead()
	t.s.c.Unpark()
}

func (t *transport) Linger() {
	t.flow.ResumeRead()
	core := t.s.c.Server().Location.Core
	if core.LingeringClose.V != web.LingeringOff {
		t.flow.CloseLinger(core.LingeringTime.V, core.LingeringTimeout.V)
	}
}

func (t *transport) Close() error { return t.s.c.Cut() }
