package relay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/contain"
	"tandem/internal/errorlog"
	"tandem/internal/flow"
	"tandem/internal/listen"
	"tandem/vserver/table"
)

// maxSessions is how many clients of a service may have datagrams under way; beyond
// that the one that has been silent for longest is ended.
const maxSessions = 20_000

// maxDatagram is the length of a datagram at most.
const maxDatagram = 64 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, maxDatagram); return &b }}

// sessionKey is whose datagrams they are, and where to if each of them is
// scheduled.
type sessionKey struct {
	client netip.AddrPort
	to     netip.AddrPort
}

// session is the datagrams of a client to a real server, and the way back.
type session struct {
	service *service
	key     sessionKey
	to      *destination
	front   *net.UDPConn // where the client comes to
	back    *net.UDPConn // to the real server
	last    int64        // when one came, by flow.Now; the service's lock guards it
}

// Receive implements listen.PacketServer.
func (s *service) Receive(c net.PacketConn, current func() listen.Server) {
	front := c.(*net.UDPConn)
	buf := make([]byte, maxDatagram)
	for {
		n, client, err := front.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.Failed(err)
			continue
		}
		client = netip.AddrPortFrom(client.Addr().Unmap(), client.Port())
		_ = contain.Run("a datagram of a virtual server", func() { current().(*service).forward(front, client, buf[:n]) })
	}
}

// forward sends a datagram to a real server. One that cannot be sent is lost, as
// any may be.
func (s *service) forward(front *net.UDPConn, client netip.AddrPort, b []byte) {
	x := s.session(front, client)
	if x == nil {
		return
	}
	x.to.in.Add(int64(len(b)))
	if _, err := x.back.Write(b); err != nil && !errors.Is(err, net.ErrClosed) {
		_ = x.Close() // the next one may go to another
	}
}

// session finds the client's session, or begins one; nil: there is nobody to send
// to.
func (s *service) session(front *net.UDPConn, client netip.AddrPort) *session {
	key := sessionKey{client: client}
	s.mu.Lock()
	each := s.conf.Flags&table.OnePacket != 0
	x, ok := s.sessions.Peek(key)
	if ok && !each {
		x.last = flow.Now()
		s.sessions.Use(key)
		s.mu.Unlock()
		return x
	}
	s.mu.Unlock()
	d := s.choose(client, nil, time.Now())
	if d == nil {
		return nil
	}
	if each {
		key.to = d.Address
		s.mu.Lock()
		if x, ok = s.sessions.Peek(key); ok {
			x.last = flow.Now()
			d.inactive-- // choose has counted it again
			s.mu.Unlock()
			return x
		}
		s.mu.Unlock()
	}
	back, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(d.Address))
	if err != nil {
		s.free(d, nil)
		s.engine.log(fmt.Sprintf("virtual server %s: connect() to %s failed (%s)", s.key, d.Address, errorlog.Reason(err)))
		return nil
	}
	x = &session{service: s, key: key, to: d, front: front, back: back, last: flow.Now()}
	if !s.hold(d, x) {
		s.free(d, nil)
		_ = back.Close()
		return nil
	}
	s.mu.Lock()
	s.sessions.Put(key, x)
	var oldest *session
	if s.sessions.Len() > maxSessions {
		_, oldest, _ = s.sessions.Oldest()
	}
	s.mu.Unlock()
	if oldest != nil {
		_ = oldest.Close()
	}
	go func() {
		defer contain.Recover("datagrams of a real server")
		x.answer()
	}()
	return x
}

// answer sends the client what the real server sends, until nothing has come either
// way for too long, or the session is ended. It holds no buffer while it waits.
func (x *session) answer() {
	s := x.service
	defer func() {
		s.mu.Lock()
		if now, ok := s.sessions.Peek(x.key); ok && now == x {
			s.sessions.Remove(x.key)
		}
		s.mu.Unlock()
		_ = x.back.Close()
		s.free(x.to, x)
	}()
	raw, err := x.back.SyscallConn()
	if err != nil {
		return
	}
	for {
		left := s.engine.options.UDP - time.Duration(flow.Now()-x.seen())
		if left <= 0 {
			return
		}
		_ = x.back.SetReadDeadline(time.Now().Add(left))
		var failed error
		err := raw.Read(func(fd uintptr) bool {
			b := buffers.Get().(*[]byte)
			defer buffers.Put(b)
			n, _, err := unix.Recvfrom(int(fd), *b, 0)
			switch {
			case err == unix.EAGAIN || err == unix.EINTR:
				return false
			case err != nil:
				failed = err
				return true
			}
			x.touch()
			x.to.out.Add(int64(n))
			_, _ = x.front.WriteToUDPAddrPort((*b)[:n], x.key.client) // the client may have gone
			return true
		})
		var late net.Error
		if failed != nil || err != nil && !(errors.As(err, &late) && late.Timeout()) {
			return
		}
	}
}

func (x *session) seen() int64 {
	x.service.mu.Lock()
	defer x.service.mu.Unlock()
	return x.last
}

func (x *session) touch() {
	x.service.mu.Lock()
	defer x.service.mu.Unlock()
	x.last = flow.Now()
	x.service.sessions.Use(x.key)
}

// Close ends the session.
func (x *session) Close() error { return x.back.Close() }
