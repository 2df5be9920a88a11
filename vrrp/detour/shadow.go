package detour

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// openShadow puts a listening socket that drops everything in front of a
// listener, for one address.
//
// Two sockets may listen on overlapping addresses if both have SO_REUSEPORT and
// belong to the same user. The listener gets the option for just as long as it
// takes to bind: with it, other processes of the user could take connections
// away. Of sockets that match a packet the kernel takes the one that is bound to
// more: to the address, and to the interface.
func openShadow(l Listener, a netip.Addr, iface *net.Interface) (fd int, err error) {
	family := unix.AF_INET
	if a.Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
		}
	}()
	drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K} // accept 0 bytes
	set := func(level, option, value int) {
		if e := unix.SetsockoptInt(fd, level, option, value); e != nil && err == nil {
			err = os.NewSyscallError("setsockopt", e)
		}
	}
	set(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	if a.Is6() {
		set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
		set(unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1)
	} else {
		set(unix.IPPROTO_IP, unix.IP_FREEBIND, 1)
	}
	if err != nil {
		return -1, err
	}
	if err = unix.BindToDevice(fd, iface.Name); err != nil {
		return -1, os.NewSyscallError("setsockopt", err)
	}
	if err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop}); err != nil {
		return -1, os.NewSyscallError("setsockopt", err)
	}
	var failed error
	if err = l.Conn.Control(func(listener uintptr) { failed = bindBefore(int(listener), fd, a, l.Addr.Port(), iface) }); err == nil {
		err = failed
	}
	if err == nil {
		err = os.NewSyscallError("listen", unix.Listen(fd, 1))
	}
	if err != nil {
		return -1, err
	}
	return fd, nil
}

// bindBefore binds fd although the listener is there.
func bindBefore(listener, fd int, a netip.Addr, port uint16, iface *net.Interface) error {
	var of, own unix.Stat_t
	if err := errors.Join(unix.Fstat(listener, &of), unix.Fstat(fd, &own)); err != nil {
		return err
	}
	if of.Uid != own.Uid {
		if err := unix.Fchown(fd, int(of.Uid), -1); err != nil {
			return fmt.Errorf("giving the socket to user %d: %w", of.Uid, err)
		}
	}
	before, err := unix.GetsockoptInt(listener, unix.SOL_SOCKET, unix.SO_REUSEPORT)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if before == 0 {
		if err := unix.SetsockoptInt(listener, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
		// It cannot fail where the opposite did not.
		defer func() { _ = unix.SetsockoptInt(listener, unix.SOL_SOCKET, unix.SO_REUSEPORT, 0) }()
	}
	if a.Is4() {
		return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrInet4{Port: int(port), Addr: a.As4()}))
	}
	at := &unix.SockaddrInet6{Port: int(port), Addr: a.As16()}
	if a.IsLinkLocalUnicast() {
		at.ZoneId = uint32(iface.Index)
	}
	return os.NewSyscallError("bind", unix.Bind(fd, at))
}
