// Package sock has stream sockets, TCP and unix, that wait with the runtime's
// poller as those of package net do, but are made with the system calls that
// they need and no more.
package sock

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Conn is a stream socket. It is a net.Conn, whose errors are like those of
// package net. Any goroutine may close it at any time.
type Conn struct {
	file *os.File
	raw  descriptor
}

// New makes a Conn of a non-blocking socket, which is the Conn's to close from
// now on.
func New(fd int) (*Conn, error) {
	f := os.NewFile(uintptr(fd), "socket")
	raw, err := f.SyscallConn()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &Conn{f, descriptor{raw}}, nil
}

// SyscallConn is syscall.Conn's; the error is nil.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return &c.raw, nil }

// descriptor is the raw connection of a file, but with an error that others know
// when it has been closed.
type descriptor struct{ of syscall.RawConn }

func (d *descriptor) Control(f func(uintptr)) error    { return closed(d.of.Control(f)) }
func (d *descriptor) Read(f func(uintptr) bool) error  { return closed(d.of.Read(f)) }
func (d *descriptor) Write(f func(uintptr) bool) error { return closed(d.of.Write(f)) }

// closed returns net.ErrClosed for all errors but one: nothing else can have
// happened.
func closed(err error) error {
	if err == nil || err == os.ErrDeadlineExceeded {
		return err
	}
	return net.ErrClosed
}

// SetNoDelay has small packets sent although others have not been acknowledged
// (TCP_NODELAY), for what is sent in pieces. A unix socket never waits.
func (c *Conn) SetNoDelay() {
	_ = c.raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_TCP, unix.TCP_NODELAY, 1) })
}

// Read is net.Conn's.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	return n, operation("read", err)
}

// Write is net.Conn's.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.file.Write(p)
	return n, operation("write", err)
}

// operation makes an error of package os one of package net, which callers
// such as crypto/tls tell time-outs by.
func operation(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	switch e := err.(type) {
	case syscall.Errno:
		err = os.NewSyscallError(op, e)
	default:
		if errors.Is(err, os.ErrClosed) {
			err = net.ErrClosed
		}
	}
	return &net.OpError{Op: op, Net: "socket", Err: err}
}

// Close is net.Conn's.
func (c *Conn) Close() error { return c.file.Close() }

// SetDeadline is net.Conn's, like the other two.
func (c *Conn) SetDeadline(t time.Time) error { return closed(c.file.SetDeadline(t)) }

// SetReadDeadline sets the deadline of Read and of the descriptor's.
func (c *Conn) SetReadDeadline(t time.Time) error { return closed(c.file.SetReadDeadline(t)) }

// SetWriteDeadline sets the deadline of Write and of the descriptor's.
func (c *Conn) SetWriteDeadline(t time.Time) error { return closed(c.file.SetWriteDeadline(t)) }

// LocalAddr asks the kernel for the address; nil when the Conn is closed.
func (c *Conn) LocalAddr() net.Addr { return c.addr(unix.Getsockname) }

// RemoteAddr asks the kernel for the address; nil when there is none (any more).
func (c *Conn) RemoteAddr() net.Addr { return c.addr(unix.Getpeername) }

func (c *Conn) addr(get func(int) (unix.Sockaddr, error)) net.Addr {
	var addr unix.Sockaddr
	if err := c.raw.Control(func(fd uintptr) { addr, _ = get(int(fd)) }); err != nil {
		return nil
	}
	switch a := addr.(type) {
	case *unix.SockaddrInet4:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)))
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(a.Addr)
		if a.ZoneId != 0 {
			ip = ip.WithZone(ZoneName(a.ZoneId))
		}
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, uint16(a.Port)))
	case *unix.SockaddrUnix:
		return &net.UnixAddr{Name: a.Name, Net: "unix"}
	}
	return nil
}
