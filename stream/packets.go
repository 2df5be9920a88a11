package stream

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
	"tandem/internal/listen"
)

// Packets is what a client sends as datagrams from one port to one address, and
// the way back.
type Packets struct {
	session *Session
	socket  *packetSocket
	key     packetKey
	unix    *net.UnixAddr // of a client of a unix socket

	mu      sync.Mutex
	queue   [][]byte     // what has come before Forward
	forward func([]byte) // nil before
	ended   bool
	closed  chan struct{} // when the session is to end as it is

	detached atomic.Bool // it takes no more
}

// packetKey tells clients of a socket apart.
type packetKey struct {
	peer  netip.AddrPort
	local netip.Addr
	unix  string
}

// maxQueued is how many datagrams wait until it is known where they go.
const maxQueued = 64

// Forward has f called with each datagram, with those first that have come before.
// f must not block, nor keep what it is called with; one call comes after another.
func (p *Packets) Forward(f func([]byte)) {
	p.mu.Lock()
	queue := p.queue
	for len(queue) > 0 && !p.detached.Load() {
		f(queue[0])
		queue = queue[1:]
	}
	p.queue, p.forward = nil, f
	p.mu.Unlock()
	for _, b := range queue {
		p.session.CountReceived(-int64(len(b)))
		p.socket.take(b, p.key, p.unix, p.session.from)
	}
}

// put takes a datagram; false: the session takes no more.
func (p *Packets) put(b []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.detached.Load():
		return false
	}
	p.session.CountReceived(int64(len(b)))
	switch {
	case p.forward != nil:
		p.forward(b)
	case len(p.queue) < maxQueued:
		p.queue = append(p.queue, append([]byte(nil), b...))
	}
	return true
}

// Detach has the next datagram of the client begin another session. It may be
// called by what Forward was given.
func (p *Packets) Detach() {
	p.detached.Store(true)
	p.socket.forget(p)
}

// Send sends the client a datagram, from the address that it has asked.
func (p *Packets) Send(b []byte) error { return p.socket.send(p, b) }

// Closed is closed when the session is to end as it is.
func (p *Packets) Closed() <-chan struct{} { return p.closed }

// Close has the session end as it is.
func (p *Packets) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.detached.Store(true)
	if !p.ended {
		p.ended = true
		close(p.closed)
	}
}

// packetSocket is a socket that datagrams come to, with the sessions of those that
// send them. It outlives configurations: a session stays with the one that it has
// begun in.
type packetSocket struct {
	conn net.PacketConn

	mu       sync.Mutex
	sessions map[packetKey]*Packets
}

// maxDatagram is the length of a datagram at most.
const maxDatagram = 64 << 10

// Receive implements listen.PacketServer.
func (p *port) Receive(conn net.PacketConn, current func() listen.Server) {
	socket := &packetSocket{conn: conn, sessions: make(map[packetKey]*Packets)}
	defer socket.close()
	buf, oob := make([]byte, maxDatagram), make([]byte, 128)
	for {
		n, key, from, err := socket.read(buf, oob)
		switch {
		case err == nil:
			socket.take(buf[:n], key, from, current().(*port))
		case errors.Is(err, net.ErrClosed):
			return
		default:
			current().(*port).gen.Stream.Log.Printf(errorlog.Info, "recvmsg() failed (%s)", errorlog.Reason(err))
		}
	}
}

// read waits for a datagram.
func (s *packetSocket) read(buf, oob []byte) (n int, key packetKey, from *net.UnixAddr, err error) {
	switch c := s.conn.(type) {
	case *net.UDPConn:
		oobn := 0
		n, oobn, _, key.peer, err = c.ReadMsgUDPAddrPort(buf, oob)
		key.local = localOf(oob[:oobn])
	case *net.UnixConn:
		n, from, err = c.ReadFromUnix(buf)
		if from != nil {
			key.unix = from.Name
		}
	}
	return n, key, from, err
}

// localOf returns the address that a datagram was sent to, which the kernel has
// told with it.
func localOf(oob []byte) netip.Addr {
	for len(oob) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
		size := int(h.Len)
		if size < unix.SizeofCmsghdr || size > len(oob) {
			break
		}
		data := oob[unix.CmsgLen(0):size]
		switch {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			return netip.AddrFrom4((*unix.Inet4Pktinfo)(unsafe.Pointer(&data[0])).Addr)
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			return netip.AddrFrom16((*unix.Inet6Pktinfo)(unsafe.Pointer(&data[0])).Addr)
		}
		oob = oob[min(unix.CmsgSpace(size-unix.CmsgLen(0)), len(oob)):]
	}
	return netip.Addr{}
}

// fromLocal returns what has the kernel send a datagram from an address.
func fromLocal(local netip.Addr) []byte {
	switch ip := local.Unmap(); {
	case !ip.IsValid():
		return nil
	case ip.Is4():
		return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: ip.As4()})
	default:
		return unix.PktInfo6(&unix.Inet6Pktinfo{Addr: ip.As16()})
	}
}

// take gives a datagram to the session of its client, or begins one at a port.
func (s *packetSocket) take(b []byte, key packetKey, from *net.UnixAddr, at *port) {
	for {
		s.mu.Lock()
		p := s.sessions[key]
		if p == nil || p.detached.Load() {
			p = &Packets{socket: s, key: key, unix: from, closed: make(chan struct{})}
			at.begin(p, b)
			s.sessions[key] = p
			s.mu.Unlock()
			p.session.start()
			return
		}
		s.mu.Unlock()
		if p.put(b) {
			return
		}
	}
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

// start serves a session of datagrams.
func (s *Session) start() {
	go func() {
		s.serve()
		s.Packets.end()
		s.release()
	}()
}

// end ends the session's part of the socket.
func (p *Packets) end() {
	p.Detach()
	p.Close()
}

// forget has the client's next datagram begin another session.
func (s *packetSocket) forget(p *Packets) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[p.key] == p {
		delete(s.sessions, p.key)
	}
}

// send sends a client a datagram.
func (s *packetSocket) send(p *Packets, b []byte) error {
	var err error
	switch c := s.conn.(type) {
	case *net.UDPConn:
		_, _, err = c.WriteMsgUDPAddrPort(b, fromLocal(p.key.local), p.key.peer)
	case *net.UnixConn:
		_, err = c.WriteToUnix(b, p.unix)
	}
	return err
}

// close ends the sessions of a socket that has been closed.
func (s *packetSocket) close() {
	s.mu.Lock()
	var all []*Packets
	for _, p := range s.sessions {
		all = append(all, p)
	}
	s.mu.Unlock()
	for _, p := range all {
		p.Close()
	}
}
