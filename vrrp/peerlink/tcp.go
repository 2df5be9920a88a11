package peerlink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"tandem/internal/privilege"
)

// TCP is the Transport of the network namespace that the process is in.
type TCP struct{}

func (p Place) addrPort() netip.AddrPort {
	return netip.AddrPortFrom(zoned(p.Addr, p.Interface), p.Port)
}

func zoned(a netip.Addr, iface string) netip.Addr {
	if a.Is6() && a.IsLinkLocalUnicast() {
		return a.WithZone(iface)
	}
	return a
}

func network(a netip.Addr) string {
	if a.Is4() {
		return "tcp4"
	}
	return "tcp6"
}

// Listen implements Transport. Whether the address is there already, or still
// being looked for in use by others (IPv6), does not matter.
func (TCP) Listen(p Place, h Hops) (l Listener, err error) {
	config := net.ListenConfig{Control: control(func(fd int) error {
		level, free := unix.IPPROTO_IP, unix.IP_FREEBIND
		if p.Addr.Is6() {
			level, free = unix.IPPROTO_IPV6, unix.IPV6_FREEBIND
		}
		return errors.Join(bindTo(fd, p.Interface), h.set(fd, p.Addr), h.demand(fd, p.Addr),
			unix.SetsockoptInt(fd, level, free, 1), unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_SAVE_SYN, 1))
	})}
	config.SetMultipathTCP(false) // its sockets do not have these options
	privilege.With(privilege.Of(privilege.NetBindService), func() {
		var any net.Listener
		if any, err = config.Listen(context.Background(), network(p.Addr), p.addrPort().String()); err == nil {
			l = tcpListener{any.(*net.TCPListener), p}
		}
	})
	return l, err
}

// Dial implements Transport.
func (TCP) Dial(ctx context.Context, p Place, to netip.Addr, h Hops) (Conn, error) {
	d := net.Dialer{
		LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(zoned(p.Addr, p.Interface), 0)),
		Control: control(func(fd int) error {
			var err error
			if !h.Routed {
				err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DONTROUTE, 1)
			}
			return errors.Join(bindTo(fd, p.Interface), h.set(fd, p.Addr), err)
		}),
	}
	d.SetMultipathTCP(false)
	c, err := d.DialContext(ctx, network(to), netip.AddrPortFrom(zoned(to, p.Interface), p.Port).String())
	if err != nil {
		return nil, err
	}
	conn := tcpConn{c.(*net.TCPConn)}
	// Not before: a kernel refuses connections with its default TTL, whatever
	// the process had asked for that is gone. Who cannot see our packets does
	// not know the numbers that make a refusal valid.
	if err := onDescriptor(conn.TCPConn, func(fd int) error { return h.demand(fd, to) }); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// tcpListener is a Listener.
type tcpListener struct {
	*net.TCPListener
	at Place
}

// Accept implements Listener.
func (l tcpListener) Accept() (Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return tcpConn{c}, nil
}

// Demand implements Listener.
func (l tcpListener) Demand(h Hops) error {
	return onDescriptor(l.TCPListener, func(fd int) error { return h.demand(fd, l.at.Addr) })
}

// tcpConn is a Conn.
type tcpConn struct{ *net.TCPConn }

// Local implements Conn.
func (c tcpConn) Local() netip.Addr { return plain(c.LocalAddr()) }

// Remote implements Conn.
func (c tcpConn) Remote() netip.Addr { return plain(c.RemoteAddr()) }

func plain(a net.Addr) netip.Addr { return a.(*net.TCPAddr).AddrPort().Addr().Unmap().WithZone("") }

// Bound implements Conn.
func (c tcpConn) Bound(h Hops) error {
	a := c.Remote()
	return onDescriptor(c.TCPConn, func(fd int) error { return errors.Join(h.set(fd, a), h.demand(fd, a)) })
}

// Cut implements Conn.
func (c tcpConn) Cut() {
	_ = c.SetLinger(0)
	_ = c.Close()
}

func control(set func(fd int) error) func(string, string, syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		ctlErr := c.Control(func(fd uintptr) { err = set(int(fd)) })
		return errors.Join(ctlErr, err)
	}
}

func onDescriptor(c syscall.Conn, f func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return control(f)("", "", raw)
}

func bindTo(fd int, iface string) error {
	if iface == "" {
		return nil
	}
	var err error
	// Linux before 5.7 asks for it.
	privilege.With(privilege.Of(privilege.NetRaw), func() { err = unix.BindToDevice(fd, iface) })
	if err != nil {
		return fmt.Errorf("bind to %s: %w", iface, err)
	}
	return nil
}

// set sets how far packets go.
func (h Hops) set(fd int, a netip.Addr) error {
	if a.Is4() {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, h.TTL)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, h.TTL)
}

// demand has the kernel drop packets from further away, as if nobody were there.
func (h Hops) demand(fd int, a netip.Addr) error {
	if a.Is4() {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MINTTL, h.Min)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MINHOPCOUNT, h.Min)
}

// longestSYN is more than the longest headers of a connection's first packet.
const longestSYN = 512

// ArrivedWith implements Conn: the kernel has saved the first packet.
func (c tcpConn) ArrivedWith() (ttl int, ok bool) {
	var header [longestSYN]byte
	n := uint32(len(header))
	err := onDescriptor(c.TCPConn, func(fd int) error {
		_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.IPPROTO_TCP, unix.TCP_SAVED_SYN,
			uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&n)), 0)
		if e != 0 {
			return e
		}
		return nil
	})
	switch {
	case err != nil || n < 9:
		return 0, false
	case header[0]>>4 == 4:
		return int(header[8]), true
	case header[0]>>4 == 6:
		return int(header[7]), true
	}
	return 0, false
}
