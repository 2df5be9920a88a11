package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"tandem/internal/contain"
	"tandem/internal/errorlog"
	"tandem/internal/privilege"
)

// ListenSet is the sockets that the process listens on. They outlive
// generations: a reload opens what is new, hands over what stays, and closes
// what is gone, so that no connection attempt is lost.
type ListenSet struct {
	mu        sync.Mutex
	listeners map[Address]*listener

	accepting sync.WaitGroup // a goroutine for each listener that was put to use
}

// listener is one socket and who serves it.
type listener struct {
	net    net.Listener
	at     atomic.Pointer[serving] // nil until it is put to use
	closed chan struct{}
}

func (l *listener) close() {
	close(l.closed)
	_ = l.net.Close()
}

// serving is the generation and port that a listener's connections go to.
type serving struct {
	gen  *Generation
	port *Port
}

// Opened are sockets that Open made; they wait for Use or Close.
type Opened struct {
	set   *ListenSet
	fresh map[Address]*listener
	ports []*Port
}

// Open makes the sockets that ports need and that are not open yet. On error
// it has opened nothing; the error joins one per address, in nginx's words.
// absent reports whether an address may be bound although this host does not
// have it now, as the virtual addresses may (IP_FREEBIND); nil: none may.
func (s *ListenSet) Open(ports []*Port, absent func(netip.Addr) bool) (*Opened, error) {
	o := &Opened{set: s, fresh: make(map[Address]*listener), ports: ports}
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

func (s *ListenSet) has(a Address) bool {
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

// Use hands the sockets to a generation and closes those it does not want.
func (o *Opened) Use(g *Generation) {
	s := o.set
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listeners == nil {
		s.listeners = make(map[Address]*listener)
	}
	wanted := make(map[Address]bool)
	for _, p := range o.ports {
		wanted[p.Addr] = true
		l := s.listeners[p.Addr]
		fresh := l == nil
		if fresh {
			l = o.fresh[p.Addr]
			s.listeners[p.Addr] = l
		}
		l.at.Store(&serving{g, p})
		if fresh {
			s.accepting.Go(func() { contain.Loop(context.Background(), "accepting connections", l.acceptLoop) })
		}
	}
	for addr, l := range s.listeners {
		if !wanted[addr] {
			l.close()
			delete(s.listeners, addr)
		}
	}
}

// Close closes all sockets: no connection is accepted any more.
func (s *ListenSet) Close() {
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
func (s *ListenSet) Sockets(f func(netip.AddrPort, syscall.RawConn)) {
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

func open(p *Port, absent func(netip.Addr) bool) (*listener, error) {
	network, text := "tcp4", p.Addr.IP.String()
	switch {
	case p.Addr.Unix != "":
		network, text = "unix", p.Addr.Unix
		if err := removeStaleSocket(text); err != nil {
			return nil, err
		}
	case p.Addr.IP.Addr().Is6():
		network = "tcp6"
		if !p.Options.IPv6Only {
			network = "tcp"
		}
	}
	// The listener keeps this function, which must not keep the configuration.
	addr, options := p.Addr, p.Options
	lc := net.ListenConfig{
		KeepAlive: -1,
		Control:   func(_, _ string, raw syscall.RawConn) error { return control(raw, addr, options, absent) },
	}
	lc.SetMultipathTCP(p.Options.Multipath)
	nl, err := lc.Listen(context.Background(), network, text)
	if err != nil {
		return nil, bindError(p.Addr, err)
	}
	if u, ok := nl.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(true)
		if err := os.Chmod(text, 0o666); err != nil {
			_ = nl.Close()
			return nil, fmt.Errorf("chmod() \"%s\" failed (%w)", text, err)
		}
	}
	return &listener{net: nl, closed: make(chan struct{})}, nil
}

// removeStaleSocket removes a unix socket that a dead process left behind.
func removeStaleSocket(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("bind() to unix:%s failed (98: Address already in use)", path)
	}
	if c, err := net.Dial("unix", path); err == nil {
		_ = c.Close()
		return fmt.Errorf("bind() to unix:%s failed (98: Address already in use)", path)
	}
	return os.Remove(path)
}

// control sets the options that must be there before bind.
func control(raw syscall.RawConn, addr Address, o SocketOptions, absent func(netip.Addr) bool) error {
	var failed error
	set := func(fd, level, name, value int) {
		if err := unix.SetsockoptInt(fd, level, name, value); err != nil && failed == nil {
			failed = os.NewSyscallError("setsockopt", err)
		}
	}
	err := raw.Control(func(f uintptr) {
		fd := int(f)
		if addr.Unix == "" {
			set(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
			if ip := addr.IP.Addr(); absent != nil && absent(ip) {
				if ip.Is4() {
					set(fd, unix.IPPROTO_IP, unix.IP_FREEBIND, 1)
				} else {
					set(fd, unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1)
				}
			}
			if o.ReusePort {
				set(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			}
			if addr.IP.Addr().Is6() {
				only := 0
				if o.IPv6Only {
					only = 1
				}
				set(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only)
			}
			if o.DeferAccept {
				set(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 1)
			}
			if o.FastOpen > 0 {
				set(fd, unix.IPPROTO_TCP, unix.TCP_FASTOPEN, o.FastOpen)
			}
			o.KeepAlive.apply(fd, set)
		}
		if o.RcvBuf > 0 {
			set(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, o.RcvBuf)
		}
		if o.SndBuf > 0 {
			set(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, o.SndBuf)
		}
	})
	return errors.Join(err, failed)
}

func (k Keepalive) apply(fd int, set func(fd, level, name, value int)) {
	if !k.Set {
		return
	}
	on := 0
	if k.On {
		on = 1
	}
	set(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, on)
	if k.Idle > 0 {
		set(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(k.Idle.Seconds()))
	}
	if k.Intvl > 0 {
		set(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(k.Intvl.Seconds()))
	}
	if k.Count > 0 {
		set(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, k.Count)
	}
}

// bindError says why an address could not be listened on, as nginx does.
func bindError(addr Address, err error) error {
	return &BindError{addr, err}
}

// BindError is an address that could not be listened on.
type BindError struct {
	Addr Address
	Err  error
}

// firstFreePort is the first port that everybody may listen on, unless the
// machine has been told otherwise.
const firstFreePort = 1024

// Error says it in nginx's words, and which right is missing.
func (e *BindError) Error() string {
	why := ""
	if port := e.Addr.IP.Port(); e.Addr.Unix == "" && port > 0 && port < firstFreePort {
		why = privilege.Why(e.Err, privilege.NetBindService)
	}
	return fmt.Sprintf("bind() to %s failed (%s)%s", e.Addr, errorlog.Reason(e.Err), why)
}

// Unwrap returns what the system said.
func (e *BindError) Unwrap() error { return e.Err }
