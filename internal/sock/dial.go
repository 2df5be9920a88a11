package sock

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
	"tandem/internal/privilege"
)

// Options are what is set before connecting. The zero value sets nothing.
type Options struct {
	// Local is the address to connect from, for TCP; port 0: any.
	Local       netip.AddrPort
	Transparent bool // Local need not be an address of this host
	// Rcvbuf and Sndbuf are sizes of the kernel's buffers in bytes, 0: its choice.
	Rcvbuf, Sndbuf int
	KeepAlive      bool // SO_KEEPALIVE
	// SpeaksFirst: this side sends something as soon as the connection stands,
	// and that acknowledges the peer's SYN, too: a packet less.
	SpeaksFirst bool
}

// Dial begins to connect to a TCP address. It does not wait: connected says
// whether the connection stands, as it does at once within a host; otherwise
// Connected waits for that.
func Dial(to netip.AddrPort, o *Options) (c *Conn, connected bool, err error) {
	fd, connected, err := Connect(to, o)
	if err != nil {
		return nil, false, err
	}
	c, err = New(fd)
	return c, connected, err
}

// Connect is Dial for who has another way to wait: the descriptor is the caller's to
// close.
func Connect(to netip.AddrPort, o *Options) (fd int, connected bool, err error) {
	addr, err := newAddress(to)
	if err != nil {
		return -1, false, err
	}
	if fd, err = open(int(addr.raw.Family), unix.SOCK_STREAM, o); err != nil {
		return -1, false, err
	}
	if o.SpeaksFirst {
		_ = unix.SetsockoptInt(fd, unix.SOL_TCP, unix.TCP_QUICKACK, 0)
	}
	if o.Local.IsValid() {
		err = bind(fd, o)
	}
	if err == nil {
		switch e := addr.call(unix.SYS_CONNECT, fd); e {
		case 0:
			connected = true
		case unix.EINPROGRESS, unix.EINTR:
			connected, err = established(fd)
		default:
			err = os.NewSyscallError("connect", e)
		}
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, false, err
	}
	return fd, connected, nil
}

// DialUnix connects to a unix socket, for which nothing has to be waited.
func DialUnix(path string, o *Options) (*Conn, error) {
	fd, err := open(unix.AF_UNIX, unix.SOCK_STREAM, o)
	if err != nil {
		return nil, err
	}
	if err = unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("connect", err)
	}
	return New(fd)
}

// Datagrams makes a socket of datagrams that is connected to an address of UDP, and
// DatagramsUnix one that is to a unix socket. The descriptor is the caller's to close.
func Datagrams(to netip.AddrPort, o *Options) (fd int, err error) {
	addr, err := newAddress(to)
	if err != nil {
		return -1, err
	}
	if fd, err = open(int(addr.raw.Family), unix.SOCK_DGRAM, o); err != nil {
		return -1, err
	}
	if o.Local.IsValid() {
		err = bind(fd, o)
	}
	if err == nil {
		if e := addr.call(unix.SYS_CONNECT, fd); e != 0 {
			err = os.NewSyscallError("connect", e)
		}
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// DatagramsUnix is like Datagrams.
func DatagramsUnix(path string, o *Options) (fd int, err error) {
	if fd, err = open(unix.AF_UNIX, unix.SOCK_DGRAM, o); err != nil {
		return -1, err
	}
	if err = unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		_ = unix.Close(fd)
		return -1, os.NewSyscallError("connect", err)
	}
	return fd, nil
}

// Connected waits until a connection that Dial has begun stands, for at most
// the given time; 0: without a limit. The error is the kernel's,
// os.ErrDeadlineExceeded or net.ErrClosed.
func (c *Conn) Connected(timeout time.Duration) error {
	if timeout > 0 {
		if err := c.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
			return err
		}
		defer func() { _ = c.SetWriteDeadline(time.Time{}) }() // fails only when closed
	}
	var failure error
	err := c.raw.Write(func(fd uintptr) (done bool) {
		done, failure = established(int(fd))
		return done || failure != nil
	})
	switch {
	case err == nil:
		return failure
	case os.IsTimeout(err):
		return os.ErrDeadlineExceeded
	}
	return net.ErrClosed
}

// open makes a non-blocking socket with what the options say of any kind.
func open(family, kind int, o *Options) (fd int, err error) {
	if fd, err = unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	set := func(option, value int) {
		if value > 0 && err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, value)
		}
	}
	set(unix.SO_RCVBUF, o.Rcvbuf)
	set(unix.SO_SNDBUF, o.Sndbuf)
	if o.KeepAlive {
		set(unix.SO_KEEPALIVE, 1)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, os.NewSyscallError("setsockopt", err)
	}
	return fd, nil
}

// bind gives a socket the local address.
func bind(fd int, o *Options) (err error) {
	if o.Transparent {
		level, option := unix.SOL_IPV6, unix.IPV6_TRANSPARENT
		if o.Local.Addr().Unmap().Is4() {
			level, option = unix.SOL_IP, unix.IP_TRANSPARENT
		}
		privilege.With(privilege.Of(privilege.NetRaw), func() { err = unix.SetsockoptInt(fd, level, option, 1) })
		if err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if o.Local.Port() == 0 {
		// The port is then chosen at connect, when the pair of addresses is
		// known, and the same one may serve many peers.
		_ = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	}
	addr, err := newAddress(o.Local)
	if err != nil {
		return err
	}
	if e := addr.call(unix.SYS_BIND, fd); e != 0 {
		return &BindError{o.Local, os.NewSyscallError("bind", e)}
	}
	return nil
}

// BindError says that a socket cannot have the local address that it is to have.
type BindError struct {
	Local netip.AddrPort
	Err   error // an *os.SyscallError
}

func (e *BindError) Error() string {
	local := e.Local.String()
	if e.Local.Port() == 0 {
		local = e.Local.Addr().String()
	}
	return "bind(" + local + ") failed (" + errorlog.Reason(e.Err) + ")" // in nginx's words
}

// Unwrap returns Err.
func (e *BindError) Unwrap() error { return e.Err }

// established reports whether a connection stands; the error says why it never
// will. A connection to itself, which the kernel makes when it chooses the very
// port that nobody listens at, is one that was refused.
func established(fd int) (bool, error) {
	peer, e := name(unix.SYS_GETPEERNAME, fd)
	if e != 0 {
		if n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil {
			return false, os.NewSyscallError("getsockopt", err)
		} else if n != 0 {
			return false, os.NewSyscallError("connect", unix.Errno(n))
		}
		return false, nil
	}
	if peer.port() >= ephemeral {
		if local, e := name(unix.SYS_GETSOCKNAME, fd); e == 0 && local == peer {
			return false, os.NewSyscallError("connect", unix.ECONNREFUSED)
		}
	}
	return true, nil
}

// ephemeral is the lowest port that Linux chooses by itself, unless told
// otherwise.
const ephemeral = 32768

// address is a TCP address as the kernel has it; that of IPv4 is shorter.
type address struct {
	raw  unix.RawSockaddrInet6
	size uint32
}

func newAddress(a netip.AddrPort) (s address, err error) {
	s.raw.Port = bigEndian(a.Port())
	ip := a.Addr().Unmap()
	if ip.Is4() {
		s.raw.Family, s.size = unix.AF_INET, unix.SizeofSockaddrInet4
		(*unix.RawSockaddrInet4)(unsafe.Pointer(&s.raw)).Addr = ip.As4()
		return s, nil
	}
	s.raw.Family, s.size = unix.AF_INET6, unix.SizeofSockaddrInet6
	s.raw.Addr = ip.As16()
	if zone := ip.Zone(); zone != "" {
		s.raw.Scope_id, err = ZoneID(zone)
	}
	return s, err
}

// name asks for the address of one end of a socket.
func name(call uintptr, fd int) (s address, e unix.Errno) {
	s.size = unix.SizeofSockaddrInet6
	_, _, e = unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(&s.raw)), uintptr(unsafe.Pointer(&s.size)))
	return s, e
}

// call gives the address to the kernel. The kernel does not wait, so the
// scheduler need not be told.
func (s *address) call(call uintptr, fd int) unix.Errno {
	_, _, e := unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(&s.raw)), uintptr(s.size))
	return e
}

func (s *address) port() uint16 { return bigEndian(s.raw.Port) }

// bigEndian converts a port from or to the order of bytes on the wire.
func bigEndian(n uint16) uint16 {
	var b [2]byte
	*(*uint16)(unsafe.Pointer(&b)) = n
	return uint16(b[0])<<8 | uint16(b[1])
}

// ZoneID returns the index of a zone, which is named by it or by its interface.
func ZoneID(zone string) (uint32, error) {
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n), nil
	}
	i, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, err
	}
	return uint32(i.Index), nil
}

// ZoneName is the inverse of ZoneID.
func ZoneName(id uint32) string {
	if i, err := net.InterfaceByIndex(int(id)); err == nil {
		return i.Name
	}
	return strconv.FormatUint(uint64(id), 10)
}
