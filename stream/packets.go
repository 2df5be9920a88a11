package stream

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"tandem/internal/datagram"
	"tandem/internal/errorlog"
	"tandem/internal/flow"
	"tandem/internal/listen"
	"tandem/internal/lru"
	"tandem/internal/relay"
)

// Packets is what a client sends as datagrams from one port to one address, and
// the way back.
type Packets struct {
	session *Session
	socket  *packetSocket
	key     packetKey
	unix    *net.UnixAddr // of a client of a unix socket

	mu      sync.Mutex
	queue   [][]byte          // what has come before Forward
	forward func([]byte) bool // nil before
	flush   func()
	ended   bool
	onClose func() // nil: nobody is to be told

	detached atomic.Bool // it takes no more
	used     int64       // when something came, by flow.Now; of the socket's goroutine
}

// packetKey tells clients of a socket apart.
type packetKey struct {
	peer  netip.AddrPort
	local netip.Addr
	unix  string
}

// maxQueued is how many datagrams wait until it is known where they go.
const maxQueued = 64

// Forward has f called with each datagram, with those first that have come before,
// and flush after some of them: until then what f was called with is not changed. What
// f does not take, and returns false for, begins another session.
// closed is called once if the session is to end as it is. None of them may block;
// one call of the first two comes after another.
func (p *Packets) Forward(f func([]byte) bool, flush, closed func()) {
	p.mu.Lock()
	if p.ended {
		p.mu.Unlock()
		closed()
		return
	}
	queue := p.queue
	for len(queue) > 0 && !p.detached.Load() && f(queue[0]) {
		queue = queue[1:]
	}
	if len(queue) > 0 {
		p.Detach()
	}
	flush()
	p.queue, p.forward, p.flush, p.onClose = nil, f, flush, closed
	p.mu.Unlock()
	for _, b := range queue {
		p.session.CountReceived(-int64(len(b)))
		if other := p.socket.take(b, p.key, p.unix, p.session.from); other != nil {
			other.flushed()
		}
	}
}

// put takes a datagram; false: the session takes no more.
func (p *Packets) put(b []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.detached.Load() {
		return false
	}
	switch {
	case p.forward != nil:
		if !p.forward(b) {
			p.Detach()
			return false
		}
	case len(p.queue) < maxQueued:
		p.queue = append(p.queue, append([]byte(nil), b...))
	}
	p.session.CountReceived(int64(len(b)))
	return true
}

// flushed ends a row of puts.
func (p *Packets) flushed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.flush != nil {
		p.flush()
	}
}

// Detach has the next datagram of the client begin another session. It may be
// called by what Forward was given.
func (p *Packets) Detach() {
	if !p.detached.Swap(true) {
		p.socket.forget(p)
	}
}

// Send sends the client a datagram, from the address that it has asked.
func (p *Packets) Send(b []byte) error {
	switch c := p.socket.conn.(type) {
	case *net.UDPConn:
		p.Queue(b)
		p.socket.outlet.Flush()
	case *net.UnixConn:
		_, err := c.WriteToUnix(b, p.unix)
		return err
	}
	return nil
}

// Queue is Send with the next flush of the Outlet.
func (p *Packets) Queue(b []byte) {
	if p.unix != nil {
		_ = p.Send(b) // a client that has gone
		return
	}
	p.socket.outlet.Add(b, p.key.peer, p.key.local)
}

// Outlet returns the way to clients of the socket.
func (p *Packets) Outlet() *relay.Outlet { return p.socket.outlet }

// Close has the session end as it is.
func (p *Packets) Close() {
	p.mu.Lock()
	var closed func()
	if !p.ended {
		p.ended = true
		closed = p.onClose
	}
	p.mu.Unlock()
	p.Detach()
	if closed != nil {
		closed()
	}
}

// end ends the session's part of the socket.
func (p *Packets) end() {
	p.mu.Lock()
	p.ended, p.forward, p.flush, p.queue, p.onClose = true, nil, nil, nil, nil
	p.mu.Unlock()
	p.Detach()
}

// packetSocket is a socket that datagrams come to, with the sessions of those that
// send them. It outlives configurations: a session stays with the one that it has
// begun in.
type packetSocket struct {
	conn   net.PacketConn
	outlet *relay.Outlet

	mu       sync.Mutex
	sessions lru.Map[packetKey, *Packets]
	most     int  // sessions; then the one unused for longest ends
	told     bool // that there are too many
}

// maxSessions is how many sessions a socket has at most. Each has a descriptor: half
// of those that the process may have are for them.
const maxSessions = 1 << 15

// batch is how many messages are received at once, and readers are who receives them:
// sockets on which nothing comes have none.
const batch = 32

var readers = sync.Pool{New: func() any { return datagram.NewReader(batch) }}

// Receive implements listen.PacketServer.
func (p *port) Receive(conn net.PacketConn, current func() listen.Server) {
	socket := &packetSocket{conn: conn, most: maxSessions}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err == nil {
		socket.most = int(min(maxSessions, limit.Cur/2))
	}
	defer socket.close()
	failed := func(format string, err error) {
		current().(*port).gen.Stream.Log.Printf(errorlog.Info, format, errorlog.Reason(err))
	}
	switch c := conn.(type) {
	case *net.UDPConn:
		raw, err := c.SyscallConn()
		if err != nil {
			return
		}
		socket.outlet = relay.NewOutlet(raw, func(err error) { failed("sendmsg() failed (%s)", err) })
		var r *datagram.Reader // nil while nothing comes
		_ = raw.Control(func(fd uintptr) { datagram.Join(int(fd)) })
		read := func(fd uintptr) bool {
			if r == nil {
				r = readers.Get().(*datagram.Reader)
			}
			var n int
			r.Reset()
			if n, err = r.Receive(int(fd), batch); n == 0 && err == nil {
				readers.Put(r)
				r = nil
				return false
			}
			return true
		}
		var touched []*Packets
		for raw.Read(read) == nil {
			if err != nil {
				failed("recvmsg() failed (%s)", err)
				continue
			}
			at := current().(*port)
			for d, ok := r.Next(); ok; d, ok = r.Next() {
				to := socket.take(d.Data, packetKey{peer: d.From, local: d.Local}, nil, at)
				if to != nil && (len(touched) == 0 || touched[len(touched)-1] != to) {
					touched = append(touched, to)
				}
			}
			for i, to := range touched {
				to.flushed()
				touched[i] = nil
			}
			touched = touched[:0]
			flow.TakeTurns()
		}
	case *net.UnixConn:
		socket.outlet = relay.NewOutlet(nil, func(error) {})
		buf := make([]byte, datagram.MaxSize)
		for {
			n, from, err := c.ReadFromUnix(buf)
			switch {
			case err == nil && from != nil:
				if to := socket.take(buf[:n], packetKey{unix: from.Name}, from, current().(*port)); to != nil {
					to.flushed()
				}
			case errors.Is(err, net.ErrClosed):
				return
			case err != nil:
				failed("recvmsg() failed (%s)", err)
			}
		}
	}
}

// usedEach is how seldom the order of sessions is brought up to date.
const usedEach = int64(1e9)

// take gives a datagram to the session of its client, which it returns, or begins
// one at a port.
func (s *packetSocket) take(b []byte, key packetKey, from *net.UnixAddr, at *port) *Packets {
	for {
		now := flow.Now()
		s.mu.Lock()
		p, _ := s.sessions.Peek(key)
		if p == nil || p.detached.Load() {
			oldest, ok := s.makeRoom(at, now)
			if !ok {
				s.mu.Unlock()
				return nil
			}
			p = &Packets{socket: s, key: key, unix: from, used: now}
			at.begin(p, b)
			s.sessions.Put(key, p)
			s.mu.Unlock()
			if oldest != nil {
				oldest.Close()
			}
			sessionWorkers.Do(p.session)
			return nil
		}
		if now-p.used > usedEach {
			p.used = now
			s.sessions.Use(key)
		}
		s.mu.Unlock()
		if p.put(b) {
			return p
		}
	}
}

// makeRoom returns the session that is to end because there are too many, nil if there
// is room; not ok: all have been used just now, and there is none for another one. It is
// told once until there are few again.
func (s *packetSocket) makeRoom(at *port, now int64) (end *Packets, ok bool) {
	if s.sessions.Len() < s.most {
		s.told = s.told && s.sessions.Len() > s.most/2
		return nil, true
	}
	if !s.told {
		s.told = true
		at.gen.Stream.Log.Printf(errorlog.Alert, "%d sessions of UDP at %s: new ones take the place of those that are not used, or are refused", s.most, at.name)
	}
	key, oldest, _ := s.sessions.Oldest()
	if now-oldest.used < 2*usedEach {
		return nil, false
	}
	s.sessions.Remove(key)
	return oldest, true
}

// begin makes a session of a client, with its first datagram.
func (p *port) begin(packets *Packets, first []byte) {
	var peer, local net.Addr = packets.unix, packets.socket.conn.LocalAddr()
	if packets.key.peer.IsValid() {
		peer = net.UDPAddrFromAddrPort(netip.AddrPortFrom(packets.key.peer.Addr().Unmap(), packets.key.peer.Port()))
	}
	if bound, ok := local.(*net.UDPAddr); ok && packets.key.local.IsValid() {
		local = net.UDPAddrFromAddrPort(netip.AddrPortFrom(packets.key.local.Unmap(), uint16(bound.Port)))
	}
	s := newSession(p, local, peer)
	s.Packets, s.client.Datagrams, packets.session = packets, true, s
	packets.put(first)
	p.gen.members.Add(s)
	s.Notef(errorlog.Info, "udp client %s connected to %s", s.peerName(), p.name)
}

// forget has the client's next datagram begin another session.
func (s *packetSocket) forget(p *Packets) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now, _ := s.sessions.Peek(p.key); now == p {
		s.sessions.Remove(p.key)
	}
}

// close ends the sessions of a socket that has been closed.
func (s *packetSocket) close() {
	for {
		s.mu.Lock()
		key, p, ok := s.sessions.Oldest()
		s.sessions.Remove(key)
		s.mu.Unlock()
		if !ok {
			return
		}
		p.Close()
	}
}
