package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
	"tandem/internal/privilege"
)

// open makes the socket of a port.
func open(p Port, absent func(netip.Addr) bool) (*listener, error) {
	network, text := p.Addr.network(p.Options), p.Addr.IP.String()
	if p.Addr.Unix != "" {
		text = p.Addr.Unix
		if err := removeStaleSocket(text, network); err != nil {
			return nil, err
		}
	}
	lc := net.ListenConfig{
		KeepAlive: -1,
		Control:   func(_, _ string, raw syscall.RawConn) error { return control(raw, p.Addr, p.Options, absent) },
	}
	lc.SetMultipathTCP(p.Options.Multipath)
	l := &listener{closed: make(chan struct{})}
	var err error
	if p.Addr.UDP {
		l.packets, err = lc.ListenPacket(context.Background(), network, text)
	} else {
		l.net, err = lc.Listen(context.Background(), network, text)
	}
	if err != nil {
		return nil, &BindError{p.Addr, err}
	}
	if p.Addr.Unix != "" {
		if u, ok := l.net.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(true)
		}
		if err := os.Chmod(text, 0o666); err != nil {
			l.close()
			return nil, fmt.Errorf("chmod() \"%s\" failed (%w)", text, err)
		}
	}
	return l, nil
}

// network returns the address's network as package net calls it.
func (a Address) network(o Options) string {
	kind, version := "tcp", "4"
	switch {
	case a.Unix != "" && a.UDP:
		return "unixgram"
	case a.Unix != "":
		return "unix"
	case a.IP.Addr().Is6() && o.IPv6Only:
		version = "6"
	case a.IP.Addr().Is6():
		version = ""
	}
	if a.UDP {
		kind = "udp"
	}
	return kind + version
}

// removeStaleSocket removes a unix socket that a dead process left behind.
func removeStaleSocket(path, network string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("bind() to unix:%s failed (98: Address already in use)", path)
	}
	if c, err := net.Dial(network, path); err == nil {
		_ = c.Close()
		return fmt.Errorf("bind() to unix:%s failed (98: Address already in use)", path)
	}
	return os.Remove(path)
}

// control sets the options that must be there before bind.
func control(raw syscall.RawConn, addr Address, o Options, absent func(netip.Addr) bool) error {
	var failed error
	set := func(fd, level, name, value int) {
		if err := unix.SetsockoptInt(fd, level, name, value); err != nil && failed == nil {
			failed = os.NewSyscallError("setsockopt", err)
		}
	}
	err := raw.Control(func(f uintptr) {
		fd := int(f)
		if addr.Unix == "" {
			controlIP(fd, addr, o, absent, set)
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

func controlIP(fd int, addr Address, o Options, absent func(netip.Addr) bool, set func(fd, level, name, value int)) {
	if !addr.UDP {
		set(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	ip := addr.IP.Addr()
	if absent != nil && absent(ip) {
		if ip.Is4() {
			set(fd, unix.IPPROTO_IP, unix.IP_FREEBIND, 1)
		} else {
			set(fd, unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1)
		}
	}
	if o.ReusePort {
		set(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	if ip.Is6() {
		only := 0
		if o.IPv6Only {
			only = 1
		}
		set(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only)
	}
	if addr.UDP {
		// Replies are sent from the address that was asked.
		if ip.Is4() || !o.IPv6Only {
			set(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		}
		if ip.Is6() {
			set(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
		}
		return
	}
	if o.DeferAccept {
		set(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 1)
	}
	if o.FastOpen > 0 {
		set(fd, unix.IPPROTO_TCP, unix.TCP_FASTOPEN, o.FastOpen)
	}
	o.KeepAlive.apply(fd, set)
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
