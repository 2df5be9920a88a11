package check

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/privilege"
)

// Target is whom a check connects to, and from where.
type Target struct {
	Addr    netip.AddrPort // connect_ip, connect_port
	Bind    netip.AddrPort // bindto, bind_port; zero: the kernel's choice
	Device  string         // bind_if; "": any
	Mark    uint32         // fwmark of what is sent, 0: none
	Timeout time.Duration  // of each step (connect_timeout)
}

// steps is how many time-outs a whole check may take: a server that sends a byte at
// a time does not keep it for ever.
const steps = 10

// limited ends with the check.
func (t *Target) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, steps*t.Timeout)
}

// address is where to connect to: a link-local one has its interface with it.
func (t *Target) address() netip.AddrPort {
	a := t.Addr.Addr()
	if a.Is6() && a.IsLinkLocalUnicast() && a.Zone() == "" && t.Device != "" {
		return netip.AddrPortFrom(a.WithZone(t.Device), t.Addr.Port())
	}
	return t.Addr
}

// dial connects by tcp or udp. The connection ends with the context.
func (t *Target) dial(ctx context.Context, network string) (c net.Conn, done func(), err error) {
	d := net.Dialer{Timeout: t.Timeout, KeepAlive: -1, FallbackDelay: -1}
	if t.Device != "" || t.Mark != 0 {
		d.Control = func(_, _ string, raw syscall.RawConn) (err error) {
			failed := raw.Control(func(fd uintptr) { err = t.mark(int(fd)) })
			return errors.Join(failed, err)
		}
	}
	switch {
	case !t.Bind.IsValid():
	case network == "udp":
		d.LocalAddr = net.UDPAddrFromAddrPort(t.Bind)
	default:
		d.LocalAddr = net.TCPAddrFromAddrPort(t.Bind)
	}
	c, err = d.DialContext(ctx, network, t.address().String())
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	return c, func() { stop(); _ = c.Close() }, nil
}

// mark sets what has to be there before the socket is bound.
func (t *Target) mark(fd int) (err error) {
	privilege.With(privilege.Of(privilege.NetAdmin, privilege.NetRaw), func() {
		if t.Device != "" {
			err = os.NewSyscallError("setsockopt", unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, t.Device))
		}
		if t.Mark != 0 && err == nil {
			err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(t.Mark)))
		}
	})
	return err
}

// step gives a connection the time that one step may take.
func (t *Target) step(c net.Conn) { _ = c.SetDeadline(time.Now().Add(t.Timeout)) }

// unasked returns why nobody was asked at all: this host has no socket for it, or
// not the address. "": the server is to blame.
func unasked(err error) string {
	var call *os.SyscallError
	if errors.As(err, &call) && call.Syscall != "connect" {
		return call.Error()
	}
	return ""
}

// timedOut reports whether something has taken too long.
func timedOut(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

// reason says of a failure of the network what it was, without the address.
func reason(err error) string {
	if timedOut(err) {
		return "timed out"
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		return call.Err.Error()
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return err.Error()
}
