package listen

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/contain"
)

// Server is who serves what comes to a port. Another one may take its place at
// any time.
type Server interface {
	// Accept takes a connection. It does not wait for it.
	Accept(net.Conn)
	// Failed tells that connections could not be accepted, for now.
	Failed(error)
}

// PacketServer serves the datagrams of a port.
type PacketServer interface {
	Server
	// Receive serves a socket until it is closed. current returns who serves
	// clients that are new: the server, or what has taken its place.
	Receive(c net.PacketConn, current func() Server)
}

// Set is the sockets that the process listens on: a reload opens what is new,
// hands over what stays, and closes what is gone, so that no connection attempt
// is lost.
type Set struct {
	mu        sync.Mutex
	listeners map[Address]*listener

	accepting sync.WaitGroup // a goroutine for each listener that was put to use
}

// listener is one socket and who serves it.
type listener struct {
	net     net.Listener           // nil for datagrams
	packets net.PacketConn         // nil for connections
	at      atomic.Pointer[Server] // nil until it is put to use
	closed  chan struct{}
}

func (l *listener) close() {
	close(l.closed)
	if l.net != nil {
		_ = l.net.Close()
		return
	}
	addr, unixgram := l.packets.LocalAddr().(*net.UnixAddr)
	_ = l.packets.Close()
	if unixgram {
		_ = os.Remove(addr.Name)
	}
}

// Opened are sockets that Open made; they wait for Use or Close.
type Opened struct {
	set   *Set
	fresh map[Address]*listener
}

// Open makes the sockets that ports need and that are not open yet. On error
// it has opened nothing; the error joins one per address, in nginx's words.
// absent reports whether an address may be bound although this host does not
// have it now, as the virtual addresses may (IP_FREEBIND); nil: none may.
func (s *Set) Open(ports []Port, absent func(netip.Addr) bool) (*Opened, error) {
	o := &Opened{set: s, fresh: make(map[Address]*listener)}
	var errs []error
	for _, p := range ports {
		if s.has(p.Addr) || o.fresh[p.Addr] != nil {
			continue
		}
		l, err := open(p, absent)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		o.fresh[p.Addr] = l
	}
	if len(errs) > 0 {
		o.Close()
		return nil, errors.Join(errs...)
	}
	return o, nil
}

func (s *Set) has(a Address) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listeners[a] != nil
}

// Close closes what Open made.
func (o *Opened) Close() {
	for _, l := range o.fresh {
		l.close()
	}
}

// Use hands the sockets to those who serve them and closes those that nobody
// serves.
func (o *Opened) Use(servers map[Address]Server) {
	s := o.set
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listeners == nil {
		s.listeners = make(map[Address]*listener)
	}
	for addr, server := range servers {
		l := s.listeners[addr]
		fresh := l == nil
		if fresh {
			l = o.fresh[addr]
			s.listeners[addr] = l
		}
		l.at.Store(&server)
		if fresh {
			s.accepting.Go(func() { contain.Loop(context.Background(), "accepting connections", l.serve) })
		}
	}
	for addr, l := range s.listeners {
		if servers[addr] == nil {
			l.close()
			delete(s.listeners, addr)
		}
	}
}

// Close closes all sockets: nothing is accepted any more.
func (s *Set) Close() {
	s.mu.Lock()
	for addr, l := range s.listeners {
		l.close()
		delete(s.listeners, addr)
	}
	s.mu.Unlock()
	s.accepting.Wait()
}

// Sockets calls f with each TCP socket that is listened on. It may be called by
// any goroutine; f must not keep the descriptor.
func (s *Set) Sockets(f func(netip.AddrPort, syscall.RawConn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for addr, l := range s.listeners {
		if t, ok := l.net.(*net.TCPListener); ok {
			if raw, err := t.SyscallConn(); err == nil {
				f(addr.IP, raw)
			}
		}
	}
}

// Share has sockets that listen at every address of a's port leave a itself to
// another socket of the same user, which is opened with ReusePort: the kernel gives
// it what comes there. It reports whether there is one that does.
func (s *Set) Share(a Address) bool {
	return s.reusable(func(own Address) bool {
		return own.IsWildcard() && own.IP.Port() == a.IP.Port() && own.UDP == a.UDP
	})
}

// ShareAll lets another socket of the same user, which is opened with ReusePort,
// listen at every address of the port of any socket of the set.
func (s *Set) ShareAll() { s.reusable(func(Address) bool { return true }) }

// reusable sets SO_REUSEPORT on sockets that are open already.
func (s *Set) reusable(wanted func(Address) bool) (found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for addr, l := range s.listeners {
		var socket any = l.net
		if addr.UDP {
			socket = l.packets
		}
		c, ok := socket.(syscall.Conn)
		if !ok || !wanted(addr) {
			continue
		}
		raw, err := c.SyscallConn()
		if err != nil {
			continue
		}
		failed := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		found = found || failed == nil && err == nil
	}
	return found
}

// Find returns who serves connections to an address: of a socket that listens
// there, or of one for all addresses of the port. nil: nobody does.
func (s *Set) Find(a Address) Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.listeners[a]
	if l == nil && a.Unix == "" {
		all := netip.IPv4Unspecified()
		if a.IP.Addr().Is6() {
			all = netip.IPv6Unspecified()
		}
		l = s.listeners[Address{IP: netip.AddrPortFrom(all, a.IP.Port())}]
	}
	if l == nil || l.net == nil {
		return nil
	}
	return *l.at.Load()
}

// serve has what comes served until the socket is closed.
func (l *listener) serve() {
	if l.packets != nil {
		(*l.at.Load()).(PacketServer).Receive(l.packets, func() Server { return *l.at.Load() })
		return
	}
	for {
		nc, err := l.net.Accept()
		if err == nil {
			(*l.at.Load()).Accept(nc)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		// Out of descriptors or memory: nginx, too, waits half a second.
		(*l.at.Load()).Failed(err)
		select {
		case <-l.closed:
		case <-time.After(acceptPause):
		}
	}
}

const acceptPause = 500 * time.Millisecond
