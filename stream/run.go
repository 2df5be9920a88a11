package stream

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/contain"
	"tandem/internal/errorlog"
	"tandem/internal/proxyproto"
	"tandem/internal/relay"
	"tandem/internal/workers"
	"tandem/session"
)

// sessionWorkers serve sessions that have come, and end those that went on without a
// goroutine.
var sessionWorkers = workers.New[*Session]()

// Run takes a session through the phases, or ends one that has left its goroutine.
func (s *Session) Run() {
	defer contain.Recover("a session of stream")
	end := s.end
	if end == nil {
		s.serve(s.phases)
	} else {
		s.end = nil
		s.serve(end)
	}
}

// serve does a part of what there is to do, and logs the session unless it goes on
// without its goroutine.
func (s *Session) serve(part func() Code) {
	if err := contain.Run("a session of stream", func() { s.Status = part() }); err != nil {
		s.Status, s.end = StatusInternal, nil
	}
	if s.Status == Pending {
		if s.left.Add(1) == 1 {
			return
		}
		end := s.end // it has ended already
		s.end = nil
		s.serve(end)
		return
	}
	s.finish()
	if s.Packets != nil {
		s.Packets.end()
	}
	s.release()
}

// Leave has the session go on without its goroutine if the content returns Pending
// then. Whoever calls resume, once and from any goroutine, has end do what is left;
// it returns the session's status.
func (s *Session) Leave(end func() Code) (resume func()) {
	s.end = end
	s.left.Store(0)
	return func() {
		if s.left.Add(1) == 2 {
			sessionWorkers.Do(s)
		}
	}
}

// finish logs the session, unless another server goes on with the client, and ends
// it.
func (s *Session) finish() {
	if !s.given {
		for _, handler := range s.Server.Stream.handlers[session.Logging] {
			handler(&s.Session)
		}
	}
	s.Session.End()
	if s.Conn != nil && !s.given {
		_ = s.Conn.Close()
	}
	s.from.gen.members.Remove(s)
}

// phases does what there is to do, and returns the session's status.
func (s *Session) phases() Code {
	if s.at.ProxyProtocol {
		if code := s.readProxyHeader(); code != session.OK {
			return code
		}
		s.action = "initializing session"
	}
	if !s.arrived {
		s.limited = s.run(session.Begin, session.Limit)
	}
	if s.limited != session.OK {
		return s.limited
	}
	if code := s.run(session.Access); code != session.OK {
		return code
	}
	if s.at.TLS {
		if code := s.secure(); code != session.OK {
			return code
		}
	}
	for _, handler := range s.Server.Stream.prereads {
		code := s.preread(handler)
		if code == session.Declined {
			continue
		}
		if code == session.OK {
			break
		}
		return status(code)
	}
	if c, ok := s.client.Socket.(*net.TCPConn); ok && !s.NoDelay() {
		_ = c.SetNoDelay(false) // package net begins with true
	}
	if s.Server.content == nil {
		return StatusInternal
	}
	return s.Server.content(s)
}

// run takes the session through phases; OK: it goes on.
func (s *Session) run(phases ...session.Phase) Code {
	for _, phase := range phases {
		for _, handler := range s.Server.Stream.handlers[phase] {
			code := handler(&s.Session)
			if code == session.Declined {
				continue
			}
			if code == session.OK {
				break
			}
			return status(code)
		}
	}
	return session.OK
}

// arrive takes a session that has just been accepted through the phase of limits, if
// there are any: then those are limited that have come last.
func (s *Session) arrive() {
	if s.at.ProxyProtocol || len(s.Server.Stream.handlers[session.Limit]) == 0 {
		return
	}
	s.arrived = true
	if err := contain.Run("a session of stream", func() { s.limited = s.run(session.Begin, session.Limit) }); err != nil {
		s.limited = StatusInternal
	}
}

// status is the status that a handler's answer comes to.
func status(code Code) Code {
	if code == session.Error {
		return StatusInternal
	}
	return code
}

// secure does the handshake of TLS.
func (s *Session) secure() Code {
	s.action = "SSL handshaking"
	s.client.TLS = new(session.Secured)
	conn, err := s.client.Handshake(relay.Wrap(s.Conn), s.Server.core.handshake.V, func(name string) (asked, deputy *session.Server) {
		if name != "" {
			s.Choose(name)
		}
		return &s.Server.Server, &s.at.Default.Server
	})
	switch {
	case err == nil:
	case os.IsTimeout(err):
		s.Failf(errorlog.Info, "SSL handshake timed out")
	case errors.Is(err, io.EOF):
		s.Failf(errorlog.Info, "peer closed connection in SSL handshake")
	default:
		s.Failf(errorlog.Info, "SSL_do_handshake() failed (%v)", err)
	}
	if err != nil {
		s.client.TLS = nil
		return StatusInternal
	}
	s.Conn = &secured{Conn: conn}
	switch err := s.Server.Stream.TLS.Refuses(&s.Session); {
	case err == nil:
		return session.OK
	case errors.Is(err, session.ErrNoCertificate):
		s.Failf(errorlog.Info, "%v", err)
	default:
		s.Failf(errorlog.Info, "client SSL certificate verify error: %v", err)
	}
	return StatusInternal
}

// maxProxyHeader is how long a PROXY header may be, in bytes: with TLVs, as nginx
// has it.
const maxProxyHeader = 4096

// readProxyHeader takes the PROXY header off the beginning of the connection.
func (s *Session) readProxyHeader() Code {
	s.action = "reading PROXY protocol"
	deadline := time.Now().Add(s.Server.core.proxyTime.V)
	buf := make([]byte, maxProxyHeader)
	for seen := 0; ; {
		n, err := s.peek(buf, seen, deadline)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.Failf(errorlog.Info, "client timed out (110: Connection timed out)")
			return StatusOK
		case err == io.EOF:
			s.Failf(errorlog.Error, "broken header: \"%s\"", buf[:seen])
			return StatusBadRequest
		case err != nil:
			s.Failf(errorlog.Info, "recv() failed (%s)", errorlog.Reason(err))
			return StatusOK
		}
		h, size, parseErr := proxyproto.Parse(buf[:n])
		switch {
		case parseErr == nil:
			s.client.Proxied = h
			if _, err := io.ReadFull(s.Conn, buf[:size]); err != nil {
				return StatusInternal
			}
			return session.OK
		case !errors.Is(parseErr, proxyproto.ErrShort) || n == len(buf) || n == seen:
			s.Failf(errorlog.Error, "%v", parseErr)
			return StatusBadRequest
		}
		seen = n
	}
}

// preread calls a handler with what the client has sent, until it has enough.
func (s *Session) preread(handler Preread) Code {
	s.action = "prereading client data"
	code := handler(s, nil)
	if code != Again || s.Conn == nil {
		return code
	}
	deadline := time.Now().Add(s.Server.core.prereadTime.V)
	buf := make([]byte, s.Server.core.prereadSize.V)
	for seen := 0; ; {
		n, err := s.peek(buf, seen, deadline)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded), err == io.EOF:
			return StatusOK
		case err != nil:
			s.Failf(errorlog.Info, "recv() failed (%s)", errorlog.Reason(err))
			return StatusOK
		}
		switch code := handler(s, buf[:n]); {
		case code != Again:
			return code
		case n == len(buf):
			s.Failf(errorlog.Error, "preread buffer full")
			return StatusBadRequest
		}
		seen = n
	}
}

// peek waits for more bytes than seen, and returns all that there are without
// taking them off the connection; io.EOF when no more will come.
func (s *Session) peek(buf []byte, seen int, deadline time.Time) (int, error) {
	socket, ok := s.Conn.(syscall.Conn)
	if !ok {
		t, ok := s.Conn.(*secured)
		if !ok {
			// Of TLS that another server has ended.
			t = &secured{Conn: s.Conn.(*tls.Conn)}
			s.Conn = t
		}
		return t.peek(buf, seen, deadline)
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	_ = s.Conn.SetReadDeadline(deadline)
	defer func() { _ = s.Conn.SetReadDeadline(time.Time{}) }()
	n, failure := 0, error(nil)
	err = raw.Read(func(fd uintptr) bool {
		n, _, failure = unix.Recvfrom(int(fd), buf, unix.MSG_PEEK)
		switch {
		case failure == unix.EAGAIN || failure == unix.EINTR:
			return false
		case failure != nil:
			failure = os.NewSyscallError("recv", failure)
		case n == 0 || n == seen && hungUp(int(fd)):
			failure = io.EOF
		case n == seen:
			return false
		}
		return true
	})
	if err != nil {
		return 0, err
	}
	return n, failure
}

// hungUp reports whether the other side will send no more.
func hungUp(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(p, 0)
	return err == nil && n == 1 && p[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
}

// secured is a connection over TLS of which something may have been read ahead.
type secured struct {
	*tls.Conn
	ahead []byte
}

// peek is Session.peek: what it reads stays to be read.
func (c *secured) peek(buf []byte, seen int, deadline time.Time) (int, error) {
	if len(c.ahead) <= seen {
		_ = c.SetReadDeadline(deadline)
		n, err := c.Conn.Read(buf[seen:])
		_ = c.SetReadDeadline(time.Time{})
		c.ahead = append(c.ahead, buf[seen:seen+n]...)
		if n == 0 && err != nil {
			return 0, err
		}
	}
	return copy(buf, c.ahead), nil
}

// Read reads what has been read ahead, and then the connection.
func (c *secured) Read(p []byte) (int, error) {
	if len(c.ahead) > 0 {
		n := copy(p, c.ahead)
		c.ahead = c.ahead[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}
